//! A GGUF as a whole language model: described, planned, loaded in both arithmetics, asked for one token.

use std::path::Path;

use companion_engine::Device;
use companion_engine::chat_template::{ChatMessage, ChatTemplate};
use companion_engine::models::decoder::{Decoder, IntegerDecoder};
use companion_engine::models::describe;
use companion_engine::tokenizer::TextTokenizer;
use companion_engine::weights::GgufFile;

const TENSORS: [&str; 4] =
    ["token_embd.weight", "output_norm.weight", "rope_freqs.weight", "blk.0.attn_q.weight"];

/// Opens a file, gives the whole of it to `with`; false where that cannot be.
pub(super) fn opened(
    folder: &Path,
    bytes: &[u8],
    with: impl FnOnce(&mut GgufFile) -> bool,
) -> bool {
    let put = super::put(folder, "model.gguf", bytes);
    put && GgufFile::open(&folder.join("model.gguf")).is_ok_and(|mut file| with(&mut file))
}

pub(super) fn read(folder: &Path, bytes: &[u8]) -> bool {
    let sound = opened(folder, bytes, |file| {
        for name in TENSORS {
            if let Some(shape) = file.shape(name).map(<[usize]>::to_vec) {
                let _tensor = file.tensor(name, &shape, &Device::Cpu);
            }
        }
        let _tokenizer = TextTokenizer::of_gguf(file);
        if let Ok(template) = ChatTemplate::of_gguf(file) {
            let message = ChatMessage { role: "user".into(), content: "ab".into() };
            let _text = template.render(&[message], None, true, &serde_json::json!({}));
        }
        true
    });
    let _described = describe(folder);
    let path = folder.join("model.gguf");
    if let Ok(mut model) = Decoder::load(&path, &Device::Cpu) {
        let _logits = model.forward(&[0, 1], false, None);
        if let Ok(mut model) = IntegerDecoder::from_decoder(model, 1) {
            let _logits = model.forward(&[0, 1]);
        }
    }
    sound
}

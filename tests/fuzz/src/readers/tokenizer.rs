//! Tokenizers: the first byte says which form the rest has. What was read encodes and decodes a little text.

use std::path::Path;
use std::sync::Arc;

use companion_engine::constraint::Vocabulary;
use companion_engine::sentencepiece::SentencePiece;
use companion_engine::tokenizer::TextTokenizer;

/// Text with a word, a space, digits, Chinese, a special token and an emoji.
const TEXT: &str = "The ab 12, 你好<|im_end|> 😄\n";

/// Ids of a vocabulary that are looked at.
const MOST_LOGITS: usize = 1 << 12;

fn use_tokenizer(tokenizer: TextTokenizer) -> bool {
    for (text, frame) in [("", true), (TEXT, true), (TEXT, false), ("ab", false)] {
        if let Ok(ids) = tokenizer.encode(text, frame) {
            let _all = tokenizer.decode(&ids, false);
            let _text = tokenizer.decode(&ids, true);
        }
    }
    let some = [0, 1, 2, 3, 255, u32::MAX];
    let _text = tokenizer.decode(&some, true);
    for id in some {
        let _bytes = (tokenizer.token_bytes(id), tokenizer.is_special(id));
    }
    // A model has so many logits, whatever ids its tokenizer has.
    let size = tokenizer.size().min(MOST_LOGITS);
    let vocabulary = Vocabulary::new(Arc::new(tokenizer), size, &[0]);
    let _ids = vocabulary.spell(TEXT.as_bytes());
    true
}

pub(super) fn read(folder: &Path, bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    match kind % 3 {
        0 if super::put(folder, "tokenizer.json", rest) => {
            TextTokenizer::open(folder).is_ok_and(use_tokenizer)
        }
        1 => super::gguf::opened(folder, rest, |file| {
            TextTokenizer::of_gguf(file).is_ok_and(use_tokenizer)
        }),
        2 if super::put(folder, "x.bpe.model", rest) => {
            let Ok(pieces) = SentencePiece::read(&folder.join("x.bpe.model")) else {
                return false;
            };
            if let Ok(ids) = pieces.encode(TEXT) {
                let ids: Vec<u32> = ids.into_iter().map(|(id, _)| id).collect();
                let _text = pieces.decode(&ids);
            }
            let _text = pieces.decode(&[0, 1, 2, 3, 4, 5, 6, 7, 8, u32::MAX]);
            true
        }
        _ => false,
    }
}

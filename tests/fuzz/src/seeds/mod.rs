//! Sound files of every kind, small, written here byte by byte, for the fuzzer to start from.

pub mod archive;
pub mod gguf;
pub mod models;
pub mod text;

mod pickled;

use crate::readers::Reader;

/// The sound files of a kind, by name.
#[must_use]
pub fn of(reader: Reader) -> Vec<(String, Vec<u8>)> {
    match reader {
        Reader::Safetensors => safetensors(),
        Reader::Gguf => gguf::seeds(),
        Reader::Pickle => pickled::seeds(),
        Reader::Tokenizer => tokenizers(),
        Reader::Config => text::configs(),
    }
}

fn safetensors() -> Vec<(String, Vec<u8>)> {
    let mut seeds = vec![("empty".to_owned(), models::safetensors(&[], None))];
    let bytes = [0x3c, 0x00, 0x40, 0x3c, 0x00, 0x3c, 0x00, 0xc0];
    for (name, kind, shape) in [
        ("f64", "F64", vec![1]),
        ("f32", "F32", vec![2, 1]),
        ("f16", "F16", vec![2, 2]),
        ("bf16", "BF16", vec![4]),
        ("i32", "I32", vec![2]),
        ("u8", "U8", vec![8]),
        ("none", "F32", vec![0, 5]),
    ] {
        let bytes = if name == "none" { &[][..] } else { &bytes[..] };
        let two =
            [("a", kind, shape.clone(), bytes.to_vec()), ("b", "I32", vec![2], [0; 8].to_vec())];
        seeds.push((name.to_owned(), models::safetensors(&two, None)));
    }
    let row =
        |name, kind, values: usize| (name, kind, vec![values], [0, 0, 128, 63].repeat(values));
    let voice = [
        row("phones", "U32", 2),
        row("bert", "F32", 2),
        row("codes", "U32", 1),
        row("style", "F32", 3),
    ];
    seeds.push(("voice".to_owned(), models::safetensors(&voice, Some(("companion.voice", "1")))));
    seeds
}

fn tokenizers() -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<(String, Vec<u8>)> = text::TOKENIZERS
        .iter()
        .map(|(name, json)| ((*name).to_owned(), [&[0][..], json.as_bytes()].concat()))
        .collect();
    for (name, gguf) in gguf::tokenizers() {
        seeds.push((name, [&[1][..], &gguf].concat()));
    }
    seeds.push(("sentencepiece".to_owned(), [&[2][..], &models::pieces()].concat()));
    seeds
}

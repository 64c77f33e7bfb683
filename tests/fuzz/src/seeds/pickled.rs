//! Pickles as torch writes them, opcode by opcode (Python's `pickletools`), protocol 2 and 4.

use super::archive;

fn text(word: &str) -> Vec<u8> {
    let length = u32::try_from(word.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&b"X"[..], &length, word.as_bytes()].concat()
}

/// `('storage', class, '0', 'cpu', 64)`, then offset, shape and strides, rebuilt.
fn tensor(class: &str, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let numbers = |list: &[u8]| {
        let each: Vec<u8> = list.iter().flat_map(|n| [b'K', *n]).collect();
        [&b"("[..], &each, b"t"].concat()
    };
    [
        &b"ctorch._utils\n_rebuild_tensor_v2\n(("[..],
        &text("storage"),
        format!("ctorch\n{class}\n").as_bytes(),
        &text("0"),
        &text("cpu"),
        b"K@tQK\x01",
        &numbers(shape),
        &numbers(strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat()
}

fn item(name: &str, value: &[u8]) -> Vec<u8> {
    [&text(name)[..], value].concat()
}

/// A voice's half: `weight` beside `config`, a settings object.
fn voice() -> Vec<u8> {
    let settings = [
        &b"cutils\nHParams\n)\x81}("[..],
        &item(
            "model",
            &[
                &b"}("[..],
                &item("head", b"K\x02"),
                &item("n_heads", b"K\x02"),
                &item("upsample_rates", b"](K\x02K\x02e"),
                &item("resblock_kernel_sizes", b"](K\x03e"),
                &item("resblock_dilation_sizes", b"](](K\x01K\x02ee"),
                b"u",
            ]
            .concat(),
        ),
        b"ub",
    ]
    .concat();
    let rows = |name: &str, shape: &[u8], strides: &[u8]| {
        item(name, &tensor("HalfStorage", shape, strides))
    };
    [
        &b"\x80\x02}q\x00("[..],
        &item(
            "weight",
            &[
                &b"}q\x01("[..],
                &rows("model.ar_text_embedding.word_embeddings.weight", &[2, 4], &[4, 1]),
                &rows("model.ar_audio_embedding.word_embeddings.weight", &[3, 4], &[4, 1]),
                &rows("model.bert_proj.weight", &[4, 2], &[2, 1]),
                &rows("model.bert_proj.bias", &[4], &[1]),
                &rows("model.ar_text_position.alpha", &[1], &[1]),
                &rows("dec.conv_pre.weight", &[2, 2, 1], &[2, 1, 1]),
                &rows("enc_p.text_embedding.weight", &[2, 4], &[4, 1]),
                b"u",
            ]
            .concat(),
        ),
        &item("config", &settings),
        &item("info", &text("v2")),
        b"u.",
    ]
    .concat()
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let flat = |class: &str, strides: &[u8]| {
        let two =
            [item("a", &tensor(class, &[2, 3], strides)), item("module.b", b"K\x05")].concat();
        [&b"ccollections\nOrderedDict\nq\x00)Rq\x01("[..], &two, b"u"].concat()
    };
    let whole =
        |class: &str, strides: &[u8]| [&b"\x80\x02"[..], &flat(class, strides), b"."].concat();
    let nested = [&b"\x80\x02}("[..], &item("state_dict", &flat("FloatStorage", &[3, 1])), b"u."];
    let parameter = [
        &b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94(\x8c\x01a\x94"[..],
        b"\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_parameter\x94\x93(",
        &tensor("FloatStorage", &[4], &[1]),
        b"\x88ccollections\nOrderedDict\n)RtR\x8c\x01f\x94G?\xf0\0\0\0\0\0\0\x8c\x01l\x94\x8a\x02\0\x01h\x01M\x01\0u.",
    ]
    .concat();
    let pickles = [
        ("row-major", whole("FloatStorage", &[3, 1])),
        ("transposed", whole("HalfStorage", &[1, 2])),
        ("repeated", whole("BFloat16Storage", &[0, 0])),
        ("doubles", whole("DoubleStorage", &[3, 1])),
        ("integers", whole("LongStorage", &[3, 1])),
        ("nested", nested.concat()),
        ("parameter", parameter),
        ("voice", voice()),
    ];
    let mut seeds = Vec::new();
    for (name, pickle) in pickles {
        seeds.push((format!("archive-{name}"), [&[1][..], &archive::torch(&pickle)].concat()));
        seeds.push((name.to_owned(), [&[0][..], &pickle].concat()));
    }
    let mut marked = archive::torch(&voice());
    marked[..2].copy_from_slice(b"05");
    seeds.push(("archive-marked".to_owned(), [&[1][..], &marked].concat()));
    seeds
}

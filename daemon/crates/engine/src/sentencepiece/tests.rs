//! Decoding and encoding with a vocabulary written out here.

use super::{Piece, PieceKind, SentencePiece};

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(field: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(content.len(), out);
    out.extend(content);
}

fn file(add_dummy_prefix: bool, remove_extra_whitespaces: bool) -> Vec<u8> {
    let pieces = [
        ("<unk>", 0.0, 2),
        ("<s>", 0.0, 3),
        ("今天", -1.0, 1),
        ("\u{2581}to", -2.0, 1),
        ("to", -3.0, 1),
        ("今", -10.0, 1),
        ("天", -11.0, 1),
        ("t", -12.0, 1),
        ("o", -13.0, 1),
        ("\u{2581}", -14.0, 1),
        ("<|zh|>", 0.0, 4),
        ("<0xE4>", 0.0, 6),
        ("<0xBD>", 0.0, 6),
        ("<0xA0>", 0.0, 6),
    ];
    let mut out = Vec::new();
    for (text, score, kind) in pieces {
        let mut piece = Vec::new();
        bytes(1, text.as_bytes(), &mut piece);
        piece.push(2 << 3 | 5);
        piece.extend(f32::to_le_bytes(score));
        piece.extend([3 << 3, kind]);
        bytes(1, &piece, &mut out);
    }
    bytes(2, &[3 << 3, 2], &mut out);
    let rules = [3 << 3, u8::from(add_dummy_prefix), 4 << 3, u8::from(remove_extra_whitespaces)];
    bytes(3, &rules, &mut out);
    out
}

fn model(add_dummy_prefix: bool, remove_extra_whitespaces: bool) -> SentencePiece {
    SentencePiece::parse(&file(add_dummy_prefix, remove_extra_whitespaces)).unwrap()
}

fn encoded(model: &SentencePiece, text: &str) -> Vec<u32> {
    model.encode(text).unwrap().into_iter().map(|(id, _)| id).collect()
}

#[test]
fn tags_stay_whole_and_the_best_pair_merges_first() {
    assert_eq!(encoded(&model(false, true), "<|zh|>今天  to"), [10, 2, 3]);
    assert_eq!(encoded(&model(true, true), "to今天"), [3, 2]);
}

#[test]
fn neighbours_without_a_piece_share_one_unknown() {
    let pieces = model(false, true).encode("天xyz今").unwrap();
    assert_eq!(pieces[1], (0, "xyz".to_owned()));
    assert_eq!(pieces.len(), 3);
}

#[test]
fn decoding_drops_the_space_that_encoding_added() {
    assert_eq!(model(true, true).decode(&[1, 3, 2, 3]), "to今天 to");
    assert_eq!(model(false, false).decode(&[3, 2]), " to今天");
    assert_eq!(model(true, false).decode(&[9, 3]), " to");
}

#[test]
fn unknown_ids_and_ids_beyond_the_vocabulary_read_as_unknown() {
    assert_eq!(model(true, true).decode(&[0, 99]), " \u{2047}  \u{2047} ");
}

#[test]
fn byte_pieces_join_to_characters() {
    assert_eq!(model(true, true).decode(&[11, 12, 13, 2]), "你今天");
}

#[test]
fn kinds_of_pieces_are_told_apart() {
    let model = model(true, true);
    let tag = Piece { text: "<|zh|>".into(), score: 0.0, kind: PieceKind::UserDefined };
    assert_eq!(model.piece(10), Some(&tag));
    assert_eq!(model.id("今天"), Some(2));
    assert_eq!(model.len(), 14);
}

#[test]
fn no_cut_and_no_flipped_byte_panics() {
    let whole = file(true, true);
    for cut in 0..whole.len() {
        if let Ok(model) = SentencePiece::parse(&whole[..cut]) {
            assert!(model.len() <= 14);
        }
    }
    for at in 0..whole.len() {
        for value in [0, 0x7F, 0x80, 0xFF, whole[at] ^ 1] {
            let mut hostile = whole.clone();
            hostile[at] = value;
            if let Ok(model) = SentencePiece::parse(&hostile) {
                let _ = model.decode(&[0, 1, 2, 3, 11, 500]);
                let _ = model.encode("to 今天<|zh|>");
            }
        }
    }
}

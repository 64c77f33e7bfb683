//! The messages of a SentencePiece file. Numbers of fields are those of `sentencepiece_model.proto`.

use super::{
    Piece,
    wire::{Fields, Value},
};

/// What a piece stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// Part of words.
    Normal,
    /// Whatever has no piece.
    Unknown,
    /// A mark that has no text.
    Control,
    /// Text that is never cut, such as a tag.
    UserDefined,
    /// A piece that is not to be used.
    Unused,
    /// One byte of a character without a piece.
    Byte(u8),
}

/// How text is turned into pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// A space is put before the text.
    pub(super) add_dummy_prefix: bool,
    /// Spaces at both ends vanish, several become one.
    pub(super) remove_extra_whitespaces: bool,
    /// There is a normalisation table.
    pub(super) has_charsmap: bool,
    /// Pieces are found by byte-pair merges.
    pub(super) is_bpe: bool,
    /// Text of the unknown piece.
    pub(super) unknown_surface: String,
}

impl Default for Rules {
    /// The defaults of the format.
    fn default() -> Self {
        Self {
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            has_charsmap: false,
            is_bpe: false,
            unknown_surface: " \u{2047} ".into(),
        }
    }
}

const BPE: u64 = 2;

pub(super) fn parse(bytes: &[u8]) -> Result<(Vec<Piece>, Rules), String> {
    let (mut pieces, mut rules) = (Vec::new(), Rules::default());
    for field in Fields::new(bytes) {
        match field? {
            (1, Value::Bytes(message)) => {
                let number = pieces.len();
                pieces.push(piece(message).map_err(|why| format!("piece {number}: {why}"))?);
            }
            (2, Value::Bytes(message)) => trainer(message, &mut rules)?,
            (3, Value::Bytes(message)) => normalizer(message, &mut rules)?,
            _ => {}
        }
    }
    if pieces.is_empty() { Err("no pieces".into()) } else { Ok((pieces, rules)) }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text is not UTF-8".into())
}

fn piece(message: &[u8]) -> Result<Piece, String> {
    let (mut content, mut score, mut kind) = (String::new(), 0.0, 1);
    for field in Fields::new(message) {
        match field? {
            (1, Value::Bytes(bytes)) => content = text(bytes)?,
            (2, Value::Fixed32(bits)) => score = f32::from_bits(bits),
            (3, Value::Number(number)) => kind = number,
            _ => {}
        }
    }
    if content.is_empty() {
        return Err("it has no text".into());
    }
    let kind = match kind {
        1 => PieceKind::Normal,
        2 => PieceKind::Unknown,
        3 => PieceKind::Control,
        4 => PieceKind::UserDefined,
        5 => PieceKind::Unused,
        6 => PieceKind::Byte(byte(&content).ok_or("a byte piece does not read <0xNN>")?),
        other => return Err(format!("unknown kind {other}")),
    };
    Ok(Piece { text: content, score, kind })
}

fn byte(text: &str) -> Option<u8> {
    u8::from_str_radix(text.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

fn trainer(message: &[u8], rules: &mut Rules) -> Result<(), String> {
    for field in Fields::new(message) {
        match field? {
            (3, Value::Number(kind)) => rules.is_bpe = kind == BPE,
            (44, Value::Bytes(surface)) => rules.unknown_surface = text(surface)?,
            _ => {}
        }
    }
    Ok(())
}

fn normalizer(message: &[u8], rules: &mut Rules) -> Result<(), String> {
    for field in Fields::new(message) {
        match field? {
            (2, Value::Bytes(table)) => rules.has_charsmap = !table.is_empty(),
            (3, Value::Number(flag)) => rules.add_dummy_prefix = flag != 0,
            (4, Value::Number(flag)) => rules.remove_extra_whitespaces = flag != 0,
            _ => {}
        }
    }
    Ok(())
}

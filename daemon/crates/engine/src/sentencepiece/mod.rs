//! SentencePiece files (`*.bpe.model`): ids to text as the reference decodes them, and text to ids
//! by byte-pair merges. Formats: `sentencepiece_model.proto`; no normalisation table is applied, so
//! encoding refuses files that hold one. Pure after the file has been read.

mod bpe;
mod model;
mod wire;

use std::{collections::HashMap, fmt, path::Path};

pub use model::PieceKind;

use crate::{EngineError, weights::read_small};

/// How a space looks inside pieces.
const SPACE: char = '\u{2581}';

/// One entry of the vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The text, with [U+2581] for a space.
    pub text: String,
    /// Merge priority; higher merges first.
    pub score: f32,
    /// What it stands for.
    pub kind: PieceKind,
}

/// A vocabulary with the rules of its text.
#[derive(Clone)]
pub struct SentencePiece {
    pieces: Vec<Piece>,
    by_text: HashMap<String, u32>,
    /// User-defined pieces, longest first.
    fixed: Vec<(String, u32)>,
    unknown: u32,
    rules: model::Rules,
}

impl fmt::Debug for SentencePiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentencePiece").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl SentencePiece {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no SentencePiece file.
    pub fn read(file: &Path) -> Result<Self, EngineError> {
        Self::parse(&read_small(file)?)
            .map_err(|problem| EngineError::Malformed { file: file.to_owned(), problem })
    }

    /// Reads the bytes of a file.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (pieces, rules) = model::parse(bytes)?;
        let mut by_text = HashMap::with_capacity(pieces.len());
        let mut fixed = Vec::new();
        let mut unknown = None;
        for (id, piece) in pieces.iter().enumerate() {
            let id = u32::try_from(id).map_err(|_| "too many pieces".to_owned())?;
            match piece.kind {
                PieceKind::Unknown if unknown.is_none() => unknown = Some(id),
                PieceKind::Unknown => return Err(format!("piece {id} is a second unknown piece")),
                PieceKind::UserDefined => fixed.push((piece.text.clone(), id)),
                _ => {}
            }
            if by_text.insert(piece.text.clone(), id).is_some() {
                return Err(format!("piece {id} ({:?}) occurs twice", piece.text));
            }
        }
        fixed.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let unknown = unknown.ok_or("no unknown piece")?;
        Ok(Self { pieces, by_text, fixed, unknown, rules })
    }

    /// Number of pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there are no pieces; never true of a file that was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The piece with this id.
    #[must_use]
    pub fn piece(&self, id: u32) -> Option<&Piece> {
        self.pieces.get(id as usize)
    }

    /// The id of a piece.
    #[must_use]
    pub fn id(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    /// The text of ids. Control pieces vanish, unknown ids read ` ⁇ `, and the space before the first
    /// word vanishes where encoding would have added or dropped one.
    #[must_use]
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut text = String::new();
        let mut bytes = Vec::new();
        let (mut at_start, strip) =
            (true, self.rules.add_dummy_prefix || self.rules.remove_extra_whitespaces);
        for &id in ids {
            let piece = self.piece(id);
            if let Some(Piece { kind: PieceKind::Byte(byte), .. }) = piece {
                bytes.push(*byte);
                at_start = false;
                continue;
            }
            flush(&mut bytes, &mut text);
            let Some(piece) = piece.filter(|piece| piece.kind != PieceKind::Unknown) else {
                text.push_str(&self.rules.unknown_surface);
                at_start = false;
                continue;
            };
            if piece.kind == PieceKind::Control {
                continue;
            }
            let mut surface = piece.text.as_str();
            if at_start
                && strip
                && let Some(rest) = surface.strip_prefix(SPACE)
            {
                surface = rest;
                // Only one space was added; all extra ones were dropped.
                at_start = self.rules.remove_extra_whitespaces && surface.is_empty();
            } else if !surface.is_empty() {
                at_start = false;
            }
            text.extend(surface.chars().map(|c| if c == SPACE { ' ' } else { c }));
        }
        flush(&mut bytes, &mut text);
        text
    }
}

/// Appends the text of byte pieces.
fn flush(bytes: &mut Vec<u8>, text: &mut String) {
    if !bytes.is_empty() {
        text.push_str(&String::from_utf8_lossy(bytes));
        bytes.clear();
    }
}

#[cfg(test)]
mod tests;

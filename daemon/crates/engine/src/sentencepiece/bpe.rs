//! Text to pieces: user-defined pieces stay whole, everything else starts as characters, and the
//! neighbouring pair with the highest score merges until none can.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use super::{PieceKind, SPACE, SentencePiece};
use crate::EngineError;

/// A run of the text that is one piece, in a chain of neighbours.
struct Symbol<'a> {
    text: &'a str,
    /// Begin in the whole text, to join neighbours without copying.
    begin: usize,
    previous: Option<usize>,
    next: Option<usize>,
    /// Never merged.
    whole: bool,
}

/// Two neighbours that make a piece.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Length of the joined text when it was found; another length means one of them has changed.
    length: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(Reverse(self.left).cmp(&Reverse(other.left)))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

impl SentencePiece {
    /// The ids of a text, each with the text it stands for. Neighbouring characters without a piece
    /// share one unknown id.
    ///
    /// # Errors
    /// When the file holds a normalisation table or is of another kind than byte-pair merges.
    pub fn encode(&self, text: &str) -> Result<Vec<(u32, String)>, EngineError> {
        if self.rules.has_charsmap || !self.rules.is_bpe {
            return Err(EngineError::Input {
                what: "text to encode",
                problem: "this SentencePiece file needs a normalisation table or another kind of \
                          segmentation; only decoding works with it"
                    .into(),
            });
        }
        let normal = self.normalized(text);
        let mut symbols = self.symbols(&normal);
        self.merge(&normal, &mut symbols);
        let mut ids: Vec<(u32, String)> = Vec::new();
        let mut at = (!symbols.is_empty()).then_some(0);
        while let Some(index) = at {
            let symbol = &symbols[index];
            let id = self.usable(symbol.text).unwrap_or(self.unknown);
            match ids.last_mut() {
                Some((last, text)) if id == self.unknown && *last == self.unknown => {
                    text.push_str(symbol.text);
                }
                _ => ids.push((id, symbol.text.to_owned())),
            }
            at = symbol.next;
        }
        Ok(ids)
    }

    /// Spaces become [`SPACE`]; extra ones vanish, one is put in front, as the file says.
    fn normalized(&self, text: &str) -> String {
        let joined = if self.rules.remove_extra_whitespaces {
            text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
        } else {
            text.to_owned()
        };
        let mut normal = String::with_capacity(joined.len() + SPACE.len_utf8());
        if self.rules.add_dummy_prefix && !joined.is_empty() {
            normal.push(SPACE);
        }
        normal.extend(joined.chars().map(|c| if c == ' ' { SPACE } else { c }));
        normal
    }

    fn symbols<'a>(&self, normal: &'a str) -> Vec<Symbol<'a>> {
        let mut symbols: Vec<Symbol<'a>> = Vec::new();
        let mut begin = 0;
        while let Some(first) = normal[begin..].chars().next() {
            let rest = &normal[begin..];
            let fixed = self.fixed.iter().find(|(text, _)| rest.starts_with(text.as_str()));
            let length = fixed.map_or(first.len_utf8(), |(text, _)| text.len());
            let index = symbols.len();
            if let Some(last) = symbols.last_mut() {
                last.next = Some(index);
            }
            symbols.push(Symbol {
                text: &rest[..length],
                begin,
                previous: index.checked_sub(1),
                next: None,
                whole: fixed.is_some(),
            });
            begin += length;
        }
        symbols
    }

    /// The id of a piece that text may become.
    fn usable(&self, text: &str) -> Option<u32> {
        let id = self.id(text)?;
        let kind = self.piece(id)?.kind;
        matches!(kind, PieceKind::Normal | PieceKind::UserDefined).then_some(id)
    }

    fn pair(&self, normal: &str, symbols: &[Symbol<'_>], left: usize) -> Option<Pair> {
        let right = symbols[left].next?;
        let (a, b) = (&symbols[left], &symbols[right]);
        if a.whole || b.whole {
            return None;
        }
        let length = a.text.len() + b.text.len();
        let id = self.usable(&normal[a.begin..a.begin + length])?;
        Some(Pair { score: self.piece(id)?.score, left, right, length })
    }

    fn merge<'a>(&self, normal: &'a str, symbols: &mut [Symbol<'a>]) {
        let mut pairs: BinaryHeap<Pair> =
            (0..symbols.len()).filter_map(|left| self.pair(normal, symbols, left)).collect();
        while let Some(Pair { left, right, length, .. }) = pairs.pop() {
            let (a, b) = (&symbols[left], &symbols[right]);
            let stale = a.text.is_empty() || b.text.is_empty() || a.next != Some(right);
            if stale || a.text.len() + b.text.len() != length {
                continue;
            }
            let (begin, next) = (a.begin, b.next);
            symbols[left].text = &normal[begin..begin + length];
            symbols[left].next = next;
            symbols[right].text = "";
            if let Some(next) = next {
                symbols[next].previous = Some(left);
            }
            pairs.extend(symbols[left].previous.and_then(|p| self.pair(normal, symbols, p)));
            pairs.extend(self.pair(normal, symbols, left));
        }
    }
}

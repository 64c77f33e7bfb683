//! Text to tokens and back. Streaming gives only whole characters.

mod check;
mod gguf;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokenizers::Tokenizer;

use crate::EngineError;

/// A tokenizer of the releases' `tokenizer.json`, or of a GGUF.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    inner: Tokenizer,
    /// Bytes that the characters of byte-level pieces stand for (GPT-2's table).
    bytes: HashMap<char, u8>,
    /// Whether pieces are SentencePiece's, with a piece for every byte.
    byte_fallback: bool,
}

/// GPT-2's stand-ins: printable bytes are themselves, the others follow from U+0100 on.
pub(crate) fn byte_table() -> HashMap<char, u8> {
    let printable = |b: u8| matches!(b, 33..=126 | 161..=172 | 174..=255);
    let mut next = 0x100_u32;
    let mut table = HashMap::new();
    for b in 0..=255_u8 {
        let c = if printable(b) {
            char::from(b)
        } else {
            let c = char::from_u32(next).unwrap_or_default();
            next += 1;
            c
        };
        table.insert(c, b);
    }
    table
}

/// What the library makes, or its problem: it panics at some parts that [`check`] does not know (0.23: a pattern that
/// is found where nothing stands, in a `Replace`).
fn guarded<T>(make: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(made) => made.map_err(|error| error.to_string()),
        Err(_) => Err("the tokenizer library failed at it".to_owned()),
    }
}

impl TextTokenizer {
    /// Reads `tokenizer.json` of a model directory.
    ///
    /// # Errors
    /// When the file cannot be read or makes no tokenizer.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let file = directory.join("tokenizer.json");
        let bytes = crate::weights::read_small(&file)?;
        Self::of_json(&bytes).map_err(|problem| EngineError::Malformed { file, problem })
    }

    /// The tokenizer of a `tokenizer.json`'s bytes.
    fn of_json(bytes: &[u8]) -> Result<Self, String> {
        check::check(bytes)?;
        let mut inner = guarded(|| Tokenizer::from_bytes(bytes))?;
        // Some releases cut and pad in here; who reads the text decides that.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| error.to_string())?;
        Ok(Self::new(inner))
    }

    fn new(inner: Tokenizer) -> Self {
        let byte_fallback = ["<0x00>", "<0xFF>"].iter().all(|t| inner.token_to_id(t).is_some());
        Self { inner, bytes: byte_table(), byte_fallback }
    }

    /// Ids of a text; special tokens in it are recognised. `frame` adds what the model's own
    /// post-processor adds (Llama's begin token).
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode(&self, text: &str, frame: bool) -> Result<Vec<u32>, EngineError> {
        let failed = |problem| EngineError::Input { what: "a text for the tokenizer", problem };
        let encoding = guarded(|| self.inner.encode(text, frame)).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// How many tokens a text has.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        self.encode(text, false).map_or_else(|_| text.len(), |ids| ids.len())
    }

    /// Text of ids.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, EngineError> {
        // The library's BPE decoder wants a token.
        let shown = |id: &u32| {
            self.inner.id_to_token(*id).is_some() && !(skip_special && self.is_special(*id))
        };
        if !ids.iter().any(shown) {
            return Ok(String::new());
        }
        let failed = |problem| EngineError::Input { what: "tokens for the tokenizer", problem };
        guarded(|| self.inner.decode(ids, skip_special)).map_err(failed)
    }

    /// Id of a token written out, such as `<|im_end|>`.
    #[must_use]
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Bytes of one token. Added tokens are written out; `None` for an id that does not exist.
    #[must_use]
    pub fn token_bytes(&self, id: u32) -> Option<Vec<u8>> {
        let added = self.inner.get_added_vocabulary().get_added_tokens_decoder();
        if let Some(added) = added.get(&id) {
            return Some(added.content.clone().into_bytes());
        }
        let piece = self.inner.id_to_token(id)?;
        if self.byte_fallback {
            return Some(fallback_bytes(&piece));
        }
        let mapped: Option<Vec<u8>> = piece.chars().map(|c| self.bytes.get(&c).copied()).collect();
        Some(mapped.unwrap_or_else(|| piece.into_bytes()))
    }

    /// Whether a token is special: never part of the text.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        let added = self.inner.get_added_vocabulary().get_added_tokens_decoder();
        added.get(&id).is_some_and(|token| token.special)
    }

    /// Ids lie below this.
    #[must_use]
    pub fn size(&self) -> usize {
        let added = self.inner.get_added_vocabulary().get_added_tokens_decoder();
        let most = added.keys().max().map_or(0, |id| *id as usize + 1);
        most.max(self.inner.get_vocab_size(false))
    }
}

/// Bytes of a piece of a SentencePiece vocabulary: U+2581 stands for a space, `<0x0A>` for a byte that
/// no piece spells (Kudo and Richardson 2018, "byte fallback").
fn fallback_bytes(piece: &str) -> Vec<u8> {
    let byte = piece.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    match byte.filter(|hex| hex.len() == 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        Some(byte) => vec![byte],
        None => piece.replace('\u{2581}', " ").into_bytes(),
    }
}

/// Joins tokens to whole characters. Never gives U+FFFD: bytes that make no character are dropped.
#[derive(Debug, Default)]
pub struct TextStream {
    pending: Vec<u8>,
}

impl TextStream {
    /// Takes the bytes of a token, gives the characters that are now whole.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let (whole, rest) = self.pending.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(whole));
                    let skip = error.error_len();
                    self.pending = rest[skip.unwrap_or(0)..].to_vec();
                    if skip.is_none() {
                        return text;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_characters_leave_the_stream() {
        let mut stream = TextStream::default();
        let bytes = "a小😄".as_bytes();
        let parts: Vec<String> = bytes.iter().map(|b| stream.push(&[*b])).collect();
        assert_eq!(parts.concat(), "a小😄");
        assert_eq!(parts.iter().filter(|p| !p.is_empty()).count(), 3);
        assert_eq!(stream.push(&[0xff, b'x']), "x");
    }

    #[test]
    fn a_piece_of_sentencepiece_is_its_text_or_one_byte() {
        assert_eq!(fallback_bytes("\u{2581}the"), b" the");
        assert_eq!(fallback_bytes("<0xE4>"), [0xe4]);
        assert_eq!(fallback_bytes("<0x>"), b"<0x>");
    }
}

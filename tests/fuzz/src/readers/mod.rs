//! One entry per kind of file from elsewhere: the bytes are put where a model's file lies and read as the
//! product reads them, and what comes out is used once. An entry may refuse bytes, but not panic, not
//! overflow the stack, and not allocate more than [`bound`]. The fuzzer and the tests share it.

mod config;
mod gguf;
mod pickle;
mod tokenizer;
mod weights;

use std::path::Path;

use super::counted::peak_of;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Safetensors, and what the product keeps in that form.
    Safetensors,
    /// A GGUF: a whole language model.
    Gguf,
    /// `torch.save`: the archive, and the pickle within.
    Pickle,
    /// `tokenizer.json`, a GGUF's tokenizer, SentencePiece.
    Tokenizer,
    /// Everything that describes a model, and the saved cache.
    Config,
}

impl Reader {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Safetensors, Self::Gguf, Self::Pickle, Self::Tokenizer, Self::Config];

    /// Its name, which is also that of its corpus.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Gguf => "gguf",
            Self::Pickle => "pickle",
            Self::Tokenizer => "tokenizer",
            Self::Config => "config",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reader| reader.name() == name)
    }

    /// Whether the file was read.
    fn read(self, bytes: &[u8]) -> bool {
        let Ok(folder) = tempfile::tempdir() else { return false };
        let read: fn(&Path, &[u8]) -> bool = match self {
            Self::Safetensors => weights::read,
            Self::Gguf => gguf::read,
            Self::Pickle => pickle::read,
            Self::Tokenizer => tokenizer::read,
            Self::Config => config::read,
        };
        read(folder.path(), bytes)
    }

    /// Reads some bytes; whether they were taken for a sound file.
    ///
    /// # Panics
    /// When a reader does, or allocates more than [`bound`].
    pub fn check(self, bytes: &[u8]) -> bool {
        let mut sound = false;
        let peak = peak_of(|| sound = self.read(bytes));
        let most = bound(bytes.len());
        assert!(
            peak <= most,
            "the {} reader held {peak} bytes for a file of {}, at most {most} are its size's due",
            self.name(),
            bytes.len()
        );
        sound
    }
}

/// Most bytes that may be held at once for a file of `size` bytes.
///
/// 16 MiB whatever the size: tables of fixed size (256 positions of rotary angles and of a KV cache, regular
/// expressions of a tokenizer, buffers). 128 bytes per byte: a JSON array of one-digit numbers takes two bytes
/// of text and 80 of [`serde_json::Value`] per element, up to three times that while its list grows.
#[must_use]
pub fn bound(size: usize) -> usize {
    (16 << 20) + 128 * size
}

/// Writes a file of a model's directory.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    std::fs::write(folder.join(name), bytes).is_ok()
}

/// The first byte of a description of this kind.
pub(super) fn config_kind(name: &str) -> u8 {
    let at = config::KINDS.iter().position(|kind| *kind == name).unwrap_or_default();
    b'a' + u8::try_from(at).unwrap_or_default()
}

//! A model's cache on disk, so that a long prompt that every conversation begins with is read once in a
//! model's life. Refused when it is another model's, cut short or damaged; written whole or not at all.
//!
//! All numbers little-endian: magic (8 bytes), version, fingerprint of the model (8), bytes of a value,
//! layers, heads, values of a head, positions (4 each), the tokens (4 each), keys and values as
//! [`CacheFork`] has them, CRC-32 of all before it (4).

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::model::Model;
use super::{CausalLm, Fork};
use crate::EngineError;
use crate::models::decoder::{CacheElement, CacheFork, CacheShape};
use crate::weights::read_small;

const MAGIC: [u8; 8] = *b"CMPN-KV\n";
const VERSION: u32 = 1;
/// Bytes before the tokens.
const HEADER: usize = 8 + 4 + 8 + 5 * 4;
/// Bytes of the checksum.
const CHECKSUM: usize = 4;

/// Reads numbers from the front of some bytes.
struct Front<'a>(&'a [u8]);

impl Front<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn size(&mut self) -> Option<usize> {
        self.number().and_then(|number| usize::try_from(number).ok())
    }
}

/// What a file's header says.
struct Header {
    fingerprint: u64,
    element: usize,
    shape: [usize; 3],
    length: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut front = Front(bytes);
        if front.take() != Some(MAGIC) {
            return Err("it is no saved cache".to_owned());
        }
        let cut = || "its header is cut short".to_owned();
        let version = front.number().ok_or_else(cut)?;
        if version != VERSION {
            return Err(format!("it is of version {version}, expected {VERSION}"));
        }
        let fingerprint = front.take().map(u64::from_le_bytes).ok_or_else(cut)?;
        let mut size = || front.size().ok_or_else(cut);
        let element = size()?;
        let shape = [size()?, size()?, size()?];
        Ok(Self { fingerprint, element, shape, length: size()? })
    }
}

fn sizes(shape: CacheShape) -> (usize, [usize; 3]) {
    let element = match shape.element {
        CacheElement::Full => 4,
        CacheElement::Half => 2,
        CacheElement::Eight => 1,
    };
    (element, [shape.layers, shape.heads, shape.dim])
}

fn number(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

impl CausalLm {
    /// Writes what is cached to `file`, in its place at once or not at all. Gives the bytes written.
    ///
    /// # Errors
    /// When the device fails or the file cannot be written.
    pub fn save_cache(&self, file: &Path) -> Result<usize, EngineError> {
        let Fork { tokens, cache } = self.fork()?;
        let size = HEADER + tokens.len() * 4 + cache.bytes.len() + CHECKSUM;
        let mut bytes = Vec::with_capacity(size);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.fingerprint.to_le_bytes());
        let (element, shape) = sizes(cache.shape);
        number(&mut bytes, element);
        shape.iter().for_each(|size| number(&mut bytes, *size));
        number(&mut bytes, tokens.len());
        bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
        bytes.extend(&cache.bytes);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        write_whole(file, &bytes)
            .map_err(|source| EngineError::Write { file: file.to_owned(), source })?;
        Ok(bytes.len())
    }

    /// Caches what [`Self::save_cache`] wrote, and nothing else. Gives how many tokens that are.
    ///
    /// # Errors
    /// When the file cannot be read, is another model's or another arithmetic's, cut short, damaged or
    /// longer than the context; what is cached stays as it is then.
    pub fn restore_cache(&mut self, file: &Path) -> Result<usize, EngineError> {
        let refused = |problem: String| EngineError::Cache { file: file.to_owned(), problem };
        let failed = |source| EngineError::Read { file: file.to_owned(), source };
        let mut open = File::open(file).map_err(failed)?;
        let held = open.metadata().map_err(failed)?.len();
        let mut bytes = Vec::new();
        (&open).take(HEADER as u64).read_to_end(&mut bytes).map_err(failed)?;
        let header = Header::read(&bytes).map_err(refused)?;
        let shape = self.model.cache_shape();
        if header.fingerprint != self.fingerprint || sizes(shape) != (header.element, header.shape)
        {
            return Err(refused("it is of another model or another arithmetic".to_owned()));
        }
        if header.length >= self.max_context {
            let (length, most) = (header.length, self.max_context);
            return Err(refused(format!("it has {length} tokens, the context {most}")));
        }
        // Sizes are this model's and the length is below the context: nothing overflows.
        let tokens = header.length * 4;
        let want = HEADER + tokens + shape.layers * shape.layer_bytes(header.length) + CHECKSUM;
        if held != want as u64 {
            return Err(refused(format!("it has {held} bytes, expected {want}")));
        }
        open.read_to_end(&mut bytes).map_err(failed)?;
        let checksum = bytes.split_off(bytes.len().saturating_sub(CHECKSUM));
        if bytes.len() + CHECKSUM != want || crc32fast::hash(&bytes).to_le_bytes() != *checksum {
            return Err(refused("its checksum is wrong: it is damaged".to_owned()));
        }
        let cache = bytes.split_off(HEADER + tokens);
        let words = bytes[HEADER..].as_chunks::<4>().0;
        let tokens = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let cache = CacheFork { shape, length: header.length, bytes: cache };
        self.resume(&Fork { tokens, cache })?;
        Ok(header.length)
    }
}

/// Writes a file beside its place, then puts it there.
fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    let written = File::create(&part).and_then(|mut open| {
        open.write_all(bytes)?;
        open.sync_all()
    });
    let placed = written.and_then(|()| std::fs::rename(&part, file));
    if placed.is_err() {
        // The first error is the one to tell.
        let _gone = std::fs::remove_file(&part);
    }
    placed
}

/// Samples of a weights' file, and bytes of each.
const SAMPLES: u64 = 16;
const SAMPLE_BYTES: u64 = 4096;

/// FNV-1a of 64 bits (Fowler, Noll and Vo).
struct Hash(u64);

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// Takes a file's size and samples of it.
    fn add_file(&mut self, file: &Path) -> std::io::Result<()> {
        let mut open = File::open(file)?;
        let size = open.metadata()?.len();
        self.add(&size.to_le_bytes());
        for sample in 0..SAMPLES {
            let from = size.saturating_sub(SAMPLE_BYTES) / (SAMPLES - 1) * sample;
            open.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            (&open).take(SAMPLE_BYTES).read_to_end(&mut bytes)?;
            self.add(&bytes);
        }
        Ok(())
    }
}

/// What tells whose cache it is: the configuration, the sizes of the weights' files with samples of their
/// bytes (models of one make differ in nothing else), and the arithmetic.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn fingerprint(
    directory: &Path,
    gguf: Option<&Path>,
    model: &Model,
) -> Result<u64, EngineError> {
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    let config = directory.join("config.json");
    if config.is_file() {
        hash.add(&read_small(&config)?);
    }
    let failed = |file: &Path, source| EngineError::Read { file: file.to_owned(), source };
    let mut files: Vec<PathBuf> = match gguf {
        Some(file) => vec![file.to_owned()],
        None => std::fs::read_dir(directory)
            .map_err(|source| failed(directory, source))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "safetensors" || e == "bin"))
            .collect(),
    };
    files.sort();
    for file in &files {
        hash.add_file(file).map_err(|source| failed(file, source))?;
    }
    hash.add(&[u8::from(matches!(model, Model::Integer(_)))]);
    Ok(hash.0)
}

#[cfg(test)]
#[path = "saved_cache_tests.rs"]
mod tests;

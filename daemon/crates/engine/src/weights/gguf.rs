//! GGUF files: metadata and quantised tensors. The header is checked against the file's size before
//! candle reads it, because candle trusts the lengths it finds.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};

use crate::EngineError;

/// An opened GGUF file.
#[derive(Debug)]
pub struct GgufFile {
    path: PathBuf,
    file: BufReader<File>,
    content: Content,
}

/// Deepest nesting of arrays in metadata; the releases have one.
const DEEPEST: usize = 4;

const ALIGNMENT: &str = "general.alignment";

/// Walks the header and refuses a length that cannot be.
struct Checker<'a> {
    file: &'a mut BufReader<File>,
    size: u64,
}

impl Checker<'_> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(|e| format!("the header is cut short: {e}"))?;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        let at = self.file.stream_position().map_err(|e| e.to_string())?;
        if at.checked_add(count).is_none_or(|end| end > self.size) {
            return Err(format!("a length of {count} at byte {at} reaches beyond the file"));
        }
        self.file.seek(SeekFrom::Start(at + count)).map_err(|e| e.to_string())?;
        Ok(())
    }

    fn count(&mut self) -> Result<u64, String> {
        let count = u64::from_le_bytes(self.bytes()?);
        if count > self.size {
            return Err(format!("a count of {count} in a file of {} bytes", self.size));
        }
        Ok(count)
    }

    fn string(&mut self) -> Result<(), String> {
        let length = self.count()?;
        self.skip(length)
    }

    /// Reads a key; whether it is the alignment's. As candle does, zeros at its end are left out.
    fn is_alignment(&mut self) -> Result<bool, String> {
        let length = self.count()?;
        let mut key = Vec::new();
        let read = (&mut *self.file).take(length).read_to_end(&mut key);
        if read.map_err(|e| e.to_string())? as u64 != length {
            return Err("the header is cut short: a key reaches beyond the file".to_owned());
        }
        let end = key.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        Ok(key[..end] == *ALIGNMENT.as_bytes())
    }

    /// The tensors' alignment, which is divided by: a power of two, as ggml wants it.
    fn alignment(&mut self, kind: u32) -> Result<(), String> {
        let found = match kind {
            0 => u32::from(self.bytes::<1>()?[0]),
            2 => u32::from(u16::from_le_bytes(self.bytes()?)),
            4 => u32::from_le_bytes(self.bytes()?),
            _ => return Err(format!("{ALIGNMENT} is of type {kind}, expected a number (4)")),
        };
        if found.is_power_of_two() {
            return Ok(());
        }
        Err(format!("{ALIGNMENT} is {found}, expected a power of two"))
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<(), String> {
        match kind {
            0 | 1 | 7 => self.skip(1),
            2 | 3 => self.skip(2),
            4..=6 => self.skip(4),
            10..=12 => self.skip(8),
            8 => self.string(),
            9 if depth < DEEPEST => {
                let inner = u32::from_le_bytes(self.bytes()?);
                let count = self.count()?;
                (0..count).try_for_each(|_| self.value(inner, depth + 1))
            }
            _ => Err(format!("metadata of unknown type {kind}")),
        }
    }

    fn header(&mut self) -> Result<(), String> {
        if self.bytes::<4>()? != *b"GGUF" {
            return Err("it does not begin with GGUF".to_owned());
        }
        let version = u32::from_le_bytes(self.bytes()?);
        if !(2..=3).contains(&version) {
            return Err(format!("version {version}, expected 2 or 3"));
        }
        let tensors = self.count()?;
        let pairs = self.count()?;
        for _ in 0..pairs {
            let aligns = self.is_alignment()?;
            let kind = u32::from_le_bytes(self.bytes()?);
            if aligns { self.alignment(kind)? } else { self.value(kind, 0)? }
        }
        for _ in 0..tensors {
            self.string()?;
            let dimensions = u32::from_le_bytes(self.bytes()?);
            if dimensions > 4 {
                return Err(format!("a tensor of {dimensions} dimensions"));
            }
            let mut elements = 1_u64;
            for _ in 0..dimensions {
                // A size of 0 hides no overflow of the others.
                let size = u64::from_le_bytes(self.bytes()?);
                elements = elements.saturating_mul(size.max(1));
            }
            // No type of GGUF packs more than 16 values into a byte.
            if elements / 16 > self.size {
                return Err(format!("a tensor of {elements} elements in {} bytes", self.size));
            }
            self.skip(4 + 8)?;
        }
        Ok(())
    }
}

impl GgufFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When it cannot be read, is no GGUF, or its header cannot be.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let failed = |source| EngineError::Read { file: path.to_owned(), source };
        let malformed = |problem| EngineError::Malformed { file: path.to_owned(), problem };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut file = BufReader::new(file);
        Checker { file: &mut file, size }.header().map_err(malformed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let content = Content::read(&mut file).map_err(|e| malformed(e.to_string()))?;
        for (name, info) in &content.tensor_infos {
            let block = info.ggml_dtype.block_size();
            let elements = info.shape.elem_count();
            let bytes = (elements / block * info.ggml_dtype.type_size()) as u64;
            let end = content
                .tensor_data_offset
                .checked_add(info.offset)
                .and_then(|s| s.checked_add(bytes));
            if elements % block != 0 || end.is_none_or(|end| end > size) {
                return Err(malformed(format!(
                    "tensor {name} reaches beyond the file's {size} bytes"
                )));
            }
        }
        Ok(Self { path: path.to_owned(), file, content })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A value of the metadata.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(key)
    }

    /// The error about a key of the metadata.
    pub(crate) fn wrong(&self, key: &str, problem: &str) -> EngineError {
        EngineError::Config {
            file: self.path.clone(),
            key: key.to_owned(),
            problem: problem.to_owned(),
        }
    }

    /// A number of the metadata.
    ///
    /// # Errors
    /// When it is missing or no number.
    pub fn number(&self, key: &str) -> Result<usize, EngineError> {
        let value = self.value(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        let number = value.to_u32().map(u64::from).or_else(|_| value.to_u64());
        let number = number.map_err(|_| self.wrong(key, "is no number"))?;
        usize::try_from(number).map_err(|_| self.wrong(key, "is too large"))
    }

    /// A real number of the metadata.
    ///
    /// # Errors
    /// When it is missing or no number.
    pub fn real(&self, key: &str) -> Result<f64, EngineError> {
        let value = self.value(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        value.to_f32().map(f64::from).map_err(|_| self.wrong(key, "is no number"))
    }

    /// A text of the metadata.
    ///
    /// # Errors
    /// When it is missing or no text.
    pub fn text(&self, key: &str) -> Result<&str, EngineError> {
        let value = self.value(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        value.to_string().map(String::as_str).map_err(|_| self.wrong(key, "is no text"))
    }

    /// A list of the metadata.
    ///
    /// # Errors
    /// When it is missing or no list.
    pub fn list(&self, key: &str) -> Result<&[Value], EngineError> {
        let value = self.value(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        value.to_vec().map(Vec::as_slice).map_err(|_| self.wrong(key, "is no list"))
    }

    /// The token of an id, as the file's vocabulary writes it.
    #[must_use]
    pub fn token(&self, id: usize) -> Option<&str> {
        let tokens = self.list("tokenizer.ggml.tokens").ok()?;
        tokens.get(id)?.to_string().ok().map(String::as_str)
    }

    /// Whether a tensor is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// The shape of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.content.tensor_infos.get(name).map(|info| info.shape.dims())
    }

    /// The type of a tensor.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<GgmlDType> {
        self.content.tensor_infos.get(name).map(|info| info.ggml_dtype)
    }

    /// A quantised tensor of this shape.
    ///
    /// # Errors
    /// When it is missing or of another shape.
    pub fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        device: &Device,
    ) -> Result<Arc<QTensor>, EngineError> {
        let Some(info) = self.content.tensor_infos.get(name) else {
            return Err(EngineError::MissingTensor {
                file: self.path.clone(),
                tensor: name.to_owned(),
            });
        };
        if info.shape.dims() != shape {
            return Err(EngineError::Shape {
                file: self.path.clone(),
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: info.shape.dims().to_vec(),
            });
        }
        if shape.contains(&0) {
            let problem = format!("tensor {name} {shape:?} holds nothing");
            return Err(EngineError::Malformed { file: self.path.clone(), problem });
        }
        self.content.tensor(&mut self.file, name, device).map(Arc::new).map_err(|e| {
            EngineError::Malformed { file: self.path.clone(), problem: format!("{name}: {e}") }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of these pairs (key, type, bytes) and tensors (name, sizes), all of them f32 at offset 0.
    fn open(pairs: &[(&str, u32, &[u8])], tensors: &[(&str, &[u64])]) -> Result<GgufFile, String> {
        let word = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend((pairs.len() as u64).to_le_bytes());
        for (key, kind, value) in pairs {
            bytes.extend([&word(key)[..], &kind.to_le_bytes(), value].concat());
        }
        for (name, sizes) in tensors {
            bytes.extend([&word(name)[..], &(sizes.len() as u32).to_le_bytes()].concat());
            bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
            bytes.extend([0; 4 + 8]);
        }
        bytes.resize(bytes.len().next_multiple_of(32) + 64, 0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        std::fs::write(&path, bytes).unwrap();
        GgufFile::open(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn an_alignment_that_cannot_be_is_refused() {
        assert!(open(&[("general.alignment", 4, &[64, 0, 0, 0])], &[]).is_ok());
        for (key, kind, value) in [
            ("general.alignment", 4, &[0, 0, 0, 0][..]),
            ("general.alignment\0\0", 4, &[0, 0, 0, 0]),
            ("general.alignment", 0, &[0]),
            ("general.alignment", 5, &[32, 0, 0, 0]),
            ("general.alignment", 4, &[48, 0, 0, 0]),
        ] {
            let error = open(&[(key, kind, value)], &[]).unwrap_err();
            assert!(error.contains("general.alignment is"), "{error}");
        }
    }

    #[test]
    fn a_tensor_of_nothing_is_not_given_out() {
        let mut file = open(&[], &[("a", &[32, 0])]).unwrap();
        let error = file.tensor("a", &[0, 32], &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("tensor a [0, 32] holds nothing"), "{error}");
    }

    #[test]
    fn sizes_that_overflow_are_refused_although_one_is_0() {
        assert_eq!(open(&[], &[("a", &[4, 4])]).unwrap().shape("a"), Some(&[4, 4][..]));
        for sizes in [&[1 << 32, 1 << 32, 0][..], &[0, u64::MAX, 2], &[1 << 40]] {
            let error = open(&[], &[("a", sizes)]).unwrap_err();
            assert!(error.contains("elements"), "{error}");
        }
    }
}

//! A file of named tensors, safetensors or `torch.save`, told apart by its first bytes. Opening reads
//! the names alone; a tensor's bytes are read when it is asked for, as f32, with its shape checked
//! before anything is allocated.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use serde::Deserialize;

use super::{
    pickle::{self, StoredTensor},
    torch_zip::{self, ZipError},
};
use crate::EngineError;

/// Longest safetensors header that is read (the format's own limit).
const DESCRIPTION_BYTES: u64 = 100 << 20;
/// Longest pickle that is read; that of the largest supported model has 100 KB.
const PICKLE_BYTES: u64 = 8 << 20;

/// Element types that become f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    F64,
    F32,
    F16,
    Bf16,
}

impl Element {
    fn bytes(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "F64" | "DoubleStorage" => Self::F64,
            "F32" | "FloatStorage" => Self::F32,
            "F16" | "HalfStorage" => Self::F16,
            "BF16" | "BFloat16Storage" => Self::Bf16,
            _ => return None,
        })
    }
}

/// Where a tensor lies.
#[derive(Clone, Debug)]
struct Entry {
    /// Name of its type in the file.
    element: String,
    shape: Vec<usize>,
    /// Elements from one index to the next; `None` is row-major.
    strides: Option<Vec<usize>>,
    bytes: Range<u64>,
}

/// Named tensors in a file.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    file: File,
    entries: BTreeMap<String, Entry>,
    settings: serde_json::Value,
}

impl TensorFile {
    /// Opens a file and reads the description of its tensors.
    ///
    /// # Errors
    /// When the file cannot be read, or is neither a safetensors file nor one of `torch.save`, or is
    /// cut short.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let failed = |source| EngineError::Read { file: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let head = read(&mut file, path, 0..length.min(8))?;
        let (entries, settings) = if torch_zip::begins(&head) {
            torch_entries(&mut file, path)?
        } else {
            (safetensors_entries(&mut file, path, &head, length)?, serde_json::Value::Null)
        };
        Ok(Self { path: path.to_owned(), file, entries, settings })
    }

    /// Plain data that a `torch.save` file holds beside its tensors (`config`, `info`); null where
    /// there is none.
    #[must_use]
    pub fn settings(&self) -> &serde_json::Value {
        &self.settings
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names and shapes of the tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// The shape of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The values of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// When it is missing, has another shape than `shape`, or a type with no f32 value.
    pub fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let Some(entry) = self.entries.get(name) else {
            let (file, tensor) = (self.path.clone(), name.to_owned());
            return Err(EngineError::MissingTensor { file, tensor });
        };
        if entry.shape != shape {
            return Err(EngineError::Shape {
                file: self.path.clone(),
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: entry.shape.clone(),
            });
        }
        let Some(element) = Element::named(&entry.element) else {
            return Err(EngineError::Type {
                file: self.path.clone(),
                tensor: name.to_owned(),
                expected: "f32, f16, bf16 or f64",
                found: entry.element.clone(),
            });
        };
        let (range, strides) = (entry.bytes.clone(), entry.strides.clone());
        let values = floats(element, &read(&mut self.file, &self.path, range)?);
        Ok(match strides {
            None => values,
            Some(strides) => gather(&values, shape, &strides),
        })
    }

    /// The 32-bit words of an integer tensor of a safetensors file, row-major.
    ///
    /// # Errors
    /// When it is missing, has another shape than `shape`, or another type.
    pub fn words(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u32>, EngineError> {
        let (file, tensor) = (self.path.clone(), name.to_owned());
        let Some(entry) = self.entries.get(name) else {
            return Err(EngineError::MissingTensor { file, tensor });
        };
        let (range, found) = (entry.bytes.clone(), entry.shape.clone());
        if found != shape {
            return Err(EngineError::Shape { file, tensor, expected: shape.to_vec(), found });
        }
        if entry.element != "I32" {
            let found = entry.element.clone();
            return Err(EngineError::Type { file, tensor, expected: "I32", found });
        }
        let bytes = read(&mut self.file, &self.path, range)?;
        if count(shape).and_then(|n| n.checked_mul(4)) != Some(bytes.len() as u64) {
            return Err(malformed(&file, format!("tensor {name} does not fill its shape")));
        }
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    /// A tensor as f32 on a device.
    ///
    /// # Errors
    /// As [`Self::values`], and when the device has no room.
    pub fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor, EngineError> {
        let values = self.values(name, shape)?;
        Tensor::from_vec(values, shape, device)
            .map_err(|source| EngineError::Compute { stage: "placing the weights", source })
    }
}

fn malformed(path: &Path, problem: impl Into<String>) -> EngineError {
    EngineError::Malformed { file: path.to_owned(), problem: problem.into() }
}

/// Reads bytes whose range was compared with the file's length.
fn read(file: &mut File, path: &Path, range: Range<u64>) -> Result<Vec<u8>, EngineError> {
    let failed = |source| EngineError::Read { file: path.to_owned(), source };
    file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    let length = range.end.saturating_sub(range.start);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(malformed(path, format!("cut short at byte {}", range.start + bytes.len() as u64)))
    }
}

fn floats(element: Element, bytes: &[u8]) -> Vec<f32> {
    fn each<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| convert(*chunk)).collect()
    }
    match element {
        #[expect(clippy::cast_possible_truncation, reason = "the engine computes in f32")]
        Element::F64 => each::<8>(bytes, |b| f64::from_le_bytes(b) as f32),
        Element::F32 => each::<4>(bytes, f32::from_le_bytes),
        Element::F16 => each::<2>(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Element::Bf16 => each::<2>(bytes, |b| bf16::from_le_bytes(b).to_f32()),
    }
}

/// Brings strided values into row-major order. That every index is inside was checked on opening.
fn gather(values: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let mut index = vec![0; shape.len()];
    let count = shape.iter().product();
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        let at: usize = index.iter().zip(strides).map(|(i, stride)| i * stride).sum();
        out.push(values[at]);
        for (i, size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    out
}

/// One tensor of a safetensors header.
#[derive(Deserialize)]
struct Described {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

fn safetensors_entries(
    file: &mut File,
    path: &Path,
    head: &[u8],
    length: u64,
) -> Result<BTreeMap<String, Entry>, EngineError> {
    let Ok(head) = <[u8; 8]>::try_from(head) else {
        return Err(malformed(path, format!("only {length} bytes long")));
    };
    let size = u64::from_le_bytes(head);
    if size > DESCRIPTION_BYTES || size > length - 8 {
        let problem =
            "neither a safetensors file nor one of torch.save (1.6 or later), or cut short";
        return Err(malformed(path, problem));
    }
    let begin = 8 + size;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&read(file, path, 8..begin)?)
            .map_err(|error| malformed(path, format!("the header is no JSON object: {error}")))?;
    let mut entries = BTreeMap::new();
    for (name, value) in header {
        if name == "__metadata__" {
            continue;
        }
        let tensor: Described = serde_json::from_value(value)
            .map_err(|error| malformed(path, format!("tensor {name}: {error}")))?;
        let (from, to) = tensor.data_offsets;
        let inside = from <= to && to <= length - begin;
        let counted = count(&tensor.shape);
        let fits = Element::named(&tensor.dtype).is_none_or(|element| {
            counted.and_then(|count| count.checked_mul(element.bytes())) == to.checked_sub(from)
        });
        if !inside || !fits {
            let problem = format!(
                "tensor {name} ({} {:?}) does not fit its bytes {from}..{to} of {}; \
                 the file may be cut short",
                tensor.dtype,
                tensor.shape,
                length - begin
            );
            return Err(malformed(path, problem));
        }
        let entry = Entry {
            element: tensor.dtype,
            shape: tensor.shape,
            strides: None,
            bytes: begin + from..begin + to,
        };
        entries.insert(name, entry);
    }
    Ok(entries)
}

/// Elements of a shape, if the number is representable.
fn count(shape: &[usize]) -> Option<u64> {
    shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64))
}

type Entries = BTreeMap<String, Entry>;

fn torch_entries(
    file: &mut File,
    path: &Path,
) -> Result<(Entries, serde_json::Value), EngineError> {
    let archive = torch_zip::entries(file).map_err(|error| match error {
        ZipError::Read(source) => EngineError::Read { file: path.to_owned(), source },
        ZipError::Malformed(problem) => malformed(path, problem),
    })?;
    let Some((name, range)) =
        archive.iter().find(|(name, _)| *name == "data.pkl" || name.ends_with("/data.pkl"))
    else {
        return Err(malformed(
            path,
            "the archive holds no data.pkl; it was not made by torch.save",
        ));
    };
    let folder = name.strip_suffix("data.pkl").unwrap_or_default();
    if let Some(order) = archive.get(&format!("{folder}byteorder"))
        && read(file, path, order.start..order.end.min(order.start + 16))? != b"little"
    {
        return Err(malformed(path, "saved on a big-endian machine"));
    }
    if range.end - range.start > PICKLE_BYTES {
        return Err(malformed(path, "the description of the tensors is too large"));
    }
    let pickle = read(file, path, range.clone())?;
    let (tensors, settings) = pickle::contents(&pickle)
        .map_err(|problem| malformed(path, format!("{name}: {problem}")))?;
    let entries = tensors
        .into_iter()
        .map(|(tensor, stored)| {
            let storage = archive.get(&format!("{folder}data/{}", stored.storage_key));
            let entry = storage.and_then(|bytes| placed(&stored, bytes)).ok_or_else(|| {
                malformed(path, format!("tensor {tensor} lies outside its storage"))
            })?;
            Ok((tensor, entry))
        })
        .collect::<Result<Entries, EngineError>>()?;
    Ok((entries, settings))
}

/// Where a tensor lies in its storage; `None` when it does not fit.
fn placed(stored: &StoredTensor, storage: &Range<u64>) -> Option<Entry> {
    let size = |value: &u64| usize::try_from(*value).ok();
    let shape: Vec<usize> = stored.shape.iter().map(size).collect::<Option<_>>()?;
    let strides: Vec<usize> = stored.strides.iter().map(size).collect::<Option<_>>()?;
    if shape.len() != strides.len() {
        return None;
    }
    // Types that are never read as f32 are kept with their names alone.
    let width = Element::named(&stored.storage_class).map_or(1, Element::bytes);
    let elements = (storage.end - storage.start) / width;
    let wanted = count(&shape)?;
    let last = if wanted == 0 {
        0
    } else {
        let steps = stored.shape.iter().zip(&stored.strides);
        let farthest = steps.into_iter().try_fold(0u64, |sum, (&size, &stride)| {
            sum.checked_add((size - 1).checked_mul(stride)?)
        })?;
        farthest.checked_add(1)?
    };
    let end = stored.offset.checked_add(last)?;
    if end > elements || wanted > elements {
        return None;
    }
    let row_major = last == wanted && is_row_major(&shape, &strides);
    let begin = storage.start + stored.offset * width;
    Some(Entry {
        element: stored.storage_class.clone(),
        strides: (!row_major).then_some(strides),
        shape,
        bytes: begin..begin + last * width,
    })
}

fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1usize;
    shape.iter().zip(strides).rev().all(|(&size, &stride)| {
        let fits = size == 1 || stride == step;
        step = step.saturating_mul(size);
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_tensor_is_brought_into_row_major_order() {
        let stored = StoredTensor {
            storage_class: "FloatStorage".into(),
            storage_key: "0".into(),
            offset: 0,
            shape: vec![2, 3],
            strides: vec![1, 2],
        };
        let entry = placed(&stored, &(100..124)).unwrap();
        let strides = entry.strides.unwrap();
        assert_eq!(gather(&[0., 3., 1., 4., 2., 5.], &[2, 3], &strides), [0., 1., 2., 3., 4., 5.]);
    }

    #[test]
    fn tensors_beyond_their_storage_are_refused() {
        let fits = StoredTensor {
            storage_class: "HalfStorage".into(),
            storage_key: "0".into(),
            offset: 2,
            shape: vec![4],
            strides: vec![1],
        };
        assert_eq!(placed(&fits, &(0..12)).unwrap().bytes, 4..12);
        for broken in [
            StoredTensor { offset: 3, ..fits.clone() },
            StoredTensor { offset: u64::MAX, ..fits.clone() },
            StoredTensor { shape: vec![u64::MAX], ..fits.clone() },
            StoredTensor { shape: vec![1 << 40], strides: vec![0], ..fits.clone() },
            StoredTensor { strides: vec![1 << 63], ..fits.clone() },
            StoredTensor { strides: vec![], ..fits.clone() },
        ] {
            assert!(placed(&broken, &(0..12)).is_none(), "{broken:?}");
        }
    }
}

//! Tensors on the host: read from safetensors as f32, written back for inspection. It computes
//! nothing.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use anyhow::{Context as _, bail};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// A tensor as plain numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Vec<f32>,
}

impl HostTensor {
    /// A tensor of this shape; the values must fill it.
    #[must_use]
    pub fn new(shape: &[usize], values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape: shape.to_vec(), values }
    }
}

/// The tensors of one safetensors file by name, whatever their type, as f32.
///
/// # Errors
/// When the file cannot be read, is no safetensors file, or has a type with no meaning as f32.
pub fn read(path: &Path) -> anyhow::Result<BTreeMap<String, HostTensor>> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let file = SafeTensors::deserialize(&bytes)
        .with_context(|| format!("{} is no safetensors file", path.display()))?;
    file.iter()
        .map(|(name, view)| {
            let values =
                numbers(&view).with_context(|| format!("{}: tensor {name}", path.display()))?;
            Ok((name.to_owned(), HostTensor { shape: view.shape().to_vec(), values }))
        })
        .collect()
}

fn numbers(view: &TensorView<'_>) -> anyhow::Result<Vec<f32>> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F32 => each::<4>(data, f32::from_le_bytes),
        #[expect(clippy::cast_possible_truncation, reason = "compared as f32")]
        Dtype::F64 => each::<8>(data, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => each::<2>(data, |b| f32_of_half(u16::from_le_bytes(b))),
        Dtype::BF16 => each::<2>(data, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        Dtype::I64 => each::<8>(data, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => each::<4>(data, |b| i32::from_le_bytes(b) as f32),
        Dtype::I16 => each::<2>(data, |b| f32::from(i16::from_le_bytes(b))),
        Dtype::U8 | Dtype::BOOL => each::<1>(data, |[b]| f32::from(b)),
        other => bail!("type {other:?} is not compared"),
    })
}

fn each<const N: usize>(data: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks::<N>().0.iter().map(|chunk| convert(*chunk)).collect()
}

/// IEEE 754 half precision to single.
fn f32_of_half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction > 0.0 => f32::NAN,
        31 => sign * f32::INFINITY,
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

/// Writes tensors as one safetensors file of f32.
///
/// # Errors
/// When the folder or file cannot be written.
pub fn write(path: &Path, tensors: &BTreeMap<String, HostTensor>) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let data = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.clone(), tensor.shape.clone(), data)
        })
        .collect();
    let views: HashMap<&str, TensorView<'_>> = bytes
        .iter()
        .map(|(name, shape, data)| {
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data)?))
        })
        .collect::<anyhow::Result<_>>()?;
    safetensors::serialize_to_file(views, None, path)
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.safetensors");
        let tensors =
            BTreeMap::from([("中文/x".to_owned(), HostTensor::new(&[2], vec![1.5, -2.0]))]);
        write(&path, &tensors).unwrap();
        assert_eq!(read(&path).unwrap(), tensors);
    }

    #[test]
    fn half_precision_values_are_exact() {
        assert_eq!(f32_of_half(0x3C00), 1.0);
        assert_eq!(f32_of_half(0xC500), -5.0);
        assert_eq!(f32_of_half(0x0001), 5.960_464_5e-8);
        assert!(f32_of_half(0x7E00).is_nan());
    }
}

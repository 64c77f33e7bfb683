//! The rows of a decoder's embedding. A GGUF's stay in the file's own type, in the host's memory, and are
//! unpacked when they are asked for: one in five of a small model's weights lies here, and a token needs one row.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Error, Result, Tensor};
use half::f16;
use half::slice::HalfFloatSliceExt as _;

/// Rows that are unpacked at once where all are needed.
const RUN: usize = 256;

/// `[vocab, hidden]`.
#[derive(Debug)]
pub(super) enum Embedding {
    /// In f32, on the model's device.
    Plain(Tensor),
    /// As a GGUF has it, on the CPU.
    Packed(Arc<QTensor>),
}

/// `count` rows of a tensor of two dimensions on the CPU, from row `from` on, in f32.
pub(super) fn unpacked_rows(tensor: &QTensor, from: usize, count: usize) -> Result<Vec<f32>> {
    let (rows, width) = tensor.shape().dims2()?;
    let dtype = tensor.dtype();
    let size = width / dtype.block_size() * dtype.type_size();
    let bytes = tensor.data()?;
    let wanted = from.checked_add(count).filter(|end| *end <= rows);
    let Some(bytes) = wanted.and_then(|end| bytes.get(from * size..end * size)) else {
        return Err(Error::Msg(format!("rows {from} to {from}+{count} of {rows}")));
    };
    let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, dtype)?;
    QTensor::new(storage, (count, width))?.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()
}

impl Embedding {
    /// Rows `[ids, hidden]` in f32 on `device`; ids are below the vocabulary's size.
    pub(super) fn rows(&self, ids: &[u32], device: &Device) -> Result<Tensor> {
        match self {
            Self::Plain(all) => all.index_select(&Tensor::new(ids, device)?, 0),
            Self::Packed(all) => {
                let (_, width) = all.shape().dims2()?;
                let mut rows = Vec::with_capacity(ids.len() * width);
                for id in ids {
                    rows.extend(unpacked_rows(all, *id as usize, 1)?);
                }
                Tensor::from_vec(rows, (ids.len(), width), device)
            }
        }
    }

    /// For a decoder in integers: in half precision, or still as the file has it where that is no wider.
    pub(super) fn compact(self) -> Result<Compact> {
        let (rows, width) = match &self {
            Self::Packed(all) if all.dtype() != GgmlDType::F32 => {
                return Ok(Compact::Packed(Arc::clone(all)));
            }
            Self::Packed(all) => all.shape().dims2()?,
            Self::Plain(all) => all.dims2()?,
        };
        let mut halves = vec![f16::ZERO; rows * width];
        for (run, halves) in halves.chunks_mut((RUN * width).max(1)).enumerate() {
            let (from, count) = (run * RUN, halves.len() / width);
            let values = match &self {
                Self::Packed(all) => unpacked_rows(all, from, count)?,
                Self::Plain(all) => all.narrow(0, from, count)?.flatten_all()?.to_vec1()?,
            };
            halves.convert_from_f32_slice(&values);
        }
        Ok(Compact::Halves(halves))
    }
}

/// `[vocab, hidden]`, at most two bytes a value.
#[derive(Debug)]
pub(super) enum Compact {
    Halves(Vec<f16>),
    Packed(Arc<QTensor>),
}

impl Compact {
    /// Writes the row of a token that is below the vocabulary's size.
    pub(super) fn row(&self, id: usize, row: &mut [f32]) -> Result<()> {
        match self {
            Self::Halves(all) => {
                let from = id * row.len();
                all[from..from + row.len()].convert_to_f32_slice(row);
            }
            Self::Packed(all) => row.copy_from_slice(&unpacked_rows(all, id, 1)?),
        }
        Ok(())
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Halves(all) => all.len() * 2,
            Self::Packed(all) => all.storage_size_in_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dtype: GgmlDType) -> (Tensor, Arc<QTensor>) {
        let values: Vec<f32> =
            (0..600 * 64).map(|n| ((n * 37 % 101) as f32 - 50.0) / 25.0).collect();
        let plain = Tensor::from_vec(values, (600, 64), &Device::Cpu).unwrap();
        let packed = QTensor::quantize(&plain, dtype).unwrap();
        (packed.dequantize(&Device::Cpu).unwrap(), Arc::new(packed))
    }

    #[test]
    fn rows_are_those_of_the_whole_unpacked_table() {
        for dtype in [GgmlDType::Q4_0, GgmlDType::Q8_0, GgmlDType::F16, GgmlDType::F32] {
            let (whole, packed) = tensor(dtype);
            let ids = [599, 0, 7, 7, 256];
            let plain = Embedding::Plain(whole.clone()).rows(&ids, &Device::Cpu).unwrap();
            let packed = Embedding::Packed(packed).rows(&ids, &Device::Cpu).unwrap();
            let values = |rows: Tensor| rows.to_vec2::<f32>().unwrap();
            assert_eq!(values(plain), values(packed), "{dtype:?}");
        }
    }

    #[test]
    fn integers_stay_as_they_are_and_plain_numbers_become_halves() {
        let mut row = [0.0; 64];
        for (dtype, bytes) in [
            (GgmlDType::Q4_0, 600 * 2 * 18),
            (GgmlDType::F16, 600 * 128),
            (GgmlDType::F32, 600 * 128),
        ] {
            let (whole, packed) = tensor(dtype);
            let compact = Embedding::Packed(packed).compact().unwrap();
            assert_eq!(compact.bytes(), bytes, "{dtype:?}");
            compact.row(599, &mut row).unwrap();
            let wanted: Vec<f32> = whole.get(599).unwrap().to_vec1().unwrap();
            assert!(row.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-3), "{dtype:?}");
        }
        let plain = Embedding::Plain(tensor(GgmlDType::F32).0).compact().unwrap();
        assert_eq!(plain.bytes(), 600 * 128);
    }

    #[test]
    fn rows_beyond_the_table_are_refused() {
        let (_, packed) = tensor(GgmlDType::Q8_0);
        assert!(
            unpacked_rows(&packed, 599, 2).is_err()
                && unpacked_rows(&packed, usize::MAX, 1).is_err()
        );
    }
}

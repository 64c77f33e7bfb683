//! Linear maps that read the same rows, as packed integers: taken over from the maps of the exact decoder,
//! repacked where the file's integers are kept (GPTQ, AWQ, Q4_0, Q8_0), as eight bits otherwise.

use candle_core::Tensor;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use companion_kernels::{Activations, Codes, Cpu, Matrix, MatrixError, Part, multiply};
use half::f16;

use crate::EngineError;
use crate::layers::Linear;
use crate::models::decoder::embedding::unpacked_rows;
use crate::quant::IntegerError;

/// Inputs of a block of Q4_0 and Q8_0 (ggml's `QK4_0`, `QK8_0`).
const BLOCK: usize = 32;

#[derive(Debug)]
struct Map {
    matrix: Matrix,
    bias: Option<Vec<f32>>,
    /// Input of each place, where they are not in order; one beyond the inputs stands for none.
    order: Option<Vec<usize>>,
    /// Column of its first output.
    at: usize,
}

/// A map in integers.
pub(in crate::models::decoder) struct Taken {
    pub(in crate::models::decoder) matrix: Matrix,
    /// Input of each place, where they are not in order; one beyond the inputs stands for none.
    pub(in crate::models::decoder) order: Option<Vec<usize>>,
    pub(in crate::models::decoder) bias: Option<Vec<f32>>,
}

/// Takes over a map.
pub(in crate::models::decoder) fn taken(map: Linear) -> Result<Taken, EngineError> {
    let (matrix, order, bias) = match map {
        Linear::Packed(packed, bias) => {
            let (matrix, order) = packed.integer().map_err(|error| refused(&error))?;
            (matrix, order, bias)
        }
        Linear::Quantized(QMatMul::QTensor(tensor), bias) => (gguf(&tensor)?, None, bias),
        Linear::Quantized(QMatMul::Tensor(t) | QMatMul::TensorF16(t), bias) => {
            (plain(&t)?, None, bias)
        }
        Linear::Dense(weights, bias) => (plain(&weights.t().map_err(failed)?)?, None, bias),
    };
    Ok(Taken { matrix, order, bias: bias.as_ref().map(unpacked).transpose()? })
}

/// Maps side by side: their outputs lie one after another.
#[derive(Debug)]
pub(super) struct Stack {
    maps: Vec<Map>,
    outputs: usize,
}

fn failed(source: candle_core::Error) -> EngineError {
    EngineError::Compute { stage: "repacking the weights", source }
}

fn refused(error: &IntegerError) -> EngineError {
    EngineError::Input { what: "a quantised map", problem: error.to_string() }
}

/// All values of a tensor.
pub(in crate::models::decoder) fn unpacked(tensor: &Tensor) -> Result<Vec<f32>, EngineError> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).map_err(failed)
}

impl Stack {
    /// Takes over `maps`.
    pub(super) fn new(maps: Vec<Linear>) -> Result<Self, EngineError> {
        let mut stack = Self { maps: Vec::new(), outputs: 0 };
        for map in maps {
            let Taken { matrix, order, bias } = taken(map)?;
            let at = stack.outputs;
            stack.outputs += matrix.outputs();
            stack.maps.push(Map { matrix, bias, order, at });
        }
        Ok(stack)
    }

    /// Bytes of weights.
    pub(super) fn size(&self) -> usize {
        self.maps.iter().map(|map| map.matrix.size()).sum()
    }

    /// Row `output` of the first map's weights.
    pub(super) fn row(&self, output: usize, row: &mut [f32]) {
        if let Some(map) = self.maps.first() {
            map.matrix.row(output, row);
        }
    }

    /// Rows, the first `width` values of which are the inputs, through all maps.
    pub(super) fn apply(
        &self,
        cpu: &mut Cpu,
        (rows, width): (&[f32], usize),
        integers: &mut Activations,
        out: &mut [f32],
    ) {
        let count = out.len() / self.outputs;
        let stride = rows.len() / count;
        if self.maps.iter().all(|map| map.order.is_none()) {
            integers.quantize(cpu, rows, width, stride);
            let parts: Vec<Part<'_>> = self.maps.iter().map(Map::part).collect();
            multiply(cpu, &parts, integers, out, self.outputs);
            return;
        }
        for map in &self.maps {
            match &map.order {
                None => integers.quantize(cpu, rows, width, stride),
                Some(order) => {
                    let ordered: Vec<f32> = rows
                        .chunks_exact(stride)
                        .map(|row| &row[..width])
                        .flat_map(|row| order.iter().map(|at| row.get(*at).copied().unwrap_or(0.0)))
                        .collect();
                    integers.quantize(cpu, &ordered, order.len(), order.len());
                }
            }
            multiply(cpu, &[map.part()], integers, out, self.outputs);
        }
    }
}

impl Map {
    fn part(&self) -> Part<'_> {
        Part { matrix: &self.matrix, bias: self.bias.as_deref(), at: self.at }
    }
}

fn sizes(error: MatrixError) -> EngineError {
    refused(&IntegerError::Sizes(error))
}

/// Plain weights `[outputs, inputs]`, as eight bits.
fn plain(weights: &Tensor) -> Result<Matrix, EngineError> {
    let (outputs, inputs) = weights.dims2().map_err(failed)?;
    rounded([outputs, inputs], |output| {
        weights.get(output)?.to_dtype(candle_core::DType::F32)?.contiguous()?.to_vec1::<f32>()
    })
}

/// A matrix of eight bits of these rows.
fn rounded(
    sizes_of: [usize; 2],
    values: impl Fn(usize) -> candle_core::Result<Vec<f32>>,
) -> Result<Matrix, EngineError> {
    let mut wrong = None;
    let matrix = Matrix::quantize(sizes_of, |output, row| match values(output) {
        Ok(values) => row.copy_from_slice(&values),
        Err(error) => wrong = Some(error),
    })
    .map_err(sizes)?;
    wrong.map_or(Ok(matrix), |error| Err(failed(error)))
}

/// A GGUF's map: Q4_0 and Q8_0 as they are, the others as eight bits.
fn gguf(tensor: &QTensor) -> Result<Matrix, EngineError> {
    let (outputs, inputs) = tensor.shape().dims2().map_err(failed)?;
    let bytes = match tensor.dtype() {
        GgmlDType::Q4_0 | GgmlDType::Q8_0 => tensor.data().map_err(failed)?,
        _ => return rounded([outputs, inputs], |output| unpacked_rows(tensor, output, 1)),
    };
    let blocks = inputs / BLOCK;
    let size = tensor.dtype().type_size();
    let block = |output: usize, block: usize| &bytes[(output * blocks + block) * size..][..size];
    let scale = |output: usize, group: usize| {
        let block = block(output, group);
        f16::from_le_bytes([block[0], block[1]])
    };
    let rows = |output: usize| bytes[output * blocks * size..][..blocks * size].chunks_exact(size);
    let packed = if tensor.dtype() == GgmlDType::Q4_0 {
        // The low halves of a block's bytes are its first sixteen inputs (ggml's `block_q4_0`).
        let row = |output: usize, codes: &mut [u8]| {
            for (codes, block) in codes.chunks_exact_mut(BLOCK).zip(rows(output)) {
                let (low, high) = codes.split_at_mut(BLOCK / 2);
                for ((low, high), byte) in low.iter_mut().zip(high).zip(&block[2..]) {
                    (*low, *high) = (byte & 15, byte >> 4);
                }
            }
        };
        Matrix::pack(Codes::Four, [outputs, inputs], BLOCK, row, |_, _| 8, scale)
    } else {
        let row = |output: usize, codes: &mut [u8]| {
            for (codes, block) in codes.chunks_exact_mut(BLOCK).zip(rows(output)) {
                codes.iter_mut().zip(&block[2..]).for_each(|(code, c)| *code = c.wrapping_add(128));
            }
        };
        Matrix::pack(Codes::Eight, [outputs, inputs], BLOCK, row, |_, _| 128, scale)
    };
    packed.map_err(sizes)
}

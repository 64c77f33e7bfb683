//! The decoder's linear maps as a GPU takes them: integers stay integers, plain weights become half
//! precision, maps that read the same rows become one.

use candle_core::quantized::QMatMul;
use candle_core::{DType, Tensor};
use companion_cuda::{Codes, Packed, interleaved};
use companion_kernels::Matrix;
use half::f16;

use super::failed;
use crate::EngineError;
use crate::layers::Linear;
use crate::models::decoder::integer::{Taken, taken, unpacked};
use crate::models::decoder::placing;

/// Inputs of a group of the output map, where it is quantised here.
pub(in crate::models::decoder) const HEAD_GROUP: usize = 128;

/// Outputs of several maps as outputs of one: which map, and which of its outputs.
type Place = fn(&[usize], usize) -> (usize, usize);

/// One map behind the other.
fn behind(outputs: &[usize], output: usize) -> (usize, usize) {
    let mut output = output;
    for (map, count) in outputs.iter().enumerate() {
        if output < *count {
            return (map, output);
        }
        output -= count;
    }
    (outputs.len() - 1, output)
}

/// Two maps in turns, for SwiGLU within the product.
fn in_turns(_: &[usize], output: usize) -> (usize, usize) {
    let (second, output) = interleaved(output);
    (usize::from(second), output)
}

/// Weights before they are packed.
enum Weights {
    Integers(Matrix, Option<Vec<usize>>),
    Half(Vec<f16>, [usize; 2]),
}

impl Weights {
    fn sizes(&self) -> [usize; 2] {
        match self {
            Self::Integers(matrix, _) => [matrix.outputs(), matrix.inputs()],
            Self::Half(_, sizes) => *sizes,
        }
    }

    /// Whether `other` can be packed behind these integers: alike but for the codes.
    fn joins(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integers(a, a_order), Self::Integers(b, b_order)) => {
                let alike = |m: &Matrix| (m.codes(), m.group(), m.inputs());
                alike(a) == alike(b) && a_order == b_order
            }
            (Self::Half(..), Self::Half(..)) => true,
            _ => false,
        }
    }

    /// The weights of an output by input, in half precision.
    fn row(&self, output: usize, row: &mut [f16]) {
        match self {
            Self::Half(values, [_, inputs]) => {
                row.copy_from_slice(&values[output * inputs..(output + 1) * inputs]);
            }
            Self::Integers(matrix, order) => {
                let mut placed = vec![0.0; matrix.inputs()];
                matrix.row(output, &mut placed);
                for (place, value) in placed.into_iter().enumerate() {
                    let input = order.as_ref().map_or(place, |order| order[place]);
                    if let Some(to) = row.get_mut(input) {
                        *to = f16::from_f32(value);
                    }
                }
            }
        }
    }
}

/// All values `[outputs, inputs]` of a plain map in half precision.
fn halves(weights: &Tensor) -> Result<Weights, EngineError> {
    let (outputs, inputs) = weights.dims2().map_err(placing)?;
    let values =
        weights.to_dtype(DType::F16).and_then(|t| t.contiguous()?.flatten_all()?.to_vec1());
    Ok(Weights::Half(values.map_err(placing)?, [outputs, inputs]))
}

fn weights(map: Linear) -> Result<(Weights, Option<Vec<f32>>), EngineError> {
    if let Linear::Dense(transposed, bias) = &map {
        let weights = halves(&transposed.t().map_err(placing)?)?;
        return Ok((weights, bias.as_ref().map(unpacked).transpose()?));
    }
    if let Linear::Quantized(QMatMul::Tensor(plain) | QMatMul::TensorF16(plain), bias) = &map {
        return Ok((halves(plain)?, bias.as_ref().map(unpacked).transpose()?));
    }
    let Taken { matrix, order, bias } = taken(map)?;
    Ok((Weights::Integers(matrix, order), bias))
}

/// The maps as one, their outputs where `place` says.
fn joined(maps: Vec<Linear>, inputs: usize, place: Place) -> Result<Packed, EngineError> {
    let mut parts = Vec::new();
    let mut biases = Vec::new();
    for map in maps {
        let (weights, bias) = weights(map)?;
        biases.push(bias);
        parts.push(weights);
    }
    let outputs: Vec<usize> = parts.iter().map(|part| part.sizes()[0]).collect();
    let all: usize = outputs.iter().sum();
    let packed = match &parts[..] {
        [first @ Weights::Integers(matrix, order), rest @ ..]
            if rest.iter().all(|part| first.joins(part)) =>
        {
            let of = |output: usize| match &parts[place(&outputs, output).0] {
                Weights::Integers(matrix, _) => (matrix, place(&outputs, output).1),
                Weights::Half(..) => (matrix, 0),
            };
            let codes = match matrix.codes() {
                companion_kernels::Codes::Four => Codes::Four,
                companion_kernels::Codes::Eight => Codes::Eight,
            };
            let packed = Packed::pack(
                codes,
                [all, matrix.inputs()],
                matrix.group(),
                |output, row| {
                    let (matrix, output) = of(output);
                    matrix.codes_of(output, row);
                },
                |output, group| {
                    let (matrix, output) = of(output);
                    matrix.zero(output, group)
                },
                |output, group| {
                    let (matrix, output) = of(output);
                    matrix.scale(output, group)
                },
            );
            let none = u32::MAX;
            let order = order.as_ref().map(|order| {
                order.iter().map(|input| u32::try_from(*input).unwrap_or(none)).collect()
            });
            match order {
                Some(order) => packed.and_then(|packed| packed.with_order(order, inputs)),
                None => packed,
            }
        }
        parts => Packed::half([all, inputs], |output, row| {
            let (part, output) = place(&outputs, output);
            parts[part].row(output, row);
        }),
    };
    let packed = packed.map_err(failed)?;
    if biases.iter().all(Option::is_none) {
        return Ok(packed);
    }
    let bias = (0..all).map(|output| {
        let (map, output) = place(&outputs, output);
        biases[map].as_ref().map_or(0.0, |bias| bias[output])
    });
    packed.with_bias(bias.collect()).map_err(failed)
}

/// Maps that read the same rows of `inputs` values, one behind the other.
pub(super) fn stacked(maps: Vec<Linear>, inputs: usize) -> Result<Packed, EngineError> {
    joined(maps, inputs, behind)
}

/// Gate and up, in turns.
pub(super) fn gated(gate: Linear, up: Linear, inputs: usize) -> Result<Packed, EngineError> {
    joined(vec![gate, up], inputs, in_turns)
}

/// The output map, as eight bits: logits take no more, and it is read whole for every token.
pub(super) fn output(map: Linear, inputs: usize) -> Result<Packed, EngineError> {
    let (weights, bias) = weights(map)?;
    let [outputs, _] = weights.sizes();
    let packed = match weights {
        Weights::Half(values, _) => {
            Packed::quantize([outputs, inputs], HEAD_GROUP, |output, row| {
                let from = &values[output * inputs..(output + 1) * inputs];
                row.iter_mut().zip(from).for_each(|(to, from)| *to = from.to_f32());
            })
        }
        Weights::Integers(matrix, None) => Packed::pack(
            if matrix.codes() == companion_kernels::Codes::Four {
                Codes::Four
            } else {
                Codes::Eight
            },
            [outputs, inputs],
            matrix.group(),
            |output, row| matrix.codes_of(output, row),
            |output, group| matrix.zero(output, group),
            |output, group| matrix.scale(output, group),
        ),
        weights @ Weights::Integers(_, Some(_)) => {
            Packed::half([outputs, inputs], |output, row| weights.row(output, row))
        }
    };
    let packed = packed.map_err(failed)?;
    match bias {
        Some(bias) => packed.with_bias(bias).map_err(failed),
        None => Ok(packed),
    }
}

//! The network that guesses phones from letters: two recurrent layers, an encoder that reads the letters
//! and a decoder that writes phones. Knows numbers only.
//!
//! Gated recurrent units as in Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder"
//! (2014), in the form with the reset gate behind the recurrent product; weights of the Python package
//! `g2p_en`: rows of the gates reset, update, candidate.

use safetensors::{Dtype, SafeTensors};

use crate::{TtsError, text::Lexicon};

const FILE: &str = "en_g2p_gru.safetensors";
/// The decoder writes no more phones.
const STEPS: usize = 20;
/// Sums that are kept apart in a product.
const LANES: usize = 8;

/// Rows of weights, each with a bias.
#[derive(Debug)]
struct Layer {
    weights: Vec<f32>,
    bias: Vec<f32>,
    width: usize,
}

/// A layer with memory.
#[derive(Debug)]
struct Recurrent {
    input: Layer,
    memory: Layer,
    /// A row for each symbol it reads.
    symbols: Vec<f32>,
}

/// Encoder, decoder, and the layer that scores phones.
#[derive(Debug)]
pub(super) struct Network {
    encoder: Recurrent,
    decoder: Recurrent,
    scores: Layer,
    width: usize,
}

/// The tensors of the file, checked as they are taken out.
struct Tensors<'a> {
    lexicon: &'a Lexicon,
    all: SafeTensors<'a>,
}

impl Network {
    /// Reads the weights for so many letters and phones.
    pub(super) fn read(lexicon: &Lexicon, letters: usize, phones: usize) -> Result<Self, TtsError> {
        let bytes = lexicon.bytes(FILE)?;
        let all = SafeTensors::deserialize(&bytes).map_err(|error| lexicon.wrong(FILE, error))?;
        let tensors = Tensors { lexicon, all };
        let width = tensors.last_dimension("enc_emb")?;
        let recurrent = |part: &str, symbols| {
            Ok::<_, TtsError>(Recurrent {
                input: tensors.layer(
                    [&format!("{part}_w_ih"), &format!("{part}_b_ih")],
                    3 * width,
                    width,
                )?,
                memory: tensors.layer(
                    [&format!("{part}_w_hh"), &format!("{part}_b_hh")],
                    3 * width,
                    width,
                )?,
                symbols: tensors.take(&format!("{part}_emb"), &[symbols, width])?,
            })
        };
        Ok(Self {
            encoder: recurrent("enc", letters)?,
            decoder: recurrent("dec", phones)?,
            scores: tensors.layer(["fc_w", "fc_b"], phones, width)?,
            width,
        })
    }

    /// The phones that follow `start` when the letters are read, up to `end`. Numbers beyond those the
    /// network was made for are passed over.
    pub(super) fn guess(&self, letters: &[usize], start: usize, end: usize) -> Vec<usize> {
        let mut state = vec![0.0; self.width];
        for letter in letters {
            state = self.encoder.step(*letter, &state);
        }
        let mut phones = Vec::new();
        let mut last = start;
        while phones.len() < STEPS {
            state = self.decoder.step(last, &state);
            last = best(&self.scores.apply(&state));
            if last == end {
                break;
            }
            phones.push(last);
        }
        phones
    }
}

impl Recurrent {
    /// The state after reading a symbol.
    fn step(&self, symbol: usize, state: &[f32]) -> Vec<f32> {
        let width = state.len();
        let Some(row) = self.symbols.get(symbol * width..(symbol + 1) * width) else {
            return state.to_vec();
        };
        let (read, kept) = (self.input.apply(row), self.memory.apply(state));
        let next = |i: usize| {
            let reset = sigmoid(read[i] + kept[i]);
            let update = sigmoid(read[width + i] + kept[width + i]);
            let candidate = (read[2 * width + i] + reset * kept[2 * width + i]).tanh();
            (1.0 - update) * candidate + update * state[i]
        };
        (0..width).map(next).collect()
    }
}

impl Layer {
    fn apply(&self, values: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.width);
        rows.zip(&self.bias).map(|(row, bias)| product(row, values) + bias).collect()
    }
}

impl Tensors<'_> {
    fn last_dimension(&self, name: &str) -> Result<usize, TtsError> {
        let tensor = self.all.tensor(name).map_err(|error| self.lexicon.wrong(FILE, error))?;
        let last = tensor.shape().last().copied().filter(|width| *width > 0);
        last.ok_or_else(|| self.lexicon.wrong(FILE, format!("tensor {name} has no rows")))
    }

    fn layer(
        &self,
        [weights, bias]: [&str; 2],
        rows: usize,
        width: usize,
    ) -> Result<Layer, TtsError> {
        let (weights, bias) = (self.take(weights, &[rows, width])?, self.take(bias, &[rows])?);
        Ok(Layer { weights, bias, width })
    }

    /// The values of a float32 tensor of this shape.
    fn take(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TtsError> {
        let tensor = self.all.tensor(name).map_err(|error| self.lexicon.wrong(FILE, error))?;
        if tensor.shape() != shape || tensor.dtype() != Dtype::F32 {
            let (got, kind) = (tensor.shape(), tensor.dtype());
            let problem =
                format!("tensor {name} is {kind:?} of shape {got:?}, want F32 of {shape:?}");
            return Err(self.lexicon.wrong(FILE, problem));
        }
        let (numbers, _) = tensor.data().as_chunks::<4>();
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}

fn product(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (ones, rest) = one.as_chunks::<LANES>();
    let (others, other_rest) = other.as_chunks::<LANES>();
    for (one, other) in ones.iter().zip(others) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    let rest: f32 = rest.iter().zip(other_rest).map(|(one, other)| one * other).sum();
    sums.iter().sum::<f32>() + rest
}

fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

/// The place of the largest value; of equal ones the first.
fn best(values: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}

//! SenseVoice's network: four query rows and the features go through two stacks of SAN-M blocks to
//! one distribution over the vocabulary per row.

use candle_core::{DType, Device, Tensor};
use candle_nn::ops::log_softmax;

use super::SenseVoiceConfig;
use crate::{
    EngineError,
    dsp::Features,
    models::sanm::{Linear, Loader, Norm, Positions, SanmBlock},
};

/// Rows before the features: language, event, emotion, text form.
pub const QUERY_ROWS: usize = 4;
/// Rows of the query embedding.
const QUERIES: usize = 16;
/// Layer norm epsilon of SenseVoice.
const EPSILON: f32 = 1e-5;
/// Positions made in advance: half a minute of rows.
const POSITIONS: usize = 512;

/// A place in the network whose rows can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Input after scaling and position code.
    Embed,
    /// After the first block.
    FirstBlock,
    /// After the last block of the first stack.
    Blocks,
    /// After the norm between the stacks.
    AfterNorm,
    /// After the last block of the second stack.
    TpBlocks,
    /// After the last norm.
    EncoderOut,
    /// Log-probabilities.
    LogProbs,
}

/// The weights.
#[derive(Debug)]
pub(super) struct Network {
    queries: Tensor,
    positions: Positions,
    first: SanmBlock,
    blocks: Vec<SanmBlock>,
    after_norm: Norm,
    tp_blocks: Vec<SanmBlock>,
    tp_norm: Norm,
    head: Linear,
    scale: f64,
    device: Device,
}

impl Network {
    pub(super) fn load(
        loader: &mut Loader<'_>,
        config: &SenseVoiceConfig,
        vocabulary: usize,
    ) -> Result<Self, EngineError> {
        let (from, width) = (config.frontend.dim(), config.sizes.width);
        let device = loader.device.clone();
        let mut stack = |name: &str, from: usize, count: usize| {
            (0..count)
                .map(|index| {
                    let name = format!("encoder.{name}.{index}");
                    SanmBlock::load(loader, &name, from, &config.sizes, EPSILON)
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let first = stack("encoders0", from, 1)?.remove(0);
        let blocks = stack("encoders", width, config.blocks - 1)?;
        let tp_blocks = stack("tp_encoders", width, config.tp_blocks)?;
        let compute = |source| EngineError::Compute { stage: "position codes", source };
        #[expect(clippy::cast_precision_loss, reason = "widths are small")]
        let scale = (width as f64).sqrt();
        Ok(Self {
            queries: loader.file.tensor("embed.weight", &[QUERIES, from], &device)?,
            positions: Positions::new(from, POSITIONS, &device).map_err(compute)?,
            first,
            blocks,
            after_norm: loader.norm("encoder.after_norm", width, EPSILON)?,
            tp_blocks,
            tp_norm: loader.norm("encoder.tp_norm", width, EPSILON)?,
            head: loader.linear("ctc.ctc_lo", width, vocabulary)?,
            scale,
            device,
        })
    }

    /// Log-probabilities `[4 + rows, vocabulary]`; `look` sees the rows of every stage.
    pub(super) fn forward(
        &mut self,
        features: &Features,
        queries: [u32; QUERY_ROWS],
        look: &mut dyn FnMut(Stage, &Tensor) -> candle_core::Result<()>,
    ) -> Result<Tensor, EngineError> {
        self.run(features, queries, look)
            .map_err(|source| EngineError::Compute { stage: "SenseVoice", source })
    }

    fn run(
        &mut self,
        features: &Features,
        queries: [u32; QUERY_ROWS],
        look: &mut dyn FnMut(Stage, &Tensor) -> candle_core::Result<()>,
    ) -> candle_core::Result<Tensor> {
        let shape = (features.rows(), features.dim);
        let features = Tensor::from_slice(&features.values, shape, &self.device)?;
        let index = Tensor::from_slice(&queries, QUERY_ROWS, &self.device)?.to_dtype(DType::U32)?;
        let queries = self.queries.index_select(&index, 0)?;
        let input = Tensor::cat(&[&queries, &features], 0)?;
        let x = self.positions.encode(&input, self.scale)?;
        look(Stage::Embed, &x)?;
        let mut x = self.first.forward(&x)?;
        look(Stage::FirstBlock, &x)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        look(Stage::Blocks, &x)?;
        x = self.after_norm.forward(&x)?;
        look(Stage::AfterNorm, &x)?;
        for block in &self.tp_blocks {
            x = block.forward(&x)?;
        }
        look(Stage::TpBlocks, &x)?;
        x = self.tp_norm.forward(&x)?;
        look(Stage::EncoderOut, &x)?;
        let log_probs = log_softmax(&self.head.forward(&x)?, 1)?;
        look(Stage::LogProbs, &log_probs)?;
        Ok(log_probs)
    }
}

//! The speaker embedding of the Pro versions: ERes2NetV2 (Chen et al. 2024) as 3D-Speaker publishes
//! it, over a filterbank of 16 kHz samples. Only what lies below its last layer is used, averaged
//! over time. It is needed once per voice.

mod block;

use std::path::Path;

use candle_core::{Device, Result as Computed, Tensor};

use self::block::{Block, Fusion, kernel, normed};
use super::{
    Watch,
    conv2d::Conv2d,
    load::{Weights, computing, refuse},
};
use crate::{
    EngineError,
    dsp::{Fbank, FbankSettings, Window},
    weights::TensorFile,
};

const STAGE: &str = "the speaker embedding";
/// Steps of the stages over frequency and time (ERes2NetV2).
const STRIDES: [usize; 4] = [1, 2, 2, 2];
/// Longest clip that is taken, samples: a minute.
const LONGEST: usize = 960_000;
/// Kaldi's defaults with 80 filters and samples in −1..1, as `kaldi.py` of GPT-SoVITS has them.
const FILTERS: FbankSettings = FbankSettings {
    sample_rate: 16_000,
    mel_bins: 80,
    frame_ms: 25,
    hop_ms: 10,
    window: Window::Povey,
    amplitude: 1.0,
};

/// The model's weights.
#[derive(Debug)]
pub struct Speaker {
    first: Conv2d,
    stages: [Vec<Block>; 4],
    /// Brings the third stage to the size of the fourth.
    down: Conv2d,
    fusion: Fusion,
    device: Device,
}

impl Speaker {
    /// Reads a checkpoint: a state dictionary as `torch.save` writes it, or safetensors.
    ///
    /// # Errors
    /// When the file cannot be read, a tensor is missing, or the tensors do not fit each other.
    pub fn open(path: &Path, device: &Device) -> Result<Self, EngineError> {
        let mut file = TensorFile::open(path)?;
        let mut weights = Weights::new(&mut file, device, "");
        let first = normed(&mut weights, ("conv1", "bn1"), 1, 1)?;
        let mut widths = vec![first.width()];
        let mut stage = |number: usize| {
            let name = format!("layer{number}");
            let mut width = widths.last().copied().unwrap_or(0);
            let mut blocks: Vec<Block> = Vec::new();
            for i in 0..weights.count(&name, "conv1.weight") {
                let stride = if i == 0 { STRIDES[number - 1] } else { 1 };
                blocks.push(Block::load(weights.below(&format!("{name}.{i}")), width, stride)?);
                width = blocks[i].width();
            }
            widths.push(width);
            if blocks.is_empty() {
                let tensor = format!("{name}.0.conv1.weight");
                return Err(EngineError::MissingTensor { file: weights.path(), tensor });
            }
            Ok(blocks)
        };
        let stages = [stage(1)?, stage(2)?, stage(3)?, stage(4)?];
        let (third, last) = (widths[3], widths[4]);
        let (kernel, to) = kernel(&mut weights, "layer3_ds", third)?;
        if to != last {
            return Err(EngineError::Malformed {
                file: weights.path(),
                problem: format!("layer3_ds has {to} outputs, layer4 {last}; expected as many"),
            });
        }
        let down = Conv2d::new(&kernel, None, STRIDES[3]).map_err(computing(STAGE))?;
        let fusion = Fusion::load(weights.below("fuse34"), last)?;
        Ok(Self { first, stages, down, fusion, device: device.clone() })
    }

    /// Values of an embedding.
    #[must_use]
    pub fn width(&self) -> usize {
        let bins = STRIDES.iter().fold(FILTERS.mel_bins, |bins, stride| bins.div_ceil(*stride));
        self.stages[3].last().map_or(0, Block::width) * bins
    }

    /// The embedding of a clip of 16 kHz (−1..1).
    ///
    /// # Errors
    /// When the clip is shorter than a frame (25 ms) or longer than a minute.
    pub fn embedding(&self, pcm: &[f32], watch: &mut Watch<'_>) -> Result<Vec<f32>, EngineError> {
        let mut rows = Vec::new();
        let frames = match pcm.len() {
            0..=LONGEST => Fbank::new(FILTERS)?.append(pcm, &mut rows),
            _ => 0,
        };
        if frames == 0 {
            return refuse(
                "reference clip",
                format!("{} samples, expected {} to {LONGEST}", pcm.len(), FILTERS.frame_samples()),
            );
        }
        let failed = computing(STAGE);
        let rows =
            Tensor::from_vec(rows, (frames, FILTERS.mel_bins), &self.device).map_err(&failed)?;
        watch("fbank", &rows)?;
        let image = || self.first.forward(&rows.t()?.unsqueeze(0)?)?.relu();
        let mut x = image().map_err(&failed)?;
        let mut third = x.clone();
        for (number, stage) in (1..).zip(&self.stages) {
            third = x;
            x = stage
                .iter()
                .try_fold(third.clone(), |x, block| block.forward(&x))
                .map_err(&failed)?;
            watch(&format!("sv.layer{number}"), &x)?;
        }
        let down = self.down.forward(&third).map_err(&failed)?;
        watch("sv.layer3_ds", &down)?;
        let fused = self.fusion.forward(&x, &down).map_err(&failed)?;
        watch("sv.fuse34", &fused)?;
        averaged(&fused).map_err(&failed)
    }
}

/// Means over time, channel by channel and in each by frequency.
fn averaged(x: &Tensor) -> Computed<Vec<f32>> {
    x.mean(2)?.flatten_all()?.to_vec1()
}

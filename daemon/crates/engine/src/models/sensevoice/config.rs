//! `config.yaml` of a SenseVoice model, as far as it changes what is computed.

use std::path::Path;

use serde::Deserialize;

use crate::{
    EngineError,
    dsp::{FbankSettings, FrontendSettings, LowFrameRate},
    models::sanm::SanmSizes,
    weights::ModelDirectory,
};

/// Most blocks of one stack; the official model has 50.
const MOST_BLOCKS: usize = 512;

/// Most filters of a frame and most frames of a row, as the front end takes them.
const MOST_FILTERS: usize = 512;
const MOST_STACKED: usize = 64;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SenseVoiceConfig {
    /// Sizes of the encoder's blocks.
    pub sizes: SanmSizes,
    /// Blocks before the first norm.
    pub blocks: usize,
    /// Blocks after it.
    pub tp_blocks: usize,
    /// The front end.
    pub frontend: FrontendSettings,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    model: Option<String>,
    encoder_conf: Encoder,
    #[serde(default)]
    frontend_conf: Front,
}

#[derive(Deserialize)]
struct Encoder {
    output_size: usize,
    attention_heads: usize,
    linear_units: usize,
    num_blocks: usize,
    tp_blocks: usize,
    #[serde(default = "eleven")]
    kernel_size: usize,
    #[serde(default, alias = "sanm_shift")]
    sanm_shfit: i64,
    #[serde(default = "yes")]
    normalize_before: bool,
}

#[derive(Deserialize)]
#[serde(default)]
struct Front {
    fs: u32,
    window: String,
    n_mels: usize,
    frame_length: u32,
    frame_shift: u32,
    lfr_m: usize,
    lfr_n: usize,
    dither: f32,
}

impl Default for Front {
    /// The reference's defaults, with the stacking of its speech recognisers.
    fn default() -> Self {
        Self {
            fs: 16_000,
            window: "hamming".into(),
            n_mels: 80,
            frame_length: 25,
            frame_shift: 10,
            lfr_m: 7,
            lfr_n: 6,
            dither: 1.0,
        }
    }
}

fn eleven() -> usize {
    11
}

fn yes() -> bool {
    true
}

impl SenseVoiceConfig {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// When it cannot be read, belongs to another model, or has sizes no such model has.
    pub fn read(directory: &ModelDirectory) -> Result<Self, EngineError> {
        let path = directory.config_file();
        let file: File = directory.config()?;
        let config = Self::from_file(&file, path)?;
        config.sizes.check(path)?;
        Ok(config)
    }

    fn from_file(file: &File, path: &Path) -> Result<Self, EngineError> {
        let refuse = |key: &str, problem: String| {
            Err(EngineError::Config { file: path.to_owned(), key: key.into(), problem })
        };
        if let Some(model) = file.model.as_deref().filter(|model| *model != "SenseVoiceSmall") {
            return refuse("model", format!("{model} is not SenseVoiceSmall"));
        }
        let encoder = &file.encoder_conf;
        if !encoder.normalize_before {
            return refuse("normalize_before", "only true is supported".into());
        }
        if !(1..=MOST_BLOCKS).contains(&encoder.num_blocks) {
            return refuse("num_blocks", format!("{} is not from 1 to 512", encoder.num_blocks));
        }
        if encoder.tp_blocks > MOST_BLOCKS {
            return refuse("tp_blocks", format!("{} is more than 512", encoder.tp_blocks));
        }
        let front = &file.frontend_conf;
        if front.window != "hamming" || front.fs != 16_000 {
            let found = format!("{} window at {} Hz", front.window, front.fs);
            return refuse(
                "frontend_conf",
                format!("{found}; only hamming at 16000 Hz is supported"),
            );
        }
        // Multiplied before the front end looks at them.
        for (key, found, most) in
            [("n_mels", front.n_mels, MOST_FILTERS), ("lfr_m", front.lfr_m, MOST_STACKED)]
        {
            if !(1..=most).contains(&found) {
                return refuse(key, format!("{found} is not from 1 to {most}"));
            }
        }
        Ok(Self {
            sizes: SanmSizes {
                width: encoder.output_size,
                heads: encoder.attention_heads,
                inner: encoder.linear_units,
                kernel: encoder.kernel_size,
                // Negative shifts mean none, as in the reference.
                shift: usize::try_from(encoder.sanm_shfit).unwrap_or(0),
            },
            blocks: encoder.num_blocks,
            tp_blocks: encoder.tp_blocks,
            frontend: FrontendSettings {
                fbank: FbankSettings {
                    sample_rate: front.fs,
                    mel_bins: front.n_mels,
                    frame_ms: front.frame_length,
                    hop_ms: front.frame_shift,
                    ..FbankSettings::default()
                },
                lfr: LowFrameRate { stack: front.lfr_m, skip: front.lfr_n },
                dither: front.dither,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(front: &str) -> Result<SenseVoiceConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "encoder_conf: {{output_size: 4, attention_heads: 2, linear_units: 4, num_blocks: 1, \
             tp_blocks: 1}}\nfrontend_conf: {{{front}}}\n"
        );
        std::fs::write(folder.path().join("config.yaml"), config).unwrap();
        let directory = ModelDirectory::open(folder.path()).unwrap();
        SenseVoiceConfig::read(&directory).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_of_the_front_end_that_no_model_has_are_named() {
        assert_eq!(read("n_mels: 80, lfr_m: 7").unwrap().frontend.dim(), 560);
        for (front, says) in [
            (
                "n_mels: 18446744073709551615, lfr_m: 7",
                "n_mels: 18446744073709551615 is not from 1 to 512",
            ),
            ("n_mels: 80, lfr_m: 65", "lfr_m: 65 is not from 1 to 64"),
            ("n_mels: 0", "n_mels: 0 is not"),
        ] {
            let error = read(front).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}

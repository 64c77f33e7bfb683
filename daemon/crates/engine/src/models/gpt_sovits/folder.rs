//! A GPT-SoVITS model as it lies in a directory: which file is which. Loads nothing.
//!
//! Expected: one `.ckpt` (the semantic decoder, `GPT_weights*`), one `.pth` (the synthesiser, `SoVITS_weights*`),
//! `bert/` or `chinese-roberta-wwm-ext-large/`, `hubert/` or `chinese-hubert-base/`, and for the Pro versions
//! `sv.ckpt` or `pretrained_eres2netv2w24s4ep4.ckpt`, also below `sv/`.

use std::path::{Path, PathBuf};

use candle_core::Device;

use super::{bert::Bert, hubert::Hubert, s1::S1, s2::S2, speaker::Speaker, voice::Readers};
use crate::{EngineError, tokenizer::TextTokenizer};

const BERT: [&str; 2] = ["bert", "chinese-roberta-wwm-ext-large"];
const HUBERT: [&str; 2] = ["hubert", "chinese-hubert-base"];
const SPEAKER: [&str; 4] = [
    "sv.ckpt",
    "pretrained_eres2netv2w24s4ep4.ckpt",
    "sv/sv.ckpt",
    "sv/pretrained_eres2netv2w24s4ep4.ckpt",
];
const WEIGHTS: &str = "pytorch_model.bin";

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptSovitsFolder {
    s1: PathBuf,
    s2: PathBuf,
    bert: PathBuf,
    hubert: PathBuf,
    speaker: Option<PathBuf>,
}

/// Whether a directory looks like a GPT-SoVITS model.
#[must_use]
pub fn is_gpt_sovits(directory: &Path) -> bool {
    let has = |ending| !named(directory, ending).is_empty();
    has("pth") && has("ckpt") || has("pth") && BERT.iter().any(|n| directory.join(n).is_dir())
}

/// Files of an ending, the speaker model left out, in order.
fn named(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == ending) && path.is_file())
        .filter(|path| !SPEAKER.iter().any(|name| path.ends_with(name)))
        .collect();
    paths.sort();
    paths
}

impl GptSovitsFolder {
    /// Finds the files.
    ///
    /// # Errors
    /// When one is missing or there are several of a kind; says what is expected.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let wrong =
            |problem: String| EngineError::Malformed { file: directory.to_owned(), problem };
        let only = |ending: &str, what: &str| match named(directory, ending).as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(wrong(format!("no .{ending} file ({what})"))),
            several => {
                Err(wrong(format!("{} .{ending} files; one ({what}) is expected", several.len())))
            }
        };
        let folder = |names: [&str; 2]| {
            let found = names.iter().map(|n| directory.join(n)).find(|p| p.is_dir());
            found.ok_or_else(|| wrong(format!("neither {}/ nor {}/ is there", names[0], names[1])))
        };
        Ok(Self {
            s1: only("ckpt", "the semantic decoder, GPT_weights")?,
            s2: only("pth", "the synthesiser, SoVITS_weights")?,
            bert: folder(BERT)?,
            hubert: folder(HUBERT)?,
            speaker: SPEAKER.iter().map(|name| directory.join(name)).find(|path| path.is_file()),
        })
    }

    /// Files on which what is read of a clip depends.
    pub fn reading(&self) -> impl Iterator<Item = &Path> {
        let fixed = [self.s2.as_path(), self.hubert.as_path()];
        fixed.into_iter().chain(self.speaker.as_deref())
    }

    /// Loads the semantic decoder.
    ///
    /// # Errors
    /// As [`S1::open`].
    pub fn s1(&self, device: &Device) -> Result<S1, EngineError> {
        S1::open(&self.s1, None, device)
    }

    /// Loads the synthesiser.
    ///
    /// # Errors
    /// As [`S2::open`].
    pub fn s2(&self, device: &Device) -> Result<S2, EngineError> {
        S2::open(&self.s2, None, device)
    }

    /// Loads what reads the prosody of Chinese text.
    ///
    /// # Errors
    /// As [`Bert::open`].
    pub fn bert(&self, device: &Device) -> Result<(Bert, TextTokenizer), EngineError> {
        Ok((Bert::open(&self.bert, WEIGHTS, device)?, TextTokenizer::open(&self.bert)?))
    }

    /// Loads what reads reference clips.
    ///
    /// # Errors
    /// As [`Hubert::open`] and [`Speaker::open`].
    pub fn readers(&self, device: &Device) -> Result<Readers, EngineError> {
        let speaker =
            self.speaker.as_deref().map(|path| Speaker::open(path, device)).transpose()?;
        Ok(Readers { hubert: Hubert::open(&self.hubert, WEIGHTS, device)?, speaker })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_twice_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let problem = || GptSovitsFolder::open(folder.path()).unwrap_err().to_string();
        assert!(!is_gpt_sovits(folder.path()) && problem().contains(".ckpt"));
        std::fs::write(path("a-e15.ckpt"), "").unwrap();
        std::fs::write(path("sv.ckpt"), "").unwrap();
        assert!(problem().contains(".pth"));
        std::fs::write(path("a_e8.pth"), "").unwrap();
        assert!(is_gpt_sovits(folder.path()) && problem().contains("chinese-roberta"));
        std::fs::create_dir(path("bert")).unwrap();
        std::fs::create_dir(path("chinese-hubert-base")).unwrap();
        let files = GptSovitsFolder::open(folder.path()).unwrap();
        assert_eq!((files.s1, files.speaker), (path("a-e15.ckpt"), Some(path("sv.ckpt"))));
        std::fs::write(path("b_e8.pth"), "").unwrap();
        assert!(problem().contains("2 .pth"));
    }
}

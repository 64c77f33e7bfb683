//! The model against recorded results of the reference, and damaged model directories.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use candle_core::Device;

use super::*;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sensevoice")
}

/// A copy of the golden directory that may be damaged.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// Recorded tensors by name.
fn recorded() -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(golden().join("expected.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let values =
                view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            (name.to_owned(), (view.shape().to_vec(), values))
        })
        .collect()
}

fn difference(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max)
}

#[test]
fn every_stage_equals_the_reference_with_either_file_of_weights() {
    let recorded = recorded();
    let (_, feats) = &recorded["feats"];
    let features = Features { dim: 560, values: feats.clone() };
    let options = SenseVoiceOptions { language: SenseVoiceLanguage::Chinese, ..Default::default() };
    for weights in ["model.pt", "model.safetensors"] {
        let files = ModelDirectory::open(&golden()).unwrap().with_weights(weights);
        let mut model = SenseVoice::from_directory(&files, &Device::Cpu).unwrap();
        let mut seen = Vec::new();
        let (values, classes) = model
            .log_probs(&features, options.queries(), &mut |stage, rows| {
                let name = match stage {
                    Stage::Embed => "embed",
                    Stage::FirstBlock => "encoders0",
                    Stage::Blocks => "encoders",
                    Stage::AfterNorm => "after_norm",
                    Stage::TpBlocks => "tp_encoders",
                    Stage::EncoderOut => "encoder_out",
                    Stage::LogProbs => "log_probs",
                };
                let (shape, want) = &recorded[name];
                assert_eq!(rows.dims(), shape);
                let got: Vec<f32> = rows.flatten_all()?.to_vec1()?;
                seen.push((name, difference(&got, want)));
                Ok(())
            })
            .unwrap();
        assert_eq!(seen.len(), 7);
        for (name, error) in seen {
            assert!(error < 2e-4, "{weights}: {name} is off by {error}");
        }
        let heard = model.read(LogProbs::new(&values, classes), &options);
        let want: Vec<u32> =
            serde_json::from_slice(&fs::read(golden().join("ids.json")).unwrap()).unwrap();
        assert_eq!(heard.ids, want);
    }
}

#[test]
fn too_little_audio_is_nothing_heard_and_no_number_is_an_error() {
    let mut model = SenseVoice::load(&golden(), &Device::Cpu).unwrap();
    let options = SenseVoiceOptions::default();
    for samples in [0, 1, 399] {
        assert_eq!(model.transcribe(&vec![0.1; samples], &options).unwrap(), CtcText::default());
    }
    assert!(model.transcribe(&[0.1; 400], &options).is_ok());
    let error = model.transcribe(&[f32::NAN; 800], &options).unwrap_err();
    assert!(error.to_string().contains("sample 0"), "{error}");
    model.warm_up().unwrap();
}

#[test]
fn a_banned_emotion_is_never_answered() {
    let model = SenseVoice::load(&golden(), &Device::Cpu).unwrap();
    let classes = model.vocabulary().len();
    let unknown = model.vocabulary().id(UNKNOWN_EMOTION).unwrap();
    let mut values = vec![-9.0; 5 * classes];
    values[classes + unknown as usize] = -0.1;
    let probs = LogProbs::new(&values, classes);
    let mut options = SenseVoiceOptions::default();
    assert!(model.read(probs, &options).ids.contains(&unknown));
    options.ban_unknown_emotion = true;
    assert!(!model.read(probs, &options).ids.contains(&unknown));
}

#[test]
fn weights_cut_anywhere_are_an_error_that_names_the_file() {
    for name in ["model.safetensors", "model.pt"] {
        let folder = copy();
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        let files = ModelDirectory::open(folder.path()).unwrap().with_weights(name);
        let cuts = (0..64)
            .chain((64..whole.len()).step_by(whole.len() / 60))
            .chain(whole.len() - 40..whole.len());
        for cut in cuts {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = SenseVoice::from_directory(&files, &Device::Cpu).unwrap_err().to_string();
            assert!(error.contains(name), "cut at {cut}: {error}");
        }
    }
}

#[test]
fn weights_with_changed_bytes_never_panic() {
    for name in ["model.safetensors", "model.pt"] {
        let folder = copy();
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        let files = ModelDirectory::open(folder.path()).unwrap().with_weights(name);
        let mut state = 7usize;
        for round in 0..120 {
            let mut hostile = whole.clone();
            for _ in 0..=round % 4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Descriptions lie at the begin of both files, an archive's directory at the end.
                let place = (state >> 33) % 9_000;
                let at = if round % 3 == 0 { whole.len() - 1 - place } else { place };
                hostile[at] = (state >> 24) as u8;
            }
            fs::write(&path, &hostile).unwrap();
            if let Err(error) = SenseVoice::from_directory(&files, &Device::Cpu) {
                assert!(error.to_string().contains(name), "{error}");
            }
        }
    }
}

#[test]
fn a_missing_or_wrongly_shaped_weight_is_named() {
    let folder = copy();
    let path = folder.path().join("config.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(folder.path().join("model.pt")).unwrap();
    let attempt = |text: String| {
        fs::write(&path, text).unwrap();
        SenseVoice::load(folder.path(), &Device::Cpu).unwrap_err()
    };
    let deeper = attempt(text.replace("num_blocks: 3", "num_blocks: 9"));
    assert!(
        matches!(&deeper, EngineError::MissingTensor { tensor, .. } if tensor.contains("encoders.2")),
        "{deeper}"
    );
    let wider = attempt(text.replace("linear_units: 128", "linear_units: 4096"));
    assert!(
        matches!(&wider, EngineError::Shape { expected, .. } if expected.contains(&4096)),
        "{wider}"
    );
}

#[test]
fn configurations_of_no_such_model_are_refused_before_anything_is_loaded() {
    let folder = copy();
    let path = folder.path().join("config.yaml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("output_size: 64", "output_size: 99999999999"),
        ("output_size: 64", "output_size: -1"),
        ("attention_heads: 4", "attention_heads: 0"),
        ("attention_heads: 4", "attention_heads: 5"),
        ("num_blocks: 3", "num_blocks: 0"),
        ("num_blocks: 3", "num_blocks: 4000000000"),
        ("kernel_size: 11", "kernel_size: 10"),
        ("n_mels: 80", "n_mels: 100000"),
        ("lfr_m: 7", "lfr_m: 0"),
        ("window: hamming", "window: [povey"),
        ("model: SenseVoiceSmall", "model: Paraformer"),
        ("encoder_conf:", "encoder_konf:"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replace(from, to)).unwrap();
        assert!(SenseVoice::load(folder.path(), &Device::Cpu).is_err(), "{to}");
    }
    let bomb = (0..30).fold("a0: &a0 [x]\n".to_owned(), |sum, i| {
        format!("{sum}a{}: &a{} [*a{i}, *a{i}, *a{i}, *a{i}]\n", i + 1, i + 1)
    });
    fs::write(&path, bomb).unwrap();
    assert!(SenseVoice::load(folder.path(), &Device::Cpu).is_err());
}

#[test]
fn a_directory_without_a_part_says_which() {
    for name in ["am.mvn", "config.yaml", "chn_jpn_yue_eng_ko_spectok.bpe.model"] {
        let folder = copy();
        fs::remove_file(folder.path().join(name)).unwrap();
        let error = SenseVoice::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

/// An ARPA file over two tokens that finds one a thousand times likelier than the other.
fn likes(liked: &str, other: &str) -> String {
    format!(
        "\\data\\\nngram 1=4\n\n\\1-grams:\n-99\t<s>\n-1\t</s>\n-0.1\t{liked}\n-3.1\t{other}\n\n\\end\\\n"
    )
}

#[test]
fn the_language_model_of_the_folder_decides_between_likely_tokens() {
    let folder = copy();
    let plain = SenseVoice::load(folder.path(), &Device::Cpu).unwrap();
    let vocabulary = plain.vocabulary();
    let is_text = |id: u32| {
        let text = &vocabulary.piece(id).unwrap().text;
        !text.starts_with('<') && !text.contains(char::is_whitespace)
    };
    let classes = vocabulary.len();
    let ids: Vec<u32> = (1..u32::try_from(classes).unwrap()).filter(|id| is_text(*id)).collect();
    let (heard, meant) = (ids[4], ids[9]);
    let piece = |id: u32| vocabulary.piece(id).unwrap().text.clone();
    // Four rows of tags, then one row in which both are nearly as likely.
    let mut rows = vec![-20.0f32; classes * (QUERY_ROWS + 1)];
    rows.chunks_mut(classes).for_each(|row| row[0] = -0.01);
    let last = &mut rows[QUERY_ROWS * classes..];
    (last[0], last[heard as usize], last[meant as usize]) = (-9.0, -0.6, -0.9);
    let probs = LogProbs::new(&rows, classes);
    let options = SenseVoiceOptions::default();
    assert_eq!(plain.decode(probs, &options).ids, [heard]);
    fs::write(folder.path().join("lm.arpa"), likes(&piece(meant), &piece(heard))).unwrap();
    fs::write(folder.path().join("decoding.json"), r#"{"language_model": "lm.arpa"}"#).unwrap();
    let helped = SenseVoice::load(folder.path(), &Device::Cpu).unwrap();
    assert_eq!(helped.decode(probs, &options).ids, [meant]);
    assert_eq!(helped.read(probs, &options).ids, [heard], "the reference's way stays greedy");
}

#[test]
fn a_wrong_decoding_file_is_named_with_what_is_wrong() {
    let folder = copy();
    fs::write(folder.path().join("lm.arpa"), likes("a", "b")).unwrap();
    fs::write(folder.path().join("other.arpa"), "no model").unwrap();
    for (text, says) in [
        ("{", "decoding.json"),
        (r#"{"language_model": "gone.arpa"}"#, "gone.arpa"),
        (r#"{"language_model": "../lm.arpa"}"#, "../lm.arpa"),
        (r#"{"language_model": "lm.arpa", "beam": 0}"#, "beam is 0"),
        (r#"{"language_model": "lm.arpa", "weight": -1}"#, "weight"),
        (r#"{"language_model": "lm.arpa", "width": 3}"#, "width"),
        (r#"{"language_model": "other.arpa"}"#, "other.arpa"),
    ] {
        fs::write(folder.path().join("decoding.json"), text).unwrap();
        let error = SenseVoice::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

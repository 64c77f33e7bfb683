//! The front end against recorded results of the reference.

use std::{fs, path::Path};

use super::*;

fn recorded(name: &str) -> Vec<f32> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bytes = fs::read(golden.join("frontend/expected.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let data = file.tensor(name).unwrap();
    data.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn frontend() -> Frontend {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let cmvn = Cmvn::read(&golden.join("sensevoice/am.mvn"), 560).unwrap();
    let settings = FrontendSettings {
        fbank: FbankSettings::default(),
        lfr: LowFrameRate { stack: 7, skip: 6 },
        dither: 0.0,
    };
    Frontend::new(settings, Some(cmvn)).unwrap()
}

fn assert_close(got: &[f32], want: &[f32], limit: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let worst = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
    assert!(worst <= limit, "{what} is off by {worst}");
}

#[test]
fn filterbank_rows_equal_the_reference() {
    for clip in ["short_01000", "short_00399", "en_hello"] {
        let rows = frontend().fbank(&recorded(&format!("{clip}/wav"))).unwrap();
        assert_close(&rows.values, &recorded(&format!("{clip}/fbank")), 5e-3, clip);
    }
}

#[test]
fn features_equal_the_reference() {
    for clip in ["short_01000", "short_00399"] {
        let rows = frontend().extract(&recorded(&format!("{clip}/wav"))).unwrap();
        assert_close(&rows.values, &recorded(&format!("{clip}/feats")), 5e-4, clip);
    }
}

#[test]
fn features_of_a_stream_equal_the_reference() {
    let mut online = frontend().into_online();
    let pcm = recorded("short_01000/wav");
    let mut all = Vec::new();
    for piece in pcm.chunks(160) {
        all.extend(online.push(piece, false).values);
    }
    all.extend(online.push(&[], true).values);
    assert_close(&all, &recorded("short_01000/feats"), 5e-4, "stream");
}

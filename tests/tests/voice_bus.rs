//! Voices over the bus: words of one's own, and recordings that become references or are refused.

use std::path::Path;

use companion_audio::write_wav;
use companion_bus::client::finish;
use companion_bus::types::{get, put};
use companion_bus::voice::VoiceProxy;
use companion_bus::{Dict, Error};
use companion_types::CAPTURE_RATE;

use crate::support::process::World;
use crate::support::{copy_all, root, speech};

const TEXT: &str = "今天天气真不错，我们一起去公园吧。";

/// Speech of `text` as a WAV file, with so many seconds cut off and so much noise.
fn recording(folder: &Path, text: &str, cut_s: usize, noise: f32) -> std::path::PathBuf {
    let path = folder.join(format!("clip-{cut_s}-{noise}-{}.wav", text.len()));
    let mut pcm = speech(text);
    pcm.truncate(pcm.len().saturating_sub(cut_s * 16_000));
    let mut state = 1_u32;
    for sample in &mut pcm {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample += noise * ((state >> 16) as f32 / 32_768.0 - 1.0);
    }
    write_wav(std::fs::File::create(&path).unwrap(), &pcm, CAPTURE_RATE).unwrap();
    path
}

async fn import(
    voice: &VoiceProxy<'_>,
    emotion: &str,
    wav: &Path,
    text: &str,
) -> Result<Dict, Error> {
    let clip = std::os::fd::OwnedFd::from(std::fs::File::open(wav).unwrap());
    let mut options = Dict::new();
    put(&mut options, "text", text);
    put(&mut options, "model", "tiny-sovits");
    let call =
        async |options| voice.import("mia".into(), emotion.into(), clip.into(), options).await;
    finish(voice.inner().connection(), options, call, |_| ()).await
}

#[tokio::test]
async fn a_clear_recording_becomes_a_reference_and_others_are_refused_with_reasons() {
    let world = World::new();
    let folder = world.folder.path();
    let models = folder.join("models");
    copy_all(&root().join("tests/golden/gpt-sovits/model"), &models.join("tiny-sovits"));
    let folders = [models.display().to_string(), root().join("models").display().to_string()];
    let mut command = world.daemon(false);
    command.arg("--set").arg(format!("paths.models={folders:?}"));
    let _daemon = world.start(&mut command).await;
    let connection = world.connect().await;
    let voice = VoiceProxy::new(&connection).await.unwrap();
    let clips = tokio::task::spawn_blocking({
        let folder = folder.to_owned();
        move || {
            [
                recording(&folder, TEXT, 0, 0.0),
                recording(&folder, TEXT, 3, 0.0),
                recording(&folder, TEXT, 0, 0.1),
            ]
        }
    });
    let [clear, short, noisy] = clips.await.unwrap();
    for (emotion, wav, text, reason) in [
        ("calm", &short, "今天天气真不错", "s long"),
        ("calm", &noisy, TEXT, "noisy"),
        ("calm", &clear, "明天晚上他们不会来吃饭，因为太远了。", "does not match"),
        ("furious", &clear, TEXT, "emotion.custom"),
        ("happy", &clear, TEXT, "calm"),
    ] {
        let error = import(&voice, emotion, wav, text).await.unwrap_err();
        assert!(error.parts().1.contains(reason), "{reason}: {error}");
    }
    let report = import(&voice, "calm", &clear, TEXT).await.unwrap();
    assert!(get::<f64>(&report, "seconds").unwrap() > 3.0);
    assert!(get::<Vec<String>>(&report, "problems").unwrap().is_empty());
    let voices = voice.voices(Dict::new()).await.unwrap();
    let mia = voices.iter().find(|(name, _)| name == "mia").unwrap();
    assert_eq!(get::<String>(&mia.1, "engine").unwrap(), "gpt-sovits");
    assert_eq!(get::<String>(&mia.1, "problem").unwrap(), "");
    assert_eq!(get::<Vec<String>>(&mia.1, "emotions").unwrap(), ["calm"]);
}

#[tokio::test]
async fn words_of_ones_own_stay_over_a_restart() {
    let world = World::new();
    let daemon = world.start(&mut world.daemon(false)).await;
    let connection = world.connect().await;
    let voice = VoiceProxy::new(&connection).await.unwrap();
    let say = async |written: &str, said: &str| {
        voice.pronounce(written.into(), said.into(), Dict::new()).await
    };
    say("重庆", "chong2 qing4").await.unwrap();
    say("GIF", "jif").await.unwrap();
    say("GIF", "gif").await.unwrap();
    let error = say("重庆", "chong2").await.unwrap_err();
    assert!(error.parts().1.contains("2 characters"), "{error}");
    drop(daemon);
    let _daemon = world.start(&mut world.daemon(false)).await;
    let connection = world.connect().await;
    let voice = VoiceProxy::new(&connection).await.unwrap();
    let kept = voice.pronunciations(Dict::new()).await.unwrap();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(kept, [pair("GIF", "gif"), pair("重庆", "chong2 qing4")]);
    voice.forget_pronunciation("GIF".into(), Dict::new()).await.unwrap();
    let error = voice.forget_pronunciation("GIF".into(), Dict::new()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    assert_eq!(voice.pronunciations(Dict::new()).await.unwrap().len(), 1);
}

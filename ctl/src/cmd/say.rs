//! `say`: a text through the speaker, or as a WAV file through a pipe.

use std::path::{Path, PathBuf};

use companion_bus::types::{get, put};
use companion_bus::{Dict, TurnResult};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::{Context, reply};
use crate::exit::{Failure, Outcome};
use crate::messages::Message;
use crate::output::{Output, clean};
use crate::wav;

/// The most sound that is taken: half an hour at 48 kHz.
const MOST_BYTES: u64 = 30 * 60 * 48_000 * 2;

pub(crate) async fn run(
    context: &Context,
    output: &mut Output,
    text: String,
    emotion: Option<String>,
    out: Option<PathBuf>,
) -> Outcome {
    let mut options = Dict::new();
    if let Some(emotion) = &emotion {
        put(&mut options, "emotion", emotion.as_str());
    }
    if let Some(path) = out {
        return to_file(context, output, text, options, &path).await;
    }
    let manager = context.manager().await?;
    let call = |options| manager.say(text, options);
    let result = context.finish(output, Message::Speaking, options, call).await?;
    let turn = TurnResult::from_dict(&result);
    if output.json {
        output.value(&reply::to_json(&turn))?;
        return Ok(());
    }
    output.line(clean(&turn.text))?;
    reply::show_account(output, &turn)
}

async fn to_file(
    context: &Context,
    output: &mut Output,
    text: String,
    options: Dict,
    path: &Path,
) -> Outcome {
    let manager = context.manager().await?;
    let (ours, theirs) = std::io::pipe()?;
    let theirs = zbus::OwnedFd::from(std::os::fd::OwnedFd::from(theirs));
    let reader = crate::events::reader(ours.into())?;
    let mut sound = Vec::new();
    let read =
        async { reader.take(MOST_BYTES).read_to_end(&mut sound).await.map_err(Failure::from) };
    let call = |options| manager.synthesize(theirs, text, options);
    let work = context.finish(output, Message::Speaking, options, call);
    let (result, _) = tokio::try_join!(work, read)?;
    let rate = get::<u32>(&result, "rate")
        .filter(|rate| *rate > 0)
        .ok_or_else(|| Failure::new("Internal", "companiond did not say at which rate it spoke"))?;
    let pcm = wav::samples(&sound);
    if path == Path::new("-") {
        output.bytes(&wav::encode(&pcm, rate)?)?;
        return Ok(());
    }
    wav::write(path, &pcm, rate)?;
    if output.json {
        output.value(&account(path, &pcm, rate, &result))?;
        return Ok(());
    }
    let seconds = seconds(&pcm, rate);
    let written = output.text(Message::Written);
    output.line(format!("{written} {} ({seconds:.2} s, {rate} Hz)", path.display()))?;
    Ok(())
}

fn seconds(pcm: &[i16], rate: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "minutes of sound")]
    let samples = pcm.len() as f64;
    samples / f64::from(rate)
}

fn account(path: &Path, pcm: &[i16], rate: u32, result: &Dict) -> Value {
    let words: Vec<(String, u64, u64)> = get(result, "words").unwrap_or_default();
    let words: Vec<Value> = words
        .into_iter()
        .map(|(text, start, end)| json!({ "text": text, "start": start, "end": end }))
        .collect();
    let visemes: Vec<(String, u64, f64)> = get(result, "visemes").unwrap_or_default();
    let visemes: Vec<Value> = visemes
        .into_iter()
        .map(|(shape, at, weight)| json!({ "shape": shape, "at": at, "weight": weight }))
        .collect();
    json!({
        "file": path.display().to_string(),
        "rate": rate,
        "samples": pcm.len(),
        "seconds": seconds(pcm, rate),
        "words": words,
        "visemes": visemes,
    })
}

//! `say`: a text through the speaker, or as a WAV file through a pipe.

use std::cell::RefCell;
use std::path::Path;

use companion_bus::names::UTTERANCES;
use companion_bus::types::{get, put};
use companion_bus::utterance::UtteranceProxy;
use companion_bus::{Dict, Error, TurnResult, client};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::{Context, reply};
use crate::cli::{Priority, SayArgs};
use crate::exit::{Failure, Outcome};
use crate::messages::{Message, word};
use crate::output::{Output, clean};
use crate::wav;

/// The most text that is read, bytes; the daemon takes less.
const MOST_TEXT: u64 = 64 << 10;
/// The most sound that is taken: half an hour at 48 kHz.
const MOST_BYTES: u64 = 30 * 60 * 48_000 * 2;

pub(crate) async fn run(context: &Context, output: &mut Output, args: SayArgs) -> Outcome {
    let steered = [(args.cancel, "cancelled"), (args.pause, "paused"), (args.resume, "resumed")];
    if let Some((id, what)) = steered.into_iter().find_map(|(id, what)| Some((id?, what))) {
        return steer(context, output, id, what).await;
    }
    let text = match args.text.as_deref() {
        Some("-") => stdin().await?,
        text => text.unwrap_or_default().to_owned(),
    };
    let options = options(&args);
    if let Some(path) = args.out {
        return to_file(context, output, text, options, &path).await;
    }
    let manager = context.manager().await?;
    if args.wait {
        let call = |options| manager.say(text, options);
        let result = context.finish(output, Message::Speaking, options, call).await?;
        return show(output, &result);
    }
    let said = RefCell::new(String::new());
    let call = async |options| {
        let path = manager.say(text, options).await?;
        let utterance = UtteranceProxy::builder(&context.connection).path(path.clone());
        let id = utterance.build().await?.id().await;
        *said.borrow_mut() = id.map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok::<_, Error>(path)
    };
    if args.priority.is_some_and(Priority::needs_caller) {
        // It would be forgotten with its caller. What becomes of it nobody asked.
        let over = client::finish(&context.connection, options, call, |_| ()).await;
        if said.borrow().is_empty() {
            over?;
        }
    } else {
        call(options).await?;
    }
    let said = said.into_inner();
    if output.json {
        output.value(&json!({ "id": said }))?;
    } else {
        output.line(&said)?;
    }
    Ok(())
}

fn options(args: &SayArgs) -> Dict {
    let mut options = Dict::new();
    let texts = [
        ("priority", args.priority.map(Priority::name)),
        ("coalesce", args.coalesce.as_deref()),
        ("emotion", args.emotion.as_deref()),
        ("voice", args.voice.as_deref()),
        ("language", args.language.as_deref()),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            put(&mut options, key, value);
        }
    }
    if let Some(intensity) = args.intensity {
        put(&mut options, "intensity", intensity);
    }
    options
}

/// All of stdin, as far as a text may be long.
async fn stdin() -> Outcome<String> {
    let mut text = String::new();
    let mut stdin = tokio::io::stdin().take(MOST_TEXT);
    stdin.read_to_string(&mut text).await.map_err(|e| {
        Failure::new("InvalidArgument", format!("stdin cannot be read as text: {e}"))
    })?;
    Ok(text)
}

/// What became of a text.
fn show(output: &mut Output, result: &Dict) -> Outcome {
    let turn = TurnResult::from_dict(result);
    let reason = get::<String>(result, "reason").unwrap_or_default();
    if output.json {
        let mut json = reply::to_json(&turn);
        json["id"] = json!(get::<String>(result, "id").unwrap_or_default());
        json["reason"] = json!(reason);
        output.value(&json)?;
        return Ok(());
    }
    output.line(clean(&turn.text))?;
    reply::show_account(output, &turn)?;
    if !reason.is_empty() {
        output.field(Message::Reason, word(output.lang, &reason))?;
    }
    Ok(())
}

async fn steer(context: &Context, output: &mut Output, id: u64, what: &str) -> Outcome {
    let path = format!("{UTTERANCES}/{id}");
    let utterance = UtteranceProxy::builder(&context.connection).path(path).build().await?;
    let done = match what {
        "paused" => utterance.pause(Dict::new()).await,
        "resumed" => utterance.resume(Dict::new()).await,
        _ => utterance.cancel(Dict::new()).await,
    };
    done.map_err(|error| match error.parts() {
        // The object itself is gone.
        ("Unavailable", text) if text.contains("Unknown object") => {
            Failure::new("NotFound", format!("there is no text {id}: it is over, or never was"))
        }
        _ => error.into(),
    })?;
    if output.json {
        output.value(&json!({ "id": id.to_string(), "done": what }))?;
    } else {
        let done = word(output.lang, what).to_owned();
        output.line(format!("{id} {done}"))?;
    }
    Ok(())
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

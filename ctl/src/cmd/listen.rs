//! `listen`: recognises the speech in a file, which the daemon reads by its descriptor.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use companion_bus::Dict;
use companion_bus::types::{get, put};
use serde_json::json;

use super::Context;
use crate::exit::{Failure, Outcome};
use crate::messages::{Message, word};
use crate::output::{Output, Paint, clean};

pub(crate) async fn run(
    context: &Context,
    output: &mut Output,
    wav: &Path,
    language: Option<String>,
) -> Outcome {
    let file = File::open(wav).map_err(|e| Failure::file(&e, "reading", wav))?;
    let clip = zbus::OwnedFd::from(OwnedFd::from(file));
    let mut options = Dict::new();
    if let Some(language) = &language {
        put(&mut options, "language", language.as_str());
    }
    let manager = context.manager().await?;
    let call = |options| manager.transcribe(clip, options);
    let result = context.finish(output, Message::Recognising, options, call).await?;
    let text = |key: &str| get::<String>(&result, key).unwrap_or_default();
    let confidence = get::<f64>(&result, "confidence");
    if output.json {
        output.value(&json!({
            "text": text("text"),
            "language": text("language"),
            "emotion": text("emotion"),
            "event": text("event"),
            "confidence": confidence,
        }))?;
        return Ok(());
    }
    output.line(clean(&text("text")))?;
    let mut parts =
        vec![text("language"), word(output.lang, &text("emotion")).to_owned(), text("event")];
    parts.extend(confidence.map(|c| format!("{} {c:.2}", output.text(Message::Confidence))));
    parts.retain(|part| !part.is_empty());
    output.line(output.paint(Paint::Dim, &clean(&parts.join(" · "))))?;
    Ok(())
}

//! Domain to wire and back. What comes from the wire is checked here.

use std::collections::HashMap;

use companion_bus::types::MemoryItem;
use companion_bus::{Error, Result, TurnResult};
use companion_types::{
    AnsweredBy, Kind as _, MemoryNote, MemoryOrigin, Outcome, RecallSource, TurnReport, Waterfall,
};

use crate::error::DaemonError;

/// Longest text that is asked or remembered, characters.
pub(super) const LONGEST_TEXT: usize = 4_000;
/// Longest text that is said, characters.
pub(super) const LONGEST_SPEECH: usize = 10_000;

/// An error as the bus says it.
pub(super) fn error(error: &DaemonError) -> Error {
    Error::of_kind(error.kind().name(), error.to_string())
}

/// Runs something that waits, away from the bus's own threads.
pub(super) async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, DaemonError> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|e| error(&e)),
        Err(failed) => Err(Error::Internal(format!("a call failed: {failed}"))),
    }
}

/// A text that is not empty and not too long.
pub(super) fn text(text: String, most: usize) -> Result<String> {
    if text.trim().is_empty() {
        return Err(Error::InvalidArgument("the text is empty: say something".to_owned()));
    }
    let count = text.chars().count();
    if count > most {
        return Err(Error::InvalidArgument(format!(
            "the text has {count} characters; at most {most} are taken: cut it into parts"
        )));
    }
    Ok(text)
}

/// An id as it is written, `m42` or `u7`.
pub(super) fn id<T: std::str::FromStr<Err = companion_types::ParseIdError>>(
    text: &str,
) -> Result<T> {
    text.parse().map_err(|e: companion_types::ParseIdError| Error::InvalidArgument(e.to_string()))
}

pub(super) fn latency(waterfall: &Waterfall) -> HashMap<String, f64> {
    let rows = [
        ("endpoint", waterfall.endpoint),
        ("recall", waterfall.recall),
        ("first_token", waterfall.first_token),
        ("first_sentence", waterfall.first_sentence),
        ("first_audio", waterfall.first_audio),
        ("total", waterfall.total),
    ];
    rows.into_iter().filter_map(|(key, ms)| Some((key.to_owned(), ms?))).collect()
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Heard => "heard",
        Outcome::Interrupted => "interrupted",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed => "failed",
    }
}

pub(super) fn turn(report: &TurnReport) -> TurnResult {
    let answered_by = match report.answered_by {
        AnsweredBy::Model => "model",
        AnsweredBy::Rule => "rule",
        AnsweredBy::Checked => "checked",
        AnsweredBy::Apology => "apology",
    };
    let tokens = [
        ("prompt", report.prompt_tokens),
        ("reused", report.reused_tokens),
        ("new", report.new_tokens),
    ];
    TurnResult {
        turn: report.turn.0,
        transcript: report.transcript.clone(),
        text: report.text.clone(),
        heard_text: report.heard_text.clone(),
        emotion: report.emotion.key().to_owned(),
        memories: report.memories.iter().map(ToString::to_string).collect(),
        answered_by: answered_by.to_owned(),
        outcome: outcome(report.outcome).to_owned(),
        latency_ms: latency(&report.latency_ms),
        tokens: tokens.into_iter().map(|(key, n)| (key.to_owned(), n)).collect(),
    }
}

pub(super) fn memory(note: &MemoryNote, score: f32, source: Option<RecallSource>) -> MemoryItem {
    let origin = match note.origin {
        MemoryOrigin::Said => "said",
        MemoryOrigin::Note => "note",
    };
    let source = match source {
        Some(RecallSource::Vector) => "vector",
        Some(RecallSource::Lexical) => "lexical",
        Some(RecallSource::Both) => "both",
        None => "",
    };
    MemoryItem {
        id: note.id.to_string(),
        score: f64::from(score),
        text: note.text.clone(),
        created_s: note.created_s,
        origin: origin.to_owned(),
        turn: note.turn.map_or(0, |t| t.0),
        core: note.core,
        source: source.to_owned(),
    }
}

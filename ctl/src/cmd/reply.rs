//! A finished turn, as JSON and for people. Pure but for the writing.

use companion_bus::TurnResult;
use serde_json::{Value, json};

use crate::exit::Outcome;
use crate::messages::{Message, word};
use crate::output::{Output, Paint, clean};
use crate::waterfall;

/// Keys of the token counts, in order.
const TOKENS: [&str; 3] = ["prompt", "reused", "new"];

/// A turn with its keys in a stable order; a count or a step that did not happen is `null`.
pub(crate) fn to_json(turn: &TurnResult) -> Value {
    let tokens: serde_json::Map<String, Value> =
        TOKENS.iter().map(|key| ((*key).to_owned(), json!(turn.tokens.get(*key)))).collect();
    json!({
        "turn": turn.turn,
        "transcript": turn.transcript,
        "text": turn.text,
        "heard_text": turn.heard_text,
        "emotion": turn.emotion,
        "memories": turn.memories,
        "answered_by": turn.answered_by,
        "outcome": turn.outcome,
        "latency_ms": waterfall::to_json(&turn.latency_ms),
        "tokens": tokens,
    })
}

/// A turn for people: the answer, a line about it, the waterfall.
pub(crate) fn show(output: &mut Output, turn: &TurnResult) -> Outcome {
    output.line(clean(&turn.text))?;
    show_account(output, turn)
}

/// The line about a turn, and its waterfall.
pub(crate) fn show_account(output: &mut Output, turn: &TurnResult) -> Outcome {
    let lang = output.lang;
    let mut parts = vec![word(lang, &turn.emotion).to_owned()];
    if !turn.answered_by.is_empty() {
        let by = word(lang, &turn.answered_by);
        parts.push(format!("{} {by}", output.text(Message::AnsweredBy)));
    }
    parts.push(word(lang, &turn.outcome).to_owned());
    if turn.turn > 0 {
        parts.push(format!("{} {}", output.text(Message::Turn), turn.turn));
    }
    if !turn.memories.is_empty() {
        parts.push(format!("{} {}", output.text(Message::RestsOn), turn.memories.join(", ")));
    }
    let counts: Vec<String> =
        TOKENS.iter().filter_map(|k| Some(format!("{k} {}", turn.tokens.get(*k)?))).collect();
    if !counts.is_empty() {
        parts.push(format!("{} {}", output.text(Message::Tokens), counts.join("/")));
    }
    parts.retain(|part| !part.is_empty());
    output.line(output.paint(Paint::Dim, &clean(&parts.join(" · "))))?;
    if turn.outcome == "interrupted" {
        output.field(Message::HeardUntil, clean(&turn.heard_text))?;
    }
    show_waterfall(output, turn)
}

fn show_waterfall(output: &mut Output, turn: &TurnResult) -> Outcome {
    let bars = waterfall::draw(&turn.latency_ms, output.lang);
    if bars.is_empty() {
        return Ok(());
    }
    output.line("")?;
    output.line(output.paint(Paint::Bold, output.text(Message::Latency)))?;
    for bar in bars {
        output.line(output.paint(Paint::Cyan, &bar))?;
    }
    Ok(())
}

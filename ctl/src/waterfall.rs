//! The latency of a turn as people see it: a bar for each step on one time axis. Pure.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::messages::{Lang, Message};
use crate::output::pad;

/// Steps in the order in which they happen, by their keys on the bus.
pub(crate) const STEPS: [(&str, Message); 6] = [
    ("endpoint", Message::Endpoint),
    ("recall", Message::Recall),
    ("first_token", Message::FirstToken),
    ("first_sentence", Message::FirstSentence),
    ("first_audio", Message::FirstAudio),
    ("total", Message::Total),
];

/// Cells of the time axis.
const AXIS: usize = 40;

/// Lines, one for each step that happened: its name, a bar from the step before to its own time, and the
/// time in milliseconds.
pub(crate) fn draw(latency_ms: &HashMap<String, f64>, lang: Lang) -> Vec<String> {
    let end = latency_ms.values().copied().filter(|ms| ms.is_finite()).fold(0.0, f64::max);
    let cell = |ms: f64| {
        let part = if end > 0.0 { (ms / end).clamp(0.0, 1.0) } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "0..=AXIS"
        )]
        let cell = (part * AXIS as f64).round() as usize;
        cell
    };
    let mut earlier: Vec<f64> = Vec::new();
    let mut lines = Vec::new();
    for (key, label) in STEPS {
        let Some(&at) = latency_ms.get(key).filter(|ms| ms.is_finite()) else { continue };
        // What is thought ahead of the endpoint follows what was done before it, not the endpoint.
        let before = earlier.iter().copied().filter(|ms| *ms <= at).fold(0.0, f64::max);
        let from = if key == "total" { 0 } else { cell(before).min(AXIS - 1) };
        let to = cell(at).max(from + 1).min(AXIS);
        let bar = format!("{}{}", " ".repeat(from), "█".repeat(to - from));
        let label = pad(lang.text(label), 16);
        lines.push(format!("{label}{} {at:>8.1} ms", pad(&bar, AXIS)));
        earlier.push(at);
    }
    lines
}

/// All steps in order; `null` for one that did not happen.
pub(crate) fn to_json(latency_ms: &HashMap<String, f64>) -> Value {
    let mut steps = Map::new();
    for (key, _) in STEPS {
        steps.insert(key.to_owned(), json!(latency_ms.get(key)));
    }
    let mut more: Vec<_> = latency_ms.iter().filter(|(key, _)| !steps.contains_key(*key)).collect();
    more.sort_by(|a, b| a.0.cmp(b.0));
    let more: Vec<_> = more.into_iter().map(|(key, ms)| (key.clone(), json!(ms))).collect();
    steps.extend(more);
    Value::Object(steps)
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    fn turn() -> HashMap<String, f64> {
        [("endpoint", 200.0), ("recall", 210.0), ("first_token", 600.0), ("total", 1000.0)]
            .map(|(key, ms)| (key.to_owned(), ms))
            .into()
    }

    #[test]
    fn each_step_begins_where_the_one_before_ended() {
        let lines = draw(&turn(), Lang::En);
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[0],
            format!("endpoint        {}{}    200.0 ms", "█".repeat(8), " ".repeat(32))
        );
        assert!(lines[2].contains(&format!("{}{}", " ".repeat(8), "█".repeat(16))));
        assert!(lines[3].contains(&"█".repeat(40)), "the total spans the axis");
    }

    #[test]
    fn the_axis_is_aligned_in_both_languages() {
        for lang in [Lang::En, Lang::Zh] {
            let widths: Vec<usize> = draw(&turn(), lang).iter().map(|l| l.width()).collect();
            assert!(widths.iter().all(|w| *w == widths[0]), "{widths:?}");
        }
    }

    #[test]
    fn a_step_done_early_keeps_its_own_time() {
        let early = [("endpoint", 100.0), ("recall", 20.0), ("first_token", 40.0)];
        let lines = draw(&early.map(|(key, ms)| (key.to_owned(), ms)).into(), Lang::En);
        assert!(lines[1].ends_with("20.0 ms"));
        assert!(lines[2].contains(&format!("{}{} ", " ".repeat(8), "█".repeat(8))), "{}", lines[2]);
        assert!(draw(&HashMap::new(), Lang::En).is_empty());
    }

    #[test]
    fn json_names_all_steps() {
        let value = to_json(&turn());
        assert_eq!(value["endpoint"], 200.0);
        assert!(value["first_audio"].is_null());
        assert_eq!(value.as_object().unwrap().len(), 6);
    }
}

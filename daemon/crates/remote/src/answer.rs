//! The answer while it comes: events or a whole document in, pieces of text out. Pure.

use std::ops::ControlFlow;

use crate::sse::SseEvent;
use crate::think::ThinkFilter;
use crate::wire::{Answered, Usage};

/// Why a reply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, or a stop text came.
    Stop,
    /// `max_tokens` were made.
    Length,
    /// The server held something back (`content_filter`, Zhipu's `sensitive`).
    Filtered,
    /// The cancel flag or `on_piece` said stop.
    Cancelled,
    /// Another reason, in the server's word.
    Other(String),
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// All pieces together.
    pub text: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Tokens of the prompt, where the server counts.
    pub prompt_tokens: Option<u32>,
    /// Of these, how many it had in its cache.
    pub cached_tokens: Option<u32>,
    /// Tokens made, thoughts included, where the server counts.
    pub completion_tokens: Option<u32>,
}

/// The answer is none, or the server gives up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not what a chat answers.
    Malformed(String),
    /// The server says that something went wrong.
    Said(String),
}

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing new of the reply.
    Idle,
    /// The reply goes on, if only with a thought.
    Progress,
    /// The reply is whole.
    Done,
    /// `on_piece` wants no more.
    Enough,
}

/// Takes pieces.
pub(crate) type OnPiece<'a> = &'a mut dyn FnMut(&str) -> ControlFlow<()>;

/// Collects an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    /// None: thoughts are passed on.
    filter: Option<ThinkFilter>,
    /// Passed-on `reasoning_content` is open.
    in_thought: bool,
    finish: Option<FinishReason>,
    usage: Usage,
}

impl Answer {
    /// Nothing yet.
    pub(crate) fn new(keep_thoughts: bool) -> Self {
        Self {
            text: String::new(),
            filter: (!keep_thoughts).then(ThinkFilter::default),
            in_thought: false,
            finish: None,
            usage: Usage::default(),
        }
    }

    /// Bytes of text that were passed on.
    pub(crate) fn received(&self) -> usize {
        self.text.len()
    }

    /// Whether the server said why the reply ended: nothing is missing, even if `[DONE]` never comes.
    pub(crate) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Takes one event of a stream.
    pub(crate) fn event(&mut self, event: &SseEvent, on_piece: OnPiece<'_>) -> Result<Step, Fault> {
        let data = event.data.trim();
        if data == "[DONE]" {
            return Ok(Step::Done);
        }
        if event.name == "error" {
            return Err(Fault::Said(crate::wire::refusal(data.as_bytes())));
        }
        if data.is_empty() {
            return Ok(Step::Idle);
        }
        let answered = read(data.as_bytes(), "an event of its stream")?;
        self.answered(answered, on_piece)
    }

    /// Takes the document of a server that does not stream.
    pub(crate) fn whole(&mut self, document: &[u8], on_piece: OnPiece<'_>) -> Result<Step, Fault> {
        let answered = read(document, "its document")?;
        let empty = answered.choices.as_ref().is_none_or(Vec::is_empty);
        if empty && answered.fault().is_none() {
            return Err(Fault::Malformed("its document holds no `choices`".to_owned()));
        }
        let step = self.answered(answered, on_piece)?;
        self.finish.get_or_insert(FinishReason::Stop);
        Ok(if step == Step::Enough { step } else { Step::Done })
    }

    /// The stream is over: passes on what was held back.
    pub(crate) fn close(&mut self, on_piece: OnPiece<'_>) -> ControlFlow<()> {
        let held = self.filter.take().map(ThinkFilter::finish).unwrap_or_default();
        self.pass(&held, on_piece)
    }

    /// The reply as far as it came; `cancelled` is why it goes no further.
    pub(crate) fn completion(self, cancelled: bool) -> Completion {
        let finished = self.finish.unwrap_or(FinishReason::Stop);
        Completion {
            text: self.text,
            finish_reason: if cancelled { FinishReason::Cancelled } else { finished },
            prompt_tokens: self.usage.prompt_tokens,
            cached_tokens: self.usage.cached_tokens(),
            completion_tokens: self.usage.completion_tokens,
        }
    }

    fn answered(&mut self, answered: Answered, on_piece: OnPiece<'_>) -> Result<Step, Fault> {
        if let Some(fault) = answered.fault() {
            return Err(Fault::Said(fault));
        }
        if let Some(usage) = answered.usage {
            self.usage = usage;
        }
        let mut step = Step::Idle;
        for choice in answered.choices.unwrap_or_default() {
            if !choice.is_first() {
                continue;
            }
            let reason = choice.finish_reason.clone().filter(|reason| !reason.is_empty());
            let (thought, text) = choice.said().parts();
            if !thought.is_empty() || !text.is_empty() || reason.is_some() {
                step = Step::Progress;
            }
            if self.say(&thought, &text, on_piece).is_break() {
                return Ok(Step::Enough);
            }
            if let Some(reason) = reason {
                self.finish = Some(finish_reason(reason)?);
            }
        }
        Ok(step)
    }

    fn say(&mut self, thought: &str, text: &str, on_piece: OnPiece<'_>) -> ControlFlow<()> {
        let Some(filter) = &mut self.filter else {
            let mut piece = String::new();
            if !thought.is_empty() {
                let open = std::mem::replace(&mut self.in_thought, true);
                piece.push_str(if open { "" } else { "<think>" });
                piece.push_str(thought);
            }
            if !text.is_empty() {
                let open = std::mem::take(&mut self.in_thought);
                piece.push_str(if open { "</think>" } else { "" });
                piece.push_str(text);
            }
            return self.pass(&piece, on_piece);
        };
        let piece = filter.push(text);
        self.pass(&piece, on_piece)
    }

    fn pass(&mut self, piece: &str, on_piece: OnPiece<'_>) -> ControlFlow<()> {
        if piece.is_empty() {
            return ControlFlow::Continue(());
        }
        self.text.push_str(piece);
        on_piece(piece)
    }
}

/// Reads JSON. The error says where, and nothing of the text, which is private.
fn read(json: &[u8], what: &str) -> Result<Answered, Fault> {
    serde_json::from_slice(json).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "has another shape than a chat's",
            serde_json::error::Category::Eof => "is cut off",
            _ => "is no JSON",
        };
        Fault::Malformed(format!("{what} {problem} (column {})", error.column()))
    })
}

fn finish_reason(reason: String) -> Result<FinishReason, Fault> {
    Ok(match reason.as_str() {
        "stop" | "eos" | "stop_sequence" => FinishReason::Stop,
        "length" | "max_tokens" => FinishReason::Length,
        "content_filter" | "sensitive" => FinishReason::Filtered,
        // Zhipu's and SGLang's words for a fault of the server.
        "network_error" | "error" | "abort" => return Err(Fault::Said(reason)),
        _ => FinishReason::Other(reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> SseEvent {
        SseEvent { name: String::new(), data: data.to_owned() }
    }

    fn pieces(keep: bool, events: &[&str]) -> (Vec<String>, Vec<Step>) {
        let (mut answer, mut pieces) = (Answer::new(keep), Vec::new());
        let steps = events
            .iter()
            .map(|data| {
                let mut take = |piece: &str| {
                    pieces.push(piece.to_owned());
                    ControlFlow::Continue(())
                };
                answer.event(&event(data), &mut take).unwrap()
            })
            .collect();
        (pieces, steps)
    }

    const ROLE: &str = r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#;
    const THOUGHT: &str = r#"{"choices":[{"delta":{"reasoning_content":"嗯"}}]}"#;
    const TEXT: &str =
        r#"{"choices":[{"index":0,"delta":{"content":"好"}},{"index":1,"delta":{"content":"x"}}]}"#;
    const END: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

    #[test]
    fn only_the_first_choice_is_said_and_thoughts_are_not() {
        let (said, steps) = pieces(false, &[ROLE, THOUGHT, TEXT, END, "[DONE]"]);
        assert_eq!(said, ["好"]);
        let progress = Step::Progress;
        assert_eq!(steps, [Step::Idle, progress, progress, progress, Step::Done]);
    }

    #[test]
    fn thoughts_are_passed_on_where_they_are_wanted() {
        let (said, _) = pieces(true, &[THOUGHT, THOUGHT, TEXT, TEXT]);
        assert_eq!(said, ["<think>嗯", "嗯", "</think>好", "好"]);
    }

    #[test]
    fn a_fault_in_a_stream_is_said() {
        for (data, want) in [
            (r#"{"error":{"message":"no memory","code":500}}"#, "no memory (500)"),
            (r#"{"object":"error","message":"no memory"}"#, "no memory"),
            (r#"{"choices":[{"delta":{},"finish_reason":"network_error"}]}"#, "network_error"),
        ] {
            let fault = Answer::new(false).event(&event(data), &mut |_| ControlFlow::Continue(()));
            assert_eq!(fault, Err(Fault::Said(want.to_owned())));
        }
    }

    #[test]
    fn what_is_malformed_is_named_by_place_and_not_by_content() {
        for data in [r#"{"choices":[{"delta":{"content":"秘密"#, "秘密", r#"{"choices":"秘密"}"#]
        {
            let fault = Answer::new(false).event(&event(data), &mut |_| ControlFlow::Continue(()));
            let Err(Fault::Malformed(problem)) = fault else { panic!("{fault:?}") };
            assert!(problem.contains("column") && !problem.contains("秘密"), "{problem}");
        }
    }

    #[test]
    fn a_document_is_an_answer_in_one_piece() {
        let mut answer = Answer::new(false);
        let document = r#"{"choices":[{"message":{"content":[{"type":"text","text":"你"},{"text":"好"}]},
            "finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":2,
            "prompt_tokens_details":{"cached_tokens":5}}}"#;
        let step = answer.whole(document.as_bytes(), &mut |_| ControlFlow::Continue(()));
        assert_eq!(step, Ok(Step::Done));
        let want = Completion {
            text: "你好".to_owned(),
            finish_reason: FinishReason::Length,
            prompt_tokens: Some(7),
            cached_tokens: Some(5),
            completion_tokens: Some(2),
        };
        assert_eq!(answer.completion(false), want);
    }
}

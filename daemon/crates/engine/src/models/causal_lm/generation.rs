//! Continues a prompt: draws tokens one after another, kept to a form and helped by guesses where these
//! were asked for, and gives them out as whole characters.

use std::ops::ControlFlow;

use super::CausalLm;
use super::speculation::Drafter;
use super::stop_text::StopText;
use crate::EngineError;
use crate::constraint::Constraint;
use crate::sampling::{Sampler, SamplingOptions};
use crate::tokenizer::{TextStream, TextTokenizer};

/// One generated token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its place, from 0.
    pub index: usize,
    /// Its id.
    pub token: u32,
    /// Characters that are now whole. Those that could begin a stop text come with a later token, or,
    /// when the reply ends, with the last one once more.
    pub text: String,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// The model ended, or the form allows no more.
    End,
    /// A stop text or a stop token.
    Stop,
    /// The limit of new tokens.
    Length,
    /// The sink or the stop flag.
    Cancelled,
}

/// What a generation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationStats {
    /// Why it ended.
    pub stop: StopCause,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of these, found in the cache.
    pub reused_tokens: usize,
    /// New tokens.
    pub new_tokens: usize,
    /// Of these, the form left no choice.
    pub forced_tokens: usize,
    /// Of these, guessed and confirmed.
    pub accepted_tokens: usize,
    /// Tokens that were guessed.
    pub drafted_tokens: usize,
    /// Passes through the model after the prompt's.
    pub passes: usize,
}

/// What a reply keeps to and is helped by; by default nothing.
#[derive(Default)]
pub struct Guides<'a> {
    /// Texts that end the reply and are no part of it. Not looked for in the first
    /// [`SamplingOptions::min_new_tokens`] tokens.
    pub stop_texts: &'a [&'a str],
    /// Tokens that end the reply, beside the model's own.
    pub stop_tokens: &'a [u32],
    /// The form of the reply, at its begin.
    pub constraint: Option<&'a mut dyn Constraint>,
    /// Who guesses tokens. The reply is the same as without.
    pub drafter: Option<&'a mut dyn Drafter>,
}

impl std::fmt::Debug for Guides<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guides")
            .field("stop_texts", &self.stop_texts)
            .field("stop_tokens", &self.stop_tokens)
            .field("constraint", &self.constraint.is_some())
            .field("drafter", &self.drafter.is_some())
            .finish()
    }
}

/// A reply as it is given out.
struct Reply<'a> {
    tokenizer: &'a TextTokenizer,
    sink: &'a mut dyn FnMut(Piece) -> ControlFlow<()>,
    options: &'a SamplingOptions,
    stream: TextStream,
    stops: StopText,
    stats: GenerationStats,
    /// Prompt and reply.
    seen: Vec<u32>,
    max_context: usize,
}

impl Reply<'_> {
    /// The reply is over: gives out what was held back.
    fn end(&mut self, stop: StopCause) -> GenerationStats {
        self.stats.stop = stop;
        let text = self.stops.finish();
        if let Some(token) = self.seen.last().filter(|_| stop != StopCause::Cancelled)
            && !text.is_empty()
        {
            let index = self.stats.new_tokens.saturating_sub(1);
            // The reply is over whatever the sink says.
            let _over = (self.sink)(Piece { index, token: *token, text });
        }
        self.stats
    }

    fn is_early(&self) -> bool {
        self.stats.new_tokens < self.options.min_new_tokens
    }

    fn is_full(&self) -> bool {
        self.stats.new_tokens >= self.options.max_new_tokens || self.seen.len() >= self.max_context
    }

    /// Gives out a token. Breaks where that ended the reply.
    fn take(&mut self, token: u32) -> ControlFlow<StopCause> {
        let armed = !self.is_early();
        let special = self.tokenizer.is_special(token);
        let bytes = if special { None } else { self.tokenizer.token_bytes(token) };
        let text = self.stream.push(&bytes.unwrap_or_default());
        let released = self.stops.push(text, armed);
        let piece = Piece { index: self.stats.new_tokens, token, text: released.text };
        self.stats.new_tokens += 1;
        self.seen.push(token);
        let sunk = (self.sink)(piece);
        if released.stopped {
            return ControlFlow::Break(StopCause::Stop);
        }
        if sunk.is_break() {
            ControlFlow::Break(StopCause::Cancelled)
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Gives out the tokens that the form forces. Breaks where that ended the reply.
    fn take_forced(
        &mut self,
        tokens: &[u32],
        constraint: &mut dyn Constraint,
    ) -> Result<ControlFlow<StopCause>, EngineError> {
        for token in tokens {
            if self.is_full() {
                return Ok(ControlFlow::Break(StopCause::Length));
            }
            constraint.advance(*token)?;
            self.stats.forced_tokens += 1;
            if let ControlFlow::Break(stop) = self.take(*token) {
                return Ok(ControlFlow::Break(stop));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Leaves only what the form allows. Where it allows the end, `ends` stay.
fn restrict(
    scores: &mut [f32],
    constraint: &mut dyn Constraint,
    ends: &[u32],
) -> Result<(), EngineError> {
    let may_end = constraint.may_end();
    let allowed = constraint.allowed();
    if allowed.is_empty() && !may_end {
        return Err(EngineError::Input {
            what: "the form of a reply",
            problem: "the vocabulary has no token that could follow".to_owned(),
        });
    }
    for (token, score) in (0u32..).zip(scores) {
        let fits = allowed.has(token) || (may_end && ends.contains(&token));
        if !fits {
            *score = f32::NEG_INFINITY;
        }
    }
    Ok(())
}

impl CausalLm {
    /// Continues `prompt`, pushing every token to `sink`. The stop flag is read once per token and,
    /// while the model computes, once per block of it.
    ///
    /// # Errors
    /// When the prompt is empty or longer than the context, or the device fails.
    pub fn generate(
        &mut self,
        prompt: &[u32],
        options: &SamplingOptions,
        stop: &dyn Fn() -> bool,
        sink: &mut dyn FnMut(Piece) -> ControlFlow<()>,
    ) -> Result<GenerationStats, EngineError> {
        self.generate_guided(prompt, options, Guides::default(), stop, sink)
    }

    /// Continues `prompt` as [`Self::generate`], kept to and helped by `guides`.
    ///
    /// # Errors
    /// As [`Self::generate`], and when no token of the vocabulary could follow in the form asked for.
    pub fn generate_guided(
        &mut self,
        prompt: &[u32],
        options: &SamplingOptions,
        mut guides: Guides<'_>,
        stop: &dyn Fn() -> bool,
        sink: &mut dyn FnMut(Piece) -> ControlFlow<()>,
    ) -> Result<GenerationStats, EngineError> {
        let tokenizer = self.tokenizer();
        let mut reply = Reply {
            tokenizer: &tokenizer,
            sink,
            options,
            stream: TextStream::default(),
            stops: StopText::new(guides.stop_texts),
            stats: GenerationStats {
                stop: StopCause::Cancelled,
                prompt_tokens: prompt.len(),
                reused_tokens: 0,
                new_tokens: 0,
                forced_tokens: 0,
                accepted_tokens: 0,
                drafted_tokens: 0,
                passes: 0,
            },
            seen: prompt.to_vec(),
            max_context: self.max_context,
        };
        // What the form begins with is read together with the prompt.
        let mut forced = guides.constraint.as_mut().map_or_else(Vec::new, |form| form.forced());
        forced.truncate(self.max_context.saturating_sub(prompt.len() + 1));
        let begin = [prompt, &forced].concat();
        let Some(reused) = self.read(&begin, stop)? else {
            return Ok(reply.end(StopCause::Cancelled));
        };
        reply.stats.reused_tokens = reused.min(prompt.len());
        if let Some(form) = guides.constraint.as_deref_mut()
            && let ControlFlow::Break(stop) = reply.take_forced(&forced, form)?
        {
            return Ok(reply.end(stop));
        }
        if guides.constraint.as_mut().is_some_and(|form| form.is_complete()) {
            return Ok(reply.end(StopCause::End));
        }
        let end = self.continue_reply(&mut reply, &mut guides, stop)?;
        // Guesses that nobody asked about any more.
        self.cut(reply.seen.len());
        Ok(reply.end(end))
    }

    /// Draws tokens until the reply ends. The cache holds what `reply` has seen, but perhaps for the last
    /// token.
    fn continue_reply(
        &mut self,
        reply: &mut Reply<'_>,
        guides: &mut Guides<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<StopCause, EngineError> {
        let vocab = self.model.config().vocab_size;
        let mut sampler = Sampler::new(*reply.options);
        let ends = [&self.ends, guides.stop_tokens].concat();
        // Tokens that were read after those seen, and how many of them were drawn since.
        let (mut draft, mut row): (Vec<u32>, usize) = (Vec::new(), 0);
        loop {
            if stop() {
                return Ok(StopCause::Cancelled);
            }
            if reply.is_full() {
                return Ok(StopCause::Length);
            }
            let scores = &mut self.logits[row * vocab..(row + 1) * vocab];
            if let Some(form) = guides.constraint.as_deref_mut() {
                restrict(scores, form, &ends)?;
            }
            let banned: &[u32] = if reply.is_early() { &ends } else { &[] };
            let token = sampler.draw(scores, &reply.seen, banned);
            if ends.contains(&token) {
                let own = self.ends.contains(&token);
                return Ok(if own { StopCause::End } else { StopCause::Stop });
            }
            let known = reply.seen.len();
            if let ControlFlow::Break(stop) = reply.take(token) {
                return Ok(stop);
            }
            if let Some(form) = guides.constraint.as_deref_mut() {
                form.advance(token)?;
                let forced = form.forced();
                if let ControlFlow::Break(stop) = reply.take_forced(&forced, form)? {
                    return Ok(stop);
                }
                if form.is_complete() {
                    return Ok(StopCause::End);
                }
            }
            let unread = confirm(&reply.seen[known..], &draft, &mut row);
            reply.stats.accepted_tokens += reply.seen.len() - known - unread;
            if unread > 0 {
                (draft, row) = (self.guess(reply, guides, vocab), 0);
                let from = reply.seen.len() - unread;
                self.cut(from);
                let next = [&reply.seen[from..], &draft].concat();
                reply.stats.passes += 1;
                if !self.step(&next, draft.len() + 1, stop)? {
                    return Ok(StopCause::Cancelled);
                }
            }
        }
    }

    /// Guesses how the reply goes on, as far as there is room for.
    fn guess(&self, reply: &mut Reply<'_>, guides: &mut Guides<'_>, vocab: usize) -> Vec<u32> {
        let mut draft = Vec::new();
        if let Some(drafter) = guides.drafter.as_deref_mut() {
            let new = reply.options.max_new_tokens.saturating_sub(reply.stats.new_tokens + 1);
            let room = self.max_context.saturating_sub(reply.seen.len() + 1);
            drafter.draft(&reply.seen, new.min(room), &mut draft);
            draft.truncate(new.min(room));
            let known = draft.iter().take_while(|token| (**token as usize) < vocab).count();
            draft.truncate(known);
            reply.stats.drafted_tokens += draft.len();
        }
        draft
    }
}

/// How many of the `taken` tokens were not read yet: all from the first that was not guessed. `row` moves
/// past those that were.
fn confirm(taken: &[u32], draft: &[u32], row: &mut usize) -> usize {
    let guessed =
        draft[*row..].iter().zip(taken).take_while(|(guess, token)| guess == token).count();
    if guessed == taken.len() {
        *row += guessed;
    }
    taken.len() - guessed
}

//! A chat server as the dialogue's generator: messages out, pieces of text in. A circuit breaker leaves a
//! server alone that keeps failing. Runs on the `llm` thread; never logs what is said.

use std::ops::ControlFlow;
use std::time::Instant;

use companion_dialogue::{
    Ahead, Generated, Generator, GeneratorError, Prompt, StopReason, TokenCounter,
};
use companion_remote::{
    BreakerRule, ChatOptions, CircuitBreaker, Client, Completion, FinishReason, RemoteError,
    RemoteSettings,
};
use companion_types::{Cancel, ErrorKind, Kind, SamplingParams, TokenDelta};

/// Tokens that a chat template adds around a message, at most.
const FRAME_TOKENS: usize = 8;
/// Bytes of ASCII that make one token at least, in text as it is spoken.
const ASCII_BYTES_PER_TOKEN: usize = 3;

/// Guesses, on the high side, because the server's tokenizer is not at hand: a token for every character
/// beyond ASCII, and one for every three bytes of ASCII.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuessedTokens;

impl TokenCounter for GuessedTokens {
    fn count(&self, text: &str) -> usize {
        let ascii = text.bytes().filter(u8::is_ascii).count();
        let beyond = text.chars().filter(|c| !c.is_ascii()).count();
        ascii.div_ceil(ASCII_BYTES_PER_TOKEN) + beyond
    }

    fn per_message(&self) -> usize {
        FRAME_TOKENS
    }
}

/// A server with its breaker.
#[derive(Debug)]
pub(crate) struct RemoteGenerator {
    client: Client,
    breaker: CircuitBreaker,
    settings: RemoteSettings,
}

impl RemoteGenerator {
    /// Reads the key and prepares the way; nothing is sent.
    ///
    /// # Errors
    /// When a setting or the key cannot be used.
    pub(crate) fn open(settings: RemoteSettings) -> Result<Self, RemoteError> {
        let client = Client::open(settings.clone())?;
        Ok(Self { client, breaker: CircuitBreaker::new(BreakerRule::default()), settings })
    }

    /// What `[remote]` sets comes over the generation profile; its limit of tokens only lowers.
    fn options(&self, params: &SamplingParams) -> ChatOptions {
        let most = if self.settings.max_tokens == 0 { u32::MAX } else { self.settings.max_tokens };
        ChatOptions {
            max_tokens: Some(params.max_new_tokens.min(most)),
            temperature: self.settings.temperature.or(Some(params.temperature)),
            top_p: self.settings.top_p.or(Some(params.top_p)),
            stop: None,
            seed: self.settings.seed.or((params.seed != 0).then_some(params.seed)),
        }
    }

    fn note(&mut self, outcome: &Result<Completion, RemoteError>) {
        match outcome {
            Err(error) if error.is_outage() => self.breaker.failed(Instant::now()),
            Ok(reply)
                if reply.finish_reason == FinishReason::Cancelled && reply.text.is_empty() =>
            {
                self.breaker.abandoned();
            }
            _ => self.breaker.succeeded(),
        }
    }
}

fn unavailable(message: String) -> GeneratorError {
    GeneratorError { message, kind: ErrorKind::Unavailable }
}

impl Generator for RemoteGenerator {
    fn generate(
        &mut self,
        prompt: &Prompt,
        cancel: &Cancel,
        sink: &mut dyn FnMut(TokenDelta) -> ControlFlow<()>,
    ) -> Result<Generated, GeneratorError> {
        self.breaker.admit(Instant::now()).map_err(|pause| {
            let (server, pause) = (self.client.server(), pause.as_secs() + 1);
            unavailable(format!("{server} kept failing and is left alone for {pause} s"))
        })?;
        let options = self.options(&prompt.params);
        let mut index = 0;
        let outcome = self.client.chat(&prompt.messages, &options, cancel, &mut |piece| {
            let text = piece.to_owned();
            let delta = TokenDelta { turn: prompt.turn, index, token: 0, text };
            index += 1;
            sink(delta)
        });
        self.note(&outcome);
        let reply = outcome
            .map_err(|error| GeneratorError { message: error.to_string(), kind: error.kind() })?;
        let stop = match reply.finish_reason {
            FinishReason::Length => StopReason::Length,
            FinishReason::Cancelled => StopReason::Cancelled,
            FinishReason::Filtered if reply.text.is_empty() => {
                return Err(unavailable(format!("{} held its reply back", self.client.server())));
            }
            _ => StopReason::End,
        };
        Ok(Generated {
            stop,
            prompt_tokens: reply.prompt_tokens.unwrap_or(0),
            reused_tokens: reply.cached_tokens.unwrap_or(0),
            new_tokens: reply.completion_tokens.unwrap_or(index),
        })
    }

    /// The server keeps its own cache.
    fn prepare(&mut self, _ahead: &Ahead, _cancel: &Cancel) -> Result<(), GeneratorError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use companion_types::{Message, Role, TurnId};

    use super::*;

    fn generator(address: &str) -> RemoteGenerator {
        let settings = RemoteSettings {
            base_url: format!("http://{address}/v1"),
            model: "small".to_owned(),
            retries: 0,
            max_tokens: 100,
            ..RemoteSettings::default()
        };
        RemoteGenerator::open(settings).unwrap()
    }

    fn prompt() -> Prompt {
        let messages = vec![Message::new(Role::User, "你好")];
        Prompt {
            turn: TurnId(7),
            messages,
            params: SamplingParams::default(),
            begins_with: Vec::new(),
        }
    }

    #[test]
    fn tokens_are_guessed_on_the_high_side() {
        assert_eq!(GuessedTokens.count("你好，world"), 5);
        assert_eq!(GuessedTokens.count(""), 0);
    }

    #[test]
    fn settings_come_over_the_profile_and_lower_its_limit() {
        let mut generator = generator("127.0.0.1:1");
        let params = SamplingParams { max_new_tokens: 512, ..SamplingParams::default() };
        let options = generator.options(&params);
        assert_eq!((options.max_tokens, options.temperature), (Some(100), Some(0.7)));
        assert_eq!(options.seed, None);
        generator.settings.temperature = Some(0.2);
        assert_eq!(generator.options(&params).temperature, Some(0.2));
    }

    #[test]
    fn a_dead_server_is_left_alone_after_three_failures() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut generator = generator(&listener.local_addr().unwrap().to_string());
        drop(listener);
        let mut errors = Vec::new();
        for _ in 0..4 {
            let failed =
                generator.generate(&prompt(), &Cancel::new(), &mut |_| ControlFlow::Continue(()));
            errors.push(failed.unwrap_err().message);
        }
        assert!(errors[2].contains("is the server running?"), "{errors:?}");
        assert!(errors[3].contains("is left alone for 5 s"), "{errors:?}");
    }

    #[test]
    fn a_cancelled_prompt_says_nothing_about_the_server() {
        let mut generator = generator("127.0.0.1:1");
        let cancel = Cancel::new();
        cancel.cancel();
        let made = generator.generate(&prompt(), &cancel, &mut |_| ControlFlow::Continue(()));
        assert_eq!(made.unwrap().stop, StopReason::Cancelled);
    }
}

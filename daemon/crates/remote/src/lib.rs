//! A client of any server that speaks the OpenAI chat interface: Zhipu, vLLM, SGLang, llama.cpp, Ollama.
//!
//! It knows chat messages and pieces of text, no tensors and no rooms. It blocks, and runs on the thread of
//! the worker that asks it; it starts no task, logs nothing and touches the network only when it is called.

mod answer;
mod breaker;
mod client;
mod endpoint;
mod error;
mod exchange;
mod secret;
mod settings;
mod sse;
mod think;
mod transport;
mod watch;
mod wire;

pub use answer::{Completion, FinishReason};
pub use breaker::{BreakerRule, Circuit, CircuitBreaker};
pub use client::{ChatOptions, Client, Health};
pub use error::{Phase, RemoteError};
pub use secret::{KeySource, Secret};
pub use settings::RemoteSettings;
pub use sse::{SseError, SseEvent, SseParser};
pub use think::ThinkFilter;

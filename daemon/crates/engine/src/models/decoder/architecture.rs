//! The architectures that share the decoder, and their names.

use super::Differences;
use crate::models::{llama, qwen2, qwen3};

/// The architectures that are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Qwen2 and Qwen2.5.
    Qwen2,
    /// Qwen3, dense.
    Qwen3,
    /// Llama 3 and 3.1.
    Llama,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Qwen2, Self::Qwen3, Self::Llama];

    /// The architecture of a `model_type` or a GGUF's `general.architecture`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Its name in `model_type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.differences().name
    }

    /// The problem with an architecture that is not among them.
    #[must_use]
    pub fn unknown(name: &str) -> String {
        let known: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
        format!("is {name:?}, expected one of {}", known.join(", "))
    }

    pub(crate) fn differences(self) -> &'static Differences {
        match self {
            Self::Qwen2 => &qwen2::DIFFERENCES,
            Self::Qwen3 => &qwen3::DIFFERENCES,
            Self::Llama => &llama::DIFFERENCES,
        }
    }
}

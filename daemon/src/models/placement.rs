//! Whether a language model fits into the memory that is there, and how it is made to: the ladder of
//! shortage, from the top. Pure: what a model would take and what is free is told, nothing is loaded.

use companion_engine::EngineError;
use companion_engine::models::decoder::MemoryPlan;

use crate::config::KvCacheChoice;

/// New tokens of a reply, rung by rung.
const REPLIES: [usize; 3] = [4096, 1024, 512];
/// A prompt is not cut below this many tokens.
const SHORTEST_PROMPT: usize = 1024;

/// What a placement gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rung {
    /// Replies of so many tokens at most.
    FewerNewTokens(usize),
    /// Prompts of so many tokens at most.
    ShorterContext(usize),
    /// The KV cache in eight bits.
    EightBitCache,
    /// The smaller model of this id.
    SmallerModel(String),
    /// The chat server.
    Remote,
}

impl std::fmt::Display for Rung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FewerNewTokens(tokens) => write!(f, "replies of at most {tokens} tokens"),
            Self::ShorterContext(tokens) => write!(f, "prompts of at most {tokens} tokens"),
            Self::EightBitCache => f.write_str("KV cache in 8 bits"),
            Self::SmallerModel(id) => write!(f, "the smaller model {id}"),
            Self::Remote => f.write_str("the chat server"),
        }
    }
}

/// How a model is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Tokens of a prompt at most.
    pub(crate) prompt: usize,
    /// Tokens of a reply at most.
    pub(crate) reply: usize,
    /// Tokens of both together at most; less where the model takes less.
    pub(crate) context: usize,
    /// Whether the KV cache is of eight bits.
    pub(crate) eight: bool,
    /// Bytes that it takes.
    pub(crate) bytes: usize,
    /// What was given up, the first step first.
    pub(crate) rungs: Vec<Rung>,
    /// The GPU it lies on; none: the machine's own memory.
    pub(crate) gpu: Option<String>,
}

impl Placement {
    /// In words, for those who look at the model.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!(
            "context of {} tokens, {} KV cache, {} MiB of {}",
            self.context,
            if self.eight { "8-bit" } else { "plain" },
            self.bytes.div_ceil(1 << 20),
            self.gpu.as_deref().unwrap_or("memory")
        );
        if !self.rungs.is_empty() {
            let rungs: Vec<String> = self.rungs.iter().map(Rung::to_string).collect();
            text.push_str("; memory is short: ");
            text.push_str(&rungs.join(", "));
        }
        text
    }
}

/// Why a model cannot be placed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlacementError {
    /// It does not fit on the lowest rung.
    #[error(
        "it would take {} MiB at the least, {} MiB are free for it: free memory, set \
         llm.memory_limit_mb higher, or name a smaller model in llm.fallback",
        least.div_ceil(1 << 20), free >> 20
    )]
    Short {
        /// Bytes on the lowest rung.
        least: usize,
        /// Bytes that are free.
        free: usize,
    },
    /// Its files cannot be read.
    #[error(transparent)]
    Plan(#[from] EngineError),
}

/// What is wished for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// Tokens of a prompt.
    pub(crate) prompt: usize,
    pub(crate) kv: KvCacheChoice,
    /// Bytes that may be taken; `None`: as many as it takes.
    pub(crate) free: Option<usize>,
}

/// Bytes with the cache of `eight` bits or as it is plain.
fn bytes(plan: &MemoryPlan, eight: bool) -> usize {
    match plan.kv_eight.filter(|_| eight) {
        Some(kv) => plan.weights + kv + plan.workspace,
        None => plan.total(),
    }
}

/// Goes down the ladder until the model fits. `plan` tells what it takes at a context of so many tokens.
pub(crate) fn place(
    wish: Wish,
    plan: impl Fn(usize) -> Result<MemoryPlan, EngineError>,
) -> Result<Placement, PlacementError> {
    let free = wish.free.unwrap_or(usize::MAX);
    let mut rungs = Vec::new();
    let mut least = usize::MAX;
    let can_eight = plan(SHORTEST_PROMPT)?.kv_eight.is_some();
    let forced = wish.kv == KvCacheChoice::Eight && can_eight;
    let caches: &[bool] = match wish.kv {
        KvCacheChoice::Auto if can_eight => &[false, true],
        _ if forced => &[true],
        _ => &[false],
    };
    for &eight in caches {
        if eight && !forced {
            rungs.push(Rung::EightBitCache);
        }
        for (prompt, reply) in sizes(wish.prompt) {
            let bytes = bytes(&plan(prompt + reply)?, eight);
            if bytes <= free {
                let mut rungs = rungs.clone();
                let shorter = [
                    (reply < REPLIES[0]).then_some(Rung::FewerNewTokens(reply)),
                    (prompt < wish.prompt).then_some(Rung::ShorterContext(prompt)),
                ];
                rungs.splice(0..0, shorter.into_iter().flatten());
                let context = prompt + reply;
                return Ok(Placement { prompt, reply, context, eight, bytes, rungs, gpu: None });
            }
            least = least.min(bytes);
        }
    }
    Err(PlacementError::Short { least, free })
}

/// Prompt and reply, from what is wished down to the shortest.
fn sizes(prompt: usize) -> impl Iterator<Item = (usize, usize)> {
    let replies = REPLIES.into_iter().map(move |reply| (prompt, reply));
    let halves = std::iter::successors(Some(prompt), |prompt| Some(prompt / 2));
    let shorter = halves.skip(1).take_while(|prompt| *prompt >= SHORTEST_PROMPT);
    replies.chain(shorter.map(|prompt| (prompt, REPLIES[2])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// A model of 100 MiB, each token 1 KiB in the cache, half of it in eight bits.
    fn model(context: usize) -> Result<MemoryPlan, EngineError> {
        Ok(MemoryPlan {
            weights: 100 * MIB,
            kv: context << 10,
            kv_eight: Some(context << 9),
            workspace: 0,
            integer: true,
        })
    }

    fn placed(free_kib: usize, kv: KvCacheChoice) -> Result<Placement, PlacementError> {
        place(Wish { prompt: 16_384, kv, free: Some(100 * MIB + (free_kib << 10)) }, model)
    }

    #[test]
    fn what_fits_gives_nothing_up() {
        let placement = placed(20_480, KvCacheChoice::Auto).unwrap();
        assert_eq!((placement.prompt, placement.reply, placement.eight), (16_384, 4096, false));
        assert_eq!(placement.bytes, 100 * MIB + (20_480 << 10));
        assert!(placement.rungs.is_empty());
    }

    #[test]
    fn shortage_goes_down_the_ladder_in_its_order() {
        let rungs = |free| placed(free, KvCacheChoice::Auto).unwrap().rungs;
        assert_eq!(rungs(20_479), [Rung::FewerNewTokens(1024)]);
        assert_eq!(rungs(17_407), [Rung::FewerNewTokens(512)]);
        assert_eq!(rungs(16_895), [Rung::FewerNewTokens(512), Rung::ShorterContext(8192)]);
        assert_eq!(rungs(1536), [Rung::FewerNewTokens(512), Rung::ShorterContext(1024)]);
        assert_eq!(
            rungs(1535),
            [Rung::FewerNewTokens(512), Rung::ShorterContext(2048), Rung::EightBitCache]
        );
    }

    #[test]
    fn a_model_that_cannot_fit_says_what_it_would_take() {
        let error = placed(767, KvCacheChoice::Auto).unwrap_err().to_string();
        assert!(error.contains("101 MiB at the least, 100 MiB are free"), "{error}");
        assert!(error.contains("llm.fallback"), "{error}");
        assert!(placed(768, KvCacheChoice::Auto).is_ok());
        assert!(placed(768, KvCacheChoice::Half).is_err());
    }

    #[test]
    fn an_eight_bit_cache_that_is_wished_for_is_no_shortage() {
        let placement = placed(10_240, KvCacheChoice::Eight).unwrap();
        assert!(placement.eight && placement.rungs.is_empty());
    }

    #[test]
    fn a_model_without_an_eight_bit_cache_keeps_its_own() {
        let plain = |context| Ok(MemoryPlan { kv_eight: None, ..model(context)? });
        let wish = Wish { prompt: 2048, kv: KvCacheChoice::Eight, free: None };
        assert!(!place(wish, plain).unwrap().eight);
    }

    #[test]
    fn words_for_those_who_look() {
        let text = placed(1535, KvCacheChoice::Auto).unwrap().describe();
        assert_eq!(
            text,
            "context of 2560 tokens, 8-bit KV cache, 102 MiB of memory; memory is short: replies of at most 512 \
             tokens, prompts of at most 2048 tokens, KV cache in 8 bits"
        );
    }
}

//! The settings as they are true for this run. The only place that knows defaults; the same values stand,
//! with comments, in `static/companion.toml`.

use std::path::PathBuf;

use companion_dialogue::GenerationProfiles;
use companion_remote::RemoteSettings;
use companion_types::EmotionLabel;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Everything that can be set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where things lie.
    pub paths: PathSettings,
    /// Which bus.
    pub bus: BusSettings,
    /// Microphone and speaker.
    pub audio: AudioSettings,
    /// Hearing.
    pub asr: AsrSettings,
    /// Remembering.
    pub memory: MemoryRoomSettings,
    /// Thinking.
    pub dialogue: DialogueSettings,
    /// Feeling.
    pub emotion: EmotionSettings,
    /// Speaking.
    pub tts: TtsSettings,
    /// Which model in which slot.
    pub models: ModelSettings,
    /// How the language model is held in memory.
    pub llm: LlmSettings,
    /// A chat server that thinks where no language model is loaded; none by default.
    pub remote: RemoteSettings,
    /// Who the companion is.
    pub profile: ProfileSettings,
    /// Heartbeats and watchdog.
    pub health: HealthSettings,
}

/// `[paths]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PathSettings {
    /// What is kept: store, imported profiles.
    pub state: PathBuf,
    /// Shipped data: voices, profiles.
    pub data: PathBuf,
    /// Folders with model directories; of two with one name the earlier counts.
    pub models: Vec<PathBuf>,
    /// The program that holds espeak-ng; empty: beside the daemon.
    pub espeak: PathBuf,
}

impl Default for PathSettings {
    fn default() -> Self {
        Self {
            state: "/var/lib/companion".into(),
            data: "/usr/share/companion".into(),
            models: vec!["/var/lib/companion/models".into(), "/usr/share/companion/models".into()],
            espeak: PathBuf::new(),
        }
    }
}

/// Which bus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusChoice {
    /// The system bus.
    #[default]
    System,
    /// The session bus.
    Session,
}

/// `[bus]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusSettings {
    /// `system` or `session`.
    pub kind: BusChoice,
}

/// Which sound system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioBackend {
    /// PipeWire nodes.
    #[default]
    Pipewire,
    /// None: sound only through the descriptors of sessions.
    None,
}

/// `[audio]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioSettings {
    /// `pipewire` or `none`.
    pub backend: AudioBackend,
    /// Node to listen to; empty: the default source.
    pub input: String,
    /// Node to play to; empty: the default sink.
    pub output: String,
    /// Rate of the playback node, Hz.
    pub playback_rate_hz: u32,
    /// Frames of a graph cycle that are asked for, at 48 kHz.
    pub quantum: u32,
    /// Whether the own voice is taken out of what is heard.
    pub echo_cancel: bool,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self {
            backend: AudioBackend::default(),
            input: String::new(),
            output: String::new(),
            playback_rate_hz: 48_000,
            quantum: 512,
            echo_cancel: true,
        }
    }
}

/// `[asr]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AsrSettings {
    /// This much silence ends an utterance.
    pub endpoint_silence_ms: u64,
    /// This much silence starts work on the reply.
    pub speculative_silence_ms: u64,
    /// This much speech is an onset.
    pub min_speech_ms: u64,
    /// Kept from before the onset.
    pub preroll_ms: u64,
    /// A partial transcript this often; 0: none.
    pub partial_every_ms: u64,
    /// `auto`, `zh`, `en`, `yue`, `ja` or `ko`.
    pub language: String,
    /// Fewer characters than this do not interrupt.
    pub barge_in_min_chars: usize,
    /// A text of less confidence, 0 to 1, counts as no text.
    pub min_confidence: f32,
}

impl Default for AsrSettings {
    fn default() -> Self {
        Self {
            endpoint_silence_ms: 500,
            speculative_silence_ms: 200,
            min_speech_ms: 120,
            preroll_ms: 300,
            partial_every_ms: 320,
            language: "auto".to_owned(),
            barge_in_min_chars: 2,
            min_confidence: 0.45,
        }
    }
}

/// `[memory]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryRoomSettings {
    /// So many memories stand in a prompt.
    pub top_k: usize,
    /// Weight of the vector's similarity.
    pub vector_weight: f32,
    /// Weight of BM25.
    pub lexical_weight: f32,
    /// A reply waits no longer than this for memories.
    pub deadline_ms: u64,
}

impl Default for MemoryRoomSettings {
    fn default() -> Self {
        Self { top_k: 3, vector_weight: 0.7, lexical_weight: 0.3, deadline_ms: 50 }
    }
}

/// `[dialogue]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialogueSettings {
    /// Tokens of a prompt at most; the model's own limit counts too.
    pub context_budget_tokens: usize,
    /// Rounds of history at most.
    pub history_rounds: usize,
    /// A reply is given up after this long.
    pub deadline_ms: u64,
    /// Whether rules answer what they answer surely.
    pub rules: bool,
    /// Sampling of the generation profiles.
    pub profiles: GenerationProfiles,
}

impl Default for DialogueSettings {
    fn default() -> Self {
        Self {
            context_budget_tokens: 20_000,
            history_rounds: 10,
            deadline_ms: 60_000,
            rules: true,
            profiles: GenerationProfiles::default(),
        }
    }
}

/// `[emotion]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmotionSettings {
    /// Emotion of a reply without a tag.
    pub default: String,
    /// Further emotions; one with a known key replaces it.
    pub custom: Vec<EmotionLabel>,
}

impl Default for EmotionSettings {
    fn default() -> Self {
        Self { default: "calm".to_owned(), custom: Vec::new() }
    }
}

/// `[tts]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TtsSettings {
    /// Voice of profiles that name none: a folder under `voices`.
    pub voice: String,
    /// Whether the recogniser listens to what the voice says.
    pub self_hearing: SelfHearingMode,
    /// How often a clause that says something else is made again.
    pub tries: u32,
}

impl Default for TtsSettings {
    fn default() -> Self {
        Self { voice: "default".to_owned(), self_hearing: SelfHearingMode::Auto, tries: 2 }
    }
}

/// Whose voice is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelfHearingMode {
    /// That of voices that do not sound the same twice.
    Auto,
    /// That of all voices.
    Always,
    /// Of none.
    Off,
}

/// `[models]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Language model; empty: none.
    pub llm: String,
    /// Recogniser; empty: none.
    pub asr: String,
    /// Embedder of memory; empty: hashed n-grams, which are part of the program.
    pub embed: String,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            llm: "companion-brain-starter".to_owned(),
            asr: "companion-ears-starter".to_owned(),
            embed: String::new(),
        }
    }
}

/// Which KV cache is wished for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KvCacheChoice {
    /// Half precision where it fits, eight bits where it does not.
    #[default]
    Auto,
    /// Half precision always.
    Half,
    /// Eight bits always, where the model can.
    Eight,
}

/// Who guesses tokens for the language model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speculation {
    /// Nobody.
    #[default]
    Off,
    /// What stood in the prompt before.
    PromptLookup,
    /// The model that `llm.draft` names.
    Draft,
}

/// Where the language model computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComputeDevice {
    /// On a GPU where this build and this machine have one, otherwise on the processor.
    #[default]
    Auto,
    /// On the processor.
    Cpu,
    /// On a GPU; where there is none, that is a fault to be told, and the processor takes its place.
    Cuda,
}

/// `[llm]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmSettings {
    /// Smaller model that is loaded where `models.llm` does not fit or cannot be loaded; empty: none.
    pub fallback: String,
    /// Where it computes.
    pub device: ComputeDevice,
    /// Which GPU, from 0.
    pub gpu: usize,
    /// What the KV cache is kept in.
    pub kv_cache: KvCacheChoice,
    /// The language model takes no more than this, MiB; 0: what is free.
    pub memory_limit_mb: usize,
    /// So much memory is left free for everybody else, MiB.
    pub memory_reserve_mb: usize,
    /// Taken out of memory when nobody spoke for this long, seconds; 0: never.
    pub unload_after_s: u64,
    /// Who guesses tokens.
    pub speculation: Speculation,
    /// Small model of the same vocabulary that guesses.
    pub draft: String,
    /// Whether the KV cache of the prompt's head, which never changes, is kept on disk.
    pub keep_head: bool,
}

impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            fallback: String::new(),
            device: ComputeDevice::Auto,
            gpu: 0,
            kv_cache: KvCacheChoice::Auto,
            memory_limit_mb: 0,
            memory_reserve_mb: 256,
            unload_after_s: 0,
            speculation: Speculation::Off,
            draft: String::new(),
            keep_head: true,
        }
    }
}

/// `[profile]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileSettings {
    /// Key of the profile of the first start; later the one in use is remembered.
    pub active: String,
}

impl Default for ProfileSettings {
    fn default() -> Self {
        Self { active: "default".to_owned() }
    }
}

/// `[health]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthSettings {
    /// Heartbeats are looked at this often.
    pub heartbeat_ms: u64,
    /// A stage without a heartbeat for this long hangs: the watchdog is not fed and the stage is started
    /// again.
    pub stage_timeout_ms: u64,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self { heartbeat_ms: 500, stage_timeout_ms: 10_000 }
    }
}

impl Settings {
    /// A stage that waits for a server is not to count as hung.
    fn check_remote(&self) -> Result<(), ConfigError> {
        self.remote.check()?;
        let remote = &self.remote;
        let rows =
            [("remote.first_token_ms", remote.first_token_ms), ("remote.idle_ms", remote.idle_ms)];
        match rows.into_iter().find(|(_, ms)| *ms >= self.health.stage_timeout_ms) {
            Some((key, ms)) if remote.is_configured() => {
                let problem = "must be below health.stage_timeout_ms";
                Err(ConfigError::Bounds { key, value: ms.to_string(), problem })
            }
            _ => Ok(()),
        }
    }

    /// Checks what a type cannot say.
    ///
    /// # Errors
    /// When a value is out of its bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_remote()?;
        let weight = |w: f32| w.is_finite() && (0.0..=1.0).contains(&w);
        let language = &self.asr.language;
        let known = language == "auto" || companion_types::Language::from_code(language).is_some();
        let rows: [(bool, &'static str, String, &'static str); 11] = [
            (
                (self.llm.speculation == Speculation::Draft) != self.llm.draft.is_empty(),
                "llm.draft",
                format!("{:?}", self.llm.draft),
                "name a model where llm.speculation is draft, and only there",
            ),
            (
                self.asr.endpoint_silence_ms >= self.asr.speculative_silence_ms.max(100),
                "asr.endpoint_silence_ms",
                self.asr.endpoint_silence_ms.to_string(),
                "must be at least asr.speculative_silence_ms and 100",
            ),
            (
                weight(self.asr.min_confidence),
                "asr.min_confidence",
                self.asr.min_confidence.to_string(),
                "write 0 to 1",
            ),
            (known, "asr.language", language.clone(), "write auto, zh, en, yue, ja or ko"),
            (
                weight(self.memory.vector_weight),
                "memory.vector_weight",
                self.memory.vector_weight.to_string(),
                "write 0 to 1",
            ),
            (
                weight(self.memory.lexical_weight),
                "memory.lexical_weight",
                self.memory.lexical_weight.to_string(),
                "write 0 to 1",
            ),
            (
                (16..=8192).contains(&self.audio.quantum),
                "audio.quantum",
                self.audio.quantum.to_string(),
                "write 16 to 8192",
            ),
            (
                (8_000..=192_000).contains(&self.audio.playback_rate_hz),
                "audio.playback_rate_hz",
                self.audio.playback_rate_hz.to_string(),
                "write 8000 to 192000",
            ),
            (
                self.dialogue.context_budget_tokens >= 512,
                "dialogue.context_budget_tokens",
                self.dialogue.context_budget_tokens.to_string(),
                "write at least 512",
            ),
            (
                self.health.heartbeat_ms >= 20
                    && self.health.stage_timeout_ms >= 2 * self.health.heartbeat_ms,
                "health.stage_timeout_ms",
                self.health.stage_timeout_ms.to_string(),
                "must be at least twice health.heartbeat_ms, which must be at least 20",
            ),
            (
                !self.paths.models.is_empty(),
                "paths.models",
                "[]".to_owned(),
                "name at least one folder with model directories",
            ),
        ];
        match rows.into_iter().find(|row| !row.0) {
            Some((_, key, value, problem)) => Err(ConfigError::Bounds { key, value, problem }),
            None => Ok(()),
        }
    }
}

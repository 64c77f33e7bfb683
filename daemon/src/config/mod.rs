//! Configuration: what was written (`layers`), what is true (`settings`). Later code sees only
//! [`Settings`].

mod error;
mod layers;
mod settings;

pub use error::ConfigError;
pub use layers::{ConfigSources, load};
pub use settings::{
    AsrSettings, AudioBackend, AudioSettings, BusChoice, BusSettings, ComputeDevice,
    DialogueSettings, EmotionSettings, HealthSettings, KvCacheChoice, LlmSettings,
    MemoryRoomSettings, ModelSettings, PathSettings, ProfileSettings, SelfHearingMode, Settings,
    Speculation, TtsSettings,
};

//! companiond: the daemon that wires the rooms. The library is for tests and for `main`.

mod app;
mod backend;
mod bus;
mod cli;
mod client_audio;
mod config;
mod devices;
mod diagnose;
mod error;
mod health;
mod hear;
mod models;
mod profiles;
mod recollection;
mod run;
mod systemd;
mod tasks;
mod turn;
mod voice_import;
mod voices;
mod word_book;
mod worker;

pub use app::{App, Device, Feed};
pub use backend::{
    EarshotDetector, Guessing, LmCounter, LmGenerator, LmOptions, ModelEmbedder,
    SenseVoiceRecognizer,
};
pub use cli::{Arguments, BusArgument};
pub use config::{
    AsrSettings, AudioBackend, AudioSettings, BusChoice, BusSettings, ComputeDevice, ConfigError,
    ConfigSources, DialogueSettings, EmotionSettings, HealthSettings, KvCacheChoice, LlmSettings,
    MemoryRoomSettings, ModelSettings, PathSettings, ProfileSettings, SelfHearingMode, Settings,
    Speculation, TtsSettings, load as load_settings,
};
pub use error::DaemonError;
pub use health::{Health, StageReport, StageState};
pub use hear::{FrameSource, PacedRoom, listen_to};
pub use recollection::Recollection;
pub use run::run;
pub use turn::{Answer, AskId, Conversation, TurnEvent};

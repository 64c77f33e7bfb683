//! `org.companiond.Voice1` at `/org/companiond/voice`.

use std::collections::HashMap;
use std::future::Future;

use zbus::message::Header;
use zbus::{OwnedObjectPath, fdo, interface};

use crate::Result;
use crate::manager::sender;
use crate::types::Dict;

/// What the voice offers.
pub trait VoiceService: Send + Sync + 'static {
    /// See [`Voice::pronunciations`].
    fn pronunciations(&self) -> impl Future<Output = Result<Vec<(String, String)>>> + Send;
    /// See [`Voice::pronounce`].
    fn pronounce(&self, written: String, said: String) -> impl Future<Output = Result<()>> + Send;
    /// See [`Voice::forget_pronunciation`].
    fn forget_pronunciation(&self, written: String) -> impl Future<Output = Result<()>> + Send;
    /// See [`Voice::import`].
    fn import(
        &self,
        sender: &str,
        reference: (String, String),
        clip: std::os::fd::OwnedFd,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Voice::voices`].
    fn voices(&self) -> impl Future<Output = Result<Vec<(String, Dict)>>> + Send;
    /// See [`Voice::active`].
    fn active(&self) -> String;
    /// See [`Voice::self_hearing`].
    fn self_hearing(&self) -> HashMap<String, u64>;
}

/// The interface over a service.
#[derive(Debug)]
pub struct Voice<S>(pub S);

#[interface(
    name = "org.companiond.Voice1",
    proxy(default_service = "org.companiond", default_path = "/org/companiond/voice")
)]
impl<S: VoiceService> Voice<S> {
    /// The user's own pronunciations: a word as it is written, and how it is said.
    #[zbus(out_args("entries"))]
    async fn pronunciations(&self, options: Dict) -> Result<Vec<(String, String)>> {
        let _ = options;
        self.0.pronunciations().await
    }

    /// From the next reply on `written` is said as `said`: other words, or tone-numbered pinyin such as
    /// `chong2 qing4`, a syllable for each character. It is kept over a restart.
    async fn pronounce(&self, written: String, said: String, options: Dict) -> Result<()> {
        let _ = options;
        self.0.pronounce(written, said).await
    }

    /// A word is said again as the voice would say it.
    async fn forget_pronunciation(&self, written: String, options: Dict) -> Result<()> {
        let _ = options;
        self.0.forget_pronunciation(written).await
    }

    /// Takes a WAV file's descriptor as the reference of an emotion into a voice, which is made where there
    /// is none; a voice in use speaks with it from then on. Options: `text` (s), what is said in it: without
    /// it only the sound of the voice is taken, not its way of speaking; `model` (s) for a voice without one, `force` (b) takes what would be refused, `handle_token` (s). Result:
    /// seconds d, level_dbfs d, above_noise_db d, heard s, problems as.
    #[zbus(out_args("request"))]
    async fn import(
        &self,
        #[zbus(header)] header: Header<'_>,
        voice: String,
        emotion: String,
        clip: zbus::OwnedFd,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.0.import(&sender(&header), (voice, emotion), clip.into(), options).await
    }

    /// The voices: their name, and `name_zh` s, `name_en` s, `engine` s (`espeak` or `gpt-sovits`),
    /// `emotions` as, `problem` s (empty when it can be used).
    #[zbus(out_args("voices"))]
    async fn voices(&self, options: Dict) -> Result<Vec<(String, Dict)>> {
        let _ = options;
        self.0.voices().await
    }

    /// The voice in use.
    #[zbus(property(emits_changed_signal = "false"))]
    fn active(&self) -> fdo::Result<String> {
        Ok(self.0.active())
    }

    /// What the companion heard of its own voice since it started: clauses `listened` to, times that
    /// something was `swallowed`, `repeated`, `added`, clauses `made_again`, `spoken_with_slips`,
    /// `too_late` to be listened to first.
    #[zbus(property(emits_changed_signal = "false"))]
    fn self_hearing(&self) -> fdo::Result<HashMap<String, u64>> {
        Ok(self.0.self_hearing())
    }
}

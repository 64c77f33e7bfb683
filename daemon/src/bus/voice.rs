//! The service behind `Voice1`.

use std::collections::HashMap;
use std::sync::Arc;

use companion_bus::types::put;
use companion_bus::voice::VoiceService;
use companion_bus::{Dict, Result};

use super::convert::waiting;
use super::desk::Service;

impl VoiceService for Service {
    async fn pronunciations(&self) -> Result<Vec<(String, String)>> {
        let entries = self.0.app.word_book().all();
        std::future::ready(Ok(entries.into_iter().map(|e| (e.written, e.said)).collect())).await
    }

    async fn pronounce(&self, written: String, said: String) -> Result<()> {
        let app = Arc::clone(&self.0.app);
        waiting(move || app.word_book().add(&written, &said)).await
    }

    async fn forget_pronunciation(&self, written: String) -> Result<()> {
        let app = Arc::clone(&self.0.app);
        waiting(move || app.word_book().remove(&written)).await
    }

    async fn voices(&self) -> Result<Vec<(String, Dict)>> {
        let app = Arc::clone(&self.0.app);
        let voices = waiting(move || Ok(app.voices())).await?;
        let entry = |voice: crate::voices::VoiceInfo| {
            let mut dict = Dict::new();
            put(&mut dict, "name_zh", voice.name_zh);
            put(&mut dict, "name_en", voice.name_en);
            put(&mut dict, "engine", voice.engine);
            put(&mut dict, "emotions", voice.emotions);
            put(&mut dict, "problem", voice.problem);
            (voice.name, dict)
        };
        Ok(voices.into_iter().map(entry).collect())
    }

    fn active(&self) -> String {
        self.0.app.voice_name()
    }

    fn self_hearing(&self) -> HashMap<String, u64> {
        let counts = self.0.app.self_hearing().all();
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

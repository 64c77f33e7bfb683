//! The service behind `Voice1`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use companion_bus::types::{get, put};
use companion_bus::voice::VoiceService;
use companion_bus::{Dict, Result};
use zbus::OwnedObjectPath;

use super::convert::{self, LONGEST_TEXT, waiting};
use super::desk::Service;
use super::requests;
use crate::error::DaemonError;
use crate::voice_import::NewReference;

/// Largest clip, bytes: 10 s of the widest format stay far below.
const LARGEST: u64 = 32 << 20;

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

    async fn import(
        &self,
        sender: &str,
        reference: (String, String),
        clip: OwnedFd,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        let (voice, emotion) = reference;
        let text = get::<String>(&options, "text").unwrap_or_default();
        if !text.is_empty() {
            convert::text(text.clone(), LONGEST_TEXT)?;
        }
        let app = Arc::clone(&self.0.app);
        let model = get::<String>(&options, "model");
        let force = get::<bool>(&options, "force").unwrap_or(false);
        requests::start(&self.0, sender, &options, move |_| async move {
            let work = move || {
                let mut wav = Vec::new();
                let read = File::from(clip).take(LARGEST + 1).read_to_end(&mut wav);
                read.map_err(|e| DaemonError::Invalid(format!("the clip cannot be read: {e}")))?;
                if wav.len() as u64 > LARGEST {
                    let most = LARGEST >> 20;
                    return Err(DaemonError::Invalid(format!("the clip is larger than {most} MB")));
                }
                let new = NewReference { voice, emotion, text, wav, model, force };
                app.import_reference(&new)
            };
            let report = tokio::task::spawn_blocking(work)
                .await
                .map_err(|e| DaemonError::Unavailable(format!("the import failed: {e}")))??;
            let mut result = Dict::new();
            put(&mut result, "seconds", f64::from(report.measures.seconds));
            put(&mut result, "level_dbfs", f64::from(report.measures.level_dbfs));
            put(&mut result, "above_noise_db", f64::from(report.measures.above_noise_db()));
            put(&mut result, "heard", report.heard);
            put(&mut result, "problems", report.problems);
            Ok(result)
        })
        .await
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

//! The scripted voice: one voice, one word.

use std::collections::HashMap;

use companion_bus::types::{Dict, put};
use companion_bus::voice::VoiceService;
use companion_bus::{Error, Result};

use super::Scripted;

impl VoiceService for Scripted {
    async fn pronunciations(&self) -> Result<Vec<(String, String)>> {
        let words = match self.calls().iter().any(|c| c.starts_with("pronounce")) {
            true => vec![("重庆".to_owned(), "chong2 qing4".to_owned())],
            false => Vec::new(),
        };
        std::future::ready(Ok(words)).await
    }

    async fn pronounce(&self, written: String, said: String) -> Result<()> {
        self.called(format!("pronounce {written} {said}"));
        std::future::ready(Ok(())).await
    }

    async fn forget_pronunciation(&self, written: String) -> Result<()> {
        std::future::ready(Err(Error::NotFound(format!("no pronunciation of {written}")))).await
    }

    async fn voices(&self) -> Result<Vec<(String, Dict)>> {
        let mut dict = Dict::new();
        put(&mut dict, "name_zh", "小伴");
        put(&mut dict, "name_en", "Pal");
        put(&mut dict, "engine", "espeak");
        put(&mut dict, "emotions", vec!["calm".to_owned(), "happy".to_owned()]);
        put(&mut dict, "problem", "");
        let mut broken = Dict::new();
        put(&mut broken, "problem", "no calm");
        let voices = vec![("broken".to_owned(), broken), ("default".to_owned(), dict)];
        std::future::ready(Ok(voices)).await
    }

    fn active(&self) -> String {
        "default".to_owned()
    }

    fn self_hearing(&self) -> HashMap<String, u64> {
        HashMap::from([("listened".to_owned(), 7), ("swallowed".to_owned(), 1)])
    }
}

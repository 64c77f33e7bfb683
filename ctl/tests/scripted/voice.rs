//! The scripted voice: one voice, one word.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;

use companion_bus::types::{Dict, get, put};
use companion_bus::voice::VoiceService;
use companion_bus::{Error, Result};
use zbus::OwnedObjectPath;

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

    async fn import(
        &self,
        sender: &str,
        reference: (String, String),
        clip: OwnedFd,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        let mut bytes = Vec::new();
        File::from(clip).read_to_end(&mut bytes).map_err(|e| Error::Corrupt(e.to_string()))?;
        let (voice, emotion) = reference;
        let text = get::<String>(&options, "text").unwrap_or_default();
        let force = get::<bool>(&options, "force").unwrap_or(false);
        self.called(format!("import {voice} {emotion} {text} {} force={force}", bytes.len()));
        if emotion == "fail" {
            let refused = "the clip was refused: it is noisy".to_owned();
            return self
                .request(sender, &options, Some(Err(Error::InvalidArgument(refused))))
                .await;
        }
        let mut result = Dict::new();
        put(&mut result, "seconds", 4.2);
        put(&mut result, "level_dbfs", -20.0);
        put(&mut result, "above_noise_db", 40.0);
        put(&mut result, "heard", "你好");
        put(&mut result, "problems", Vec::<String>::new());
        self.request(sender, &options, Some(Ok(result))).await
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

//! The service behind `Memory1`.

use companion_bus::memory::MemoryService;
use companion_bus::types::{MemoryItem, get};
use companion_bus::{Dict, Result};
use companion_types::{MemoryId, TurnId};

use super::convert::{self, LONGEST_TEXT, waiting};
use super::desk::Service;

/// Items of one answer at most.
const MOST: u32 = 1_000;

fn limit(options: &Dict, default: u32) -> usize {
    let limit = get::<u32>(options, "limit").unwrap_or(default).min(MOST);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl MemoryService for Service {
    async fn search(&self, query: String, options: Dict) -> Result<Vec<MemoryItem>> {
        let query = convert::text(query, LONGEST_TEXT)?;
        let memory = self.0.app.recollection().clone();
        let count = limit(&options, 10);
        let hits = waiting(move || memory.recall(&query, count)).await?;
        Ok(hits.iter().map(|h| convert::memory(&h.note, h.score, Some(h.source))).collect())
    }

    async fn list(&self, options: Dict) -> Result<Vec<MemoryItem>> {
        let memory = self.0.app.recollection().clone();
        let offset = usize::try_from(get::<u32>(&options, "offset").unwrap_or(0)).unwrap_or(0);
        let notes = waiting(move || memory.memories()).await?;
        let page = notes.iter().skip(offset).take(limit(&options, 100));
        Ok(page.map(|note| convert::memory(note, 0.0, None)).collect())
    }

    async fn get(&self, id: String) -> Result<MemoryItem> {
        let id: MemoryId = convert::id(&id)?;
        let memory = self.0.app.recollection().clone();
        let note = waiting(move || memory.get(id)).await?;
        Ok(convert::memory(&note, 0.0, None))
    }

    async fn add(&self, text: String, options: Dict) -> Result<String> {
        let text = convert::text(text, LONGEST_TEXT)?;
        let core = get::<bool>(&options, "core").unwrap_or(false);
        let memory = self.0.app.recollection().clone();
        let id = waiting(move || memory.remember(&text, core)).await?;
        Ok(id.to_string())
    }

    async fn forget(&self, ids: Vec<String>) -> Result<String> {
        let ids = ids.iter().map(|id| convert::id(id)).collect::<Result<Vec<MemoryId>>>()?;
        let memory = self.0.app.recollection().clone();
        let undo = waiting(move || memory.forget(ids)).await?;
        Ok(undo.to_string())
    }

    async fn undo(&self, undo: String) -> Result<Vec<String>> {
        let undo = convert::id(&undo)?;
        let memory = self.0.app.recollection().clone();
        let ids = waiting(move || memory.undo(undo)).await?;
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    async fn explain(&self, turn: u64) -> Result<Vec<(String, String)>> {
        let memory = self.0.app.recollection().clone();
        let used = waiting(move || memory.explain(TurnId(turn))).await?;
        Ok(used.into_iter().map(|(id, text)| (id.to_string(), text)).collect())
    }

    async fn count(&self) -> u64 {
        self.size().await.0
    }

    async fn bytes(&self) -> u64 {
        self.size().await.1
    }
}

impl Service {
    async fn size(&self) -> (u64, u64) {
        let memory = self.0.app.recollection().clone();
        let (count, bytes) = waiting(move || memory.size()).await.unwrap_or_default();
        (u64::try_from(count).unwrap_or(u64::MAX), bytes)
    }
}

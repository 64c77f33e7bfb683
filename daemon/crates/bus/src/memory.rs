//! `org.companiond.Memory1` at `/org/companiond/memory`. Memories are no objects: there may be 100 000.

use std::future::Future;

use zbus::object_server::SignalEmitter;
use zbus::{fdo, interface};

use crate::Result;
use crate::types::{Dict, MemoryItem};

/// What memory offers.
pub trait MemoryService: Send + Sync + 'static {
    /// See [`Memory::search`].
    fn search(
        &self,
        query: String,
        options: Dict,
    ) -> impl Future<Output = Result<Vec<MemoryItem>>> + Send;
    /// See [`Memory::list`].
    fn list(&self, options: Dict) -> impl Future<Output = Result<Vec<MemoryItem>>> + Send;
    /// See [`Memory::get`].
    fn get(&self, id: String) -> impl Future<Output = Result<MemoryItem>> + Send;
    /// See [`Memory::add`].
    fn add(&self, text: String, options: Dict) -> impl Future<Output = Result<String>> + Send;
    /// See [`Memory::forget`].
    fn forget(&self, ids: Vec<String>) -> impl Future<Output = Result<String>> + Send;
    /// See [`Memory::undo`].
    fn undo(&self, undo: String) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// See [`Memory::explain`].
    fn explain(&self, turn: u64) -> impl Future<Output = Result<Vec<(String, String)>>> + Send;
    /// See [`Memory::count`].
    fn count(&self) -> impl Future<Output = u64> + Send;
    /// See [`Memory::bytes`].
    fn bytes(&self) -> impl Future<Output = u64> + Send;
}

/// The interface over a service.
#[derive(Debug)]
pub struct Memory<S>(pub S);

#[interface(
    name = "org.companiond.Memory1",
    proxy(default_service = "org.companiond", default_path = "/org/companiond/memory")
)]
impl<S: MemoryService> Memory<S> {
    /// The nearest memories, best first. Options: `limit` (u, default 10).
    #[zbus(out_args("items"))]
    async fn search(&self, query: String, options: Dict) -> Result<Vec<MemoryItem>> {
        self.0.search(query, options).await
    }

    /// All memories, newest first. Options: `limit` (u, default 100), `offset` (u).
    #[zbus(out_args("items"))]
    async fn list(&self, options: Dict) -> Result<Vec<MemoryItem>> {
        self.0.list(options).await
    }

    /// One memory.
    #[zbus(out_args("item"))]
    async fn get(&self, id: String, options: Dict) -> Result<(MemoryItem,)> {
        let _ = options;
        self.0.get(id).await.map(|item| (item,))
    }

    /// Keeps a note; it is on disk when the call returns. Options: `core` (b): always in the prompt.
    #[zbus(out_args("id"))]
    async fn add(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        text: String,
        options: Dict,
    ) -> Result<String> {
        let id = self.0.add(text, options).await?;
        let _ = Self::changed(&emitter, "add", vec![id.clone()]).await;
        Ok(id)
    }

    /// Forgets; gives the id to undo it with.
    #[zbus(out_args("undo"))]
    async fn forget(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        ids: Vec<String>,
        options: Dict,
    ) -> Result<String> {
        let _ = options;
        let undo = self.0.forget(ids.clone()).await?;
        let _ = Self::changed(&emitter, "forget", ids).await;
        Ok(undo)
    }

    /// Brings back what was forgotten; gives the ids.
    #[zbus(out_args("ids"))]
    async fn undo(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        undo: String,
        options: Dict,
    ) -> Result<Vec<String>> {
        let _ = options;
        let ids = self.0.undo(undo).await?;
        let _ = Self::changed(&emitter, "undo", ids.clone()).await;
        Ok(ids)
    }

    /// Ids and texts of the memories that a turn's answer rested on.
    #[zbus(out_args("memories"))]
    async fn explain(&self, turn: u64, options: Dict) -> Result<Vec<(String, String)>> {
        let _ = options;
        self.0.explain(turn).await
    }

    /// How many memories there are.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn count(&self) -> fdo::Result<u64> {
        Ok(self.0.count().await)
    }

    /// Bytes of the store on disk.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn bytes(&self) -> fdo::Result<u64> {
        Ok(self.0.bytes().await)
    }

    /// Memories changed by a client: `add`, `forget` or `undo`, and their ids.
    #[zbus(signal)]
    pub async fn changed(
        emitter: &SignalEmitter<'_>,
        operation: &str,
        ids: Vec<String>,
    ) -> zbus::Result<()>;
}

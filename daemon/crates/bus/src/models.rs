//! `org.companiond.Models1` at `/org/companiond/models` and `Model1` for each model below it.

use std::future::Future;

use zbus::message::Header;
use zbus::{OwnedObjectPath, fdo, interface};

use crate::Result;
use crate::manager::sender;
use crate::types::Dict;

/// What the models offer together.
pub trait ModelsService: Send + Sync + 'static {
    /// See [`Models::rescan`].
    fn rescan(&self) -> impl Future<Output = Result<Vec<OwnedObjectPath>>> + Send;
    /// See [`Models::slots`].
    fn slots(&self) -> Vec<(String, String)>;
    /// See [`Models::folders`].
    fn folders(&self) -> Vec<String>;
}

/// What one model offers.
pub trait ModelService: Send + Sync + 'static {
    /// See [`Model::load`].
    fn load(
        &self,
        sender: &str,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Model::unload`].
    fn unload(&self) -> impl Future<Output = Result<()>> + Send;
    /// See [`Model::id`].
    fn id(&self) -> String;
    /// See [`Model::kind`].
    fn kind(&self) -> String;
    /// See [`Model::architecture`].
    fn architecture(&self) -> String;
    /// See [`Model::state`].
    fn state(&self) -> String;
    /// See [`Model::directory`].
    fn directory(&self) -> String;
    /// See [`Model::bytes`].
    fn bytes(&self) -> u64;
    /// See [`Model::loaded_ms`].
    fn loaded_ms(&self) -> u32;
    /// See [`Model::detail`].
    fn detail(&self) -> String;
}

/// The interface of all models over a service.
#[derive(Debug)]
pub struct Models<S>(pub S);

/// The interface of one model over a service.
#[derive(Debug)]
pub struct Model<S>(pub S);

#[interface(
    name = "org.companiond.Models1",
    proxy(default_service = "org.companiond", default_path = "/org/companiond/models")
)]
impl<S: ModelsService> Models<S> {
    /// Looks through the model folders again; gives the models found.
    #[zbus(out_args("models"))]
    async fn rescan(&self, options: Dict) -> Result<Vec<OwnedObjectPath>> {
        let _ = options;
        self.0.rescan().await
    }

    /// Slots and the id of the model in each; empty for none. Slots: `asr`, `llm`, `tts`, `vad`, `embed`.
    #[zbus(property)]
    fn slots(&self) -> fdo::Result<Vec<(String, String)>> {
        Ok(self.0.slots())
    }

    /// Where models are looked for.
    #[zbus(property(emits_changed_signal = "const"))]
    fn folders(&self) -> fdo::Result<Vec<String>> {
        Ok(self.0.folders())
    }
}

#[interface(name = "org.companiond.Model1", proxy(default_service = "org.companiond"))]
impl<S: ModelService> Model<S> {
    /// Loads and warms up the model and puts it into its slot; until then the old one works on. Options:
    /// `handle_token` (s). Result: loaded_ms u.
    #[zbus(out_args("request"))]
    async fn load(
        &self,
        #[zbus(header)] header: Header<'_>,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.0.load(&sender(&header), options).await
    }

    /// Empties the slot; what the stage did is not done until a model is loaded again.
    async fn unload(&self, options: Dict) -> Result<()> {
        let _ = options;
        self.0.unload().await
    }

    /// Its id: the name of its directory.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> fdo::Result<String> {
        Ok(self.0.id())
    }

    /// `llm`, `asr`, `vad`, `tts` or `embed`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn kind(&self) -> fdo::Result<String> {
        Ok(self.0.kind())
    }

    /// Architecture, such as `qwen2` or `sensevoice`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn architecture(&self) -> fdo::Result<String> {
        Ok(self.0.architecture())
    }

    /// `on-disk`, `loading`, `loaded`, `resting` (out of memory until somebody speaks) or `failed`.
    #[zbus(property)]
    fn state(&self) -> fdo::Result<String> {
        Ok(self.0.state())
    }

    /// Where it lies; empty for a model that is part of the program.
    #[zbus(property(emits_changed_signal = "const"))]
    fn directory(&self) -> fdo::Result<String> {
        Ok(self.0.directory())
    }

    /// Bytes of its files.
    #[zbus(property(emits_changed_signal = "const"))]
    fn bytes(&self) -> fdo::Result<u64> {
        Ok(self.0.bytes())
    }

    /// Milliseconds that loading took the last time.
    #[zbus(property)]
    fn loaded_ms(&self) -> fdo::Result<u32> {
        Ok(self.0.loaded_ms())
    }

    /// Why it failed, or a note about it.
    #[zbus(property)]
    fn detail(&self) -> fdo::Result<String> {
        Ok(self.0.detail())
    }
}

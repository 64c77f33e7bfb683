//! The commands, one file each, and what they share: the connection, the wait for a request.

use companion_bus::client;
use companion_bus::manager::ManagerProxy;
use companion_bus::session::SessionProxy;
use companion_bus::types::put;
use companion_bus::{Dict, Result};
use futures_util::StreamExt as _;
use zbus::proxy::OwnerChangedStream;
use zbus::{Connection, OwnedObjectPath};

use crate::cli::Command;
use crate::exit::{Failure, Outcome};
use crate::messages::Message;
use crate::output::Output;
use crate::progress::Progress;

mod ask;
mod audio;
mod chat;
mod diagnose;
pub(crate) mod docs;
mod interrupt;
mod listen;
mod memory;
mod model;
mod monitor;
mod profile;
mod reply;
mod say;
mod status;
mod turn;
mod voice;

/// What a command works with.
pub(crate) struct Context {
    pub(crate) connection: Connection,
}

impl Context {
    pub(crate) async fn manager(&self) -> Outcome<ManagerProxy<'static>> {
        Ok(ManagerProxy::new(&self.connection).await?)
    }

    /// Opens a session; `audio` is `node` or `fd`. It ends when the connection does.
    pub(crate) async fn session(&self, audio: &str) -> Outcome<(SessionProxy<'static>, Gone)> {
        let mut options = Dict::new();
        put(&mut options, "audio", audio);
        put(&mut options, "app_id", "companionctl");
        let path = self.manager().await?.open_session(options).await?;
        let session = SessionProxy::builder(&self.connection).path(path).build().await?;
        let gone = Gone(session.inner().receive_owner_changed().await?);
        Ok((session, gone))
    }

    /// Waits for long work, with a progress bar.
    pub(crate) async fn finish<F>(
        &self,
        output: &Output,
        what: Message,
        options: Dict,
        call: impl FnOnce(Dict) -> F,
    ) -> Outcome<Dict>
    where
        F: Future<Output = Result<OwnedObjectPath>>,
    {
        let bar = Progress::new(output, output.text(what));
        Ok(client::finish(&self.connection, options, call, |part| bar.set(part)).await?)
    }
}

/// Tells when the daemon leaves the bus, even if its descriptors stay open.
pub(crate) struct Gone(OwnerChangedStream<'static>);

impl Gone {
    pub(crate) async fn wait(&mut self) -> Failure {
        while let Some(Some(_)) = self.0.next().await {}
        Failure::new("Unavailable", "companiond left the bus: see its log")
    }
}

/// Runs the command.
pub(crate) async fn dispatch(command: Command, context: &Context, output: &mut Output) -> Outcome {
    match command {
        Command::Status => status::run(context, output).await,
        Command::Ask { text, aloud } => ask::run(context, output, text, aloud).await,
        Command::Say(args) => say::run(context, output, *args).await,
        Command::Listen { wav, language } => listen::run(context, output, &wav, language).await,
        Command::Turn(args) => turn::run(context, output, &args).await,
        Command::Chat { quiet } => chat::run(context, output, quiet).await,
        Command::Interrupt => interrupt::run(context, output).await,
        Command::Memory(command) => memory::run(context, output, command).await,
        Command::Model(command) => model::run(context, output, command).await,
        Command::Profile(command) => profile::run(context, output, command).await,
        Command::Voice(command) => voice::run(context, output, command).await,
        Command::Audio { command } => audio::run(context, output, command).await,
        Command::Diagnose => diagnose::run(context, output).await,
        Command::Monitor { kinds, turns } => monitor::run(context, output, &kinds, turns).await,
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}

/// Resolves when the person presses Ctrl-C; never where that cannot be known.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

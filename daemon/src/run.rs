//! The life of the daemon: sound, stages, bus, READY; then until a signal or a lost bus; then the end, in
//! reverse.

use std::sync::Arc;
use std::time::Duration;

use companion_audio::{SharedTap, playback};
use companion_types::SampleRate;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::bus::serve;
use crate::config::Settings;
use crate::devices::Devices;
use crate::error::DaemonError;
use crate::systemd;

/// Loading may take this long on a slow disk.
const LOADING: Duration = Duration::from_secs(120);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When the companion cannot start, or the bus is lost.
pub fn run(settings: Settings) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("bus")
        .enable_all()
        .build()
        .map_err(|source| DaemonError::Thread { stage: "bus", source })?;
    let outcome = runtime.block_on(live(settings));
    // Work that hangs is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

fn on(kind: SignalKind) -> Result<Signal, DaemonError> {
    signal(kind).map_err(|source| DaemonError::Thread { stage: "signals", source })
}

async fn live(settings: Settings) -> Result<(), DaemonError> {
    // Signals count from the very start.
    let (mut terminate, mut interrupt) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    systemd::extend(LOADING);
    systemd::status("loading");
    let kind = settings.bus.kind;
    let loading = tokio::task::spawn_blocking(move || start(settings));
    let gone = |_| DaemonError::Unavailable("loading failed; see the log".to_owned());
    let (app, devices) = loading.await.map_err(gone)??;
    let app = Arc::new(app);
    let served = serve(Arc::clone(&app), devices.clone(), kind).await?;
    systemd::ready("ready");
    tracing::info!("ready");
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = served.lost() => Err(DaemonError::Bus("the connection to the bus was lost".to_owned())),
    };
    systemd::stopping();
    served.end().await;
    let ended = tokio::task::spawn_blocking(move || {
        devices.stop();
        drop(app);
    });
    let _ = ended.await;
    outcome
}

fn start(settings: Settings) -> Result<(App, Devices), DaemonError> {
    let (sound, tap) = playback(SampleRate(settings.audio.playback_rate_hz));
    let tap = SharedTap::new(tap);
    let (devices, microphone) = Devices::open(&settings.audio, sound.clone(), tap)?;
    let feed = Box::new(systemd::watchdog);
    let app = App::start(settings, sound, microphone, feed)?;
    devices.hears_through(app.ears().clone());
    Ok((app, devices))
}

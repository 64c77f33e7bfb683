//! The task that turns what the conversation tells into properties, signals and records.

use std::sync::Arc;
use std::time::Duration;

use companion_audio::{DeviceEvent, NodeRole};
use companion_bus::Dict;
use companion_bus::audio::Audio;
use companion_bus::manager::Manager;
use companion_bus::names::{AUDIO, ROOT};
use companion_bus::session::Session;
use companion_bus::types::put;
use companion_types::{Transcript, TurnReport};
use serde_json::{Value, json};
use zbus::object_server::InterfaceRef;

use super::convert;
use super::desk::{Desk, Service};
use super::session::Handle;
use super::sessions;
use crate::turn::TurnEvent;

/// Levels and health are looked at this often.
const LOOK: Duration = Duration::from_millis(100);

type SessionIface = Session<Handle>;

impl Desk {
    async fn manager(&self) -> Option<InterfaceRef<Manager<Service>>> {
        self.connection().ok()?.object_server().interface(ROOT).await.ok()
    }

    /// The session that holds the microphone changed.
    pub(super) async fn tell_active(&self) {
        if let Some(iface) = self.manager().await {
            let _ = iface.get().await.active_session_changed(iface.signal_emitter()).await;
        }
    }

    fn record(&self, kind: &str, event: impl FnOnce() -> Value) {
        let sessions = self.sessions.all();
        if sessions.iter().any(|s| s.wants(kind)) {
            let mut event = event();
            event["kind"] = kind.into();
            for session in &sessions {
                session.record(kind, &event);
            }
        }
    }
}

/// Tells of nodes that come and go.
async fn device_changes(desk: &Desk) {
    while let Some(change) = desk.devices.next_change() {
        let (what, node) = match &change {
            DeviceEvent::Connected => ("connected", ""),
            DeviceEvent::Lost(_) => ("lost", ""),
            DeviceEvent::Changed { what, node } => {
                let what = if *what == NodeRole::Microphone { "input" } else { "output" };
                (what, node.as_deref().unwrap_or_default())
            }
        };
        let Ok(connection) = desk.connection() else { return };
        let server = connection.object_server();
        let Ok(iface) = server.interface::<_, Audio<Service>>(AUDIO).await else { return };
        let to = iface.signal_emitter();
        let _ = Audio::<Service>::device_changed(to, what, node).await;
        let audio = iface.get().await;
        let _ = audio.connected_changed(to).await;
        let _ = audio.detail_changed(to).await;
        let _ = audio.nodes_changed(to).await;
    }
}

/// Reads events until the daemon stops.
pub(super) async fn pump(desk: Arc<Desk>) {
    let mut events = desk.app.conversation().watch();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => publish(&desk, event).await,
                // This task was too slow, or the turn thread is gone.
                None => {
                    tokio::time::sleep(LOOK).await;
                    events = desk.app.conversation().watch();
                }
            },
            _ = look.tick() => {
                look_around(&desk).await;
                device_changes(&desk).await;
            }
        }
    }
}

async fn look_around(desk: &Desk) {
    desk.record("level", || {
        let (peak, rms) = desk.devices.status().level_dbfs;
        json!({ "peak_dbfs": peak, "rms_dbfs": rms })
    });
    let mut bad = desk.app.health().degraded();
    if desk.devices.is_lost() {
        bad.push("audio");
    }
    let now = bad.join(",");
    let before = std::mem::replace(&mut desk.live().degraded, now.clone());
    if before == now {
        return;
    }
    let text = if now.is_empty() { "ready".to_owned() } else { format!("degraded: {now}") };
    crate::systemd::status(&text);
    if let Some(iface) = desk.manager().await {
        let manager = iface.get().await;
        let _ = manager.degraded_changed(iface.signal_emitter()).await;
        if !now.is_empty() {
            let emitter = iface.signal_emitter();
            let _ = Manager::<Service>::alert(emitter, "degraded", 2, &text, Dict::new()).await;
        }
    }
}

async fn publish(desk: &Desk, event: TurnEvent) {
    match event {
        TurnEvent::State(name) => state(desk, name.as_str()).await,
        TurnEvent::Partial(text) => {
            desk.record("partial", || json!({ "text": text }));
            for session in desk.sessions.all() {
                if let Some(to) = sessions::emitter(desk, &session) {
                    let more = Dict::new();
                    let _ = SessionIface::transcript(&to, 0, &text, false, more).await;
                }
            }
        }
        TurnEvent::Transcript(transcript) => heard(desk, &transcript).await,
        TurnEvent::Started(turn) => {
            desk.live().turn = turn.0;
            for session in desk.sessions.all() {
                if let Some(to) = sessions::emitter(desk, &session) {
                    let _ = SessionIface::turn_started(&to, turn.0).await;
                }
            }
        }
        TurnEvent::Token(turn, text) => {
            desk.record("token", || json!({ "turn": turn.0, "text": text }));
        }
        TurnEvent::Clause(turn, seq, emotion, text) => {
            if seq.0 == 0 {
                desk.record("emotion", || json!({ "turn": turn.0, "emotion": emotion.key() }));
            }
            desk.record(
                "clause",
                || json!({ "turn": turn.0, "seq": seq.0, "emotion": emotion.key(), "text": text }),
            );
            for session in desk.sessions.all() {
                if let Some(to) = sessions::emitter(desk, &session) {
                    let key = emotion.key();
                    let _ = SessionIface::sentence(&to, turn.0, seq.0, &text, key).await;
                }
            }
        }
        TurnEvent::Timing { turn, seq, rate, words, visemes } => {
            for word in words {
                desk.record("word_time", || {
                    json!({ "turn": turn.0, "seq": seq.0, "text_end": word.text_end,
                        "start": word.start, "end": word.end, "rate": rate.0 })
                });
            }
            for viseme in visemes {
                desk.record("viseme", || {
                    let shape = format!("{:?}", viseme.shape).to_lowercase();
                    json!({ "turn": turn.0, "seq": seq.0, "shape": shape, "at": viseme.at,
                        "weight": viseme.weight, "rate": rate.0 })
                });
            }
        }
        TurnEvent::Mood(label, valence, arousal) => {
            desk.live().mood = (label, valence, arousal);
        }
        TurnEvent::Ended(report) => ended(desk, &report).await,
    }
}

async fn state(desk: &Desk, state: &'static str) {
    desk.live().state = state;
    desk.record("state", || json!({ "state": state }));
    if let Some(iface) = desk.manager().await {
        let _ = iface.get().await.state_changed(iface.signal_emitter()).await;
    }
    for session in desk.sessions.all() {
        let (Some(to), Ok(connection)) = (sessions::emitter(desk, &session), desk.connection())
        else {
            continue;
        };
        let server = connection.object_server();
        if let Ok(iface) = server.interface::<_, SessionIface>(to.path()).await {
            let _ = iface.get().await.state_changed(iface.signal_emitter()).await;
        }
    }
}

async fn heard(desk: &Desk, transcript: &Transcript) {
    let turn = {
        let mut live = desk.live();
        live.language = transcript.language;
        live.turn
    };
    let emotion = format!("{:?}", transcript.heard_emotion).to_lowercase();
    let event = transcript.audio_event.map(|e| format!("{e:?}").to_lowercase());
    let event = event.unwrap_or_default();
    desk.record("transcript", || {
        json!({ "turn": turn, "text": transcript.text, "language": transcript.language.code(),
            "emotion": emotion, "event": event, "confidence": transcript.confidence })
    });
    for session in desk.sessions.all() {
        let Some(to) = sessions::emitter(desk, &session) else { continue };
        let mut more = Dict::new();
        put(&mut more, "language", transcript.language.code());
        put(&mut more, "emotion", emotion.as_str());
        put(&mut more, "event", event.as_str());
        put(&mut more, "confidence", f64::from(transcript.confidence));
        let _ = SessionIface::transcript(&to, turn, &transcript.text, true, more).await;
    }
}

async fn ended(desk: &Desk, report: &TurnReport) {
    desk.live().latency = convert::latency(&report.latency_ms);
    let result = convert::turn(report);
    desk.record("turn", || serde_json::to_value(&result).unwrap_or_default());
    for session in desk.sessions.all() {
        if let Some(to) = sessions::emitter(desk, &session) {
            let (turn, dict) = (report.turn.0, result.to_dict());
            let _ = SessionIface::turn_ended(&to, turn, &result.outcome, dict).await;
        }
    }
}

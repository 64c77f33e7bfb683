//! `status`: how the companion is, on one screen.

use companion_bus::Dict;
use companion_bus::audio::AudioProxy;
use companion_bus::health::HealthProxy;
use companion_bus::memory::MemoryProxy;
use companion_bus::models::ModelsProxy;
use companion_bus::profiles::ProfilesProxy;
use companion_bus::types::get;
use serde_json::{Map, Value, json};

use super::Context;
use crate::exit::Outcome;
use crate::messages::{Lang, Message, word};
use crate::output::{Output, Paint, one_line, size, span};

/// What is shown. The root must answer; what a room of the daemon does not answer is `None`.
struct Status {
    version: String,
    state: String,
    degraded: Vec<String>,
    mood: (String, f64, f64),
    privacy: Dict,
    session: Option<String>,
    profile: Option<String>,
    memory: Option<(u64, u64)>,
    slots: Option<Vec<(String, String)>>,
    audio: Option<(bool, bool)>,
    uptime_s: Option<u64>,
}

pub(crate) async fn run(context: &Context, output: &mut Output) -> Outcome {
    let status = read(context).await?;
    if output.json {
        output.value(&status.to_json())?;
        return Ok(());
    }
    status.show(output)
}

async fn read(context: &Context) -> Outcome<Status> {
    let connection = &context.connection;
    let manager = context.manager().await?;
    let profiles = ProfilesProxy::new(connection).await?;
    let memory = MemoryProxy::new(connection).await?;
    let models = ModelsProxy::new(connection).await?;
    let audio = AudioProxy::new(connection).await?;
    let health = HealthProxy::new(connection).await?;
    let degraded = manager.degraded().await?;
    let session = manager.active_session().await?.to_string();
    Ok(Status {
        version: manager.version().await?,
        state: manager.state().await?,
        degraded: degraded
            .split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(Into::into)
            .collect(),
        mood: manager.mood().await?,
        privacy: manager.privacy().await?,
        session: (session != "/").then_some(session),
        profile: profiles.active().await.ok(),
        memory: tokio::try_join!(memory.count(), memory.bytes()).ok(),
        slots: models.slots().await.ok(),
        audio: tokio::try_join!(audio.connected(), audio.mic_muted()).ok(),
        uptime_s: health.uptime().await.ok(),
    })
}

impl Status {
    fn to_json(&self) -> Value {
        let (mood, valence, arousal) = &self.mood;
        let slot = |(slot, id): &(String, String)| {
            (slot.clone(), if id.is_empty() { Value::Null } else { json!(id) })
        };
        json!({
            "version": self.version,
            "state": self.state,
            "degraded": self.degraded,
            "mood": { "name": mood, "valence": valence, "arousal": arousal },
            "privacy": {
                "network": get::<bool>(&self.privacy, "network"),
                "remote_models": get::<bool>(&self.privacy, "remote_models"),
                "microphone": get::<String>(&self.privacy, "microphone"),
            },
            "session": self.session,
            "profile": self.profile,
            "memory": self.memory.map(|(count, bytes)| json!({ "count": count, "bytes": bytes })),
            "models": self.slots.as_ref().map(|s| s.iter().map(slot).collect::<Map<_, _>>()),
            "audio": self.audio.map(|(connected, muted)| json!({ "connected": connected, "muted": muted })),
            "uptime_s": self.uptime_s,
        })
    }

    fn show(&self, output: &mut Output) -> Outcome {
        let lang = output.lang;
        let paint = if self.degraded.is_empty() { Paint::Green } else { Paint::Yellow };
        output.field(Message::State, output.paint(paint, word(lang, &self.state)))?;
        output.field(Message::Version, &self.version)?;
        let degraded = if self.degraded.is_empty() {
            output.text(Message::Nothing).to_owned()
        } else {
            output.paint(Paint::Yellow, &self.degraded.join(", "))
        };
        output.field(Message::Degraded, degraded)?;
        let (mood, valence, arousal) = &self.mood;
        let (v, a) = (output.text(Message::Valence), output.text(Message::Arousal));
        output.field(
            Message::Mood,
            format!("{} ({v} {valence:+.2}, {a} {arousal:.2})", word(lang, mood)),
        )?;
        output.field(Message::Privacy, privacy(lang, &self.privacy))?;
        if let Some(session) = &self.session {
            output.field(Message::Session, session)?;
        }
        if let Some(profile) = &self.profile {
            output.field(Message::Profile, one_line(profile))?;
        }
        if let Some((count, bytes)) = self.memory {
            output.field(Message::Memories, format!("{count} ({})", size(bytes)))?;
        }
        if let Some(slots) = &self.slots {
            let empty = output.text(Message::EmptySlot);
            let slot = |(slot, id): &(String, String)| {
                format!("{slot}={}", if id.is_empty() { empty } else { id })
            };
            let slots: Vec<String> = slots.iter().map(slot).collect();
            output.field(Message::Models, one_line(&slots.join("  ")))?;
        }
        if let Some((connected, muted)) = self.audio {
            let state = match (connected, muted) {
                (_, true) => Message::Muted,
                (true, false) => Message::Connected,
                (false, false) => Message::Disconnected,
            };
            output.field(Message::Audio, output.text(state))?;
        }
        if let Some(uptime) = self.uptime_s {
            output.field(Message::Uptime, span(uptime))?;
        }
        Ok(())
    }
}

fn privacy(lang: Lang, privacy: &Dict) -> String {
    let flag = |key: &str, label: Message| {
        get::<bool>(privacy, key).map(|on| {
            let value = lang.text(if on { Message::Yes } else { Message::No });
            format!("{}={value}", lang.text(label))
        })
    };
    let microphone = get::<String>(privacy, "microphone")
        .map(|state| format!("{}={}", lang.text(Message::Microphone), word(lang, &state)));
    let parts = [
        flag("network", Message::Network),
        flag("remote_models", Message::RemoteModels),
        microphone,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

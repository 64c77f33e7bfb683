//! `Say`: options to a text for the conversation, and the service behind `Utterance1`.

use std::sync::{Arc, Mutex, PoisonError};

use companion_bus::names::UTTERANCES;
use companion_bus::types::{get, put};
use companion_bus::utterance::{Utterance, UtteranceService};
use companion_bus::{Dict, Error, Result};
use companion_tts::MarkedText;
use companion_turn::Priority;
use companion_types::{Language, UtteranceId};
use tokio::sync::{mpsc, oneshot};
use zbus::OwnedObjectPath;
use zbus::object_server::SignalEmitter;

use super::convert::{self, LONGEST_SPEECH};
use super::desk::{Desk, Service};
use super::requests;
use crate::error::DaemonError;
use crate::turn::{Conversation, SayEvent, Saying, Steer};

/// Events that the bus may be behind; more than the marks of a text.
const BEHIND: usize = 1_024;
/// Characters of a coalescing key at most.
const LONGEST_KEY: usize = 64;
/// Options that `Say` knows.
const OPTIONS: [&str; 7] =
    ["priority", "coalesce", "emotion", "intensity", "voice", "language", "handle_token"];

/// An option of its type; another type is an error.
fn option<T: TryFrom<zbus::OwnedVariant>>(
    options: &Dict,
    key: &str,
    wanted: &str,
) -> Result<Option<T>> {
    match (options.contains_key(key), get(options, key)) {
        (false, _) => Ok(None),
        (true, Some(value)) => Ok(Some(value)),
        (true, None) => Err(Error::InvalidArgument(format!("{key}: give {wanted}"))),
    }
}

fn check_keys(options: &Dict) -> Result<()> {
    let mut unknown: Vec<&str> =
        options.keys().map(String::as_str).filter(|key| !OPTIONS.contains(key)).collect();
    unknown.sort_unstable();
    match unknown.first() {
        None => Ok(()),
        Some(key) => Err(Error::InvalidArgument(format!(
            "{key:?} is no option of Say: there are {}",
            OPTIONS.join(", ")
        ))),
    }
}

fn priority(options: &Dict) -> Result<Priority> {
    let Some(name) = option::<String>(options, "priority", "a string")? else {
        return Ok(Priority::Message);
    };
    Priority::from_name(&name).ok_or_else(|| {
        let known = Priority::ALL.map(Priority::name).join(", ");
        Error::InvalidArgument(format!("priority {name:?}: take one of {known}"))
    })
}

fn coalesce(options: &Dict) -> Result<Option<String>> {
    let key = option::<String>(options, "coalesce", "a string")?;
    let fits = |key: &String| {
        (1..=LONGEST_KEY).contains(&key.chars().count()) && !key.chars().any(char::is_control)
    };
    match key {
        Some(key) if !fits(&key) => Err(Error::InvalidArgument(format!(
            "coalesce: 1 to {LONGEST_KEY} characters are allowed, without control characters"
        ))),
        key => Ok(key),
    }
}

fn intensity(options: &Dict) -> Result<f64> {
    let value = option::<f64>(options, "intensity", "a number (d)")?.unwrap_or(1.0);
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(Error::InvalidArgument(format!("intensity {value}: give 0 (calm) to 1 (the voice's own)")))
}

fn language(options: &Dict) -> Result<Option<Language>> {
    let Some(code) = option::<String>(options, "language", "a string")? else { return Ok(None) };
    match Language::from_code(&code) {
        Some(language @ (Language::Zh | Language::En)) => Ok(Some(language)),
        _ => Err(Error::InvalidArgument(format!("language {code:?}: the voices speak zh and en"))),
    }
}

impl Desk {
    /// A voice beside the one in use.
    fn other_voice(&self, options: &Dict) -> Result<Option<String>> {
        let Some(name) = option::<String>(options, "voice", "a string")? else { return Ok(None) };
        if name == self.app.voice_name() {
            return Ok(None);
        }
        let voices = self.app.voices();
        match voices.iter().find(|voice| voice.name == name) {
            Some(voice) if voice.problem.is_empty() => Ok(Some(name)),
            Some(voice) => Err(Error::Unavailable(format!("voice {name:?}: {}", voice.problem))),
            None => {
                let known: Vec<&str> = voices.iter().map(|voice| voice.name.as_str()).collect();
                Err(Error::NotFound(format!(
                    "there is no voice {name:?}: take one of {}",
                    known.join(", ")
                )))
            }
        }
    }
}

/// One utterance, as the bus holds it.
#[derive(Clone)]
struct Handle(Arc<State>);

struct State {
    id: UtteranceId,
    priority: Priority,
    conversation: Conversation,
    // Written by the task that reads its events, read by the property.
    state: Mutex<&'static str>,
}

impl Handle {
    fn set_state(&self, state: &'static str) {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    async fn steer(&self, how: Steer) -> Result<()> {
        let (conversation, id) = (self.0.conversation.clone(), self.0.id);
        let known = convert::waiting(move || Ok(conversation.steer(id, how))).await?;
        if known {
            return Ok(());
        }
        Err(Error::NotFound(format!("the text {id} is over: there is nothing to be done with it")))
    }
}

impl UtteranceService for Handle {
    async fn pause(&self) -> Result<()> {
        self.steer(Steer::Pause).await
    }

    async fn resume(&self) -> Result<()> {
        self.steer(Steer::Resume).await
    }

    async fn cancel(&self) -> Result<()> {
        self.steer(Steer::Cancel).await
    }

    fn id(&self) -> String {
        self.0.id.to_string()
    }

    fn priority(&self) -> String {
        self.0.priority.name().to_owned()
    }

    fn state(&self) -> String {
        (*self.0.state.lock().unwrap_or_else(PoisonError::into_inner)).to_owned()
    }
}

/// Tells the caller what happens until it is over; gives why it was not said to its end.
async fn tell(
    utterance: &Handle,
    to: &SignalEmitter<'_>,
    mut events: mpsc::Receiver<SayEvent>,
) -> &'static str {
    while let Some(event) = events.recv().await {
        let mut more = Dict::new();
        let (what, detail, state, over) = match event {
            SayEvent::Begun => ("begin", String::new(), Some("speaking"), None),
            SayEvent::Mark(name) => ("mark", name, None, None),
            SayEvent::Paused => ("paused", String::new(), Some("paused"), None),
            SayEvent::Resumed => ("resumed", String::new(), Some("speaking"), None),
            SayEvent::Postponed => ("postponed", String::new(), Some("waiting"), None),
            SayEvent::Over(why, heard) => {
                put(&mut more, "heard_text", heard);
                let reason = why.map_or("", companion_turn::DropReason::name);
                let what = if why.is_none() { "end" } else { "cancelled" };
                (what, reason.to_owned(), Some("over"), Some(reason))
            }
        };
        if let Some(state) = state {
            utterance.set_state(state);
            let iface = Utterance(utterance.clone());
            let _ = iface.state_changed(to).await;
        }
        if let Err(error) = Utterance::<Handle>::event(to, what, &detail, more).await {
            tracing::debug!(%error, "an event of a text was not sent");
        }
        if let Some(reason) = over {
            return reason;
        }
    }
    "failed"
}

impl Service {
    /// Takes a text; see `Manager1.Say`.
    pub(super) async fn say_text(
        &self,
        sender: &str,
        text: String,
        options: &Dict,
    ) -> Result<OwnedObjectPath> {
        check_keys(options)?;
        let text = convert::text(text, LONGEST_SPEECH)?;
        let marked = MarkedText::parse(&text).map_err(|e| Error::InvalidArgument(e.to_string()))?;
        let text = convert::text(marked.text, LONGEST_SPEECH)?;
        let emotion = self.emotion(options)?;
        let priority = priority(options)?;
        let desk = Arc::clone(&self.0);
        let (events, told) = mpsc::channel(BEHIND);
        let (end, ended) = oneshot::channel();
        let saying = Saying {
            text,
            marks: marked.marks,
            emotion,
            intensity: intensity(options)?,
            voice: desk.other_voice(options)?,
            language: language(options)?,
            sender: sender.to_owned(),
            priority,
            coalesce: coalesce(options)?,
            told: Box::new(move |event| drop(events.try_send(event))),
            ended: Box::new(move |answer| drop(end.send(answer))),
        };
        desk.speaker()?;
        let conversation = desk.app.conversation().clone();
        let id = conversation.next_utterance();
        let state = Mutex::new("waiting");
        let utterance = Handle(Arc::new(State { id, priority, conversation, state }));
        let (reason, why) = oneshot::channel::<&'static str>();
        let steered = utterance.0.conversation.clone();
        let path = requests::start(&self.0, sender, options, move |handle| {
            // What is left of a caller that leaves is for the conversation to decide.
            handle.outlives_its_caller();
            handle.on_cancel(move || steered.cancel(id));
            async move {
                let report = ended.await.unwrap_or(Err(DaemonError::Cancelled));
                let why = why.await.unwrap_or_default();
                let mut result = convert::turn(&report?).to_dict();
                put(&mut result, "id", id.to_string());
                put(&mut result, "reason", why);
                Ok(result)
            }
        })
        .await?;
        self.mount(&utterance, &path, sender, told, reason).await?;
        let (accepted, wait) = oneshot::channel::<std::result::Result<(), DaemonError>>();
        let accepted = Box::new(move |taken| drop(accepted.send(taken)));
        utterance.0.conversation.say(id, saying, accepted);
        match wait.await {
            Ok(taken) => taken.map_err(|e| convert::error(&e))?,
            Err(_) => return Err(convert::error(&DaemonError::StageGone("turn"))),
        }
        Ok(path)
    }

    /// Puts the utterance on the bus, and takes it away a while after its end.
    async fn mount(
        &self,
        utterance: &Handle,
        path: &OwnedObjectPath,
        sender: &str,
        told: mpsc::Receiver<SayEvent>,
        reason: oneshot::Sender<&'static str>,
    ) -> Result<()> {
        let connection = self.0.connection()?.clone();
        let own = OwnedObjectPath::try_from(format!("{UTTERANCES}/{}", utterance.0.id))
            .map_err(|e| Error::Internal(e.to_string()))?;
        let emitter = SignalEmitter::new(&connection, path.clone().into_inner())?.into_owned();
        let emitter = match zbus::names::BusName::try_from(sender.to_owned()) {
            Ok(name) => emitter.set_destination(name),
            Err(_) => emitter,
        };
        let paths = [path.clone(), own];
        for path in &paths {
            connection.object_server().at(path, Utterance(utterance.clone())).await?;
        }
        let utterance = utterance.clone();
        self.0.tasks.spawn("utterance", async move {
            let _ = reason.send(tell(&utterance, &emitter, told).await);
            tokio::time::sleep(requests::STAYS).await;
            for path in &paths {
                let _ = connection.object_server().remove::<Utterance<Handle>, _>(path).await;
            }
        });
        Ok(())
    }
}

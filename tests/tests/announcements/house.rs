//! A client whose sound the daemon has, and programs with texts to say.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use companion_bus::manager::ManagerProxy;
use companion_bus::names::request_path;
use companion_bus::session::{SessionProxy, TurnEndedStream};
use companion_bus::types::{get, put};
use companion_bus::utterance::UtteranceProxy;
use companion_bus::{Dict, Error, TurnResult};
use futures_util::StreamExt as _;
use zbus::{Connection, MatchRule, MessageStream};

use crate::support::process::World;

/// Nothing takes longer, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(60);

/// A client with the daemon's microphone and loudspeaker.
pub(super) struct Listener {
    session: SessionProxy<'static>,
    ended: TurnEndedStream,
    heard: Arc<Mutex<Vec<i16>>>,
    input: UnixStream,
}

impl Listener {
    pub(super) async fn open(world: &World) -> Self {
        let connection = world.connect().await;
        let manager = ManagerProxy::new(&connection).await.unwrap();
        let mut options = Dict::new();
        put(&mut options, "audio", "fd");
        let path = manager.open_session(options).await.unwrap();
        let session = SessionProxy::builder(&connection).path(path).build().await.unwrap();
        let ended = session.receive_turn_ended().await.unwrap();
        let (input, _) = session.open_audio_in(Dict::new()).await.unwrap();
        let (output, _) = session.open_audio_out(Dict::new()).await.unwrap();
        let input = UnixStream::from(std::os::fd::OwnedFd::from(input));
        let mut output = UnixStream::from(std::os::fd::OwnedFd::from(output));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        tokio::task::spawn_blocking(move || {
            let mut piece = [0; 1_920];
            while output.read_exact(&mut piece).is_ok() {
                let pcm = piece.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair));
                hears.lock().unwrap().extend(pcm);
            }
        });
        Self { session, ended, heard, input }
    }

    /// What sounded since the last time, without the silence around it.
    pub(super) async fn take(&self) -> Vec<i16> {
        // What was played is still on its way through the socket.
        let mut count = 0;
        while count != self.heard.lock().unwrap().iter().rposition(|s| *s != 0).unwrap_or(0)
            || count == 0
        {
            count = self.heard.lock().unwrap().iter().rposition(|s| *s != 0).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let pcm = std::mem::take(&mut *self.heard.lock().unwrap());
        let start = pcm.iter().position(|s| *s != 0).unwrap_or(0);
        let end = pcm.iter().rposition(|s| *s != 0).map_or(0, |last| last + 1);
        pcm[start..end].to_vec()
    }

    /// Speaks into the microphone.
    pub(super) fn speak(&mut self, pcm: &[f32]) {
        let bytes: Vec<u8> =
            pcm.iter().flat_map(|s| ((s * 32767.0) as i16).to_le_bytes()).collect();
        let mut input = self.input.try_clone().unwrap();
        // The socket holds less than that: it is taken as fast as it is spoken.
        tokio::task::spawn_blocking(move || input.write_all(&bytes).unwrap());
    }

    /// The next turn in which somebody spoke.
    pub(super) async fn spoken_turn(&mut self) -> TurnResult {
        let wait = async {
            loop {
                let end = self.ended.next().await.unwrap();
                let turn = TurnResult::from_dict(end.args().unwrap().report());
                if !turn.transcript.is_empty() {
                    return turn;
                }
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("a turn ends")
    }

    pub(super) async fn until_state(&self, wanted: &str) {
        let mut states = self.session.receive_state_changed().await;
        let wait = async {
            while self.session.state().await.unwrap() != wanted {
                states.next().await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("the state comes");
    }
}

/// Something that happened to a text.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub(super) path: String,
    pub(super) what: String,
    pub(super) detail: String,
    pub(super) heard: String,
}

impl PartialEq for Happened {
    /// Without what was heard.
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.what, &self.detail) == (&other.path, &other.what, &other.detail)
    }
}

/// An event without detail.
pub(super) fn said(path: &str, what: &str) -> Happened {
    let [path, what] = [path, what].map(str::to_owned);
    Happened { path, what, detail: String::new(), heard: String::new() }
}

/// A program with texts to say.
pub(super) struct Program {
    pub(super) connection: Connection,
    manager: ManagerProxy<'static>,
    events: MessageStream,
    seen: Vec<Happened>,
}

static TOKEN: AtomicU32 = AtomicU32::new(0);

impl Program {
    pub(super) async fn new(world: &World) -> Self {
        let connection = world.connect().await;
        let manager = ManagerProxy::new(&connection).await.unwrap();
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface("org.companiond.Utterance1")
            .member("Event")
            .build()
            .unwrap();
        let most = std::num::NonZeroUsize::new(512);
        let events = MessageStream::for_match_rule(rule, &connection, most).await.unwrap();
        Self { connection, manager, events, seen: Vec::new() }
    }

    /// Gives the text's path.
    pub(super) async fn say(&mut self, text: &str, mut options: Dict) -> Result<String, Error> {
        let token = format!("t{}", TOKEN.fetch_add(1, Ordering::Relaxed));
        put(&mut options, "handle_token", token.as_str());
        let path = self.manager.say(text.to_owned(), options).await?;
        let sender = self.connection.unique_name().unwrap().to_string();
        assert_eq!(path.as_str(), request_path(&sender, &token));
        Ok(path.to_string())
    }

    pub(super) async fn utterance(&self, path: &str) -> UtteranceProxy<'static> {
        UtteranceProxy::builder(&self.connection)
            .path(path.to_owned())
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await
            .unwrap()
    }

    pub(super) async fn id(&self, path: &str) -> String {
        self.utterance(path).await.id().await.unwrap()
    }

    /// Waits until this happened to a text.
    pub(super) async fn until(&mut self, path: &str, what: &str) -> Happened {
        let is = |event: &Happened| event.path == path && event.what == what;
        if let Some(found) = self.seen.iter().find(|event| is(event)) {
            return found.clone();
        }
        loop {
            let next = tokio::time::timeout(LIMIT, self.events.next()).await;
            let Ok(Some(Ok(message))) = next else {
                unreachable!("{what} does not come to {path}: {:?}", self.seen)
            };
            let body = message.body();
            let (what, detail, more): (String, String, Dict) = body.deserialize().unwrap();
            let path = message.header().path().unwrap().to_string();
            let heard = get::<String>(&more, "heard_text").unwrap_or_default();
            let event = Happened { path, what, detail, heard };
            self.seen.push(event.clone());
            if is(&event) {
                return event;
            }
        }
    }

    /// Everything that was waited for, and what came before it.
    pub(super) fn seen(&self) -> &[Happened] {
        &self.seen
    }
}

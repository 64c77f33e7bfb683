//! A stream of ours in the graph: how it is made, connected and taken down. Lives on the loop's
//! thread; only its `process` callback runs on PipeWire's data thread.

use std::cell::RefCell;
use std::io::Cursor;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use ::pipewire as pw;
use companion_types::SampleRate;
use pw::properties::PropertiesBox;
use pw::spa::param::ParamType;
use pw::spa::param::audio::{AudioFormat, AudioInfoRaw};
use pw::spa::pod::serialize::PodSerializer;
use pw::spa::pod::{Object, Pod, Value};
use pw::spa::utils::{Direction, SpaTypes};
use pw::stream::{Stream, StreamFlags, StreamListener, StreamRc, StreamState};

use super::status::{LostReason, NodeRole};

/// A callback's end of a ring. It is lent to one stream after another and comes home when the stream
/// is gone.
pub(super) struct Home<T>(Arc<Mutex<Option<T>>>);

/// What a stream has borrowed from its [`Home`].
pub(super) struct Lent<T> {
    value: Option<T>,
    // Locked when a stream is made or taken down, both on the loop's thread.
    home: Arc<Mutex<Option<T>>>,
}

impl<T> Home<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    /// Lends it out, `None` while another stream has it.
    pub(super) fn lend(&self) -> Option<Lent<T>> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Lent { value: Some(value), home: Arc::clone(&self.0) })
    }
}

impl<T> Lent<T> {
    pub(super) fn get(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.value.take();
    }
}

/// How a node is to look.
#[derive(Debug, Clone)]
pub(super) struct NodePlan {
    pub(super) role: NodeRole,
    pub(super) rate: SampleRate,
    pub(super) quantum: u32,
    pub(super) media_role: String,
    pub(super) target: Option<String>,
}

impl NodePlan {
    fn properties(&self) -> PropertiesBox {
        let (category, description) = match self.role {
            NodeRole::Microphone => ("Capture", "Companion: microphone"),
            NodeRole::Speaker => ("Playback", "Companion: voice"),
        };
        let mut props = PropertiesBox::new();
        props.insert("media.type", "Audio");
        props.insert("media.category", category);
        props.insert("media.role", self.media_role.as_str());
        props.insert("media.name", description);
        props.insert("node.name", self.role.node_name());
        props.insert("node.description", description);
        props.insert("node.latency", format!("{}/48000", self.quantum));
        props.insert("application.name", "companiond");
        if let Some(target) = &self.target {
            props.insert("target.object", target.as_str());
        }
        props
    }

    fn direction(&self) -> Direction {
        match self.role {
            NodeRole::Microphone => Direction::Input,
            NodeRole::Speaker => Direction::Output,
        }
    }

    /// The one format offered: mono f32 at the node's rate; PipeWire converts.
    fn format(&self) -> Result<Vec<u8>, LostReason> {
        let mut info = AudioInfoRaw::new();
        info.set_format(AudioFormat::F32LE);
        info.set_rate(self.rate.0);
        info.set_channels(1);
        let mut position = info.position();
        position[0] = pw::spa::sys::SPA_AUDIO_CHANNEL_MONO;
        info.set_position(position);
        let object = Object {
            type_: SpaTypes::ObjectParamFormat.as_raw(),
            id: ParamType::EnumFormat.as_raw(),
            properties: info.into(),
        };
        PodSerializer::serialize(Cursor::new(Vec::new()), &Value::Object(object))
            .map(|(cursor, _)| cursor.into_inner())
            .map_err(|e| refused("a format", &format!("{e:?}")))
    }
}

pub(super) fn refused(what: &'static str, message: &impl ToString) -> LostReason {
    LostReason::Refused { what, message: message.to_string() }
}

/// A node in the graph. Dropping it takes the node out and brings the rings home.
pub(super) struct Node<D: 'static> {
    // Declared, and so dropped, before the stream that they listen to.
    _process: StreamListener<Lent<D>>,
    _state: StreamListener<()>,
    stream: StreamRc,
    trouble: Rc<RefCell<Option<String>>>,
    pub(super) target: Option<String>,
}

impl<D: Send + 'static> Node<D> {
    /// Puts a node into the graph; `process` is called on the data thread with what was lent.
    pub(super) fn open(
        core: &pw::core::CoreRc,
        plan: &NodePlan,
        lent: Lent<D>,
        process: impl Fn(&Stream, &mut D) + Send + 'static,
    ) -> Result<Self, LostReason> {
        let name = plan.role.node_name();
        let stream = StreamRc::new(core.clone(), name, plan.properties())
            .map_err(|e| refused("a stream", &e))?;
        let trouble = Rc::new(RefCell::new(None));
        let told = Rc::clone(&trouble);
        // Two listeners: what `process` may touch on the data thread no other callback touches.
        let state = stream
            .add_local_listener::<()>()
            .state_changed(move |_, (), _, new| {
                *told.borrow_mut() = match new {
                    StreamState::Error(message) => Some(message),
                    StreamState::Unconnected => Some("the node was taken away".to_owned()),
                    _ => None,
                };
            })
            .register()
            .map_err(|e| refused("a listener", &e))?;
        let process = stream
            .add_local_listener_with_user_data(lent)
            .process(move |stream, lent: &mut Lent<D>| {
                if let Some(ends) = lent.get() {
                    process(stream, ends);
                }
            })
            .register()
            .map_err(|e| refused("a listener", &e))?;
        let bytes = plan.format()?;
        let pod = Pod::from_bytes(&bytes).ok_or_else(|| refused("a format", &"no pod"))?;
        let flags = StreamFlags::AUTOCONNECT | StreamFlags::MAP_BUFFERS | StreamFlags::RT_PROCESS;
        stream
            .connect(plan.direction(), None, flags, &mut [pod])
            .map_err(|e| refused("a node", &e))?;
        let target = plan.target.clone();
        Ok(Self { _process: process, _state: state, stream, trouble, target })
    }

    /// Its id in the graph, once it has one.
    pub(super) fn id(&self) -> Option<u32> {
        let id = self.stream.node_id();
        (id != pw::constants::ID_ANY).then_some(id)
    }

    /// Whether the graph has thrown it out.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.stream.state(), StreamState::Unconnected | StreamState::Error(_))
    }

    /// What its stream complains of.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }
}

impl<D: 'static> Drop for Node<D> {
    fn drop(&mut self) {
        // Waits until the data thread has let go of the node, so that no callback runs while its
        // listeners go.
        let _ = self.stream.disconnect();
    }
}

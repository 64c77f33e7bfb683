//! One connection to PipeWire: the registry's model, the daemon's nodes, and what to do when either
//! changes. Lives on the loop's thread and ends with the connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::pipewire as pw;
use companion_types::CAPTURE_RATE;
use pw::properties::PropertiesBox;
use pw::types::ObjectType;

use super::device::Ends;
use super::graph::Graph;
use super::microphone::MicrophoneEnd;
use super::node::{Node, NodePlan, refused};
use super::shared::{Shared, Told, Wishes};
use super::speaker::SpeakerEnd;
use super::status::{DeviceEvent, LostReason, NodeRole, NodeStatus};
use super::stray::Stray;

/// A node that was thrown out is put back after this long.
const PUT_BACK: Duration = Duration::from_millis(500);

/// One of the daemon's nodes and what to watch about it.
struct Slot<D: Send + 'static> {
    node: Option<Node<D>>,
    stray: Stray,
    gone_since: Option<Instant>,
}

impl<D: Send + 'static> Slot<D> {
    fn empty() -> Self {
        Self { node: None, stray: Stray::new(), gone_since: None }
    }

    /// Takes the node out if it is not wanted any more, or has to be made anew.
    fn tend(&mut self, graph: &Graph, wanted: bool, target: Option<&String>) {
        let now = Instant::now();
        let Some(node) = &self.node else { return };
        let anew = if node.is_gone() {
            now.duration_since(*self.gone_since.get_or_insert(now)) >= PUT_BACK
        } else {
            self.gone_since = None;
            let there = target.and_then(|t| graph.find(t));
            let linked = there.zip(node.id()).is_some_and(|(a, b)| graph.are_linked(a, b));
            self.stray.is_due(there.is_some(), linked, now)
        };
        let renamed = node.target.as_ref() != target;
        if renamed {
            self.stray = Stray::new();
        }
        if anew || renamed || !wanted {
            self.node = None;
            self.gone_since = None;
        }
    }

    fn status(&self, role: NodeRole, graph: &Graph) -> Option<NodeStatus> {
        let node = self.node.as_ref()?;
        let id = node.id();
        Some(NodeStatus {
            role,
            serial: id.and_then(|id| graph.serial(id)),
            peers: id.map(|id| graph.peers(id)).unwrap_or_default(),
            trouble: node.trouble(),
        })
    }
}

/// The connection and everything that hangs on it. The fields are dropped in this order: nodes
/// before the registry, listeners before what they listen to, the core last.
pub(super) struct Session<'e> {
    microphone: Slot<MicrophoneEnd>,
    speaker: Slot<SpeakerEnd>,
    _registry_listener: pw::registry::Listener,
    _registry: pw::registry::RegistryRc,
    _core_listener: pw::core::Listener,
    core: pw::core::CoreRc,
    broken: Rc<RefCell<Option<String>>>,
    graph: Rc<RefCell<Graph>>,
    ends: &'e Ends,
    shared: Arc<Shared>,
    nodes: Vec<NodeStatus>,
}

impl<'e> Session<'e> {
    /// Connects; the nodes follow at the first [`Self::tend`].
    pub(super) fn open(
        context: &pw::context::ContextRc,
        ends: &'e Ends,
        shared: Arc<Shared>,
    ) -> Result<Self, LostReason> {
        let remote = ends.settings.remote.as_ref().map(|path| {
            let mut props = PropertiesBox::new();
            props.insert("remote.name", path.as_str());
            props
        });
        let core = context.connect_rc(remote).map_err(|_| LostReason::NotRunning {
            // The library leaves the cause in errno.
            error: std::io::Error::last_os_error().to_string(),
            looked_at: looked_at(ends.settings.remote.as_deref()),
        })?;
        let broken = Rc::new(RefCell::new(None));
        let on_error = Rc::clone(&broken);
        let core_listener = core
            .add_listener_local()
            .error(move |id, _, res, message| {
                // Errors of other ids belong to one object; its stream tells.
                if id == pw::core::PW_ID_CORE && res == -EPIPE {
                    *on_error.borrow_mut() = Some(message.to_owned());
                }
            })
            .register();
        let graph = Rc::new(RefCell::new(Graph::default()));
        let registry = core.get_registry_rc().map_err(|e| refused("the registry", &e))?;
        let registry_listener = watch(&registry, &graph);
        Ok(Self {
            microphone: Slot::empty(),
            speaker: Slot::empty(),
            _registry_listener: registry_listener,
            _registry: registry,
            _core_listener: core_listener,
            core,
            broken,
            graph,
            ends,
            shared,
            nodes: Vec::new(),
        })
    }

    /// Why the connection is over, once it is.
    pub(super) fn broken(&self) -> Option<LostReason> {
        self.broken.borrow().clone().map(|message| LostReason::Broken { message })
    }

    /// Makes the nodes what the daemon wants and tells what is.
    pub(super) fn tend(&mut self, wishes: &Wishes) -> Result<(), LostReason> {
        {
            let graph = self.graph.borrow();
            self.microphone.tend(&graph, !wishes.muted, wishes.input.as_ref());
            self.speaker.tend(&graph, true, wishes.output.as_ref());
        }
        if self.microphone.node.is_none() {
            self.shared.meters.silence();
        }
        if self.microphone.node.is_none()
            && !wishes.muted
            && let Some(lent) = self.ends.microphone.lend()
        {
            let plan = self.plan(NodeRole::Microphone, wishes.input.clone());
            let node = Node::open(&self.core, &plan, lent, |stream, end| end.process(stream))?;
            self.microphone.node = Some(node);
        }
        if self.speaker.node.is_none()
            && let Some(lent) = self.ends.speaker.lend()
        {
            let plan = self.plan(NodeRole::Speaker, wishes.output.clone());
            let node = Node::open(&self.core, &plan, lent, |stream, end| end.process(stream))?;
            self.speaker.node = Some(node);
        }
        self.tell();
        Ok(())
    }

    fn plan(&self, role: NodeRole, target: Option<String>) -> NodePlan {
        let settings = &self.ends.settings;
        let rate = match role {
            NodeRole::Microphone => CAPTURE_RATE,
            NodeRole::Speaker => self.ends.playback.rate(),
        };
        let media_role = settings.media_role.clone();
        NodePlan { role, rate, quantum: settings.quantum, media_role, target }
    }

    fn tell(&mut self) {
        let graph = self.graph.borrow();
        let mic = self.microphone.status(NodeRole::Microphone, &graph);
        let speaker = self.speaker.status(NodeRole::Speaker, &graph);
        let nodes: Vec<NodeStatus> = mic.into_iter().chain(speaker).collect();
        if nodes == self.nodes {
            return;
        }
        for role in [NodeRole::Microphone, NodeRole::Speaker] {
            let peer = |of: &[NodeStatus]| {
                of.iter().find(|n| n.role == role).and_then(|n| n.peers.first().cloned())
            };
            let (before, now) = (peer(&self.nodes), peer(&nodes));
            if before != now {
                self.ends.tell(DeviceEvent::Changed { what: role, node: now });
            }
        }
        self.shared.tell(Told { connected: true, reason: None, nodes: nodes.clone() });
        self.nodes = nodes;
    }
}

fn looked_at(remote: Option<&str>) -> String {
    match (remote, std::env::var("XDG_RUNTIME_DIR")) {
        (Some(remote), _) => format!("socket {remote}"),
        (None, Ok(folder)) => format!("XDG_RUNTIME_DIR={folder}"),
        (None, Err(_)) => "XDG_RUNTIME_DIR is not set".to_owned(),
    }
}

/// `EPIPE` of Linux: the peer closed the connection.
const EPIPE: i32 = 32;

fn watch(
    registry: &pw::registry::RegistryRc,
    graph: &Rc<RefCell<Graph>>,
) -> pw::registry::Listener {
    let adding = Rc::clone(graph);
    let removing = Rc::clone(graph);
    registry
        .add_listener_local()
        .global(move |object| {
            let get = |key: &str| object.props.and_then(|p| p.get(key));
            match object.type_ {
                ObjectType::Node => adding.borrow_mut().add_node(object.id, get),
                ObjectType::Link => adding.borrow_mut().add_link(object.id, get),
                _ => {}
            }
        })
        .global_remove(move |id| removing.borrow_mut().remove(id))
        .register()
}

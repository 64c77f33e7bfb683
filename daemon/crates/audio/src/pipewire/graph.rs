//! A model of the graph as the registry tells it: which nodes there are and who is linked with whom.
//! Pure; fed on the loop's thread.

use std::collections::{BTreeMap, BTreeSet};

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GraphNode {
    name: String,
    serial: Option<u64>,
}

/// Nodes and links by their id.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<u32, GraphNode>,
    links: BTreeMap<u32, (u32, u32)>,
}

impl Graph {
    /// A node appeared; `get` looks its properties up.
    pub(super) fn add_node<'a>(&mut self, id: u32, get: impl Fn(&str) -> Option<&'a str>) {
        let name = get("node.name").unwrap_or_default().to_owned();
        let serial = get("object.serial").and_then(|s| s.parse().ok());
        self.nodes.insert(id, GraphNode { name, serial });
    }

    /// A link appeared.
    pub(super) fn add_link<'a>(&mut self, id: u32, get: impl Fn(&str) -> Option<&'a str>) {
        let end = |key| get(key).and_then(|s| s.parse().ok());
        if let (Some(from), Some(to)) = (end("link.output.node"), end("link.input.node")) {
            self.links.insert(id, (from, to));
        }
    }

    /// Something vanished.
    pub(super) fn remove(&mut self, id: u32) {
        self.nodes.remove(&id);
        self.links.remove(&id);
    }

    /// `object.serial` of a node.
    pub(super) fn serial(&self, id: u32) -> Option<u64> {
        self.nodes.get(&id).and_then(|n| n.serial)
    }

    /// The node of this name or serial.
    pub(super) fn find(&self, target: &str) -> Option<u32> {
        let serial = target.parse().ok();
        let is_it = |n: &GraphNode| n.name == target || (serial.is_some() && n.serial == serial);
        self.nodes.iter().find(|(_, n)| is_it(n)).map(|(id, _)| *id)
    }

    /// Whether two nodes are linked, in either direction.
    pub(super) fn are_linked(&self, a: u32, b: u32) -> bool {
        self.links.values().any(|ends| *ends == (a, b) || *ends == (b, a))
    }

    /// Names of the nodes that `id` is linked with, each once.
    pub(super) fn peers(&self, id: u32) -> Vec<String> {
        let other = |(from, to): &(u32, u32)| match (*from == id, *to == id) {
            (true, false) => Some(*to),
            (false, true) => Some(*from),
            _ => None,
        };
        let peers: BTreeSet<u32> = self.links.values().filter_map(other).collect();
        peers.iter().filter_map(|p| self.nodes.get(p)).map(|n| n.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_come_and_go_with_links_and_nodes() {
        let mut graph = Graph::default();
        let node = |key: &str| match key {
            "node.name" => Some("speakers"),
            "object.serial" => Some("77"),
            _ => None,
        };
        graph.add_node(5, node);
        graph.add_node(6, |key| (key == "node.name").then_some("companion.speaker"));
        for link in [8, 9] {
            graph.add_link(link, |key| Some(if key == "link.output.node" { "6" } else { "5" }));
        }
        assert_eq!(graph.peers(6), ["speakers"]);
        assert_eq!(graph.peers(5), ["companion.speaker"]);
        assert_eq!(graph.serial(5), Some(77));
        assert_eq!(
            (graph.find("speakers"), graph.find("77"), graph.find("78")),
            (Some(5), Some(5), None)
        );
        assert!(graph.are_linked(5, 6) && graph.are_linked(6, 5) && !graph.are_linked(5, 5));
        graph.remove(1234);
        graph.remove(8);
        assert_eq!(graph.peers(6), ["speakers"]);
        graph.remove(9);
        assert!(graph.peers(6).is_empty());
        graph.add_link(10, |_| Some("no number"));
        assert!(graph.peers(6).is_empty());
    }
}

//! Records: which tree, which key, which bytes; and their frames in the journal.

/// The trees of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tree {
    /// Memories by id.
    Memories,
    /// Undo journal by id.
    Undo,
    /// Rounds of conversation in order.
    Rounds,
    /// Reports of turns by turn id.
    Reports,
    /// Small settings by name.
    Settings,
    /// Cached vectors by fingerprint and memory id.
    Vectors,
}

impl Tree {
    /// All trees.
    pub const ALL: [Self; 6] =
        [Self::Memories, Self::Undo, Self::Rounds, Self::Reports, Self::Settings, Self::Vectors];

    /// Name of the tree on disk.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memories => "memories",
            Self::Undo => "undo",
            Self::Rounds => "rounds",
            Self::Reports => "reports",
            Self::Settings => "settings",
            Self::Vectors => "vectors",
        }
    }

    /// The byte that stands for it in a frame.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Memories => 1,
            Self::Undo => 2,
            Self::Rounds => 3,
            Self::Reports => 4,
            Self::Settings => 5,
            Self::Vectors => 6,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tree| tree.byte() == byte)
    }
}

/// One change: a value put under a key, or a key removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) tree: Tree,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// Largest key or value taken; a frame that claims more is damage.
pub(crate) const LARGEST: usize = 16 << 20;

/// Appends one change: tree, flags, key length, value length, key, value. Integers little-endian.
pub(crate) fn encode(change: &Change, out: &mut Vec<u8>) {
    let value = change.value.as_deref().unwrap_or_default();
    out.push(change.tree.byte());
    out.push(u8::from(change.value.is_some()));
    for length in [change.key.len(), value.len()] {
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend_from_slice(&change.key);
    out.extend_from_slice(value);
}

fn length(bytes: &[u8]) -> Option<usize> {
    let raw = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    usize::try_from(raw).ok().filter(|n| *n <= LARGEST)
}

/// Reads all changes of a frame; `None` when the bytes make no sense.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let tree = Tree::from_byte(bytes[0])?;
        let put = *bytes.get(1)? == 1;
        let key_len = length(bytes.get(2..)?)?;
        let value_len = length(bytes.get(6..)?)?;
        let key = bytes.get(10..10 + key_len)?.to_vec();
        let value = bytes.get(10 + key_len..10 + key_len + value_len)?.to_vec();
        changes.push(Change { tree, key, value: put.then_some(value) });
        bytes = &bytes[10 + key_len + value_len..];
    }
    Some(changes)
}

//! The five priorities of SSIP; what follows from them stands in `announcements`.

/// How urgent a text is, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Said at once, cutting off all others but its own kind; other programs never interrupt or drop it.
    Important,
    /// Said in the order given; drops texts and notifications that wait or sound.
    Message,
    /// Only the newest is said; drops notifications.
    Text,
    /// Said only when nothing else waits or sounds, else dropped; a newer one takes its place.
    Notification,
    /// Steps of some work: said when nothing else waits or sounds, else only the last one is, later.
    Progress,
}

impl Priority {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Important, Self::Message, Self::Text, Self::Notification, Self::Progress];

    /// SSIP's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Important => "important",
            Self::Message => "message",
            Self::Text => "text",
            Self::Notification => "notification",
            Self::Progress => "progress",
        }
    }

    /// The priority of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }

    /// Whether what waits is forgotten when its sender leaves.
    #[must_use]
    pub fn needs_sender(self) -> bool {
        self >= Self::Text
    }
}

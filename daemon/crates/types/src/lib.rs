//! The types room.

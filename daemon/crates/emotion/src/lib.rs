//! The emotion room.

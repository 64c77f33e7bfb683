//! The dialogue room.

//! The turn room.

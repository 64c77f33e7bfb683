//! The memory room.

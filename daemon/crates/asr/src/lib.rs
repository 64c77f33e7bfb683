//! The asr room.

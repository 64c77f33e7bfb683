//! The tts room.

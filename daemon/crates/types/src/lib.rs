//! The words spoken between the rooms: plain data, no I/O, no clock, no tokio.
//!
//! A stage knows these types and its own; it never sees a tensor, a bus message or a file.

mod audio;
mod cancel;
mod clock;
mod emotion;
mod ids;
mod kind;
mod message;
mod profile;
mod recall;
mod reply;
mod report;
mod transcript;

pub use audio::{AudioFrame, CAPTURE_RATE, FRAME_MS, FRAME_SAMPLES, SampleRate, bounded};
pub use cancel::Cancel;
pub use clock::SampleClock;
pub use emotion::{Emotion, EmotionLabel, EmotionSet};
pub use ids::{MemoryId, ParseIdError, SentenceSeq, TurnId, UndoId, UtteranceId};
pub use kind::{ErrorKind, Kind};
pub use message::{Message, Role, Round};
pub use profile::{GenerationProfile, PersonaProfile, SamplingParams};
pub use recall::{MemoryHit, MemoryNote, MemoryOrigin, Recall, RecallSource};
pub use reply::{ReplyDelta, Sentence, SpeechChunk, TokenDelta, Viseme, VisemeShape, WordTime};
pub use report::{AnsweredBy, Outcome, TurnReport, Waterfall};
pub use transcript::{AudioEvent, HeardEmotion, Language, RawTranscript, Transcript};

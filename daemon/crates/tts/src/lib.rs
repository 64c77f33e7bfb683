//! Speaking: text to clauses, clauses to sounds. Knows text, phones and samples, never tensors (but for
//! the small network that guesses how an unknown English word is read). The synthesiser runs on the
//! `tts` thread; everything else is pure.

#[cfg(test)]
mod any_text;
mod clause_reader;
mod error;
mod espeak;
mod frontend;
mod marked_text;
mod number_words;
mod phone_times;
mod pinyin_reader;
mod ports;
pub mod protocol;
mod segmenter;
pub mod text;
pub mod verbalize;
mod viseme;
mod voice;

pub use clause_reader::{ClauseReader, ReadClause, Stretch};
pub use error::TtsError;
pub use espeak::EspeakVoice;
pub use frontend::{Frontend, Span, SpokenToken};
pub use marked_text::{IndexMark, MarkError, MarkedText};
pub use phone_times::{Pace, PhoneTimes};
pub use pinyin_reader::PinyinReader;
pub use ports::{Synthesizer, SynthesizerError, Utterance};
pub use segmenter::Segmenter;
pub use viseme::{shape_of, shape_of_symbol};
pub use voice::{EspeakSettings, GptSovitsSettings, Prosody, ReferenceSettings, VoiceFile};

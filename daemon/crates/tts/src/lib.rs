//! Speaking: text to clauses, clauses to sounds. Knows text, phones and samples, never tensors (but for
//! the small network that guesses how an unknown English word is read). The synthesiser runs on the
//! `tts` thread; everything else is pure.

mod error;
mod espeak;
mod frontend;
mod normalize;
mod pinyin_reader;
mod ports;
pub mod protocol;
mod segmenter;
pub mod text;
mod viseme;
mod voice;

pub use error::TtsError;
pub use espeak::EspeakVoice;
pub use frontend::{Frontend, Span, SpokenToken};
pub use normalize::{read_number_en, read_number_zh};
pub use pinyin_reader::PinyinReader;
pub use ports::{Synthesizer, SynthesizerError, Utterance};
pub use segmenter::Segmenter;
pub use viseme::shape_of;
pub use voice::{EspeakSettings, Prosody, VoiceFile};

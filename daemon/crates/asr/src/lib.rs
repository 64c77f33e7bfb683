//! Hearing: frames in, utterances out. Knows audio and text, never tensors. Everything here is
//! synchronous and runs on the `hear` thread of a device.

mod agreement;
mod echo_text;
mod endpointer;
mod error;
mod listener;
mod ports;
mod preroll;
mod rich_text;

pub use agreement::{Agreement, AgreementRules, Found, Kind, Slip, SlipWeights, Wanted};
pub use echo_text::EchoText;
pub use endpointer::{Edge, EndpointReason, Endpointer, EndpointerSettings};
pub use error::AsrError;
pub use listener::{AsrEvent, DiscardReason, Listener, ListenerSettings};
pub use ports::{Recognizer, RecognizerError, SpeechDetector};
pub use preroll::Preroll;
pub use rich_text::read_rich_text;

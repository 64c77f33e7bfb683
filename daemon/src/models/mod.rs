//! Which models there are (`catalogue`) and which of them is in which slot (`slots`).

mod catalogue;
mod slots;

pub(crate) use catalogue::{Catalogue, ModelInfo, Slot};
pub(crate) use slots::{ModelState, Slots};

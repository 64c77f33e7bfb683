//! Models, one architecture per module.

pub mod sanm;
pub mod sensevoice;

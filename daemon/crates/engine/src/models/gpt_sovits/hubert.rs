//! hubert

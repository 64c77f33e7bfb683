//! companionctl as a library.

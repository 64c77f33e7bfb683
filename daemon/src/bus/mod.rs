//! The daemon on D-Bus: each interface's service translates, sends, waits. Only this room and `ctl` know
//! D-Bus; the interfaces themselves are declared in `companion-bus`.

mod audio;
mod convert;
mod desk;
mod events;
mod health;
mod manager;
mod memory;
mod models;
mod profiles;
mod requests;
mod serve;
mod session;
mod sessions;
mod utterance;
mod voice;

pub(crate) use serve::serve;

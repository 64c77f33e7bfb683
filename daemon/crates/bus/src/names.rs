//! Names and paths on the bus.

/// The well-known name of the daemon.
pub const BUS_NAME: &str = "org.companiond";
/// The root object: `ObjectManager` and `Manager1`.
pub const ROOT: &str = "/org/companiond";
/// `Memory1`.
pub const MEMORY: &str = "/org/companiond/memory";
/// `Models1`; each model lies below it.
pub const MODELS: &str = "/org/companiond/models";
/// `Profiles1`; each profile lies below it.
pub const PROFILES: &str = "/org/companiond/profiles";
/// `Voice1`.
pub const VOICE: &str = "/org/companiond/voice";
/// `Audio1`.
pub const AUDIO: &str = "/org/companiond/audio";
/// `Health1`.
pub const HEALTH: &str = "/org/companiond/health";
/// Sessions lie below it, numbered.
pub const SESSIONS: &str = "/org/companiond/session";
/// Texts that are said lie below it, numbered.
pub const UTTERANCES: &str = "/org/companiond/utterance";
/// Requests lie below it: `<sender>/<token>`.
pub const REQUESTS: &str = "/org/companiond/request";

/// A name as one element of an object path: ASCII letters, digits and `_` stay, every other byte
/// becomes `_` and two hexadecimal digits, as systemd does it.
#[must_use]
pub fn path_element(name: &str) -> String {
    if name.is_empty() {
        return "_".to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out.push('_');
            for half in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
        }
    }
    out
}

/// Path of the model `id`.
#[must_use]
pub fn model_path(id: &str) -> String {
    format!("{MODELS}/{}", path_element(id))
}

/// Path of the profile `key`.
#[must_use]
pub fn profile_path(key: &str) -> String {
    format!("{PROFILES}/{}", path_element(key))
}

/// Path of a request: the caller's unique name without its colon and with `_` for dots, as the desktop
/// portals do it, and the caller's token. A caller who knows its token can listen before it calls.
#[must_use]
pub fn request_path(sender: &str, token: &str) -> String {
    let sender = sender.trim_start_matches(':').replace('.', "_");
    format!("{REQUESTS}/{sender}/{token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_make_valid_paths() {
        assert_eq!(path_element("qwen2.5-14b"), "qwen2_2e5_2d14b");
        assert_eq!(path_element("小明"), "_e5_b0_8f_e6_98_8e");
        assert_eq!(request_path(":1.42", "t7"), "/org/companiond/request/1_42/t7");
    }
}

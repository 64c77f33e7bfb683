//! The invariants of daemon/ARCHITECTURE.md that a machine can check: arrows between crates, length of
//! files, where `unsafe` lives, and a header in every file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

/// Who may depend on whom; `companion-tests` may see everything.
const EDGES: [(&str, &[&str]); 17] = [
    ("companion-types", &[]),
    ("companion-turn", &["companion-types"]),
    ("companion-asr", &["companion-types"]),
    ("companion-store", &["companion-types"]),
    ("companion-memory", &["companion-types", "companion-store"]),
    ("companion-dialogue", &["companion-types"]),
    ("companion-emotion", &["companion-types"]),
    ("companion-tts", &["companion-types"]),
    ("companion-espeak", &["companion-tts"]),
    ("companion-audio", &["companion-types"]),
    ("companion-kernels", &[]),
    ("companion-cuda", &[]),
    ("companion-engine", &["companion-kernels", "companion-cuda"]),
    ("companion-remote", &["companion-types"]),
    ("companion-bus", &[]),
    ("companionctl", &["companion-bus"]),
    (
        "companiond",
        &[
            "companion-types",
            "companion-turn",
            "companion-asr",
            "companion-store",
            "companion-memory",
            "companion-dialogue",
            "companion-emotion",
            "companion-tts",
            "companion-audio",
            "companion-engine",
            "companion-remote",
            "companion-bus",
        ],
    ),
];

/// The only files and the only folders that may hold `unsafe`.
const UNSAFE: [&str; 4] = [
    "daemon/crates/espeak/src/ffi.rs",
    "daemon/crates/kernels/src/",
    "daemon/crates/cuda/src/ffi/",
    "tests/fuzz/src/counted.rs",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = root().canonicalize().unwrap();
    let mut files = Vec::new();
    ["daemon", "ctl", "tests"].iter().for_each(|f| rust_files(&root.join(f), &mut files));
    assert!(files.len() > 80, "only {} files found", files.len());
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    files.into_iter().map(read).collect()
}

#[test]
fn arrows_between_crates_run_one_way() {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if name == "companion-tests" {
            continue;
        }
        let allowed = EDGES.iter().find(|(crate_name, _)| *crate_name == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{name} is not in the list of crates"));
        let normal = |d: &&serde_json::Value| d["kind"].is_null();
        let ours: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(normal)
            .filter_map(|d| d["name"].as_str())
            .filter(|d| d.starts_with("companion"))
            .collect();
        let strange: Vec<&&str> = ours.iter().filter(|d| !allowed.contains(*d)).collect();
        assert!(strange.is_empty(), "{name} depends on {strange:?}");
    }
}

#[test]
fn files_are_short_and_say_what_they_hold() {
    for (name, text) in sources() {
        assert!(text.lines().count() <= 600, "{name} has {} lines", text.lines().count());
        assert!(text.starts_with("//!"), "{name} has no header");
    }
}

#[test]
fn unsafe_lives_where_it_is_allowed() {
    let word = concat!("un", "safe");
    for (name, text) in sources() {
        let uses = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains(&format!("{word} {{"))
                || code.contains(&format!("{word} impl"))
                || code.contains(&format!("{word} extern"))
                || code.contains(&format!("{word} fn"))
        });
        assert!(
            !uses || UNSAFE.iter().any(|place| name.starts_with(place)),
            "{name} holds {word} code"
        );
    }
}

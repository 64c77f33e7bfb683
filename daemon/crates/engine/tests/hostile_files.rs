//! Sound, damaged and hostile files of every kind, through the entries that the fuzzer runs (`tests/fuzz`): none
//! may end in a panic or in more memory than its size is due. One at a time, because the whole process is counted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../../tests/fuzz/src/counted.rs"]
pub mod counted;
#[path = "../../../../tests/fuzz/src/readers/mod.rs"]
pub mod readers;
#[path = "../../../../tests/fuzz/src/seeds/mod.rs"]
pub mod seeds;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use companion_engine::Device;
use companion_engine::models::decoder::{Decoder, IntegerDecoder};
use readers::Reader;

#[global_allocator]
static ALLOCATOR: counted::Counted = counted::Counted;

/// The count is of the whole process.
static ONE: Mutex<()> = Mutex::new(());

/// Runs `test` in a process of its own where errors carry traces (`RUST_BACKTRACE`): the text of one, which
/// candle's errors hold and which is printed of a panic that a reader catches, takes tens of megabytes.
fn without_traces(name: &str, test: impl FnOnce()) {
    let _one_at_a_time = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if Backtrace::capture().status() != BacktraceStatus::Captured {
        return test();
    }
    let this = std::env::current_exe().unwrap();
    let mut again = Command::new(this);
    again.args(["--exact", name]).env("RUST_LIB_BACKTRACE", "0").env("RUST_BACKTRACE", "0");
    let again = again.output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
}

/// What the fuzzer kept and what it once broke a reader with, by the names of readers.
fn kept(reader: Reader) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden/fuzz");
    let files = std::fs::read_dir(folder.join(reader.name())).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|f| (f.display().to_string(), std::fs::read(f).unwrap())).collect()
}

/// Names of the inputs that break their reader.
fn broken_by(reader: Reader, inputs: &[(String, Vec<u8>)]) -> Vec<String> {
    let breaks = |bytes: &[u8]| catch_unwind(AssertUnwindSafe(|| reader.check(bytes))).is_err();
    inputs.iter().filter(|(_, bytes)| breaks(bytes)).map(|(name, _)| name.clone()).collect()
}

/// The same inputs cut short, and with single bytes changed.
fn damaged(inputs: &[(String, Vec<u8>)], seed: u64) -> Vec<(String, Vec<u8>)> {
    let mut state = seed;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let mut all = Vec::new();
    for (name, bytes) in inputs {
        for n in 0..6 {
            let mut bytes = bytes.clone();
            if n < 2 {
                bytes.truncate(next(bytes.len()));
            } else if !bytes.is_empty() {
                let at = next(bytes.len());
                bytes[at] = [0, 0xff, 0x7f, b'9', b'['][next(5)];
            }
            all.push((format!("{name}, damage {n}"), bytes));
        }
    }
    all
}

#[test]
fn sound_files_are_taken_for_sound() {
    without_traces("sound_files_are_taken_for_sound", || {
        for reader in Reader::ALL {
            let refused: Vec<String> = seeds::of(reader)
                .into_iter()
                .filter(|(_, bytes)| !reader.check(bytes))
                .map(|(name, _)| name)
                .collect();
            assert!(refused.is_empty(), "{} refuses {refused:?}", reader.name());
        }
    });
}

#[test]
fn loading_a_gguf_makes_no_table_of_floats() {
    without_traces("loading_a_gguf_makes_no_table_of_floats", || {
        const ROWS: u64 = 1 << 16;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        for tied in [true, false] {
            std::fs::write(&path, seeds::gguf::wide(tied, ROWS)).unwrap();
            let peak = counted::peak_of(|| {
                let exact = Decoder::load(&path, &Device::Cpu).unwrap();
                IntegerDecoder::from_decoder(exact, 1).unwrap();
            });
            let floats = usize::try_from(ROWS).unwrap() * 32 * 4;
            assert!(peak < floats, "{peak} bytes at most, a table of floats alone has {floats}");
        }
    });
}

#[test]
fn no_file_ends_in_a_panic_or_in_more_memory_than_it_is_due() {
    without_traces("no_file_ends_in_a_panic_or_in_more_memory_than_it_is_due", || {
        for reader in Reader::ALL {
            assert_eq!(Reader::named(reader.name()), Some(reader));
            let sound = seeds::of(reader);
            for inputs in [kept(reader), damaged(&sound, 7), sound] {
                let broken = broken_by(reader, &inputs);
                assert!(broken.is_empty(), "{} is broken by {broken:#?}", reader.name());
            }
        }
    });
}

//! What was acknowledged survives: kill -9 at random moments, and every damage a disk may do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use companion_store::{Store, Tree};

/// When this is set, the test binary is the child that writes until it is killed.
const CHILD: &str = "COMPANION_STORE_CHILD";
const KILLS: usize = 500;

fn value(n: u64) -> String {
    format!("memory {n} 记忆 {}", "x".repeat(usize::try_from(n % 97).unwrap()))
}

/// Writes numbers from the first free one on, and prints each one only after it was acknowledged.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let (mut store, _) = Store::open(Path::new(&folder)).unwrap();
    let next = store.all::<String>(Tree::Memories).unwrap().len() as u64;
    let mut out = std::io::stdout();
    for n in next..next + 100_000 {
        store.put(Tree::Memories, &n.to_be_bytes(), &value(n)).unwrap();
        writeln!(out, "ack {n}").unwrap();
        out.flush().unwrap();
    }
}

fn kill_once(folder: &Path, after: Duration) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = None;
    // Wait for the first acknowledgement, then kill at some moment in the stream of them.
    let ack = |line: Option<std::io::Result<String>>| -> Option<u64> {
        line?.ok()?.rsplit_once("ack ")?.1.trim().parse().ok()
    };
    while last.is_none() {
        match lines.next() {
            None => break,
            line => last = ack(line),
        }
    }
    let start = Instant::now();
    while start.elapsed() < after {
        last = ack(lines.next()).or(last);
    }
    child.kill().unwrap();
    for line in lines {
        last = ack(Some(line)).or(last);
    }
    child.wait().unwrap();
    last
}

#[test]
fn nothing_acknowledged_is_lost_in_500_kills() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = None;
    for round in 0..KILLS {
        let after = Duration::from_micros((round as u64 * 7919) % 4000);
        acknowledged = kill_once(dir.path(), after).max(acknowledged);
        // Looking at every tenth is enough: what one kill loses is still missing later.
        if round % 10 == 9 {
            assert!(acknowledged.is_some_and(|n| n > 10), "the child wrote next to nothing");
            check(dir.path(), acknowledged);
        }
        if round % 100 == 99 {
            std::fs::remove_dir_all(dir.path()).unwrap();
            acknowledged = None;
        }
    }
}

fn check(folder: &Path, acknowledged: Option<u64>) {
    let (store, _) = Store::open(folder).unwrap();
    for n in 0..acknowledged.map_or(0, |n| n + 1) {
        let found: Option<String> = store.get(Tree::Memories, &n.to_be_bytes()).unwrap();
        assert_eq!(found, Some(value(n)), "record {n} of {acknowledged:?}");
    }
}

const RECORDS: u64 = 3_000;

fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, report) = Store::open(dir.path()).unwrap();
    assert_eq!(report.records, 0);
    for start in (0..RECORDS).step_by(100) {
        let mut batch = companion_store::Batch::default();
        for n in start..start + 100 {
            batch.put(Tree::Memories, &n.to_be_bytes(), &value(n)).unwrap();
        }
        store.commit(batch).unwrap();
    }
    store.flush().unwrap();
    dir
}

fn all_there(folder: &Path) -> companion_store::OpenReport {
    let (store, report) = Store::open(folder).unwrap();
    for n in 0..RECORDS {
        let found: Option<String> = store.get(Tree::Memories, &n.to_be_bytes()).unwrap();
        assert_eq!(found, Some(value(n)), "record {n}, {report:?}");
    }
    report
}

fn index_file(folder: &Path) -> PathBuf {
    folder.join("index").join("db")
}

fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_cut_index_is_repaired() {
    for share in [0.0, 0.3, 0.7, 0.98] {
        let dir = filled();
        damage(&index_file(dir.path()), |b| b.truncate((b.len() as f64 * share) as usize));
        all_there(dir.path());
    }
}

#[test]
fn a_zeroed_tail_of_the_index_is_repaired() {
    let dir = filled();
    damage(&index_file(dir.path()), |b| {
        let from = b.len() / 2;
        b[from..].fill(0);
    });
    all_there(dir.path());
}

#[test]
fn flipped_bytes_of_the_index_are_repaired() {
    for seed in 0..4_usize {
        let dir = filled();
        damage(&index_file(dir.path()), |b| {
            for i in 0..40_usize {
                let at = (i * 104_729 + seed * 7_919) % b.len();
                b[at] ^= 0x5a;
            }
        });
        all_there(dir.path());
    }
}

#[test]
fn a_missing_snapshot_and_a_missing_index_are_no_loss() {
    let dir = filled();
    for entry in std::fs::read_dir(dir.path().join("index")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    all_there(dir.path());
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let report = all_there(dir.path());
    assert_eq!(report.repaired, usize::try_from(RECORDS).unwrap());
}

#[test]
fn damage_to_the_journal_is_no_loss_while_the_index_is_whole() {
    let dir = filled();
    damage(&dir.path().join("journal.log"), |b| {
        let middle = b.len() / 2;
        b[middle] ^= 0xff;
        let cut = b.len() - 5;
        b.truncate(cut);
    });
    let report = all_there(dir.path());
    assert!(report.damaged_bytes > 0 && report.torn_bytes > 0, "{report:?}");
    let report = all_there(dir.path());
    assert_eq!((report.damaged_bytes > 0, report.torn_bytes), (true, 0));
}

#[test]
fn a_second_owner_is_told_who_holds_the_store() {
    let dir = filled();
    let held = Store::open(dir.path()).unwrap();
    let error = Store::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("in use by another companiond"), "{error}");
    drop(held);
}

#[test]
fn a_grown_journal_is_rewritten_and_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path()).unwrap();
    let long = "长".repeat(20_000);
    for n in 0..300_u64 {
        store.put(Tree::Settings, &(n % 7).to_be_bytes(), &format!("{n}{long}")).unwrap();
    }
    assert!(store.bytes() < 10 << 20, "{}", store.bytes());
    drop(store);
    let (store, _) = Store::open(dir.path()).unwrap();
    for n in 293..300_u64 {
        let found: Option<String> = store.get(Tree::Settings, &(n % 7).to_be_bytes()).unwrap();
        assert_eq!(found, Some(format!("{n}{long}")));
    }
}

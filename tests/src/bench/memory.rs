//! Remembering: recall against a flat scan, durable writes against the disk's own.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use companion_memory::{Embedder as _, HashEmbedder, Memory, MemorySettings, NewMemory, Words};
use companion_store::{Store, Tree};
use companion_types::MemoryOrigin;

use super::{Bench, Row, Size, median_ms};

const THINGS: [&str; 8] = ["苹果", "音乐", "雨天", "小猫", "tea", "running", "蓝色", "winter"];

fn note(n: usize) -> String {
    let (a, b) = (THINGS[n % 8], THINGS[n / 8 % 8]);
    format!("第{n}次说起：我喜欢{a}，不喜欢{b}，因为那天是{}号", n % 31 + 1)
}

pub(super) fn recall(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let count = if bench.size == Size::Ci { 1_000 } else { 10_000 };
    let folder = tempfile::tempdir()?;
    let (mut store, _) = Store::open(folder.path())?;
    let words = Arc::new(Words::default());
    let settings = MemorySettings::default();
    let mut memory = Memory::open(&store, Box::new(HashEmbedder), words, settings)?;
    let start = std::time::Instant::now();
    for n in 0..count {
        let new = NewMemory {
            text: note(n),
            origin: MemoryOrigin::Note,
            turn: None,
            now_s: i64::try_from(n)?,
            core: false,
        };
        memory.add(&mut store, new)?;
    }
    let add = start.elapsed().as_secs_f64() * 1000.0 / count as f64;
    let mut failed = None;
    let query = "你还记得我喜欢什么动物吗";
    let repeats = bench.repeats(50);
    let ms = median_ms(repeats, || {
        let now = std::time::Instant::now();
        let found = memory.recall(query, 8, Duration::from_secs(5), &|| now.elapsed());
        failed = found.err();
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    // The peer: every vector against the query's, one thread.
    let mut embedder = HashEmbedder;
    let mut vectors = Vec::with_capacity(count);
    for n in 0..count {
        vectors.push(embedder.embed(&note(n))?.dense);
    }
    let asked = embedder.embed_query(query)?.dense;
    let mut best = 0.0_f32;
    let flat = median_ms(repeats, || {
        best = vectors
            .iter()
            .map(|v| v.iter().zip(&asked).map(|(a, b)| a * b).sum::<f32>())
            .fold(f32::MIN, f32::max);
    });
    anyhow::ensure!(best.is_finite(), "the flat scan found nothing");
    Ok(vec![
        Row::plain(format!("add, mean of {count}"), add, "ms"),
        Row::beside(
            format!("recall of 8 from {count}, vectors and words"),
            (ms, "ms"),
            (flat, "a flat scan of the vectors alone"),
        ),
    ])
}

pub(super) fn store(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let (mut store, _) = Store::open(&folder.path().join("store"))?;
    let value = "x".repeat(1_000);
    let repeats = bench.repeats(100);
    let (mut n, mut failed) = (0_u64, None);
    let put = median_ms(repeats, || {
        n += 1;
        failed = store.put(Tree::Settings, &n.to_be_bytes(), &value).err();
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let mut file = std::fs::File::create(folder.path().join("raw"))?;
    let mut broken = None;
    let raw = median_ms(repeats, || {
        let written = file.write_all(value.as_bytes()).and_then(|()| file.sync_data());
        broken = written.err();
    });
    if let Some(error) = broken {
        return Err(error.into());
    }
    let get = median_ms(repeats, || {
        let _ = store.get::<String>(Tree::Settings, &1_u64.to_be_bytes());
    });
    Ok(vec![
        Row::beside("durable put of 1 kB", (put, "ms"), (raw, "write and fdatasync")),
        Row::plain("get", get, "ms"),
    ])
}

//! The memory itself: notes in the store, both indexes over them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use companion_store::{Batch, Store, Tree};
use companion_types::{MemoryHit, MemoryId, MemoryNote, MemoryOrigin, Recall, TurnId, UndoId};
use serde::{Deserialize, Serialize};

use crate::error::MemoryError;
use crate::lexical_index::LexicalIndex;
use crate::ports::Embedder;
use crate::recall::fuse;
use crate::vector_index::VectorIndex;
use crate::vectors::{self, NoteVectors};
use crate::words::{Words, folded};

/// Longest memory, in characters.
const LONGEST: usize = 4_000;

/// How to remember.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemorySettings {
    /// Weight of the vector's similarity.
    pub vector_weight: f32,
    /// Weight of BM25.
    pub lexical_weight: f32,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { vector_weight: 0.7, lexical_weight: 0.3 }
    }
}

/// Something to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMemory {
    /// Verbatim text.
    pub text: String,
    /// Where it comes from.
    pub origin: MemoryOrigin,
    /// The turn in which it was said.
    pub turn: Option<TurnId>,
    /// Now, seconds since 1970.
    pub now_s: i64,
    /// Always in the prompt.
    pub core: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Forgotten {
    notes: Vec<MemoryNote>,
}

/// All memories. One owner.
pub struct Memory {
    embedder: Box<dyn Embedder>,
    words: Arc<Words>,
    settings: MemorySettings,
    notes: BTreeMap<MemoryId, MemoryNote>,
    vectors: VectorIndex,
    lexical: LexicalIndex,
    next: u64,
    next_undo: u64,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("notes", &self.notes.len()).finish_non_exhaustive()
    }
}

fn number(key: &[u8]) -> u64 {
    key.try_into().map(u64::from_be_bytes).unwrap_or_default()
}

impl Memory {
    /// Reads all notes from the store and indexes them; vectors that the store has are not made again.
    ///
    /// # Errors
    /// When the store or the embedder fails.
    pub fn open(
        store: &Store,
        embedder: Box<dyn Embedder>,
        words: Arc<Words>,
        settings: MemorySettings,
    ) -> Result<Self, MemoryError> {
        let mut memory = Self {
            embedder,
            words,
            settings,
            notes: BTreeMap::new(),
            vectors: VectorIndex::new(),
            lexical: LexicalIndex::default(),
            next: 1,
            next_undo: 1,
        };
        let kept = if memory.embedder.is_slow() {
            let of = &memory.embedder;
            NoteVectors::kept(store, of.fingerprint(), of.dimension())?
        } else {
            NoteVectors::default()
        };
        for (_, note) in store.all::<MemoryNote>(Tree::Memories)? {
            memory.next = memory.next.max(note.id.0 + 1);
            memory.index(note, &kept)?;
        }
        for (key, undo) in store.all::<Forgotten>(Tree::Undo)? {
            memory.next_undo = memory.next_undo.max(number(&key) + 1);
            // A forgotten memory's id must not be given to another one: undo brings it back.
            let highest = undo.notes.iter().map(|n| n.id.0 + 1).max().unwrap_or(0);
            memory.next = memory.next.max(highest);
        }
        Ok(memory)
    }

    fn index(&mut self, note: MemoryNote, known: &NoteVectors) -> Result<(), MemoryError> {
        let dense = match known.of(&note) {
            Some(dense) => dense.clone(),
            None => self.embedder.embed(&note.text)?.dense,
        };
        self.place(note, dense);
        Ok(())
    }

    fn place(&mut self, note: MemoryNote, dense: Vec<f32>) {
        self.vectors.add(note.id, dense);
        self.lexical.add(note.id, self.words.terms(&note.text));
        self.notes.insert(note.id, note);
    }

    /// Takes another embedder. `known` are vectors of it that were made beforehand ([`NoteVectors::fill`]), so that
    /// little is left to do here; what it lacks is made now. When it fails, the old embedder stays.
    ///
    /// # Errors
    /// When the store or the embedder fails.
    pub fn adopt(
        &mut self,
        store: &mut Store,
        mut embedder: Box<dyn Embedder>,
        known: NoteVectors,
    ) -> Result<(), MemoryError> {
        let mut known = known.made_by(embedder.as_ref());
        let notes: Vec<MemoryNote> = self.notes.values().cloned().collect();
        known.fill(embedder.as_mut(), &notes, &mut |_, _| ())?;
        if embedder.is_slow() {
            known.keep(store)?;
        }
        let mut index = VectorIndex::new();
        for note in &notes {
            if let Some(dense) = known.of(note) {
                index.add(note.id, dense.clone());
            }
        }
        self.vectors = index;
        self.embedder = embedder;
        Ok(())
    }

    /// Name and version of the embedder.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.embedder.fingerprint()
    }

    /// Keeps a memory; it is on disk when this returns. The same text (apart from case, width and
    /// outer punctuation) is not kept twice: its memory gets the new time instead.
    ///
    /// # Errors
    /// When the text is empty or too long, or the store or the embedder fails.
    pub fn add(&mut self, store: &mut Store, new: NewMemory) -> Result<MemoryId, MemoryError> {
        let text = new.text.trim();
        let got = text.chars().count();
        if got == 0 || got > LONGEST {
            return Err(MemoryError::Length { got, most: LONGEST });
        }
        let plain = |t: &str| folded(t).chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let wanted = plain(text);
        let same = self.notes.values().find(|n| plain(&n.text) == wanted && !wanted.is_empty());
        let id = same.map_or(MemoryId(self.next), |n| n.id);
        let core = new.core || same.is_some_and(|n| n.core);
        let note = MemoryNote {
            id,
            text: text.to_owned(),
            origin: new.origin,
            turn: new.turn,
            created_s: new.now_s,
            core,
        };
        let dense = self.embedder.embed(&note.text)?.dense;
        let mut batch = Batch::default();
        batch.put(Tree::Memories, &id.0.to_be_bytes(), &note)?;
        if self.embedder.is_slow() {
            vectors::put(&mut batch, id, &self.embedder.fingerprint(), &note.text, &dense)?;
        }
        store.commit(batch)?;
        if self.notes.contains_key(&id) {
            self.lexical.remove(id);
            self.vectors.remove(id);
        } else {
            self.next += 1;
        }
        self.place(note, dense);
        Ok(id)
    }

    /// The memories nearest to `query`, best first, at most `count`. `elapsed` is asked between the
    /// two searches; past `deadline` the slower one is left out.
    ///
    /// # Errors
    /// When the embedder fails.
    pub fn recall(
        &mut self,
        query: &str,
        count: usize,
        deadline: Duration,
        elapsed: &dyn Fn() -> Duration,
    ) -> Result<Recall, MemoryError> {
        let lexical = self.lexical.search(&self.words.terms(query));
        let vector = if elapsed() < deadline {
            let embedding = self.embedder.embed_query(query)?;
            self.vectors.search(&embedding.dense, count.max(16))
        } else {
            Vec::new()
        };
        let weights = (self.settings.vector_weight, self.settings.lexical_weight);
        let hits = fuse(&vector, &lexical, weights)
            .into_iter()
            .filter_map(|fused| {
                let note = self.notes.get(&fused.id)?.clone();
                Some(MemoryHit { note, score: fused.score, source: fused.source })
            })
            .take(count)
            .collect();
        Ok(Recall { hits, took: elapsed() })
    }

    /// Forgets memories, all or none; gives the id to undo it with.
    ///
    /// # Errors
    /// When one of them does not exist, or the store fails.
    pub fn forget(&mut self, store: &mut Store, ids: &[MemoryId]) -> Result<UndoId, MemoryError> {
        let note = |id: &MemoryId| self.notes.get(id).cloned().ok_or(MemoryError::NoMemory(*id));
        let notes: Vec<MemoryNote> = ids.iter().map(note).collect::<Result<_, _>>()?;
        let undo = UndoId(self.next_undo);
        let mut batch = Batch::default();
        batch.put(Tree::Undo, &undo.0.to_be_bytes(), &Forgotten { notes })?;
        for id in ids {
            batch.remove(Tree::Memories, &id.0.to_be_bytes());
            batch.remove(Tree::Vectors, &id.0.to_be_bytes());
        }
        store.commit(batch)?;
        self.next_undo += 1;
        for id in ids {
            self.notes.remove(id);
            self.vectors.remove(*id);
            self.lexical.remove(*id);
        }
        Ok(undo)
    }

    /// Brings back what was forgotten under `undo`.
    ///
    /// # Errors
    /// When there is no such entry, or the store or the embedder fails.
    pub fn undo(&mut self, store: &mut Store, undo: UndoId) -> Result<Vec<MemoryId>, MemoryError> {
        let key = undo.0.to_be_bytes();
        let entry: Option<Forgotten> = store.get(Tree::Undo, &key)?;
        let notes = entry.ok_or(MemoryError::NoUndo(undo))?.notes;
        let mut batch = Batch::default();
        for note in &notes {
            batch.put(Tree::Memories, &note.id.0.to_be_bytes(), note)?;
        }
        batch.remove(Tree::Undo, &key);
        store.commit(batch)?;
        let ids = notes.iter().map(|n| n.id).collect();
        let none = NoteVectors::default();
        for note in notes {
            self.index(note, &none)?;
        }
        Ok(ids)
    }

    /// One memory.
    #[must_use]
    pub fn get(&self, id: MemoryId) -> Option<&MemoryNote> {
        self.notes.get(&id)
    }

    /// All memories, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<MemoryNote> {
        let mut notes: Vec<MemoryNote> = self.notes.values().cloned().collect();
        notes.sort_by_key(|n| std::cmp::Reverse((n.created_s, n.id)));
        notes
    }

    /// Facts that always stand in the prompt, oldest first.
    #[must_use]
    pub fn core_facts(&self) -> Vec<MemoryNote> {
        self.notes.values().filter(|n| n.core).cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.notes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_embedder::HashEmbedder;

    struct Fixture {
        dir: tempfile::TempDir,
        words: Arc<Words>,
    }

    impl Fixture {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap(), words: Arc::new(Words::default()) }
        }
        fn open(&self) -> (Store, Memory) {
            let (store, _) = Store::open(self.dir.path()).unwrap();
            let words = Arc::clone(&self.words);
            let memory = Memory::open(&store, Box::new(HashEmbedder), words, Default::default());
            (store, memory.unwrap())
        }
    }

    fn said(text: &str, now_s: i64) -> NewMemory {
        let origin = MemoryOrigin::Said;
        NewMemory { text: text.into(), origin, turn: None, now_s, core: false }
    }

    fn found(memory: &mut Memory, query: &str) -> Vec<String> {
        let zero = || Duration::ZERO;
        let recall = memory.recall(query, 3, Duration::from_secs(1), &zero).unwrap();
        recall.hits.into_iter().map(|h| h.note.text).collect()
    }

    /// A slow embedder that counts how often it was asked. Scripted.
    struct Slow {
        version: u32,
        asked: Arc<std::sync::atomic::AtomicUsize>,
    }

    impl Slow {
        fn new(version: u32) -> (Box<Self>, Arc<std::sync::atomic::AtomicUsize>) {
            let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
            (Box::new(Self { version, asked: Arc::clone(&asked) }), asked)
        }
    }

    impl Embedder for Slow {
        fn fingerprint(&self) -> String {
            format!("slow-{}", self.version)
        }
        fn dimension(&self) -> usize {
            HashEmbedder.dimension()
        }
        fn is_slow(&self) -> bool {
            true
        }
        fn embed(&mut self, text: &str) -> Result<crate::Embedding, crate::EmbedderError> {
            self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            HashEmbedder.embed(text)
        }
    }

    #[test]
    fn slow_vectors_are_made_once_and_anew_for_another_embedder() {
        use std::sync::atomic::Ordering::Relaxed;
        let fixture = Fixture::new();
        let (mut store, mut memory) = fixture.open();
        for (n, text) in (0..).zip(TOLD) {
            memory.add(&mut store, said(text, n)).unwrap();
        }
        let (slow, asked) = Slow::new(1);
        memory.adopt(&mut store, slow, NoteVectors::default()).unwrap();
        assert_eq!((asked.load(Relaxed), memory.fingerprint().as_str()), (10, "slow-1"));
        assert_eq!(found(&mut memory, "我的猫叫什么")[0], "我的猫叫咪咪");
        memory.add(&mut store, said("我的狗叫旺财", 20)).unwrap();
        drop((store, memory));
        let open = |version| {
            let (store, _) = Store::open(fixture.dir.path()).unwrap();
            let (slow, asked) = Slow::new(version);
            let words = Arc::clone(&fixture.words);
            let memory = Memory::open(&store, slow, words, Default::default()).unwrap();
            (store, memory, asked)
        };
        let (mut store, mut memory, asked) = open(1);
        assert_eq!(asked.load(Relaxed), 0, "all eleven were kept");
        let written = store.bytes();
        let known = NoteVectors::kept(&store, "slow-1".into(), HashEmbedder.dimension()).unwrap();
        memory.adopt(&mut store, Slow::new(1).0, known).unwrap();
        assert_eq!(store.bytes(), written, "kept vectors are not written again");
        assert_eq!(found(&mut memory, "我的狗叫什么")[0], "我的狗叫旺财");
        let ids: Vec<MemoryId> = memory.list().iter().map(|n| n.id).take(1).collect();
        let undo = memory.forget(&mut store, &ids).unwrap();
        assert_eq!(store.all::<serde::de::IgnoredAny>(Tree::Vectors).unwrap().len(), 10);
        memory.undo(&mut store, undo).unwrap();
        assert_eq!(found(&mut memory, "我的狗叫什么")[0], "我的狗叫旺财");
        drop((store, memory));
        assert_eq!(open(2).2.load(Relaxed), 11, "another version's vectors are of no use");
    }

    const TOLD: [&str; 10] = [
        "我叫小明",
        "我喜欢吃苹果",
        "我住在上海",
        "我的猫叫咪咪",
        "我明天要开会",
        "my name is tom",
        "i like to eat noodles",
        "my dog is called rex",
        "i live in london",
        "i have an exam on monday",
    ];

    #[test]
    fn questions_find_what_was_told_in_both_languages() {
        let fixture = Fixture::new();
        let (mut store, mut memory) = fixture.open();
        for (n, text) in (0..).zip(TOLD) {
            memory.add(&mut store, said(text, n)).unwrap();
        }
        for (query, text) in [
            ("我叫什么名字", "我叫小明"),
            ("我喜欢吃什么", "我喜欢吃苹果"),
            ("我住在哪里", "我住在上海"),
            ("我的猫叫什么", "我的猫叫咪咪"),
            ("what is my name", "my name is tom"),
            ("what do i like to eat", "i like to eat noodles"),
            ("where do i live", "i live in london"),
            ("what is my dog called", "my dog is called rex"),
        ] {
            assert!(found(&mut memory, query).contains(&text.to_owned()), "{query}");
        }
    }

    #[test]
    fn what_is_forgotten_is_never_found_and_undo_brings_it_back_with_the_same_ranking() {
        let fixture = Fixture::new();
        let (mut store, mut memory) = fixture.open();
        let ids: Vec<MemoryId> = (0..)
            .zip(TOLD)
            .map(|(n, text)| memory.add(&mut store, said(text, n)).unwrap())
            .collect();
        let before = found(&mut memory, "我叫什么名字");
        let undo = memory.forget(&mut store, &ids[..1]).unwrap();
        assert!(!found(&mut memory, "我叫什么名字").contains(&"我叫小明".to_owned()));
        drop((store, memory));
        let (mut store, mut memory) = fixture.open();
        assert!(!found(&mut memory, "我叫什么名字").contains(&"我叫小明".to_owned()));
        let other = memory.add(&mut store, said("我很忙", 99)).unwrap();
        assert!(!ids.contains(&other));
        memory.forget(&mut store, &[other]).unwrap();
        assert_eq!(memory.undo(&mut store, undo).unwrap(), [ids[0]]);
        assert_eq!(found(&mut memory, "我叫什么名字"), before);
        assert!(matches!(memory.undo(&mut store, undo), Err(MemoryError::NoUndo(_))));
    }

    #[test]
    fn the_same_words_are_kept_once_and_nonsense_is_refused() {
        let fixture = Fixture::new();
        let (mut store, mut memory) = fixture.open();
        let first = memory.add(&mut store, said("My name is Tom.", 1)).unwrap();
        assert_eq!(memory.add(&mut store, said("my name is tom", 2)).unwrap(), first);
        assert_eq!((memory.count(), memory.get(first).unwrap().created_s), (1, 2));
        assert!(memory.add(&mut store, said("  ", 3)).is_err());
        assert!(memory.add(&mut store, said(&"长".repeat(5_000), 3)).is_err());
        assert!(memory.forget(&mut store, &[MemoryId(77)]).is_err());
    }
}

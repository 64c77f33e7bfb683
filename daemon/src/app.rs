//! The composition root: builds the stages in order, owns them, ends them in reverse.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use companion_asr::Recognizer;
use companion_audio::Playback;
use companion_dialogue::{Generator, History, Rules, TokenCounter};
use companion_emotion::Mood;
use companion_memory::{HashEmbedder, Memory, MemoryError, MemorySettings, NewMemory, Words};
use companion_store::{OpenReport, Store, Tree};
use companion_tts::{EspeakVoice, Synthesizer, VoiceFile};
use companion_turn::{Machine, TurnSettings};
use companion_types::{
    EmotionSet, GenerationProfile, Language, MemoryHit, MemoryId, MemoryNote, MemoryOrigin,
    PersonaProfile, SamplingParams, TurnId, TurnReport, UndoId,
};

use crate::backend::{LmGenerator, SenseVoiceRecognizer};
use crate::error::DaemonError;
use crate::turn::{Conversation, Driver, Parts, Remembering, ReplyJob, ReplyStage, inbox};
use crate::worker::{Heartbeat, Worker, spawn};

/// Where things are and how much of them is wanted.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// Model directory of the recogniser.
    pub ears: PathBuf,
    /// Model directory of the language model.
    pub brain: PathBuf,
    /// Folder of the voices.
    pub voices: PathBuf,
    /// Name of the voice.
    pub voice: String,
    /// The program `companion-espeak`.
    pub espeak: PathBuf,
    /// Folder of the store.
    pub store: PathBuf,
    /// Token budget of a prompt.
    pub context_budget_tokens: usize,
    /// Sampling.
    pub sampling: SamplingParams,
}

/// A running companion.
#[derive(Debug)]
pub struct App {
    conversation: Conversation,
    memory: Arc<Worker<Remembering>>,
    beats: Vec<(&'static str, Heartbeat)>,
    report: OpenReport,
    // Dropped in this order: the turn thread first, so that nothing new begins.
    driver: Option<JoinHandle<()>>,
    replies: Option<JoinHandle<()>>,
}

fn persona() -> PersonaProfile {
    PersonaProfile {
        key: "default".into(),
        name_zh: "小伴".into(),
        name_en: "Companion".into(),
        persona_zh: "住在这个家里的伙伴，说话简短、温暖、诚实。".into(),
        persona_en: "a companion who lives in this home and speaks shortly, warmly and honestly."
            .into(),
        voice: "default".into(),
        language: Language::Zh,
        generation: GenerationProfile::Balanced,
    }
}

fn model(slot: &'static str) -> impl Fn(companion_engine::EngineError) -> DaemonError {
    move |source| DaemonError::Model { slot, source: Box::new(source) }
}

impl App {
    /// Opens the store, loads and warms up the models and starts all threads. Sound goes to `playback`.
    ///
    /// # Errors
    /// When a model, the voice or the store cannot be used.
    pub fn start(settings: &AppSettings, playback: Playback) -> Result<Self, DaemonError> {
        let (store, report) = Store::open(&settings.store)?;
        let first_turn =
            store.all::<TurnReport>(Tree::Reports)?.last().map_or(1, |(_, r)| r.turn.0 + 1);
        let words = Arc::new(Words::default());
        let memory =
            Memory::open(&store, Box::new(HashEmbedder), words, MemorySettings::default())?;
        let memory = Arc::new(Worker::start("memory", (store, memory), || None)?);

        let ears = settings.ears.clone();
        let load_ears = move || SenseVoiceRecognizer::load(&ears);
        let recognizer: Box<dyn Recognizer> = Box::new(load_ears().map_err(model("asr"))?);
        let again = move || Some(Box::new(load_ears().ok()?) as Box<dyn Recognizer>);
        let recognizer = Arc::new(Worker::start("asr", recognizer, again)?);

        let (brain, budget) = (settings.brain.clone(), settings.context_budget_tokens);
        let load_brain = move || LmGenerator::load(&brain, budget + 4096);
        let generator = load_brain().map_err(model("llm"))?;
        let counter: Arc<dyn TokenCounter> = Arc::new(generator.counter());
        let again = move || Some(Box::new(load_brain().ok()?) as Box<dyn Generator>);
        let llm = Arc::new(Worker::start("llm", Box::new(generator) as Box<dyn Generator>, again)?);

        let voice = VoiceFile::open(&settings.voices, &settings.voice)?;
        let program = settings.espeak.clone();
        let new_voice = move || EspeakVoice::new(program.clone(), voice.espeak.clone());
        let first: Box<dyn Synthesizer> = Box::new(new_voice());
        let again = move || Some(Box::new(new_voice()) as Box<dyn Synthesizer>);
        let tts = Arc::new(Worker::start("tts", first, again)?);

        let beats = vec![
            ("memory", memory.heartbeat().clone()),
            ("asr", recognizer.heartbeat().clone()),
            ("llm", llm.heartbeat().clone()),
            ("tts", tts.heartbeat().clone()),
        ];
        let emotions = Arc::new(EmotionSet::default());
        let events = inbox();
        let stage = ReplyStage {
            memory: Arc::clone(&memory),
            llm_beat: llm.heartbeat().clone(),
            llm,
            tts_beat: tts.heartbeat().clone(),
            tts,
            counter,
            playback: playback.clone(),
            persona: persona(),
            emotions: Arc::clone(&emotions),
            rules: Rules::default(),
            params: settings.sampling,
            budget: settings.context_budget_tokens,
            top_k: 3,
            recall_deadline: Duration::from_millis(50),
            deadline: Duration::from_secs(60),
            news: events.0.clone(),
        };
        let (replies, jobs) = sync_channel::<ReplyJob>(4);
        let replies_thread = spawn("reply", move || {
            let mut stage = stage;
            for job in jobs {
                stage.reply(&job);
            }
        })?;
        let parts = Parts {
            machine: Machine::new(TurnId(first_turn), TurnSettings::default()),
            history: History::new(10),
            mood: Mood::default(),
            playback,
            memory: Arc::clone(&memory),
            emotions,
        };
        let (driver, conversation) = Driver::new(parts, events, replies, recognizer);
        let driver = spawn("turn", move || driver.run())?;
        Ok(Self {
            conversation,
            memory,
            beats,
            report,
            driver: Some(driver),
            replies: Some(replies_thread),
        })
    }

    /// The conversation.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// What opening the store found.
    #[must_use]
    pub fn store_report(&self) -> &OpenReport {
        &self.report
    }

    /// How long ago each stage showed that it lives.
    #[must_use]
    pub fn stages(&self) -> Vec<(&'static str, Duration)> {
        self.beats.iter().map(|(stage, beat)| (*stage, beat.age())).collect()
    }

    /// Keeps a note.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn remember(&self, text: &str, core: bool) -> Result<MemoryId, DaemonError> {
        let text = text.to_owned();
        let now_s = jiff::Timestamp::now().as_second();
        let new = NewMemory { text, origin: MemoryOrigin::Note, turn: None, now_s, core };
        Ok(self.memory.call(move |(store, memory)| memory.add(store, new))??)
    }

    /// All memories, newest first.
    ///
    /// # Errors
    /// When the stage does not answer.
    pub fn memories(&self) -> Result<Vec<MemoryNote>, DaemonError> {
        self.memory.call(|(_, memory)| memory.list())
    }

    /// The nearest memories.
    ///
    /// # Errors
    /// When the embedder fails.
    pub fn recall(&self, query: &str, count: usize) -> Result<Vec<MemoryHit>, DaemonError> {
        let query = query.to_owned();
        let wait = Duration::from_secs(5);
        let found = self.memory.call(move |(_, memory)| {
            let start = std::time::Instant::now();
            memory.recall(&query, count, wait, &|| start.elapsed())
        })?;
        Ok(found?.hits)
    }

    /// Forgets; gives the id to undo it with.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn forget(&self, ids: Vec<MemoryId>) -> Result<UndoId, DaemonError> {
        Ok(self.memory.call(move |(store, memory)| memory.forget(store, &ids))??)
    }

    /// Brings back what was forgotten.
    ///
    /// # Errors
    /// When there is nothing to undo.
    pub fn undo(&self, undo: UndoId) -> Result<Vec<MemoryId>, DaemonError> {
        Ok(self.memory.call(move |(store, memory)| memory.undo(store, undo))??)
    }

    /// The memories that a turn's answer rested on, with their texts.
    ///
    /// # Errors
    /// When the turn is unknown or the store fails.
    pub fn explain(&self, turn: TurnId) -> Result<Vec<(MemoryId, String)>, DaemonError> {
        let found = self.memory.call(move |(store, memory)| -> Result<_, MemoryError> {
            let report: Option<TurnReport> = store.get(Tree::Reports, &turn.0.to_be_bytes())?;
            let ids = report.map(|r| r.memories).unwrap_or_default();
            let text = |id: MemoryId| memory.get(id).map(|n| n.text.clone()).unwrap_or_default();
            Ok(ids.into_iter().map(|id| (id, text(id))).collect())
        })?;
        Ok(found?)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.conversation.stop();
        for thread in [self.driver.take(), self.replies.take()].into_iter().flatten() {
            let _ = thread.join();
        }
    }
}

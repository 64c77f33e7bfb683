//! The composition root: builds the stages in order, owns them, ends them in reverse.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use companion_asr::{EndpointerSettings, ListenerSettings};
use companion_audio::Playback;
use companion_dialogue::{History, Rules};
use companion_emotion::Mood;
use companion_memory::MemorySettings;
use companion_store::OpenReport;
use companion_turn::{BargeInRules, Machine, TurnSettings};
use companion_types::{Emotion, EmotionSet, Language, PersonaProfile};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::config::{SelfHearingMode, Settings, TtsSettings};
use crate::error::DaemonError;
use crate::health::{Health, Stage, Watched};
use crate::hear::{Ears, FrameSource};
use crate::models::{self, FreeMemory, GpuMemory, Keeper, LLM_LOOK, Loader, MachineMemory, Slots};
use crate::profiles::ProfileBook;
use crate::recollection::{Opened, Recollection};
use crate::turn::{
    Conversation, Driver, Input, OtherVoice, Parts, ReplySettings, ReplyStage, ReplyWork,
    SelfHearing, SelfHearingCounts, VoiceDesk, inbox,
};
use crate::voice_import::{self, NewReference, ReferenceReport};
use crate::voices::{self, Voice, VoiceInfo};
use crate::word_book::WordBook;
use crate::worker::{Heartbeat, Worker, join_within, spawn};

/// Replies that may wait for the `reply` thread.
const REPLIES: usize = 4;
/// A thread that ends is waited for no longer than this.
const GOODBYE: Duration = Duration::from_secs(5);
/// A clip is listened to within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running companion.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    conversation: Conversation,
    recollection: Recollection,
    emotions: Arc<EmotionSet>,
    profiles: ProfileBook,
    persona: Arc<ArcSwap<PersonaProfile>>,
    slots: Arc<Slots>,
    tts: Arc<Worker<Voice>>,
    word_book: Arc<WordBook>,
    self_hearing: Arc<SelfHearingCounts>,
    playback: Playback,
    ears: Ears,
    health: Arc<Health>,
    report: OpenReport,
    /// Dropped to end the thread that looks after the language model.
    llm_keeper: Option<Sender<()>>,
    // Ended in this order: hearing first, so that nothing new begins.
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slots")
    }
}

/// What a watchdog is fed with; called on the `health` thread.
pub type Feed = Box<dyn Fn() + Send>;

/// Sound that is heard: the microphone's frames.
pub type Device = Box<dyn FrameSource + Send>;

/// The voice of a profile; one that names none has the configured one.
fn voice_of<'a>(settings: &'a Settings, profile: &'a PersonaProfile) -> &'a str {
    if profile.voice.is_empty() { &settings.tts.voice } else { &profile.voice }
}

impl App {
    /// Opens the store, loads and warms up the models and starts all threads. Sound goes to `playback`;
    /// `device` is listened to, and `feed` is called while all stages are fresh.
    ///
    /// # Errors
    /// When the store, the voice or a profile cannot be used, or a thread cannot be started. A model that
    /// cannot be used leaves its slot empty.
    pub fn start(
        settings: Settings,
        playback: Playback,
        device: Option<Device>,
        feed: Feed,
    ) -> Result<Self, DaemonError> {
        let memory = MemorySettings {
            vector_weight: settings.memory.vector_weight,
            lexical_weight: settings.memory.lexical_weight,
        };
        let opened = Recollection::start(settings.paths.state.join("store"), memory)?;
        let profiles = ProfileBook::open(&settings.paths.data, &settings.paths.state);
        let persona = first_profile(&settings, &profiles, opened.profile.as_deref())?;
        let emotions = Arc::new(EmotionSet::with(settings.emotion.custom.clone()));
        let emotion = emotions.find(&settings.emotion.default).ok_or_else(|| {
            DaemonError::Invalid(format!(
                "emotion.default = {:?}: no such emotion",
                settings.emotion.default
            ))
        })?;
        let voice = voices::open(&settings, voice_of(&settings, &persona))?;
        let (model, took, failed) = (voice.model, voice.took, voice.failed);
        let tts = Arc::new(Worker::start("tts", voice.port, voice.again)?);
        let (folders, named) = (&settings.paths.models, &settings.models);
        let gpu = models::gpu(&settings.llm);
        let memory: Arc<dyn FreeMemory> = match &gpu {
            Some(gpu) => Arc::new(GpuMemory(gpu.clone())),
            None => Arc::new(MachineMemory::default()),
        };
        let loader = Loader {
            gpu,
            settings: settings.llm.clone(),
            prompt: settings.dialogue.context_budget_tokens,
            remote: settings.remote.clone(),
            heads: settings.paths.state.join("heads"),
            memory,
        };
        let slots = Slots::start(folders, named, loader, opened.recollection.clone())?;
        let slots = Arc::new(slots);
        slots.speaks(&model, took, failed);
        let persona = Arc::new(ArcSwap::from_pointee(persona));
        let word_book = Arc::new(WordBook::open(opened.recollection.clone())?);
        let self_hearing = Arc::default();
        let run = Run {
            settings,
            playback,
            opened,
            emotions,
            emotion,
            persona,
            slots,
            tts,
            word_book,
            self_hearing,
        };
        run.start(profiles, device, feed)
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The conversation.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Memory.
    #[must_use]
    pub fn recollection(&self) -> &Recollection {
        &self.recollection
    }

    /// Heartbeats.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// What opening the store found.
    #[must_use]
    pub fn store_report(&self) -> &OpenReport {
        &self.report
    }

    pub(crate) fn emotions(&self) -> &EmotionSet {
        &self.emotions
    }

    pub(crate) fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }

    pub(crate) fn profiles(&self) -> &ProfileBook {
        &self.profiles
    }

    pub(crate) fn tts(&self) -> &Arc<Worker<Voice>> {
        &self.tts
    }

    pub(crate) fn word_book(&self) -> &WordBook {
        &self.word_book
    }

    pub(crate) fn self_hearing(&self) -> &SelfHearingCounts {
        &self.self_hearing
    }

    /// All voices.
    pub(crate) fn voices(&self) -> Vec<VoiceInfo> {
        voices::list(&self.settings)
    }

    /// Takes a reference clip into a voice; one in use speaks with it from now on.
    ///
    /// # Errors
    /// When the clip is refused, the voice's name or emotion cannot be, or nothing can be written.
    pub(crate) fn import_reference(
        &self,
        new: &NewReference,
    ) -> Result<ReferenceReport, DaemonError> {
        if self.emotions.find(&new.emotion).is_none_or(|found| found.key() != new.emotion) {
            let known: Vec<&str> = self.emotions.labels().iter().map(|l| l.key.as_str()).collect();
            return Err(DaemonError::Invalid(format!(
                "there is no emotion {:?}; there are: {}; more: emotion.custom in companion.toml",
                new.emotion,
                known.join(", ")
            )));
        }
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if new.voice.is_empty() || new.voice.len() > 64 || !new.voice.chars().all(plain) {
            return Err(DaemonError::Invalid(format!(
                "{:?} is no name of a voice: 1 to 64 letters, digits, - and _",
                new.voice
            )));
        }
        let sound = voice_import::sound(new)?;
        let (pcm, rate) = sound.clone();
        let text = new.text.clone();
        let judged = self.slots.stages().asr.call_within(PATIENCE, move |asr| {
            voice_import::judge(&(pcm, rate), &text, asr.as_mut())
        })??;
        if !judged.problems.is_empty() && !new.force {
            return Err(DaemonError::Invalid(format!(
                "the clip was refused: {}",
                judged.problems.join("; ")
            )));
        }
        let paths = &self.settings.paths;
        voice_import::install(
            new,
            &sound,
            &paths.state.join("voices"),
            &paths.data.join("voices"),
        )?;
        if self.voice_name() == new.voice {
            self.speak_with(&new.voice)?;
        }
        Ok(judged)
    }

    fn speak_with(&self, name: &str) -> Result<(), DaemonError> {
        let voice = voices::open(&self.settings, name)?;
        self.tts.replace(voice.port, voice.again)?;
        self.slots.speaks(&voice.model, voice.took, voice.failed);
        Ok(())
    }

    /// The voice in use.
    pub(crate) fn voice_name(&self) -> String {
        voice_of(&self.settings, &self.persona()).to_owned()
    }

    pub(crate) fn ears(&self) -> &Ears {
        &self.ears
    }

    pub(crate) fn playback(&self) -> &Playback {
        &self.playback
    }

    /// Who the companion is now.
    #[must_use]
    pub fn persona(&self) -> Arc<PersonaProfile> {
        self.persona.load_full()
    }

    /// From the next turn on the companion is this one, after a restart too.
    ///
    /// # Errors
    /// When there is no such profile, its voice cannot be used, or it cannot be kept.
    pub fn activate(&self, key: &str) -> Result<(), DaemonError> {
        let profile = self.profiles.get(key)?;
        let voice = voices::open(&self.settings, voice_of(&self.settings, &profile))?;
        self.recollection.keep_profile(key)?;
        self.tts.replace(voice.port, voice.again)?;
        self.slots.speaks(&voice.model, voice.took, voice.failed);
        self.persona.store(Arc::new(profile));
        Ok(())
    }

    /// Occupies a stage until the other end of `until` is dropped, as a hang would; for tests of the
    /// watchdog. False when there is no such stage.
    #[must_use]
    pub fn occupy(&self, stage: &str, until: std::sync::mpsc::Receiver<()>) -> bool {
        let stages = self.slots.stages();
        let sent = match stage {
            "memory" => self.recollection.0.send(move |_| stand_still(&until)),
            "asr" => stages.asr.send(move |_| stand_still(&until)),
            "llm" => stages.llm.send(move |_| stand_still(&until)),
            "tts" => self.tts.send(move |_| stand_still(&until)),
            "turn" => {
                self.conversation.occupy(until);
                Ok(())
            }
            _ => return false,
        };
        sent.is_ok()
    }
}

fn stand_still(until: &std::sync::mpsc::Receiver<()>) {
    // An error is the other end's drop: what is waited for.
    let _ = until.recv();
}

fn first_profile(
    settings: &Settings,
    profiles: &ProfileBook,
    kept: Option<&str>,
) -> Result<PersonaProfile, DaemonError> {
    if let Some(key) = kept {
        match profiles.get(key) {
            Ok(profile) => return Ok(profile),
            Err(error) => tracing::warn!(%error, "the configured profile is used"),
        }
    }
    profiles.get(&settings.profile.active)
}

/// The parts of an app that is starting.
struct Run {
    settings: Settings,
    playback: Playback,
    opened: Opened,
    emotions: Arc<EmotionSet>,
    emotion: Emotion,
    persona: Arc<ArcSwap<PersonaProfile>>,
    slots: Arc<Slots>,
    tts: Arc<Worker<Voice>>,
    word_book: Arc<WordBook>,
    self_hearing: Arc<SelfHearingCounts>,
}

impl Run {
    fn start(
        self,
        profiles: ProfileBook,
        device: Option<Device>,
        feed: Feed,
    ) -> Result<App, DaemonError> {
        let events = inbox();
        let beats = [Heartbeat::new(), Heartbeat::new(), Heartbeat::new()];
        let [turn_beat, reply_beat, hear_beat] = &beats;
        let stage = self.reply_stage(events.0.clone(), reply_beat.clone());
        let (replies, jobs) = bounded::<ReplyWork>(REPLIES);
        let reply_thread = spawn("reply", move || stage.run_all(&jobs))?;
        let memory = Arc::clone(&self.opened.recollection.0);
        let (asr, llm) = (&self.slots.stages().asr, &self.slots.stages().llm);
        let parts = Parts {
            machine: Machine::new(self.opened.first_turn, self.turn_settings()),
            history: History::new(self.settings.dialogue.history_rounds),
            mood: Mood::default(),
            playback: self.playback.clone(),
            memory: Arc::clone(&memory),
            emotions: Arc::clone(&self.emotions),
            voice: VoiceDesk {
                tts: Arc::clone(&self.tts),
                pronunciations: self.word_book.ready(),
                self_hearing: self.self_hearing(),
                other: Arc::new(OtherVoice::new(self.settings.clone())),
                news: events.0.clone(),
            },
        };
        let (driver, conversation) =
            Driver::new(parts, events, replies, Arc::clone(asr), turn_beat.clone());
        let turn_thread = spawn("turn", move || driver.run())?;
        let ears = Ears::default();
        let listening = (ears.clone(), conversation.clone(), hear_beat.clone());
        let settings = self.listener_settings();
        let hear_thread = spawn("hear", move || {
            let (ears, conversation, beat) = listening;
            ears.run(device, &conversation, settings, &beat);
        })?;
        let stages: Vec<Arc<dyn Stage>> = vec![
            Arc::new(Watched("hear", hear_beat.clone())),
            Arc::clone(asr) as Arc<dyn Stage>,
            memory,
            Arc::clone(llm) as Arc<dyn Stage>,
            Arc::clone(&self.tts) as Arc<dyn Stage>,
            Arc::new(Watched("reply", reply_beat.clone())),
            Arc::new(Watched("turn", turn_beat.clone())),
        ];
        let wanted = &self.settings.health;
        let every = Duration::from_millis(wanted.heartbeat_ms);
        let timeout = Duration::from_millis(wanted.stage_timeout_ms);
        let health = Arc::new(Health::new(stages, every, timeout));
        let looking = Arc::clone(&health);
        let health_thread = spawn("health", move || looking.run(&feed))?;
        let (keep, kept) = bounded::<()>(0);
        let slots = Arc::clone(&self.slots);
        let keeper_thread = spawn("llm-keeper", move || {
            while let Err(RecvTimeoutError::Timeout) = kept.recv_timeout(LLM_LOOK) {
                slots.look_after_llm();
            }
        })?;
        Ok(App {
            llm_keeper: Some(keep),
            settings: self.settings,
            conversation,
            recollection: self.opened.recollection,
            emotions: self.emotions,
            profiles,
            persona: self.persona,
            slots: self.slots,
            tts: self.tts,
            word_book: self.word_book,
            self_hearing: self.self_hearing,
            playback: self.playback,
            ears,
            health,
            report: self.opened.report,
            threads: vec![hear_thread, turn_thread, reply_thread, health_thread, keeper_thread],
        })
    }

    fn reply_stage(&self, news: std::sync::mpsc::SyncSender<Input>, beat: Heartbeat) -> ReplyStage {
        let dialogue = &self.settings.dialogue;
        ReplyStage {
            memory: Arc::clone(&self.opened.recollection.0),
            llm: Arc::clone(&self.slots.stages().llm),
            llm_slot: Arc::clone(&self.slots.stages().llm_slot),
            keeper: Box::new(Keeper(Arc::clone(&self.slots))),
            tts: Arc::clone(&self.tts),
            playback: self.playback.clone(),
            persona: Arc::clone(&self.persona),
            emotions: Arc::clone(&self.emotions),
            rules: dialogue.rules.then(Rules::default),
            pronunciations: self.word_book.ready(),
            self_hearing: self.self_hearing(),
            settings: ReplySettings {
                profiles: dialogue.profiles,
                budget: dialogue.context_budget_tokens,
                top_k: self.settings.memory.top_k,
                recall_deadline: Duration::from_millis(self.settings.memory.deadline_ms),
                deadline: Duration::from_millis(dialogue.deadline_ms),
                emotion: self.emotion.clone(),
            },
            news,
            beat,
        }
    }

    /// Who listens to the voice; nobody where that is switched off.
    fn self_hearing(&self) -> Option<SelfHearing> {
        let TtsSettings { self_hearing: mode, tries, .. } = self.settings.tts;
        let asr = Arc::clone(&self.slots.stages().asr);
        let counts = Arc::clone(&self.self_hearing);
        (mode != SelfHearingMode::Off).then(|| SelfHearing::new(asr, mode, tries, counts))
    }

    fn turn_settings(&self) -> TurnSettings {
        let min_chars = self.settings.asr.barge_in_min_chars;
        let barge_in = BargeInRules { min_chars, ..BargeInRules::default() };
        TurnSettings { barge_in, ..TurnSettings::default() }
    }

    fn listener_settings(&self) -> ListenerSettings {
        let asr = &self.settings.asr;
        ListenerSettings {
            endpointer: EndpointerSettings {
                min_speech_ms: asr.min_speech_ms,
                speculative_silence_ms: asr.speculative_silence_ms,
                endpoint_silence_ms: asr.endpoint_silence_ms,
                ..EndpointerSettings::default()
            },
            preroll_ms: asr.preroll_ms,
            partial_every_ms: asr.partial_every_ms,
            language: Language::from_code(&asr.language),
            min_confidence: asr.min_confidence,
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.ears.stop();
        self.health.stop();
        self.conversation.stop();
        self.llm_keeper = None;
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if !join_within(thread, GOODBYE) {
                tracing::error!(thread = name, "the thread does not end; it is left behind");
            }
        }
    }
}

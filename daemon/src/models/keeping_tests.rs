//! The language model under scripted shortage: free memory is what a test says.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use companion_dialogue::{Ahead, Generated, GeneratorError, Prompt};
use companion_memory::MemorySettings;
use companion_remote::RemoteSettings;
use companion_types::{Cancel, Message, Role, SamplingParams, TurnId};

use super::super::free_memory::FreeMemory;
use super::super::llm::Loader;
use super::super::placement::Rung;
use super::*;
use crate::config::{LlmSettings, ModelSettings, Settings};
use crate::recollection::Recollection;

const STARTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/companion-brain-starter");
const MIB: usize = 1 << 20;

/// Free memory as a test says.
struct Scripted(AtomicUsize);

impl FreeMemory for Scripted {
    fn free(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed))
    }
}

struct House {
    slots: Arc<Slots>,
    free: Arc<Scripted>,
    folder: tempfile::TempDir,
}

impl House {
    /// The starter brain under the names `big` and `small`, and a damaged one.
    fn new(wished: &str, free: usize, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        std::fs::create_dir_all(models.join("damaged")).unwrap();
        symlink(STARTER, models.join("big")).unwrap();
        symlink(STARTER, models.join("small")).unwrap();
        let config = Path::new(STARTER).join("config.json");
        std::fs::copy(config, models.join("damaged/config.json")).unwrap();
        std::fs::write(models.join("damaged/model.safetensors"), b"cut").unwrap();
        let mut settings = Settings::default();
        settings.llm = LlmSettings { memory_reserve_mb: 0, ..settings.llm };
        change(&mut settings);
        let free = Arc::new(Scripted(AtomicUsize::new(free)));
        let loader = Loader {
            settings: settings.llm,
            prompt: settings.dialogue.context_budget_tokens,
            remote: settings.remote,
            gpu: None,
            heads: folder.path().join("heads"),
            memory: Arc::clone(&free) as Arc<dyn FreeMemory>,
        };
        let memory = Recollection::start(folder.path().join("store"), MemorySettings::default());
        let names =
            ModelSettings { llm: wished.to_owned(), asr: String::new(), embed: String::new() };
        let recollection = memory.unwrap().recollection;
        let slots = Slots::start(&[models], &names, loader, recollection).unwrap();
        Self { slots: Arc::new(slots), free, folder }
    }

    /// Bytes of the starter brain when nothing is given up.
    fn whole(&self) -> usize {
        self.slots.loader.place(Path::new(STARTER), None).unwrap().bytes
    }

    fn set_free(&self, bytes: usize) {
        self.free.0.store(bytes, Ordering::Relaxed);
    }

    fn in_slot(&self) -> Option<String> {
        self.slots.in_llm_slot().map(|(id, _)| id)
    }

    fn rungs(&self) -> Vec<Rung> {
        self.slots.table().placement.clone().unwrap().rungs
    }

    fn state(&self, id: &str) -> &'static str {
        self.slots.state(id).name()
    }

    /// What the stage's model makes of a question.
    fn answer(&self) -> Result<Generated, GeneratorError> {
        let prompt = Prompt {
            turn: TurnId(1),
            messages: vec![Message::new(Role::User, "你好")],
            params: SamplingParams { max_new_tokens: 4, ..SamplingParams::default() },
            begins_with: vec!["[开心]".to_owned(), "[平静]".to_owned()],
        };
        let ask = move |llm: &mut Box<dyn Generator>| {
            llm.generate(&prompt, &Cancel::new(), &mut |_| std::ops::ControlFlow::Continue(()))
        };
        self.slots.stages.llm.call_within(Duration::from_secs(60), ask).unwrap()
    }
}

#[test]
fn a_model_that_fits_gives_nothing_up_and_answers() {
    let house = House::new("big", usize::MAX, |_| ());
    assert_eq!(house.in_slot().as_deref(), Some("big"));
    assert!(house.rungs().is_empty());
    assert_eq!(house.slots.placement("big").unwrap().context, 4096);
    assert!(house.answer().unwrap().new_tokens > 0);
}

#[test]
fn a_model_is_given_what_is_free_and_says_what_it_gave_up() {
    let whole = House::new("", usize::MAX, |_| ()).whole();
    let house = House::new("big", whole / 4 * 3, |_| ());
    assert_eq!(house.in_slot().as_deref(), Some("big"));
    let rungs = house.rungs();
    assert!(matches!(rungs[..], [Rung::FewerNewTokens(512), Rung::ShorterContext(_)]), "{rungs:?}");
    assert!(house.slots.placement("big").unwrap().bytes <= whole / 4 * 3);
    assert!(house.answer().unwrap().new_tokens > 0);
}

#[test]
fn the_limit_counts_although_more_is_free() {
    let whole = House::new("", usize::MAX, |_| ()).whole();
    let limit = whole / 4 * 3 / MIB;
    let house = House::new("big", usize::MAX, |s| s.llm.memory_limit_mb = limit);
    assert!(!house.rungs().is_empty());
    assert!(house.slots.placement("big").unwrap().bytes <= limit * MIB);
}

#[test]
fn the_reserve_is_left_to_the_others() {
    let whole = House::new("", usize::MAX, |_| ()).whole();
    let house = House::new("big", whole + 9 * MIB, |s| s.llm.memory_reserve_mb = 10);
    assert!(!house.rungs().is_empty());
}

#[test]
fn a_model_that_cannot_be_loaded_is_replaced_by_the_smaller_one() {
    let house = House::new("damaged", usize::MAX, |s| s.llm.fallback = "small".to_owned());
    assert_eq!(house.in_slot().as_deref(), Some("small"));
    assert_eq!(house.rungs(), [Rung::SmallerModel("small".to_owned())]);
    assert_eq!((house.state("damaged"), house.state("small")), ("failed", "loaded"));
    assert!(house.answer().is_ok());
}

#[test]
fn what_fits_nowhere_goes_to_the_chat_server_or_leaves_the_slot_empty() {
    let house = House::new("big", MIB, |s| s.llm.fallback = "small".to_owned());
    assert_eq!(house.in_slot(), None);
    assert_eq!((house.state("big"), house.state("small")), ("failed", "failed"));
    assert!(house.answer().unwrap_err().to_string().contains("no language model is loaded"));
    let house = House::new("big", MIB, |s| {
        s.remote = RemoteSettings {
            base_url: "http://127.0.0.1:9/v1".to_owned(),
            model: "m".to_owned(),
            ..RemoteSettings::default()
        };
    });
    assert_eq!(house.in_slot().as_deref(), Some(REMOTE));
}

#[test]
fn shortage_at_run_time_makes_the_model_smaller_once_and_is_counted_once() {
    let house = House::new("big", usize::MAX, |s| s.llm.memory_reserve_mb = 40);
    house.slots.look_after_llm();
    assert_eq!(house.slots.shortages(), 0);
    let whole = house.slots.placement("big").unwrap().bytes;
    house.set_free(9 * MIB);
    house.slots.look_after_llm();
    house.slots.look_after_llm();
    assert_eq!(house.slots.shortages(), 1);
    assert!(house.slots.placement("big").unwrap().bytes <= whole / 4 * 3);
    assert!(!house.rungs().is_empty());
    assert!(house.answer().is_ok());
}

#[test]
fn a_reply_that_fell_short_is_a_step_down() {
    let house = House::new("big", usize::MAX, |_| ());
    Keeper(Arc::clone(&house.slots)).fell_short();
    house.slots.look_after_llm();
    assert!(!house.rungs().is_empty());
}

#[test]
fn the_last_model_stays_whatever_it_takes() {
    let least = {
        let house = House::new("", usize::MAX, |_| ());
        let place = |free| house.slots.loader.place(Path::new(STARTER), Some(free));
        (1..).map(|n| n * MIB / 2).find(|free| place(*free).is_ok()).unwrap()
    };
    let house = House::new("big", least, |_| ());
    Keeper(Arc::clone(&house.slots)).fell_short();
    house.slots.look_after_llm();
    assert_eq!((house.in_slot().as_deref(), house.state("big")), (Some("big"), "loaded"));
    assert!(house.answer().is_ok());
}

#[test]
fn a_model_that_rests_is_out_of_memory_until_it_is_wanted() {
    let house = House::new("big", usize::MAX, |_| ());
    house.slots.rest();
    assert_eq!(house.state("big"), "resting");
    assert!(house.slots.placement("big").is_none());
    assert!(house.answer().is_err());
    let keeper = Keeper(Arc::clone(&house.slots));
    assert!(!keeper.is_ready());
    let start = Instant::now();
    while !keeper.is_ready() {
        assert!(start.elapsed() < Duration::from_secs(60), "it is not loaded again");
        std::thread::yield_now();
    }
    assert_eq!(house.state("big"), "loaded");
    assert!(house.answer().is_ok());
}

#[test]
fn a_model_in_use_is_taken_out_first_where_both_do_not_fit() {
    let whole = House::new("", usize::MAX, |_| ()).whole();
    let house = House::new("big", usize::MAX, |_| ());
    house.set_free(whole / 2);
    house.slots.load("small").unwrap();
    assert_eq!(house.in_slot().as_deref(), Some("small"));
    assert!(house.rungs().is_empty(), "{:?}", house.rungs());
    assert_eq!((house.state("big"), house.state("small")), ("on-disk", "loaded"));
    assert!(house.answer().is_ok());
}

#[test]
fn a_model_that_cannot_be_loaded_leaves_the_one_in_use() {
    let house = House::new("big", usize::MAX, |_| ());
    assert!(house.slots.load("damaged").is_err());
    assert_eq!((house.in_slot().as_deref(), house.state("damaged")), (Some("big"), "failed"));
    assert!(house.answer().is_ok());
    house.set_free(MIB);
    let error = house.slots.load("damaged").unwrap_err();
    assert!(house.answer().is_ok(), "{error}");
}

#[test]
fn the_head_of_the_prompt_is_read_once_in_a_models_life() {
    let fixed = vec![Message::new(Role::System, "你是小伴，一个温柔的朋友。")];
    let ahead = Ahead { messages: fixed.clone(), fixed, begins_with: Vec::new() };
    let house = House::new("big", usize::MAX, |_| ());
    let prepared = ahead.clone();
    let prepare = move |llm: &mut Box<dyn Generator>| llm.prepare(&prepared, &Cancel::new());
    house.slots.stages.llm.call_within(Duration::from_secs(60), prepare).unwrap().unwrap();
    let kept = house.folder.path().join("heads/big.kv");
    assert!(kept.is_file());
    house.slots.rest();
    house.slots.wake();
    let prompt = Prompt {
        turn: TurnId(1),
        messages: [ahead.messages, vec![Message::new(Role::User, "你好")]].concat(),
        params: SamplingParams { max_new_tokens: 1, ..SamplingParams::default() },
        begins_with: Vec::new(),
    };
    let ask = move |llm: &mut Box<dyn Generator>| {
        llm.generate(&prompt, &Cancel::new(), &mut |_| std::ops::ControlFlow::Continue(()))
    };
    let made = house.slots.stages.llm.call_within(Duration::from_secs(60), ask).unwrap().unwrap();
    assert!(made.reused_tokens > 10, "{made:?}");
}

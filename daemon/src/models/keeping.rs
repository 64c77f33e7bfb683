//! The language model over the day: exchanged, taken out of memory when nobody speaks and loaded again
//! when somebody does, and made smaller while memory is short.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use companion_dialogue::Generator;

use super::llm::{Brain, Failure, REMOTE};
use super::slots::{ModelState, Slots};
use super::{Catalogue, Slot};
use crate::backend::EmptyGenerator;
use crate::error::DaemonError;
use crate::turn::LlmKeeper;
use crate::worker::spawn;

/// The model is looked after this often.
pub(crate) const LOOK: Duration = Duration::from_millis(500);
/// Of the reserve, the part that must stay free: below it memory is short.
const SHORT_OF: usize = 4;
/// A model is made smaller no more often than this.
const BETWEEN_STEPS: Duration = Duration::from_secs(30);
/// Of what a model takes, what is left to it when it is made smaller.
const STEP: (usize, usize) = (3, 4);
/// The stage lets go of a model within this.
const LETS_GO: Duration = Duration::from_secs(30);

/// What is remembered from look to look.
#[derive(Debug)]
pub(super) struct Keeping {
    started: Instant,
    /// Milliseconds from `started` to when the model was last wanted.
    wanted_ms: AtomicU64,
    /// No model is in the stage although one is to be: it rests or is being exchanged.
    away: AtomicBool,
    /// One thread loads it again.
    waking: AtomicBool,
    /// A reply failed because memory was short.
    told: AtomicBool,
    /// Memory was short at the last look.
    short: AtomicBool,
    /// How often memory was found short.
    shortages: AtomicU32,
    stepped: Mutex<Option<Instant>>,
    /// Held while the model of the stage is changed: one change at a time.
    change: Mutex<()>,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            wanted_ms: AtomicU64::new(0),
            away: AtomicBool::new(false),
            waking: AtomicBool::new(false),
            told: AtomicBool::new(false),
            short: AtomicBool::new(false),
            shortages: AtomicU32::new(0),
            stepped: Mutex::new(None),
            change: Mutex::new(()),
        }
    }
}

impl Keeping {
    fn want(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.wanted_ms.store(now, Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        let wanted = Duration::from_millis(self.wanted_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(wanted)
    }
}

impl Slots {
    /// The language model in its slot: id and state.
    fn in_llm_slot(&self) -> Option<(String, ModelState)> {
        let table = self.table();
        let id = table.in_slot.get(&Slot::Llm)?.clone();
        let state = table.states.get(&id).cloned().unwrap_or_default();
        Some((id, state))
    }

    fn llm_catalogue(&self) -> Catalogue {
        self.table().catalogue.clone()
    }

    /// How often memory was found short.
    pub(crate) fn shortages(&self) -> u32 {
        self.keeping.shortages.load(Ordering::Relaxed)
    }

    /// Takes the model out of the stage and waits until its memory is free again. Replies wait for what
    /// comes.
    fn let_go(&self) -> Result<(), DaemonError> {
        self.keeping.away.store(true, Ordering::Release);
        let again = Box::new(|| Some(Box::new(EmptyGenerator) as Box<dyn Generator>));
        self.stages.llm.replace(Box::new(EmptyGenerator), again)?;
        self.stages.llm.call_within(LETS_GO, |_| ())
    }

    fn seat_and_wake(&self, (brain, failures): (Brain, Vec<Failure>)) -> Result<(), DaemonError> {
        let done = self.seat(brain, failures);
        self.keeping.away.store(false, Ordering::Release);
        done
    }

    /// Loads the language model of an id into its slot: beside the one in use where both fit, in its
    /// place where they do not. What was in the slot stays or comes back when it cannot be loaded.
    pub(super) fn load_llm(&self, id: &str) -> Result<Duration, DaemonError> {
        let _one = self.keeping.change.lock().unwrap_or_else(PoisonError::into_inner);
        let catalogue = self.llm_catalogue();
        let result = self.exchange(&catalogue, id);
        if let Err(error) = &result {
            self.table().states.insert(id.to_owned(), ModelState::Failed(error.to_string()));
        }
        self.keeping.want();
        result
    }

    fn exchange(&self, catalogue: &Catalogue, id: &str) -> Result<Duration, DaemonError> {
        let (_, directory) = catalogue.find(id, Slot::Llm)?;
        let (loader, free) = (&self.loader, self.loader.room());
        let old = self.table().placement.clone();
        let beside = loader.place(directory, free);
        let roomy = |given_up: Option<usize>| {
            let more = old.as_ref().zip(free).map(|(old, free)| free.saturating_add(old.bytes))?;
            let placement = loader.place(directory, Some(more)).ok()?;
            given_up.is_none_or(|rungs| placement.rungs.len() < rungs).then_some(placement)
        };
        let given_up = beside.as_ref().ok().map(|placement| placement.rungs.len());
        let instead = if given_up == Some(0) { None } else { roomy(given_up) };
        let took_out = instead.is_some();
        let placement = match instead {
            Some(placement) => placement,
            None => beside?,
        };
        let before = self.in_llm_slot().map(|(id, _)| id).filter(|id| id != REMOTE);
        if took_out {
            tracing::info!(model = id, "both do not fit: the model in use is taken out first");
            self.let_go()?;
        }
        match loader.load(catalogue, id, placement) {
            Ok(brain) => {
                let took = brain.took;
                self.seat_and_wake((brain, Vec::new()))?;
                Ok(took)
            }
            Err(error) => {
                if took_out && let Some(before) = before {
                    self.seat_and_wake(loader.descend(catalogue, &before, loader.room()))?;
                }
                Err(error)
            }
        }
    }

    /// Empties the slot.
    pub(super) fn unload_llm(&self, id: &str) -> Result<(), DaemonError> {
        let _one = self.keeping.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.seat_and_wake((self.loader.without_model(), Vec::new()))?;
        self.table().states.insert(id.to_owned(), ModelState::OnDisk);
        Ok(())
    }

    /// Looks at idleness and memory; to be called every [`LOOK`].
    pub(crate) fn look_after_llm(&self) {
        let after = Duration::from_secs(self.loader.settings.unload_after_s);
        if !after.is_zero() && self.keeping.idle() >= after {
            self.rest();
        }
        let told = self.keeping.told.swap(false, Ordering::AcqRel);
        let short = told || self.is_short();
        let before = self.keeping.short.swap(short, Ordering::AcqRel);
        if short {
            if !before {
                self.keeping.shortages.fetch_add(1, Ordering::Relaxed);
            }
            self.step_down();
        }
    }

    fn is_short(&self) -> bool {
        let floor = (self.loader.settings.memory_reserve_mb << 20) / SHORT_OF;
        self.loader.memory.free().is_some_and(|free| free < floor)
    }

    /// Takes the model out of memory until it is wanted.
    fn rest(&self) {
        let Some((id, ModelState::Loaded(_))) = self.in_llm_slot() else { return };
        if id == REMOTE || self.stages.llm.heartbeat().is_busy() {
            return;
        }
        let _one = self.keeping.change.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.let_go() {
            tracing::warn!(%error, model = id, "the language model stays in memory");
            self.keeping.away.store(false, Ordering::Release);
            return;
        }
        let mut table = self.table();
        table.placement = None;
        table.states.insert(id.clone(), ModelState::Resting);
        tracing::info!(model = id, "nobody speaks: the language model is out of memory");
    }

    /// Loads the model that rests.
    fn wake(&self) {
        let _one = self.keeping.change.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, ModelState::Resting)) = self.in_llm_slot() {
            let catalogue = self.llm_catalogue();
            let made = self.loader.descend(&catalogue, &id, self.loader.room());
            let took = made.0.took;
            match self.seat_and_wake(made) {
                Ok(()) => {
                    tracing::info!(model = id, ?took, "the language model is in memory again")
                }
                Err(error) => {
                    tracing::error!(%error, model = id, "the language model is not loaded")
                }
            }
        }
        self.keeping.waking.store(false, Ordering::Release);
    }

    /// Makes the model in the slot smaller by a rung, or puts what comes below it in its place. The last
    /// one stays, whatever it takes.
    fn step_down(&self) {
        let mut stepped = self.keeping.stepped.lock().unwrap_or_else(PoisonError::into_inner);
        if stepped.is_some_and(|at| at.elapsed() < BETWEEN_STEPS) {
            return;
        }
        let Some((id, ModelState::Loaded(_))) = self.in_llm_slot() else { return };
        let Some(placement) = self.table().placement.clone() else { return };
        *stepped = Some(Instant::now());
        let _one = self.keeping.change.lock().unwrap_or_else(PoisonError::into_inner);
        let catalogue = self.llm_catalogue();
        let less = placement.bytes / STEP.1 * STEP.0;
        let fits = |id: &str| {
            let found = catalogue.find(id, Slot::Llm).ok();
            found.and_then(|(_, directory)| self.loader.place(directory, Some(less)).ok())
        };
        let fallback = &self.loader.settings.fallback;
        let smaller = fits(&id).is_some()
            || (!fallback.is_empty() && *fallback != id && fits(fallback).is_some())
            || self.loader.remote.is_configured();
        if !smaller {
            tracing::warn!(model = id, "memory is short and there is no smaller model to go to");
            return;
        }
        tracing::warn!(model = id, bytes = placement.bytes, less, "memory is short: a step down");
        if let Err(error) = self.let_go() {
            tracing::error!(%error, model = id, "the language model stays as it is");
            self.keeping.away.store(false, Ordering::Release);
            return;
        }
        let made = self.loader.descend(&catalogue, &id, Some(less));
        if let Err(error) = self.seat_and_wake(made) {
            tracing::error!(%error, "no language model is loaded");
        }
    }
}

/// What the replies know of the keeping.
pub(crate) struct Keeper(pub(crate) Arc<Slots>);

impl LlmKeeper for Keeper {
    fn is_ready(&self) -> bool {
        let keeping = &self.0.keeping;
        keeping.want();
        if !keeping.away.load(Ordering::Acquire) {
            return true;
        }
        if !keeping.waking.swap(true, Ordering::AcqRel) {
            let slots = Arc::clone(&self.0);
            // A thread that cannot be started leaves the reply to wait until its deadline.
            if let Err(error) = spawn("llm-load", move || slots.wake()) {
                tracing::error!(%error, "the language model is not loaded again");
                keeping.waking.store(false, Ordering::Release);
            }
        }
        false
    }

    fn fell_short(&self) {
        self.0.keeping.told.store(true, Ordering::Release);
    }
}

#[cfg(test)]
#[path = "keeping_tests.rs"]
mod tests;

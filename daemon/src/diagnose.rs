//! What is wrong and what to do about it.

use crate::app::App;
use crate::config::{AudioBackend, ComputeDevice};
use crate::devices::DeviceStatus;
use crate::health::StageState;
use crate::models::{ModelState, Slot};

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Stable id.
    pub(crate) id: &'static str,
    /// 0 note, 1 warning, 2 error.
    pub(crate) severity: u32,
    pub(crate) issue: String,
    pub(crate) recommendation: String,
    /// A command that does it, or empty.
    pub(crate) command: String,
}

fn finding(id: &'static str, severity: u32, issue: String, what: &str, command: &str) -> Finding {
    let (recommendation, command) = (what.to_owned(), command.to_owned());
    Finding { id, severity, issue, recommendation, command }
}

/// Looks at everything that can be looked at from inside. Errors first.
pub(crate) fn diagnose(app: &App, devices: &DeviceStatus) -> Vec<Finding> {
    let mut found = Vec::new();
    stages(app, &mut found);
    audio(app, devices, &mut found);
    models(app, &mut found);
    store(app, &mut found);
    found.sort_by_key(|f| std::cmp::Reverse(f.severity));
    found
}

fn stages(app: &App, found: &mut Vec<Finding>) {
    for stage in app.health().report() {
        let name = stage.stage;
        if matches!(stage.state, StageState::Hung | StageState::Gone) {
            found.push(finding(
                "stage.not-working",
                2,
                format!("the {name} stage is {} since {:?}", stage.state.name(), stage.age),
                "It is being started again; when that does not help, restart the daemon and look at its log.",
                "journalctl -u companiond -n 100",
            ));
        } else if stage.restarts > 0 {
            found.push(finding(
                "stage.restarted",
                1,
                format!("the {name} stage was started again {} times", stage.restarts),
                "Look for what made it hang in the log.",
                "journalctl -u companiond -n 100",
            ));
        }
    }
}

fn audio(app: &App, devices: &DeviceStatus, found: &mut Vec<Finding>) {
    if app.settings().audio.backend == AudioBackend::None {
        found.push(finding(
            "audio.none",
            0,
            "there are no audio nodes: audio.backend is none".to_owned(),
            "Only clients with sound of their own can speak with the companion. Set audio.backend = \"pipewire\" for a microphone and a speaker.",
            "",
        ));
        return;
    }
    if !devices.connected {
        found.push(finding(
            "audio.no-pipewire",
            2,
            format!("PipeWire is not reached: {}", devices.detail),
            "Start PipeWire and WirePlumber for the daemon's user; the daemon connects by itself.",
            "systemctl status companion-pipewire companion-wireplumber",
        ));
    } else if devices.mic_muted {
        found.push(finding(
            "audio.muted",
            0,
            "the microphone is muted: its node does not exist".to_owned(),
            "Unmute it to be heard.",
            "companionctl audio unmute",
        ));
    }
    if devices.overruns > 0 {
        found.push(finding(
            "audio.overruns",
            1,
            format!("{} times sound from the microphone was lost", devices.overruns),
            "The machine is too busy, or the quantum too small: set audio.quantum = 1024.",
            "",
        ));
    }
}

fn models(app: &App, found: &mut Vec<Finding>) {
    let slots = app.slots();
    for (slot, id) in slots.in_slots() {
        if id.is_none() && matches!(slot, Slot::Asr | Slot::Llm) {
            found.push(finding(
                "model.slot-empty",
                2,
                format!("no model is in the {} slot", slot.name()),
                "Load one; `companionctl model list` shows what there is.",
                "companionctl model list",
            ));
        }
    }
    memory(app, found);
    for model in slots.models() {
        if let ModelState::Failed(why) = slots.state(&model.id) {
            found.push(finding(
                "model.failed",
                2,
                format!("model {} cannot be loaded: {why}", model.id),
                "Put a whole copy of the model in its place and load it again.",
                "companionctl model rescan",
            ));
        }
    }
    let starters = slots.in_slots().into_iter().filter_map(|(_, id)| id);
    if starters.into_iter().any(|id| id.ends_with("-starter")) {
        found.push(finding(
            "model.starter",
            0,
            "starter models are in use: they know little".to_owned(),
            "Put real models into a model folder and load them.",
            "companionctl model list --help",
        ));
    }
}

/// What the language model had to give up, and shortage since the start.
fn memory(app: &App, found: &mut Vec<Finding>) {
    let slots = app.slots();
    if app.settings().llm.device == ComputeDevice::Cuda && !slots.has_gpu() {
        found.push(finding(
            "llm.no-gpu",
            2,
            "llm.device is cuda, and no GPU can be used: the language model computes on the processor".to_owned(),
            "Install the card's driver (nvidia-smi must list the card) and a build with CUDA kernels (packaging/cuda/build), or set llm.device = \"auto\".",
            "nvidia-smi -L",
        ));
    }
    let id = slots.in_slots().into_iter().find_map(|(slot, id)| id.filter(|_| slot == Slot::Llm));
    if let Some(id) = id
        && let Some(placement) = slots.placement(&id)
        && !placement.rungs.is_empty()
    {
        found.push(finding(
            "memory.less-model",
            1,
            format!("the language model {id} was given less than it should have: {}", placement.describe()),
            "Free memory, raise llm.memory_limit_mb, or set dialogue.context_budget_tokens lower on purpose.",
            "companionctl model show",
        ));
    }
    let shortages = slots.shortages();
    if shortages > 0 {
        found.push(finding(
            "memory.short",
            1,
            format!("memory was short {shortages} times since the start; less than a quarter of llm.memory_reserve_mb was free"),
            "See what takes the memory, or let the language model take less: llm.memory_limit_mb.",
            "systemctl status companiond",
        ));
    }
}

fn store(app: &App, found: &mut Vec<Finding>) {
    let report = app.store_report();
    if let Some((path, why)) = &report.set_aside {
        found.push(finding(
            "store.index-rebuilt",
            1,
            format!(
                "the index was damaged ({why}) and was built anew; the old one lies in {}",
                path.display()
            ),
            "Nothing acknowledged was lost. Check the disk.",
            "",
        ));
    }
    if report.damaged_bytes > 0 {
        found.push(finding(
            "store.damaged",
            1,
            format!("{} bytes of the journal were damaged", report.damaged_bytes),
            "What the index still knew was written again. Check the disk.",
            "",
        ));
    }
}

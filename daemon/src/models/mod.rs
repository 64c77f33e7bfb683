//! Which models there are (`catalogue`), which of them is in which slot (`slots`), and how the language
//! model is fitted into memory (`llm`, `placement`, `free_memory`) and kept there (`keeping`).

mod catalogue;
mod free_memory;
mod keeping;
mod llm;
mod placement;
mod slots;

pub(crate) use free_memory::{FreeMemory, GpuMemory, MachineMemory};
pub(crate) use keeping::{Keeper, LOOK as LLM_LOOK};
pub(crate) use llm::{Loader, gpu};

pub(crate) use catalogue::{Catalogue, ModelInfo, Slot};
pub(crate) use slots::{ModelState, Slots};

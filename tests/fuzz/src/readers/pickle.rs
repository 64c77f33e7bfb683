//! `torch.save`: the first byte says whether the rest is a pickle, which is put into a sound archive so that
//! the fuzzer reaches its opcodes, or the archive itself. Read as weights and as both halves of a voice.

use std::path::Path;

use companion_engine::Device;
use companion_engine::models::gpt_sovits::{s1::S1, s2::S2};

use crate::seeds::archive;

pub(super) fn read(folder: &Path, bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    let whole = if kind.is_multiple_of(2) { archive::torch(rest) } else { rest.to_vec() };
    if !super::put(folder, "model.pth", &whole) {
        return false;
    }
    let path = folder.join("model.pth");
    let sound = super::weights::tensors(&path);
    let _decoder = S1::open(&path, None, &Device::Cpu);
    let _synthesiser = S2::open(&path, None, &Device::Cpu);
    sound
}

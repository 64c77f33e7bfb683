//! The operations of a decoder on a device. Each file holds a launch and a plain CPU `reference` of the same maths.
//! Rows of activations are half precision, the residual stream and logits are f32. All calls only queue work on
//! the stream, allocate nothing and may be recorded; positions and ids are read from buffers when the work is done.

mod argmax;
mod attention;
mod embedding;
mod linear;
mod norm;
mod rotary;
mod scratch;
mod swiglu;

pub use argmax::{argmax, reference as argmax_reference};
pub use attention::{Attention, History, attend, reference as attend_reference};
pub use embedding::{Table, embed, reference as embed_reference};
pub use linear::{Output, linear, reference as linear_reference};
pub use norm::{Norm, reference as rms_norm_reference, rms_norm};
pub use rotary::{
    Projected, Rotary, RotaryPairs, RotaryReference, Rotated, reference as rotate_reference,
    rotate_append,
};
pub use scratch::{Limits, Scratch};
pub use swiglu::{reference as swiglu_reference, swiglu};

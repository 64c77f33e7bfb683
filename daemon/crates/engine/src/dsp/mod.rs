//! From samples to features: mel filterbank energies, low frame rate stacking, normalisation.
//! Pure arithmetic on the thread of its owner; it reads no device and, but for the statistics of
//! [`Cmvn::read`], no file.

mod cmvn;
mod dither;
mod fbank;
mod frontend;
mod lfr;
mod mel;
mod online;
mod recurrence;
mod resample;
mod spectrum;

pub use cmvn::Cmvn;
pub use fbank::{Fbank, FbankSettings, Window};
pub use frontend::{Frontend, FrontendSettings};
pub use lfr::LowFrameRate;
pub use online::OnlineFrontend;
pub use recurrence::Recurrence;
pub use resample::{resample, resample_steep};
pub use spectrum::{SPECTRUM_BINS, linear_spectrum};

/// Feature rows, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Values per row.
    pub dim: usize,
    /// `rows * dim` values.
    pub values: Vec<f32>,
}

impl Features {
    /// No rows of `dim` values.
    #[must_use]
    pub fn empty(dim: usize) -> Self {
        Self { dim, values: Vec::new() }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Row `index`.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }
}

#[cfg(test)]
mod tests;

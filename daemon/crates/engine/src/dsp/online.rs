//! The front end of a stream: what is not used up waits for the next samples. All chunks together
//! give the rows of the whole clip. Frames are never shortened.

use super::{Cmvn, Fbank, Features, FrontendSettings, dither::Dither};

/// Features of a stream of samples.
#[derive(Debug)]
pub struct OnlineFrontend {
    settings: FrontendSettings,
    fbank: Fbank,
    cmvn: Option<Cmvn>,
    dither: Dither,
    /// Samples from the start of the next frame on.
    samples: Vec<f32>,
    /// Filterbank rows from the start of the next stack on.
    rows: Vec<f32>,
    /// Whether a row has come, and with it the padding before it.
    begun: bool,
}

impl OnlineFrontend {
    pub(super) fn new(settings: FrontendSettings, fbank: Fbank, cmvn: Option<Cmvn>) -> Self {
        let dither = Dither::new();
        Self { settings, fbank, cmvn, dither, samples: Vec::new(), rows: Vec::new(), begun: false }
    }

    /// Values per feature row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.settings.dim()
    }

    /// Samples waiting for the rest of their frame.
    #[must_use]
    pub fn waiting_samples(&self) -> usize {
        self.samples.len()
    }

    /// Filterbank rows waiting for the rest of their stack, padding included.
    #[must_use]
    pub fn waiting_rows(&self) -> usize {
        self.rows.len() / self.settings.fbank.mel_bins
    }

    /// Takes samples (-1..1) and gives the features that are complete. After the `last` piece the
    /// stream is at its beginning again.
    pub fn push(&mut self, pcm: &[f32], last: bool) -> Features {
        let begin = self.samples.len();
        self.samples.extend_from_slice(pcm);
        if self.settings.dither > 0.0 {
            self.dither.add(&mut self.samples[begin..], self.settings.dither / 32_768.0);
        }
        self.frames();
        let mut features =
            Features { dim: self.dim(), values: if last { self.rest() } else { self.whole() } };
        if last {
            self.reset();
        }
        if let Some(cmvn) = &self.cmvn {
            cmvn.apply(&mut features.values);
        }
        features
    }

    /// Forgets all that waits.
    pub fn reset(&mut self) {
        self.samples.clear();
        self.rows.clear();
        self.begun = false;
        self.dither = Dither::new();
    }

    /// Turns waiting samples into waiting rows.
    fn frames(&mut self) {
        let bins = self.settings.fbank.mel_bins;
        let begin = self.rows.len();
        let count = self.fbank.append(&self.samples, &mut self.rows);
        self.samples.drain(..count * self.settings.fbank.hop_samples());
        if count > 0 && !self.begun {
            self.begun = true;
            let first = self.rows[begin..begin + bins].to_vec();
            let padding = first.repeat(self.settings.lfr.padding());
            self.rows.splice(begin..begin, padding);
        }
    }

    /// Stacks whose rows are all there.
    fn whole(&mut self) -> Vec<f32> {
        let (bins, lfr) = (self.settings.fbank.mel_bins, self.settings.lfr);
        let (width, step) = (lfr.stack * bins, lfr.skip * bins);
        let mut out = Vec::new();
        let mut at = 0;
        while at + width <= self.rows.len() {
            out.extend_from_slice(&self.rows[at..at + width]);
            at += step;
        }
        self.rows.drain(..at.min(self.rows.len()));
        out
    }

    /// All stacks that remain; the last row stands in for those beyond the end.
    fn rest(&mut self) -> Vec<f32> {
        let (bins, lfr) = (self.settings.fbank.mel_bins, self.settings.lfr);
        let rows = self.waiting_rows();
        let stacks = rows.saturating_sub(lfr.padding()).div_ceil(lfr.skip);
        let mut out = Vec::with_capacity(stacks * lfr.stack * bins);
        for stack in 0..stacks {
            for part in 0..lfr.stack {
                let row = (stack * lfr.skip + part).min(rows - 1);
                out.extend_from_slice(&self.rows[row * bins..(row + 1) * bins]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use crate::dsp::{FbankSettings, Features, Frontend, FrontendSettings, LowFrameRate};

    fn front(stack: usize, skip: usize) -> Frontend {
        let lfr = LowFrameRate { stack, skip };
        let fbank = FbankSettings::default();
        Frontend::new(FrontendSettings { fbank, lfr, dither: 0.0 }, None).unwrap()
    }

    fn chirp(samples: u16) -> Vec<f32> {
        (0..samples).map(|i| (f32::from(i).powf(1.4) * 0.003).sin() * 0.3).collect()
    }

    fn streamed(stack: usize, skip: usize, pcm: &[f32], chunk: usize) -> Features {
        let mut online = front(stack, skip).into_online();
        let mut all = Features::empty(online.dim());
        for piece in pcm.chunks(chunk) {
            all.values.extend(online.push(piece, false).values);
        }
        all.values.extend(online.push(&[], true).values);
        all
    }

    #[test]
    fn any_cutting_gives_the_rows_of_the_whole_clip() {
        let pcm = chirp(9_001);
        for (stack, skip) in [(7, 6), (5, 1), (1, 1)] {
            let whole = front(stack, skip).extract(&pcm).unwrap();
            for chunk in [1, 37, 160, 400, 960, 5_000, 20_000] {
                assert_eq!(streamed(stack, skip, &pcm, chunk), whole, "{stack}/{skip} by {chunk}");
            }
        }
    }

    #[test]
    fn less_than_a_frame_gives_nothing_even_at_the_end() {
        assert_eq!(streamed(7, 6, &chirp(399), 100).rows(), 0);
    }

    #[test]
    fn after_the_last_piece_a_new_stream_begins() {
        let pcm = chirp(4_000);
        let mut online = front(7, 6).into_online();
        let first = online.push(&pcm, true);
        assert_eq!(online.waiting_samples() + online.waiting_rows(), 0);
        assert_eq!(online.push(&pcm, true), first);
    }
}

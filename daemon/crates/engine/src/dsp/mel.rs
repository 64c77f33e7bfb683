//! Triangular filters on the mel scale, kept sparse: every filter is one run of FFT bins. The scale
//! is `1127 ln(1 + f/700)`, corners are equally spaced in mel, weights are linear in mel (Kaldi's
//! definition, the one FunASR's front end uses).

use std::ops::Range;

/// A bank of filters for one FFT size.
#[derive(Clone, Debug)]
pub(super) struct MelBank {
    /// Per filter: the FFT bins it weighs, and where its weights begin in `weights`.
    filters: Vec<(Range<usize>, usize)>,
    weights: Vec<f32>,
}

fn mel(hertz: f64) -> f64 {
    1127.0 * (1.0 + hertz / 700.0).ln()
}

impl MelBank {
    /// `count` filters from `low` to `high` hertz over the bins below the Nyquist bin.
    #[expect(clippy::cast_precision_loss, reason = "bins and filters are few")]
    #[expect(clippy::cast_possible_truncation, reason = "weights are kept as f32")]
    pub(super) fn new(count: usize, fft_size: usize, rate: u32, (low, high): (f64, f64)) -> Self {
        let (bottom, top) = (mel(low), mel(high));
        let step = (top - bottom) / (count + 1) as f64;
        let bin_mel: Vec<f64> = (0..fft_size / 2)
            .map(|bin| mel(f64::from(rate) * bin as f64 / fft_size as f64))
            .collect();
        let (mut filters, mut weights) = (Vec::with_capacity(count), Vec::new());
        for filter in 0..count {
            let left = bottom + filter as f64 * step;
            let (centre, right) = (left + step, left + 2.0 * step);
            let first = bin_mel.partition_point(|&m| m <= left);
            let end = bin_mel.partition_point(|&m| m < right).max(first);
            filters.push((first..end, weights.len()));
            weights.extend(bin_mel[first..end].iter().map(|&m| {
                let rising = (m - left) / (centre - left);
                let falling = (right - m) / (right - centre);
                rising.min(falling).max(0.0) as f32
            }));
        }
        Self { filters, weights }
    }

    /// Energies of a power spectrum.
    pub(super) fn energies(&self, power: &[f32], out: &mut [f32]) {
        for ((bins, begin), energy) in self.filters.iter().zip(out) {
            let weights = &self.weights[*begin..*begin + bins.len()];
            *energy = power[bins.clone()].iter().zip(weights).map(|(p, w)| p * w).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_filters_share_a_bin_with_weights_that_sum_to_one() {
        let bank = MelBank::new(80, 512, 16_000, (20.0, 8_000.0));
        let mut sums = vec![0.0; 256];
        for (bins, begin) in &bank.filters {
            for (offset, bin) in bins.clone().enumerate() {
                sums[bin] += bank.weights[begin + offset];
            }
        }
        let last_centre = 247;
        for (bin, sum) in sums.iter().enumerate().take(last_centre).skip(2) {
            assert!((sum - 1.0).abs() < 1e-5, "bin {bin} has {sum}");
        }
    }

    #[test]
    fn the_direct_component_is_weighed_by_no_filter() {
        let bank = MelBank::new(80, 512, 16_000, (20.0, 8_000.0));
        assert!(bank.filters.iter().all(|(bins, _)| !bins.contains(&0)));
    }
}

//! Seeded numbers, and the comparison of results in half precision. Fits no shape to a kernel.

use companion_cuda::{Buffer, Device, Element, Stream};
use half::f16;

/// A small generator (Knuth's MMIX constants).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    /// About normal.
    pub(crate) fn value(&mut self) -> f32 {
        (0..4).map(|_| self.next() as f32 / (1u32 << 31) as f32 - 0.5).sum::<f32>() * 1.7
    }

    pub(crate) fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }

    /// Values that half precision holds.
    pub(crate) fn halves(&mut self, count: usize) -> Vec<f16> {
        self.values(count).into_iter().map(f16::from_f32).collect()
    }
}

pub(crate) fn wide(values: &[f16]) -> Vec<f32> {
    values.iter().map(|v| v.to_f32()).collect()
}

/// Largest difference, as a part of the largest expected value.
#[track_caller]
pub(crate) fn assert_close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-6f32, |most, v| most.max(v.abs()));
    for (at, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= largest * tolerance, "{what}: at {at} {g}, expected {w}");
    }
}

pub(crate) fn device() -> (Device, Stream) {
    let device = Device::emulated();
    let stream = device.stream().unwrap();
    (device, stream)
}

pub(crate) fn read<T: Element>(stream: &Stream, buffer: &Buffer<T>) -> Vec<T> {
    let mut values = vec![T::default(); buffer.len()];
    stream.download(buffer, 0, &mut values).unwrap();
    values
}

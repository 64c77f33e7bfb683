//! How far two sets of numbers are apart. Pure.

use std::fmt;

/// In which way an error is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Largest absolute difference.
    Absolute,
    /// L2 norm of the difference over the L2 norm of the expected values.
    RelativeL2,
    /// Largest absolute difference over the largest absolute expected value.
    RelativeMax,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "absolute",
            Self::RelativeL2 => "relative L2",
            Self::RelativeMax => "relative maximum",
        })
    }
}

/// A limit in a measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// How the error is measured.
    pub measure: Measure,
    /// Largest error that passes.
    pub limit: f64,
}

impl Tolerance {
    /// Largest absolute difference.
    #[must_use]
    pub fn absolute(limit: f64) -> Self {
        Self { measure: Measure::Absolute, limit }
    }

    /// Relative L2 error.
    #[must_use]
    pub fn rel_l2(limit: f64) -> Self {
        Self { measure: Measure::RelativeL2, limit }
    }

    /// Largest difference relative to the largest expected value.
    #[must_use]
    pub fn rel_max(limit: f64) -> Self {
        Self { measure: Measure::RelativeMax, limit }
    }
}

/// The error of `got` against `want` (equal lengths). Values that are equal count as no error even
/// where both are infinite; a NaN on one side alone makes the error NaN.
#[must_use]
pub fn error(measure: Measure, got: &[f32], want: &[f32]) -> f64 {
    let (mut worst, mut largest, mut squares, mut norm) = (0f64, 0f64, 0f64, 0f64);
    for (&g, &w) in got.iter().zip(want) {
        if g.to_bits() == w.to_bits() || (g.is_nan() && w.is_nan()) {
            if w.is_finite() {
                largest = largest.max(f64::from(w).abs());
                norm += f64::from(w) * f64::from(w);
            }
            continue;
        }
        let difference = (f64::from(g) - f64::from(w)).abs();
        if difference.is_nan() {
            return f64::NAN;
        }
        worst = worst.max(difference);
        squares += difference * difference;
        largest = largest.max(f64::from(w).abs());
        norm += f64::from(w) * f64::from(w);
    }
    // A reference of zeros has no scale; the absolute error stands in.
    match measure {
        Measure::Absolute => worst,
        Measure::RelativeMax if largest > 0.0 => worst / largest,
        Measure::RelativeMax => worst,
        Measure::RelativeL2 if norm > 0.0 => (squares / norm).sqrt(),
        Measure::RelativeL2 => squares.sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_measures_of_one_difference() {
        let (got, want) = ([3.0, 4.5], [3.0, 4.0]);
        assert!((error(Measure::Absolute, &got, &want) - 0.5).abs() < 1e-12);
        assert!((error(Measure::RelativeMax, &got, &want) - 0.125).abs() < 1e-12);
        assert!((error(Measure::RelativeL2, &got, &want) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_lone_nan_is_never_within_a_tolerance() {
        assert!(error(Measure::Absolute, &[f32::NAN], &[1.0]).is_nan());
        assert!(error(Measure::RelativeL2, &[1.0], &[f32::NAN]).is_nan());
    }

    #[test]
    fn equal_infinities_are_no_error() {
        let both = [f32::NEG_INFINITY, 1.0];
        assert!(error(Measure::Absolute, &both, &both) <= 0.0);
    }
}

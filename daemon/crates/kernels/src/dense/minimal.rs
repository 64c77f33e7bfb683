//! Convolutions over time with fewer multiplications (Winograd's minimal filtering, 1980; the transforms
//! are Toom and Cook's, made here from their points): four outputs of a group of taps are products of
//! seven (or six) weighted sums of inputs with as many weighted sums of weights. Longer filters are groups
//! of four taps that share the sums of inputs. Sums differ from the plain product's by some roundings.

use super::weights::{TILE, whole_tiles};
use super::{Dense, Ends, Input, Output, Piece, Target, piece_on, target_of};
use crate::elementwise::chosen;
use crate::{Cpu, Isa};

/// Outputs of a transform.
const OUTPUTS: usize = 4;
/// Points at most: those of groups of four taps.
const MOST_POINTS: usize = 7;
/// Where the polynomials are evaluated, infinity last (`None`): among small fractions those with the least
/// error on noise, 2.2 times the plain product's for groups of four taps and 1.7 times for three, which
/// leave out the last but one.
const POINTS: [Option<f64>; MOST_POINTS] =
    [Some(0.0), Some(1.0), Some(-1.0), Some(-0.5), Some(3.0), Some(0.5), None];
/// Transforms of a part: their sums and products stay in the second cache for common widths.
const TRANSFORMS: usize = 96;

/// A convolution's weights, transformed and packed.
#[derive(Debug, Clone)]
pub struct MinimalFilter {
    /// One map per point; taps are the groups.
    points: Vec<Dense>,
    /// `[point][input]`: weighted sums of inputs.
    inward: [[f32; MOST_POINTS]; MOST_POINTS],
    /// `[output][point]`: outputs from products.
    outward: [[f32; MOST_POINTS]; OUTPUTS],
    /// Filled up to whole tiles; empty without one.
    bias: Vec<f32>,
    taps: usize,
}

/// `base^power`, where a point at infinity has the highest power alone.
fn power(base: Option<f64>, power: usize, highest: usize) -> f64 {
    match base {
        Some(base) => (0..power).fold(1.0, |value, _| value * base),
        None => f64::from(u8::from(power == highest)),
    }
}

/// The inverse of a small matrix by Gauss and Jordan, with the largest pivots.
fn inverse(mut a: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    for (i, row) in a.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for i in 0..n {
        let largest = (i..n).max_by(|p, q| a[*p][i].abs().total_cmp(&a[*q][i].abs()));
        a.swap(i, largest.unwrap_or(i));
        let pivot = a[i][i];
        a[i].iter_mut().for_each(|value| *value /= pivot);
        let row = a[i].clone();
        for (_, other) in a.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let share = other[i];
            other.iter_mut().zip(&row).for_each(|(value, of)| *value -= share * of);
        }
    }
    a.into_iter().map(|row| row[n..].to_vec()).collect()
}

impl MinimalFilter {
    /// Packs the convolution `[outputs, inputs, taps]`, row-major as frameworks keep it.
    ///
    /// # Panics
    /// As [`Dense::convolution`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    pub fn convolution(
        [outputs, inputs, taps]: [usize; 3],
        weights: &[f32],
        bias: Option<&[f32]>,
    ) -> Self {
        assert_eq!(weights.len(), outputs * inputs * taps, "weights of a convolution");
        let of_group = taps.min(OUTPUTS);
        let count = OUTPUTS + of_group - 1;
        let points: Vec<Option<f64>> =
            POINTS[..count - 1].iter().chain(&POINTS[MOST_POINTS - 1..]).copied().collect();
        let square: Vec<Vec<f64>> = points
            .iter()
            .map(|point| (0..count).map(|i| power(*point, i, count - 1)).collect())
            .collect();
        let square = inverse(square);
        let (mut inward, mut outward) =
            ([[0f32; MOST_POINTS]; MOST_POINTS], [[0f32; MOST_POINTS]; OUTPUTS]);
        let mut maps = Vec::new();
        for (p, point) in points.iter().enumerate() {
            for (i, row) in square.iter().enumerate() {
                inward[p][i] = row[p] as f32;
            }
            for (output, row) in outward.iter_mut().enumerate() {
                row[p] = power(*point, output, OUTPUTS - 1) as f32;
            }
            let shares: Vec<f64> =
                (0..of_group).map(|tap| power(*point, tap, of_group - 1)).collect();
            let weight = |o: usize, group: usize, i: usize| {
                let from = (o * inputs + i) * taps;
                let weights = weights[from..from + taps].iter().skip(group * OUTPUTS);
                let sum: f64 =
                    weights.zip(&shares).map(|(weight, share)| f64::from(*weight) * share).sum();
                sum as f32
            };
            maps.push(Dense::pack([outputs, taps.div_ceil(OUTPUTS), inputs], None, weight));
        }
        assert!(bias.is_none_or(|bias| bias.len() == outputs), "a bias's length");
        Self { points: maps, inward, outward, bias: whole_tiles(bias), taps }
    }

    /// Outputs of a row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.points[0].outputs
    }

    /// Bytes of the weights.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.points.iter().map(Dense::bytes).sum()
    }
}

/// Some transforms of one phase: every `dilation`-th row from row `phase` on.
struct Part {
    phase: usize,
    first: usize,
    count: usize,
}

/// As [`super::product`] with the plain weights, for rows of step 1.
///
/// # Panics
/// When an input or an output lies beyond its slice, or the step is not 1.
pub fn filter(cpu: &mut Cpu, filter: &MinimalFilter, x: Input<'_>, rows: usize, out: Output<'_>) {
    if rows == 0 {
        return;
    }
    assert_eq!(x.step, 1, "rows of a minimal filter");
    let first = &filter.points[0];
    let reach = rows - 1 + (filter.taps - 1) * x.dilation;
    assert!(x.values.len() >= reach * x.stride + first.inputs, "inputs of {rows} rows");
    let target = target_of(first.outputs, rows, out);
    let mut parts = Vec::new();
    for phase in 0..x.dilation.min(rows) {
        let transforms = (rows - phase).div_ceil(x.dilation).div_ceil(OUTPUTS);
        // Not more than a thread's share, so that short inputs go to all threads.
        let share = transforms.div_ceil(cpu.threads()).div_ceil(6) * 6;
        let most = TRANSFORMS.min(share);
        for first in (0..transforms).step_by(most) {
            parts.push(Part { phase, first, count: most.min(transforms - first) });
        }
    }
    let (isa, scratch, parts, target, x) = (cpu.isa, &cpu.scratch, &parts, &target, &x);
    cpu.pool.run(parts.len(), &move |part| {
        let mut room = scratch.take();
        filter.part(&parts[part], (isa, x), (rows, reach + 1), target, &mut room);
        scratch.put_back(room);
    });
}

impl MinimalFilter {
    /// Computes a part; `rows` of outputs, `there` rows of inputs.
    fn part(
        &self,
        part: &Part,
        (isa, x): (Isa, &Input<'_>),
        (rows, there): (usize, usize),
        target: &Target,
        room: &mut Vec<f32>,
    ) {
        let first = &self.points[0];
        let (inputs, outputs) = (first.inputs, first.outputs.next_multiple_of(TILE));
        let sums = part.count + first.taps - 1;
        let needed = self.points.len() * (sums * inputs + part.count * outputs);
        if room.len() < needed {
            room.resize(needed, 0.0);
        }
        let (v, m) = room[..needed].split_at_mut(self.points.len() * sums * inputs);
        for n in 0..sums {
            let row = |i: usize| {
                let row = part.phase + x.dilation * (OUTPUTS * (part.first + n) + i);
                if row < there { &x.values[row * x.stride..][..inputs] } else { &[] }
            };
            let from: [&[f32]; MOST_POINTS] = std::array::from_fn(row);
            let (n, count, inward) = (n * inputs, sums * inputs, &self.inward);
            let points = self.points.len();
            let at = (n, count, points);
            chosen!(isa, inward_row(
                from: [&[f32]; MOST_POINTS],
                inward: &[[f32; MOST_POINTS]; MOST_POINTS],
                v: &mut [f32],
                at: (usize, usize, usize)
            ));
        }
        for (p, dense) in self.points.iter().enumerate() {
            let v = &v[p * sums * inputs..(p + 1) * sums * inputs];
            let m = &mut m[p * part.count * outputs..(p + 1) * part.count * outputs];
            let close = Input::close(v, inputs);
            let to = Target::plain(m, outputs);
            let piece = Piece { dense, x: &close, tiles: 0..dense.tiles(), rows: 0..part.count };
            piece_on(isa, &piece, &to);
        }
        let (m, outward) = (&*m, &self.outward);
        let sizes = Sizes { rows, count: part.count, outputs, points: self.points.len() };
        let sizes = (&sizes, part, x.dilation);
        let ends = Ends { outputs: first.outputs, bias: &self.bias };
        chosen!(isa, outward_rows(
            m: &[f32],
            outward: &[[f32; MOST_POINTS]; OUTPUTS],
            sizes: (&Sizes, &Part, usize),
            ends: Ends<'_>,
            target: &Target
        ));
    }
}

/// Sizes of a part's products.
struct Sizes {
    rows: usize,
    count: usize,
    outputs: usize,
    points: usize,
}

/// Weighted sums of the inputs of one transform; rows that are not there are zeros.
#[inline(always)]
fn inward_row(
    from: [&[f32]; MOST_POINTS],
    inward: &[[f32; MOST_POINTS]; MOST_POINTS],
    v: &mut [f32],
    (at, next, points): (usize, usize, usize),
) {
    const LANES: usize = 8;
    let inputs = from.iter().map(|row| row.len()).max().unwrap_or(0);
    for first in (0..inputs).step_by(LANES) {
        let count = LANES.min(inputs - first);
        let mut lanes = [[0f32; LANES]; MOST_POINTS];
        for (lanes, row) in lanes.iter_mut().zip(from) {
            match row.get(first..).and_then(<[f32]>::first_chunk::<LANES>) {
                Some(row) => *lanes = *row,
                None => {
                    for (lane, value) in lanes.iter_mut().zip(row.iter().skip(first)) {
                        *lane = *value;
                    }
                }
            }
        }
        for (p, shares) in inward.iter().enumerate().take(points) {
            let mut sums = [0f32; LANES];
            for (share, lanes) in shares.iter().zip(&lanes) {
                sums.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum += share * lane);
            }
            let to = p * next + at + first;
            match v[to..].first_chunk_mut::<LANES>() {
                Some(to) if count == LANES => *to = sums,
                _ => v[to..to + count].copy_from_slice(&sums[..count]),
            }
        }
    }
}

/// Outputs from products, finished and stored.
#[inline(always)]
fn outward_rows(
    m: &[f32],
    outward: &[[f32; MOST_POINTS]; OUTPUTS],
    (sizes, part, dilation): (&Sizes, &Part, usize),
    ends: Ends<'_>,
    target: &Target,
) {
    for n in 0..sizes.count {
        for tile in 0..sizes.outputs / TILE {
            let mut products = [[0f32; TILE]; MOST_POINTS];
            for (p, products) in products.iter_mut().enumerate().take(sizes.points) {
                let at = (p * sizes.count + n) * sizes.outputs + tile * TILE;
                if let Some(there) = m[at..].first_chunk::<TILE>() {
                    *products = *there;
                }
            }
            for (i, shares) in outward.iter().enumerate() {
                let row = part.phase + dilation * (OUTPUTS * (part.first + n) + i);
                if row >= sizes.rows {
                    break;
                }
                let mut sums = [0f32; TILE];
                for (share, products) in shares.iter().zip(&products) {
                    sums.iter_mut().zip(products).for_each(|(sum, m)| *sum += share * m);
                }
                // SAFETY: `filter` checked that `rows` rows lie in the slices; this phase's transforms
                // are this part's, and no other part has their rows.
                #[expect(unsafe_code, reason = "outputs are shared out by rows")]
                unsafe {
                    target.put(ends, tile, row, &sums);
                }
            }
        }
    }
}

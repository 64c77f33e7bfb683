//! Joins pieces of sound as GPT-SoVITS's `TTS.py` does: SOLA (Roucos and Wilgus 1985) between the
//! chunks of a stream, and the way from pieces to 16-bit samples. Pure.

/// Where the next chunk fits best: the offset up to `search` with the largest normalised product of
/// `tail` and the chunk's beginning.
#[must_use]
pub fn best_offset(tail: &[f32], next: &[f32], search: usize) -> usize {
    let last = search.min(next.len().saturating_sub(tail.len()));
    let mut best = (0, f64::NEG_INFINITY);
    for offset in 0..=last {
        let (mut product, mut energy) = (0f64, 0f64);
        for (a, b) in tail.iter().zip(&next[offset..]) {
            product += f64::from(*a) * f64::from(*b);
            energy += f64::from(*b) * f64::from(*b);
        }
        let score = product / (energy + 1e-8).sqrt();
        if score > best.1 {
            best = (offset, score);
        }
    }
    best.0
}

/// Joins two chunks that share `overlap` samples; the second is moved by the offset that is given
/// beside the result, and both are faded into each other under a Hann window.
#[must_use]
pub fn join(first: &[f32], second: &[f32], overlap: usize, search: usize) -> (Vec<f32>, usize) {
    let overlap = overlap.min(first.len()).min(second.len());
    let (head, tail) = first.split_at(first.len() - overlap);
    let offset = best_offset(tail, second, search);
    let second = &second[offset..];
    let mut joined = head.to_vec();
    // A periodic Hann window of twice the overlap: its first half rises, its second falls.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "windows are short and kept as f32"
    )]
    let rise =
        |i: usize| (0.5 - 0.5 * (std::f64::consts::PI * i as f64 / overlap as f64).cos()) as f32;
    let faded = tail.iter().zip(second).enumerate();
    joined.extend(faded.map(|(i, (a, b))| a * (1.0 - rise(i)) + b * rise(i)));
    joined.extend_from_slice(second.get(overlap..).unwrap_or_default());
    (joined, offset)
}

/// Pieces to 16-bit samples of `rate`: each is brought below 1 where it is louder and followed by
/// `pause` seconds of silence; values are cut off towards zero and, where the reference wraps,
/// clamped.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 16 bits; pauses are short"
)]
pub fn to_pcm(pieces: &[&[f32]], pause: f64, rate: u32) -> Vec<i16> {
    let silence = (f64::from(rate) * pause) as usize;
    let mut pcm = Vec::new();
    for piece in pieces {
        let peak = piece.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
        let scale = peak.max(1.0);
        pcm.extend(
            piece
                .iter()
                .map(|sample| (sample / scale * 32_768.0).clamp(-32_768.0, 32_767.0) as i16),
        );
        pcm.resize(pcm.len() + silence, 0);
    }
    pcm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_chunk_is_found_and_joined_without_a_seam() {
        let value = |i: u32| u16::try_from(i * i % 977).unwrap();
        let wave: Vec<f32> = (0..600).map(|i| f32::from(value(i)) / 977.0 - 0.5).collect();
        let (joined, offset) = join(&wave[..300], &wave[180..], 100, 50);
        assert_eq!(offset, 20);
        assert_eq!(joined.len(), 600);
        assert!(joined.iter().zip(&wave).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn loud_pieces_are_brought_down_and_followed_by_silence() {
        assert_eq!(to_pcm(&[&[2.0, -1.0]], 0.5, 4), [32_767, -16_384, 0, 0]);
    }
}

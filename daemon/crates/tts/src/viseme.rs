//! espeak-ng's phoneme names to mouth shapes.

use companion_types::VisemeShape;

/// Mouth shape of a phoneme mnemonic (espeak-ng's Kirshenbaum-like ASCII names, English and Mandarin),
/// and how far it is formed. Vowels decide; lips close for m, b, p; other consonants keep the mouth
/// a little open.
#[must_use]
pub fn shape_of(phoneme: &str) -> (VisemeShape, f32) {
    let name = phoneme.trim_start_matches(['\'', ',', '%', '=', '_', '|']);
    let Some(first) = name.chars().next() else { return (VisemeShape::Closed, 0.0) };
    match first {
        'a' | 'A' | '3' | 'V' | '&' | '0' => (VisemeShape::A, 1.0),
        'e' | 'E' | '@' => (VisemeShape::E, 0.8),
        'i' | 'I' | 'y' | 'j' => (VisemeShape::I, 0.9),
        'o' | 'O' => (VisemeShape::O, 1.0),
        'u' | 'U' | 'w' | 'W' => (VisemeShape::U, 0.9),
        'm' | 'b' | 'p' | 'f' | 'v' => (VisemeShape::Closed, 1.0),
        ':' | ';' | '(' => (VisemeShape::Closed, 0.0),
        _ => (VisemeShape::E, 0.3),
    }
}

//! Names of phonemes to mouth shapes: espeak-ng's, and those of the GPT-SoVITS voices.

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

/// Mouth shape of a phone of the GPT-SoVITS voices (initials and finals of Mandarin with tones, ARPAbet with
/// stress), and how far it is formed.
#[must_use]
pub fn shape_of_symbol(symbol: &str) -> (VisemeShape, f32) {
    let name = symbol.trim_end_matches(|c: char| c.is_ascii_digit());
    let vowel = name.len() < symbol.len();
    match name {
        "," | "." | "!" | "?" | "…" | "-" | "SP" | "UNK" => (VisemeShape::Closed, 0.0),
        "b" | "p" | "m" | "f" | "B" | "P" | "M" | "F" | "V" => (VisemeShape::Closed, 1.0),
        "w" | "W" => (VisemeShape::U, 0.6),
        "AA" | "AE" | "AH" | "AY" | "AW" if vowel => (VisemeShape::A, 1.0),
        "EH" | "EY" | "ER" if vowel => (VisemeShape::E, 0.8),
        "IH" | "IY" if vowel => (VisemeShape::I, 0.9),
        "AO" | "OW" | "OY" if vowel => (VisemeShape::O, 1.0),
        "UH" | "UW" if vowel => (VisemeShape::U, 0.9),
        _ if vowel => final_shape(name),
        _ => (VisemeShape::E, 0.3),
    }
}

/// Shape of a Mandarin final: that of its main vowel.
fn final_shape(name: &str) -> (VisemeShape, f32) {
    if name.contains('a') || name.starts_with('A') {
        return (VisemeShape::A, 1.0);
    }
    match name {
        "o" | "uo" | "ou" | "ong" | "iong" | "iu" => (VisemeShape::O, 1.0),
        "u" | "un" | "v" | "vn" => (VisemeShape::U, 0.9),
        "i" | "in" | "ing" | "ir" => (VisemeShape::I, 0.9),
        _ => (VisemeShape::E, 0.8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_vowel_shapes_the_mouth() {
        let shape = |symbol| shape_of_symbol(symbol).0;
        assert_eq!([shape("iang1"), shape("AA1"), shape("uai4")], [VisemeShape::A; 3]);
        assert_eq!([shape("uo3"), shape("OW0"), shape("iong2")], [VisemeShape::O; 3]);
        assert_eq!([shape("ing1"), shape("IY2")], [VisemeShape::I; 2]);
        assert_eq!([shape("vn4"), shape("UW1")], [VisemeShape::U; 2]);
        assert_eq!([shape("ei2"), shape("ER0"), shape("er2")], [VisemeShape::E; 3]);
        assert_eq!([shape("m"), shape("."), shape("B")], [VisemeShape::Closed; 3]);
    }
}

//! Latin letters: words that are spelled, abbreviations that stand for words, addresses.

use companion_types::Language;

/// Abbreviations of capitals that are said as words.
const SAID_AS_WORDS: [&str; 22] = [
    "NASA", "NATO", "OPEC", "RAM", "ROM", "SIM", "PIN", "COVID", "UNESCO", "UNICEF", "GIF", "LAN",
    "ASAP", "LASER", "RADAR", "YOLO", "JSON", "CUDA", "BERT", "OK", "I", "A",
];
/// Abbreviations and what they stand for, written with their stop; a capital matters.
const ABBREVIATIONS: [(&str, &str); 14] = [
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("etc.", "et cetera"),
    ("vs.", "versus"),
    ("Mr.", "mister"),
    ("Mrs.", "missus"),
    ("Ms.", "miz"),
    ("Dr.", "doctor"),
    ("Prof.", "professor"),
    ("St.", "saint"),
    ("Jr.", "junior"),
    ("approx.", "approximately"),
    ("a.m.", "A M"),
    ("p.m.", "P M"),
];

/// Longest part of a word that is said in one go; nobody can follow a longer one anyway.
pub(super) const LONGEST_WORD: usize = 40;

/// An abbreviation that begins here, and how long it is. `No. 5` is number five.
pub(super) fn abbreviation(rest: &str) -> Option<(&'static str, usize)> {
    let ends = |at: usize| !rest[at..].starts_with(|c: char| c.is_alphanumeric());
    let found = ABBREVIATIONS.iter().find(|(short, _)| rest.starts_with(short));
    if let Some((short, long)) = found.filter(|(short, _)| ends(short.len())) {
        return Some((long, short.len()));
    }
    let number = rest.strip_prefix("No.").or_else(|| rest.strip_prefix("Nos."))?;
    let digit = number.trim_start_matches(' ').starts_with(|c: char| c.is_ascii_digit());
    digit.then(|| ("number", rest.len() - number.len()))
}

/// Whether the capitals of a text are shouting and not abbreviations: most of its letters are capitals,
/// in more than one word of some length.
pub(super) fn is_shouted(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    let (mut capitals, mut others) = (0, 0);
    for word in words.filter(|w| w.len() > 1) {
        if word.bytes().all(|b| b.is_ascii_uppercase()) { capitals += 1 } else { others += 1 }
    }
    capitals > 2 && capitals > others * 2 && Language::of_text(text) == Language::En
}

/// A word of Latin letters as it is said: spelled when it is an abbreviation of capitals.
pub(super) fn word(word: &str, shouted: bool) -> String {
    let count = word.chars().count();
    let capitals = word.bytes().all(|b| b.is_ascii_uppercase());
    // GPUs, PDFs
    if let Some(stem) = word.strip_suffix('s')
        && stem.len() > 1
        && stem.bytes().all(|b| b.is_ascii_uppercase())
        && !SAID_AS_WORDS.contains(&stem)
    {
        return format!("{}s", spelled(stem));
    }
    let vowel = |b: u8| matches!(b, b'A' | b'E' | b'I' | b'O' | b'U' | b'Y');
    let sayable = count > 4 && word.bytes().any(vowel);
    if capitals && count > 1 && !shouted && !sayable && !SAID_AS_WORDS.contains(&word) {
        return spelled(word);
    }
    match word {
        "OK" => "okay".to_owned(),
        _ if capitals && count > 1 => word.to_lowercase(),
        _ => word.to_owned(),
    }
}

/// Letter by letter.
pub(super) fn spelled(word: &str) -> String {
    let letters: Vec<String> = word.chars().map(String::from).collect();
    letters.join(" ")
}

/// An internet or mail address: its labels as words, without what can be left out.
pub(super) fn address(address: &str, dot: &str, at: &str, slash: &str) -> String {
    let mut said = String::new();
    let shown = address.strip_prefix("www.").unwrap_or(address);
    let shown = shown.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let mut run = String::new();
    let flush = |run: &mut String, said: &mut String| {
        said.push_str(&word(run, false));
        run.clear();
    };
    for c in shown.chars() {
        let name = match c {
            '.' => dot,
            '@' => at,
            '/' => slash,
            c if c.is_ascii_alphanumeric() => {
                let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
                if !run.is_empty() && digit(run.chars().last()) != digit(Some(c)) {
                    flush(&mut run, &mut said);
                    said.push(' ');
                }
                run.push(c);
                continue;
            }
            _ => " ",
        };
        flush(&mut run, &mut said);
        said.push_str(name);
    }
    flush(&mut run, &mut said);
    said
}

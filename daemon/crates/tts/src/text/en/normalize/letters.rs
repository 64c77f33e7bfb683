//! Letters and marks: what is left when the numbers are read. Knows no numbers.

use unicode_normalization::UnicodeNormalization as _;

/// Marks of which the first of a run is kept.
const MARKS: [char; 5] = ['!', '?', ',', '.', '-'];

/// The text without accents, with `%` in words, and with nothing but ASCII letters, spaces and marks.
pub(super) fn reduce(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphabetic() || c == ' ' || c == '\'' || MARKS.contains(&c);
    text.nfd().collect::<String>().replace('%', " percent").chars().filter(|c| plain(*c)).collect()
}

/// `i.e.` is "that is", `e.g.` is "for example".
pub(super) fn read_abbreviations(text: &str) -> String {
    let text = replace_any_case(text, "i.e.", "that is");
    replace_any_case(&text, "e.g.", "for example")
}

fn replace_any_case(text: &str, short: &str, long: &str) -> String {
    let small = text.to_ascii_lowercase();
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    for (place, _) in small.match_indices(short) {
        written.push_str(&text[done..place]);
        written.push_str(long);
        done = place + short.len();
    }
    written.push_str(&text[done..]);
    written
}

/// A space in front of every capital inside a word, so that `GPU` is spelled and `WiFi` two words.
pub(super) fn part_capitals(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        if character.is_ascii_uppercase() && before != ' ' {
            written.push(' ');
        }
        written.push(character);
        before = character;
    }
    written
}

/// The first of every run of marks; none after a space.
pub(super) fn join_marks(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut open = true;
    for character in text.chars() {
        let is_mark = MARKS.contains(&character);
        if open || !is_mark {
            written.push(character);
        }
        open = !is_mark && character != ' ';
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_go_and_letters_stay() {
        assert_eq!(reduce("The café, naïve Zoë – 5 €!"), "The cafe, naive Zoe   !");
        assert_eq!(reduce("x²≠Å 50%"), "xA  percent");
    }

    #[test]
    fn abbreviations_are_read_in_full() {
        assert_eq!(
            read_abbreviations("e.g. apples, I.E. fruit"),
            "for example apples, that is fruit"
        );
        assert_eq!(read_abbreviations("i.e. i.e."), "that is that is");
        assert_eq!(read_abbreviations("p.m."), "p.m.");
    }

    #[test]
    fn capitals_inside_words_start_words() {
        assert_eq!(part_capitals("OpenAI and iOS"), "Open A I and i O S");
        assert_eq!(part_capitals(".Hi (USA"), ". Hi ( U S A");
    }

    #[test]
    fn one_mark_of_a_run_is_kept_and_none_after_a_space() {
        assert_eq!(join_marks("Yes... maybe?! no - yes"), "Yes. maybe? no  yes");
        assert_eq!(join_marks("-.a--b 'c' ,"), "-a-b 'c' ");
        assert_eq!(join_marks("a' . b"), "a'  b");
    }
}

//! A text with the forms of a character made one: full-width letters and digits as ASCII, typographic
//! apostrophes and spaces plain. Each byte of it knows where its character ends in the text.

/// A folded text.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) text: String,
    /// For each byte of `text`, the end of its character in the source.
    ends: Vec<usize>,
}

impl Folded {
    pub(super) fn new(source: &str) -> Self {
        let mut text = String::with_capacity(source.len());
        let mut ends = Vec::with_capacity(source.len());
        let mut last = '\0';
        let mut chars = source.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map_or('\0', |(_, c)| *c);
            let plain = fold(c, last, next);
            text.push(plain);
            ends.resize(text.len(), at + c.len_utf8());
            last = plain;
        }
        Self { text, ends }
    }

    /// Where in the source what ends at byte `end` of the folded text ends.
    pub(super) fn source(&self, end: usize) -> usize {
        end.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default()
    }
}

fn fold(c: char, last: char, next: char) -> char {
    let digit = |c: char| c.is_ascii_digit() || matches!(c, '０'..='９');
    match c {
        '０'..='９'
        | 'Ａ'..='Ｚ'
        | 'ａ'..='ｚ'
        | '％'
        | '＋'
        | '－'
        | '＝'
        | '＄'
        | '～'
        | '．'
        | '／' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '：' | '，' if digit(last) && digit(next) => {
            if c == '：' {
                ':'
            } else {
                c
            }
        }
        '’' | '‘' if last.is_alphabetic() => '\'',
        '\u{a0}' | '\u{3000}' | '\t' => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_knows_its_place_in_the_source() {
        let folded = Folded::new("Ａ１：３０，好");
        assert_eq!(folded.text, "A1:30，好");
        assert_eq!(folded.source(0), 0);
        assert_eq!(folded.source(1), 3);
        assert_eq!(folded.source(folded.text.len()), "Ａ１：３０，好".len());
    }
}

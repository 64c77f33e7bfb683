//! Cuts a long text into what is synthesised at a time, before its language is looked at. Reads nothing.

use companion_types::Language;

/// Characters a clause ends with.
const ENDS: [char; 13] = ['，', '。', '？', '！', ',', '.', '?', '!', '~', ':', '：', '—', '…'];
/// A piece of nothing but these says nothing.
const SILENT: [char; 7] = ['!', '?', '…', ',', '.', '-', ' '];
/// What [`Cut::Marks`] cuts behind.
const MARKS: [char; 12] = [',', '.', ';', '?', '!', '、', '，', '。', '？', '！', '：', '…'];
/// Marks of which a run counts as one.
const REPEATED: [char; 6] = ['!', '?', '…', ',', '.', '-'];

/// Clauses to a piece of [`Cut::FourClauses`].
const CLAUSES: usize = 4;
/// Characters after which a piece of [`Cut::FiftyCharacters`] ends.
const LONG: usize = 50;
/// A text whose first clause is shorter starts with a full stop.
const SHORT_START: usize = 4;
/// Shorter pieces are joined with the next.
const SHORT: usize = 5;
/// Longer pieces are cut once more: the sentence encoder takes 512 tokens, two of them its own.
const LONGEST: usize = 510;

/// Where a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cut {
    /// Nowhere (`cut0`).
    Never,
    /// Behind every fourth clause (`cut1`).
    FourClauses,
    /// Behind the clause that makes it fifty characters (`cut2`).
    FiftyCharacters,
    /// At every `。` (`cut3`).
    ChineseStops,
    /// At every `.` that is not beside a digit (`cut4`).
    EnglishStops,
    /// Behind every mark (`cut5`).
    #[default]
    Marks,
}

/// The text with one mark for each run of them.
#[must_use]
pub fn single_marks(text: &str) -> String {
    let mut follows_mark = false;
    let mut single = text.to_owned();
    single.retain(|character| {
        let is_mark = REPEATED.contains(&character);
        let keep = !(is_mark && follows_mark);
        follows_mark = is_mark;
        keep
    });
    single
}

/// The pieces of `text`, each at most 510 characters and with a mark at its end, none too short to be
/// spoken alone unless it is the only one. `language` is that of the full stops added.
#[must_use]
pub fn pieces(text: &str, language: Language, cut: Cut) -> Vec<String> {
    let stop = if language == Language::En { '.' } else { '。' };
    let text = text.trim_matches('\n');
    let mut text = text.to_owned();
    if !text.starts_with(ENDS) && first_clause(&text) < SHORT_START {
        text.insert(0, stop);
    }
    let lines = lines(&text, cut);
    let lines = lines.iter().flat_map(|line| line.split('\n'));
    let mut pieces = Vec::new();
    for mut piece in join_short(lines.filter(|line| !matches!(*line, "" | " "))) {
        if !piece.contains(is_word) {
            continue;
        }
        if !piece.ends_with(ENDS) {
            piece.push(stop);
        }
        append_in_length(piece, &mut pieces);
    }
    pieces
}

/// The text cut, without the pieces that say nothing.
#[must_use]
pub fn lines(text: &str, cut: Cut) -> Vec<String> {
    let whole = text;
    let text = text.trim_matches('\n');
    let (mut lines, silent): (Vec<String>, &[char]) = match cut {
        Cut::Never => (vec![whole.to_owned()], &SILENT),
        Cut::FourClauses => (four_clauses(text), &SILENT),
        Cut::FiftyCharacters => match fifty_characters(text) {
            Some(lines) => (lines, &SILENT),
            None => return vec![text.to_owned()],
        },
        Cut::ChineseStops => {
            (text.trim_matches('。').split('。').map(str::to_owned).collect(), &SILENT)
        }
        Cut::EnglishStops => (english_stops(text.trim_matches('.')), &SILENT),
        Cut::Marks => (behind_marks(text), &MARKS),
    };
    lines.retain(|line| !says_nothing(line, silent));
    lines
}

fn says_nothing(line: &str, silent: &[char]) -> bool {
    line.chars().all(|character| silent.contains(&character))
}

/// Letters, digits and numbers of any script.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Digits of ASCII and of full width.
fn is_digit(character: char) -> bool {
    matches!(character, '0'..='9' | '０'..='９')
}

/// Characters of the first clause.
fn first_clause(text: &str) -> usize {
    text.split(ENDS).next().unwrap_or_default().trim().chars().count()
}

/// The clauses with the marks that end them, the last one with a full stop if it has none.
fn clauses(text: &str) -> Vec<String> {
    let mut text = text.replace("……", "。").replace("——", "，");
    if !text.ends_with(ENDS) {
        text.push('。');
    }
    text.split_inclusive(ENDS).map(str::to_owned).collect()
}

/// Four clauses to a piece, in the last one what is left; a text of no more than four is left alone.
fn four_clauses(text: &str) -> Vec<String> {
    let clauses = clauses(text);
    if clauses.len() <= CLAUSES {
        return vec![text.to_owned()];
    }
    let mut pieces: Vec<String> = clauses.chunks(CLAUSES).map(<[String]>::concat).collect();
    join_last(&mut pieces, |_| true);
    pieces
}

/// Clauses up to more than fifty characters to a piece; `None` for a text of one clause.
fn fifty_characters(text: &str) -> Option<Vec<String>> {
    let clauses = clauses(text);
    if clauses.len() < 2 {
        return None;
    }
    let mut pieces = Vec::new();
    let (mut open, mut length) = (String::new(), 0);
    for clause in clauses {
        length += clause.chars().count();
        open.push_str(&clause);
        if length > LONG {
            pieces.push(std::mem::take(&mut open));
            length = 0;
        }
    }
    if !open.is_empty() {
        pieces.push(open);
    }
    join_last(&mut pieces, |last| last.chars().count() < LONG);
    Some(pieces)
}

/// Joins the last piece with the one before if `joins`.
fn join_last(pieces: &mut Vec<String>, joins: impl FnOnce(&str) -> bool) {
    let Some(last) = pieces.pop() else { return };
    match pieces.last_mut() {
        Some(before) if joins(&last) => before.push_str(&last),
        _ => pieces.push(last),
    }
}

/// Without the dots it is cut at: those with no digit on either side.
fn english_stops(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let beside_digit = is_digit(before) || characters.peek().copied().is_some_and(is_digit);
        before = character;
        if character == '.' && !beside_digit {
            pieces.push(String::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

/// With the marks it is cut behind: all but a dot between digits.
fn behind_marks(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut open = String::new();
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().is_some_and(is_digit);
        let between_digits = character == '.' && is_digit(before) && next;
        before = character;
        open.push(character);
        if MARKS.contains(&character) && !between_digits {
            pieces.push(std::mem::take(&mut open));
        }
    }
    if !open.is_empty() {
        pieces.push(open);
    }
    pieces
}

/// Pieces of fewer than five characters joined with what follows, at the end with what comes before.
fn join_short<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut open = String::new();
    for line in lines {
        open.push_str(line);
        if open.chars().count() >= SHORT {
            pieces.push(std::mem::take(&mut open));
        }
    }
    match pieces.last_mut() {
        Some(last) => last.push_str(&open),
        None => pieces.push(open),
    }
    pieces
}

/// Appends a piece, cut at its marks when it is too long.
fn append_in_length(piece: String, pieces: &mut Vec<String>) {
    if piece.chars().count() <= LONGEST {
        pieces.push(piece);
        return;
    }
    let (mut open, mut length) = (String::new(), 0);
    // A mark may begin a piece as well as end one, as in the reference.
    for clause in piece.split_inclusive(ENDS) {
        let (words, mark) = match clause.char_indices().next_back() {
            Some((place, mark)) if ENDS.contains(&mark) => clause.split_at(place),
            _ => (clause, ""),
        };
        for part in [words, mark] {
            let own = part.chars().count();
            if length + own > LONGEST && length > 0 {
                pieces.push(std::mem::take(&mut open));
                length = 0;
            }
            open.push_str(part);
            length += own;
        }
    }
    if !open.is_empty() {
        pieces.push(open);
    }
}

#[cfg(test)]
mod tests;

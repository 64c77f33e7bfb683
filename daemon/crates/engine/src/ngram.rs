//! Back-off n-gram language models over a vocabulary's tokens, from ARPA files (D. Paul, J. Baker,
//! "The design for the Wall Street Journal-based CSR corpus", 1992; the format of SRILM and KenLM),
//! plain or compressed with zstd. Pure after the file has been read.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use rustc_hash::FxHashMap;

use crate::EngineError;

/// Highest order that is read.
const MOST_ORDER: usize = 8;
/// Most n-grams of a file: some hundred megabytes.
const MOST_NGRAMS: usize = 8_000_000;
/// N-grams that space is set aside for before they are seen, at most; a file may claim any number.
const RESERVE: usize = 1 << 14;
/// Longest line.
const LONGEST_LINE: u64 = 4_096;
/// Where the table of a root's children begins and every suffix ends.
const ROOT: u32 = 0;
/// First bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a model has read so far: its longest known ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NgramState(u32);

/// A token of the model: one of the vocabulary, or the marks of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Symbol {
    Token(u32),
    Begin,
    End,
    Unknown,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// ln p(last token | the others).
    probability: f32,
    /// ln of the weight with which shorter endings take over.
    back_off: f32,
    /// The node without its first token.
    suffix: u32,
}

/// A model.
#[derive(Clone)]
pub struct NgramModel {
    order: usize,
    nodes: Vec<Node>,
    children: FxHashMap<(u32, Symbol), u32>,
    begin: u32,
}

impl fmt::Debug for NgramModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NgramModel")
            .field("order", &self.order)
            .field("ngrams", &(self.nodes.len() - 1))
            .finish_non_exhaustive()
    }
}

impl NgramModel {
    /// Reads an ARPA file; `id` gives the vocabulary's id of a token. N-grams with tokens that the
    /// vocabulary does not have are left out.
    ///
    /// # Errors
    /// When it cannot be read, is no ARPA file, or holds fewer n-grams than it says.
    pub fn read(file: &Path, id: &dyn Fn(&str) -> Option<u32>) -> Result<Self, EngineError> {
        let unreadable = |source| EngineError::Read { file: file.to_owned(), source };
        let mut reader = BufReader::new(File::open(file).map_err(unreadable)?);
        let packed = reader.fill_buf().map_err(unreadable)?.starts_with(&ZSTD_MAGIC);
        let parsed = if packed {
            let unpacked = zstd::stream::read::Decoder::with_buffer(reader).map_err(unreadable)?;
            Self::parse(&mut BufReader::new(unpacked), id)
        } else {
            Self::parse(&mut reader, id)
        };
        parsed.map_err(|problem| EngineError::Malformed { file: file.to_owned(), problem })
    }

    /// Reads the text of an ARPA file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(
        reader: &mut dyn BufRead,
        id: &dyn Fn(&str) -> Option<u32>,
    ) -> Result<Self, String> {
        let mut lines = Lines { reader, number: 0, text: Vec::new() };
        let counts = read_counts(&mut lines)?;
        let mut model = Self {
            order: counts.len(),
            nodes: vec![Node { probability: 0.0, back_off: 0.0, suffix: ROOT }],
            children: FxHashMap::default(),
            begin: ROOT,
        };
        for (order, &count) in (1..).zip(&counts) {
            model.read_order(&mut lines, order, count, id)?;
        }
        if lines.filled()? != Some("\\end\\") {
            return Err(format!("line {}: \\end\\ is missing", lines.number));
        }
        let begin = model.children.get(&(ROOT, Symbol::Begin)).copied().unwrap_or(ROOT);
        model.begin = model.longest(begin);
        Ok(model)
    }

    /// Order of the longest n-grams.
    #[must_use]
    pub fn order(&self) -> usize {
        self.order
    }

    /// The state at the begin of a sentence.
    #[must_use]
    pub fn begin(&self) -> NgramState {
        NgramState(self.begin)
    }

    /// ln p(`id` | what was read), and the state after it.
    #[must_use]
    pub fn next(&self, state: NgramState, id: u32) -> (f32, NgramState) {
        if self.children.contains_key(&(ROOT, Symbol::Token(id))) {
            self.step(state, Symbol::Token(id))
        } else {
            self.step(state, Symbol::Unknown)
        }
    }

    /// ln p(the sentence ends here | what was read).
    #[must_use]
    pub fn end(&self, state: NgramState) -> f32 {
        self.step(state, Symbol::End).0
    }

    fn step(&self, state: NgramState, symbol: Symbol) -> (f32, NgramState) {
        let mut node = state.0;
        let mut weight = 0.0;
        loop {
            if let Some(&child) = self.children.get(&(node, symbol)) {
                let found = self.nodes[child as usize];
                return (weight + found.probability, NgramState(self.longest(child)));
            }
            if node == ROOT {
                return (weight + UNSEEN, NgramState(ROOT));
            }
            weight += self.nodes[node as usize].back_off;
            node = self.nodes[node as usize].suffix;
        }
    }

    /// The longest ending of a node that can be a context: nodes of the highest order are none.
    fn longest(&self, node: u32) -> u32 {
        if self.is_leaf(node) { self.nodes[node as usize].suffix } else { node }
    }

    fn is_leaf(&self, node: u32) -> bool {
        self.nodes[node as usize].back_off.is_nan()
    }

    fn read_order(
        &mut self,
        lines: &mut Lines<'_>,
        order: usize,
        count: usize,
        id: &dyn Fn(&str) -> Option<u32>,
    ) -> Result<(), String> {
        let title = format!("\\{order}-grams:");
        if lines.filled()? != Some(title.as_str()) {
            return Err(format!("line {}: {title} is missing", lines.number));
        }
        let last = order == self.order;
        self.nodes.reserve(count.min(RESERVE));
        self.children.reserve(count.min(RESERVE));
        // Files are sorted: most lines have the context of the line before.
        let (mut context, mut parent) = (String::new(), Some(ROOT));
        for _ in 0..count {
            let Some(line) = lines.filled()? else {
                return Err(format!("it ends inside the {count} n-grams of order {order}"));
            };
            let Some(ngram) = read_ngram(line, order, last) else {
                return Err(format!("line {}: no n-gram of order {order}", lines.number));
            };
            if ngram.context != context {
                ngram.context.clone_into(&mut context);
                let symbols = context.split_ascii_whitespace().map(|token| symbol_of(token, id));
                let Some(symbols) = symbols.collect::<Option<Vec<Symbol>>>() else {
                    parent = None;
                    continue;
                };
                let found = symbols
                    .iter()
                    .try_fold(ROOT, |node, symbol| self.children.get(&(node, *symbol)).copied());
                if found.is_none() {
                    return Err(format!("line {}: its beginning is unknown", lines.number));
                }
                parent = found;
            }
            if let (Some(parent), Some(symbol)) = (parent, symbol_of(ngram.last, id)) {
                let (probability, back_off) = (ngram.probability, ngram.back_off);
                self.insert(parent, symbol, probability, back_off)?;
            }
        }
        Ok(())
    }

    /// Adds a node below `parent`.
    fn insert(&mut self, parent: u32, last: Symbol, p: f32, back_off: f32) -> Result<(), String> {
        let node = u32::try_from(self.nodes.len()).map_err(|_| "too many n-grams".to_owned())?;
        // The longest proper ending that is known: pruned files lack some.
        let mut from = self.nodes[parent as usize].suffix;
        let mut suffix = ROOT;
        if parent != ROOT {
            loop {
                if let Some(&found) = self.children.get(&(from, last)) {
                    suffix = found;
                    break;
                }
                if from == ROOT {
                    break;
                }
                from = self.nodes[from as usize].suffix;
            }
        }
        self.nodes.push(Node { probability: p, back_off, suffix });
        self.children.insert((parent, last), node);
        Ok(())
    }
}

/// ln probability of a token of which the model knows nothing at all.
const UNSEEN: f32 = -16.0;

fn symbol_of(token: &str, id: &dyn Fn(&str) -> Option<u32>) -> Option<Symbol> {
    match token {
        "<s>" => Some(Symbol::Begin),
        "</s>" => Some(Symbol::End),
        "<unk>" => Some(Symbol::Unknown),
        token => id(token).map(Symbol::Token),
    }
}

struct Ngram<'a> {
    probability: f32,
    /// All tokens but the last, as they stand in the line.
    context: &'a str,
    last: &'a str,
    back_off: f32,
}

fn read_ngram(line: &str, order: usize, highest: bool) -> Option<Ngram<'_>> {
    let ln = |field: &str| {
        let value = field.parse::<f32>().ok().filter(|v| v.is_finite())?;
        Some(value * std::f32::consts::LN_10)
    };
    let (probability, rest) = line.split_once([' ', '\t'])?;
    let rest = rest.trim_ascii_start();
    let offset = |field: &str| field.as_ptr() as usize - rest.as_ptr() as usize;
    let mut fields = rest.split_ascii_whitespace();
    let last = fields.by_ref().nth(order - 1)?;
    let back_off = match fields.next() {
        Some(field) => ln(field)?,
        None => 0.0,
    };
    // Not a number marks what can be no context.
    let back_off = if highest { f32::NAN } else { back_off };
    let context = rest[..offset(last)].trim_ascii_end();
    let probability = ln(probability)?;
    fields.next().is_none().then_some(Ngram { probability, context, last, back_off })
}

fn read_counts(lines: &mut Lines<'_>) -> Result<Vec<usize>, String> {
    if lines.filled()? != Some("\\data\\") {
        return Err("it does not begin with \\data\\".into());
    }
    let mut counts = Vec::new();
    while let Some(line) = lines.next()?.filter(|line| !line.is_empty()) {
        let (order, count) = line
            .strip_prefix("ngram ")
            .and_then(|rest| rest.split_once('='))
            .and_then(|(o, c)| Some((o.trim().parse::<usize>().ok()?, c.trim().parse().ok()?)))
            .ok_or_else(|| format!("line {}: no count of n-grams", lines.number))?;
        if order != counts.len() + 1 || order > MOST_ORDER {
            return Err(format!("line {}: order {order} is not the next of 1..8", lines.number));
        }
        counts.push(count);
    }
    let total = counts.iter().fold(0_usize, |sum, &count| sum.saturating_add(count));
    if counts.is_empty() || total > MOST_NGRAMS {
        return Err(format!("it counts {total} n-grams; 1 to {MOST_NGRAMS} can be read"));
    }
    Ok(counts)
}

/// Lines of bounded length.
struct Lines<'a> {
    reader: &'a mut dyn BufRead,
    number: usize,
    text: Vec<u8>,
}

impl Lines<'_> {
    /// Reads the next line; false at the end.
    fn read(&mut self) -> Result<bool, String> {
        self.text.clear();
        self.number += 1;
        let read = (&mut *self.reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut self.text)
            .map_err(|error| format!("line {}: {error}", self.number))?;
        if read as u64 == LONGEST_LINE {
            return Err(format!("line {} is longer than {LONGEST_LINE} bytes", self.number));
        }
        Ok(read > 0)
    }

    /// The line that was read, without outer space.
    fn line(&self) -> Result<&str, String> {
        let text = std::str::from_utf8(&self.text)
            .map_err(|_| format!("line {} is not UTF-8", self.number))?;
        Ok(text.trim_ascii())
    }

    /// The next line; `None` at the end.
    fn next(&mut self) -> Result<Option<&str>, String> {
        if self.read()? { self.line().map(Some) } else { Ok(None) }
    }

    /// The next line that is not empty.
    fn filled(&mut self) -> Result<Option<&str>, String> {
        loop {
            if !self.read()? {
                return Ok(None);
            }
            if !self.text.trim_ascii().is_empty() {
                return self.line().map(Some);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\\data\\\nngram 1=5\nngram 2=3\nngram 3=1\n\n\\1-grams:\n-99\t<s>\t-0.3\n\
        -1.0\t</s>\n-2.0\t<unk>\n-0.5\ta\t-0.2\n-0.7\tb\t-0.1\n\n\\2-grams:\n-0.1\t<s> a\t-0.4\n\
        -0.3\ta b\t0.0\n-0.6\tb </s>\n\n\\3-grams:\n-0.05\t<s> a b\n\n\\end\\\n";

    fn id(token: &str) -> Option<u32> {
        ["a", "b"].iter().position(|t| *t == token).map(|at| at as u32 + 7)
    }

    fn parse(text: &str) -> Result<NgramModel, String> {
        NgramModel::parse(&mut text.as_bytes(), &id)
    }

    fn log10(ln: f32) -> f32 {
        ln / std::f32::consts::LN_10
    }

    fn near(found: f32, expected: f32) {
        assert!((log10(found) - expected).abs() < 1e-5, "{} is not {expected}", log10(found));
    }

    #[test]
    fn known_ngrams_score_as_written_and_others_back_off() {
        let model = parse(SMALL).unwrap();
        let (p, state) = model.next(model.begin(), 7);
        near(p, -0.1);
        let (p, state) = model.next(state, 8);
        near(p, -0.05);
        // The trigram's ending is "a b", of which the end is not known: 0.0 + p(</s> | b).
        near(model.end(state), -0.6);
        // "b a": back-off of b, then the unigram.
        let (p, _) = model.next(state, 7);
        near(p, -0.1 - 0.5);
        // A token outside the model.
        near(model.next(state, 99).0, -0.1 - 2.0);
    }

    #[test]
    fn a_file_may_be_packed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lm.arpa.zst");
        std::fs::write(&path, zstd::encode_all(SMALL.as_bytes(), 3).unwrap()).unwrap();
        let model = NgramModel::read(&path, &id).unwrap();
        assert_eq!(model.order(), 3);
        std::fs::write(&path, &std::fs::read(&path).unwrap()[..40]).unwrap();
        let error = NgramModel::read(&path, &id).unwrap_err().to_string();
        assert!(error.contains("lm.arpa.zst") && error.contains("damaged"), "{error}");
    }

    #[test]
    fn damage_is_named() {
        let cut: String = SMALL.lines().take(13).map(|l| format!("{l}\n")).collect();
        assert!(parse(&cut).unwrap_err().contains("order 2"), "{:?}", parse(&cut));
        assert!(parse("hello\n").unwrap_err().contains("\\data\\"));
        let wrong = SMALL.replace("-0.3\ta b", "nan\ta b");
        assert!(parse(&wrong).unwrap_err().contains("no n-gram of order 2"));
        let many = SMALL.replace("ngram 1=5", "ngram 1=99999999999");
        assert!(parse(&many).unwrap_err().contains("can be read"));
        let long = format!("\\data\\\nngram 1=1\n\n\\1-grams:\n{}\n", "a".repeat(10_000));
        assert!(parse(&long).unwrap_err().contains("longer"));
    }

    #[test]
    fn any_bytes_are_refused_or_read_but_never_panic() {
        let mut bytes = SMALL.as_bytes().to_vec();
        let mut seed = 5_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % bytes.len();
            let before = bytes[at];
            bytes[at] = (seed >> 24) as u8;
            let _ = NgramModel::parse(&mut bytes.as_slice(), &id).map(|m| m.next(m.begin(), 7));
            if seed.is_multiple_of(3) {
                bytes[at] = before;
            }
        }
    }
}

//! Looks over a `tokenizer.json` before it is given to the library, which trusts some of what it finds there and
//! panics, or reads far beyond, where that is wrong. Only such places are looked at; everything else is the
//! library's to refuse.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

/// How deep the parts may nest; the releases have four levels. The library tries several readings per level.
const DEEPEST: usize = 12;

/// The parts of a file that are looked at.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(borrow)]
    model: Model<'a>,
}

/// A model; those without merges are left to the library.
#[derive(Deserialize)]
struct Model<'a> {
    #[serde(borrow, default)]
    vocab: Vocabulary<'a>,
    #[serde(borrow, default)]
    merges: Vec<Merge<'a>>,
    #[serde(borrow, default)]
    continuing_subword_prefix: Option<Cow<'a, str>>,
}

/// The tokens of a vocabulary that is an object; a list has no merges.
#[derive(Default)]
struct Vocabulary<'a>(HashSet<Cow<'a, str>>);

/// A text that is borrowed where it can be.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Vocabulary<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vocabulary<'de>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a vocabulary")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut tokens = HashSet::new();
                while let Some(Word(token)) = map.next_key()? {
                    map.next_value::<serde::de::IgnoredAny>()?;
                    tokens.insert(token);
                }
                Ok(Vocabulary(tokens))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Self::Value, A::Error> {
                while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Vocabulary::default())
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Vocabulary::default())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `"a b"`, or `["a", "b"]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge<'a> {
    Pair(#[serde(borrow)] Word<'a>, #[serde(borrow)] Word<'a>),
    Line(#[serde(borrow)] Word<'a>),
}

impl Merge<'_> {
    fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Pair(a, b) => Some((&a.0, &b.0)),
            Self::Line(line) => line.0.split_once(' '),
        }
    }
}

/// Looks over a file.
///
/// # Errors
/// Says which part the library could not bear, and what is expected there.
pub(super) fn check(json: &[u8]) -> Result<(), String> {
    let parts: Parts<'_> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    for (name, part) in [
        ("normalizer", &parts.normalizer),
        ("pre_tokenizer", &parts.pre_tokenizer),
        ("post_processor", &parts.post_processor),
        ("decoder", &parts.decoder),
    ] {
        part_of(part, DEEPEST).map_err(|problem| format!("{name}: {problem}"))?;
    }
    parts.model.check()
}

impl Model<'_> {
    /// The library joins the two halves of a merge in a place as long as the longest token.
    fn check(&self) -> Result<(), String> {
        let prefix = self.continuing_subword_prefix.as_deref().unwrap_or_default();
        let mut joined = String::new();
        for (at, merge) in self.merges.iter().enumerate() {
            let Some((a, b)) = merge.pair() else { continue };
            joined.clear();
            joined.push_str(a);
            let Some(rest) = b.strip_prefix(prefix) else {
                return Err(format!("model.merges[{at}]: {b:?} does not begin with {prefix:?}"));
            };
            joined.push_str(rest);
            if !self.vocab.0.contains(joined.as_str()) {
                return Err(format!("model.merges[{at}]: {joined:?} is not in the vocabulary"));
            }
        }
        Ok(())
    }
}

/// Looks over a normaliser, a splitter, a template or a decoder, and what they hold.
fn part_of(part: &Value, depth: usize) -> Result<(), String> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(format!("it nests deeper than {DEEPEST} levels"));
    };
    match part {
        Value::Array(items) => items.iter().try_for_each(|item| part_of(item, deeper)),
        Value::Object(fields) => {
            if let Some(table) = fields.get("precompiled_charsmap") {
                let table = table.as_str().ok_or("precompiled_charsmap is no text")?;
                table_of(&base64(table).ok_or("precompiled_charsmap is no base64")?)
                    .map_err(|problem| format!("precompiled_charsmap: {problem}"))?;
            } else if fields.get("type").is_some_and(|kind| kind == "Precompiled") {
                return Err("Precompiled has no precompiled_charsmap".to_owned());
            }
            if fields.get("length").and_then(Value::as_u64) == Some(0) {
                return Err("length is 0, expected 1 or more".to_owned());
            }
            if let Some(stop) = fields.get("stop").filter(|stop| stop.as_u64() != Some(0)) {
                return Err(format!("stop is {stop}, expected 0: only begins are stripped"));
            }
            if let Some(Value::Array(single)) = fields.get("single") {
                template(single, &["A"], fields)?;
            }
            if let Some(Value::Array(pair)) = fields.get("pair") {
                template(pair, &["A", "B"], fields)?;
            }
            fields.values().try_for_each(|field| part_of(field, deeper))
        }
        _ => Ok(()),
    }
}

/// A template's pieces: sequences that are there, and special tokens that it describes.
fn template(
    pieces: &[Value],
    sequences: &[&str],
    fields: &serde_json::Map<String, Value>,
) -> Result<(), String> {
    for piece in pieces {
        let id = |kind: &str| piece.get(kind).map(|piece| piece.get("id").and_then(Value::as_str));
        if let Some(id) = id("Sequence")
            && !id.is_some_and(|id| sequences.contains(&id))
        {
            return Err(format!("a template has {piece}, expected a sequence of {sequences:?}"));
        }
        let Some(id) = id("SpecialToken") else { continue };
        let known = fields.get("special_tokens").and_then(|all| all.get(id?));
        let count = |key: &str| known.and_then(|token| Some(token.get(key)?.as_array()?.len()));
        if count("ids").is_none() || count("ids") != count("tokens") {
            return Err(format!(
                "a template has {piece}, which special_tokens does not give ids and as many tokens"
            ));
        }
    }
    Ok(())
}

/// Bytes of base64 with its padding (RFC 4648, 4); `None` where it is written in another way.
fn base64(text: &str) -> Option<Vec<u8>> {
    let six = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for (at, group) in groups.iter().enumerate() {
        let letters = group.iter().rposition(|c| *c != b'=').map_or(0, |last| last + 1);
        if letters < 2 || (letters < 4 && at + 1 != groups.len()) {
            return None;
        }
        let mut bits = 0_u32;
        for c in &group[..letters] {
            bits = bits << 6 | u32::from(six(*c)?);
        }
        bits <<= 6 * (4 - letters);
        let [_, three @ ..] = bits.to_be_bytes();
        // What is cut off holds nothing.
        if three[letters - 1..].iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend(&three[..letters - 1]);
    }
    rest.is_empty().then_some(bytes)
}

/// SentencePiece's normalisation table: the bytes of a double-array trie (Yata's darts-clone), then texts that
/// its leaves point to. Follows every way through the trie, as no text may lead out of it.
fn table_of(table: &[u8]) -> Result<(), String> {
    let cut = || "it is cut short".to_owned();
    let (size, rest) = table.split_first_chunk::<4>().ok_or_else(cut)?;
    let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| cut())?;
    let (trie, texts) = rest.split_at_checked(size / 4 * 4).ok_or_else(cut)?;
    let texts = std::str::from_utf8(texts).map_err(|_| "its texts are not UTF-8".to_owned())?;
    let units: Vec<u32> =
        trie.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
    let offset = |unit: u32| (unit >> 10) as usize * if unit & 1 << 9 == 0 { 1 } else { 256 };
    let mut seen = vec![false; units.len()];
    let mut open = vec![0_usize];
    while let Some(at) = open.pop() {
        let unit = *units.get(at).ok_or("it has no units")?;
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        let base = at ^ offset(unit);
        if base | 0xff >= units.len() {
            return Err(format!("unit {at} leads out of its {} units", units.len()));
        }
        let leaf = at != 0 && unit >> 8 & 1 == 1;
        if leaf && !texts.is_char_boundary((units[base] & 0x7fff_ffff) as usize) {
            return Err(format!("unit {at} leads out of its texts of {} bytes", texts.len()));
        }
        // A unit belongs to a byte where its label is that byte and it is no leaf's value.
        open.extend((1..=0xff).map(|c| (c, base ^ c)).filter_map(|(c, next)| {
            (units[next] & 0x8000_00ff == u32::try_from(c).ok()?).then_some(next)
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(part: &str) -> Result<(), String> {
        check(
            format!(r#"{{"model": {{"type": "BPE", "vocab": {{}}, "merges": []}}, {part}}}"#)
                .as_bytes(),
        )
    }

    fn model(fields: &str) -> Result<(), String> {
        let vocab = r###"{"a": 0, "b": 1, "##b": 2, "ab": 3, "é": 4}"###;
        check(format!(r#"{{"model": {{"vocab": {vocab}, {fields}}}}}"#).as_bytes())
    }

    #[test]
    fn merges_make_tokens_of_the_vocabulary() {
        assert_eq!(model(r#""merges": ["a b"]"#), Ok(()));
        assert_eq!(model(r#""merges": [["a", "b"]]"#), Ok(()));
        assert_eq!(model(r###""merges": ["a ##b"], "continuing_subword_prefix": "##""###), Ok(()));
        for fields in [
            r#""merges": ["ab ab"]"#,
            r#""merges": [["ab", "b"]]"#,
            r###""merges": ["a b"], "continuing_subword_prefix": "##""###,
            r#""merges": ["a é"], "continuing_subword_prefix": "x""#,
        ] {
            let error = model(fields).unwrap_err();
            assert!(error.starts_with("model.merges[0]: "), "{error}");
        }
        let unigram = br#"{"model": {"type": "Unigram", "vocab": [["a", 0.5]], "unk_id": 0}}"#;
        assert_eq!(check(unigram), Ok(()));
    }

    #[test]
    fn parts_that_the_library_cannot_bear_are_named() {
        for (part, says) in [
            (
                r#""pre_tokenizer": {"type": "FixedLength", "length": 0}"#,
                "pre_tokenizer: length is 0",
            ),
            (
                r#""decoder": {"type": "Sequence", "decoders": [{"type": "Strip", "content": " ", "start": 0, "stop": 1}]}"#,
                "decoder: stop is 1",
            ),
            (
                r#""post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "B", "type_id": 0}}]}"#,
                "post_processor: a template has",
            ),
            (
                r#""post_processor": {"single": [{"SpecialToken": {"id": "x"}}], "special_tokens": {}}"#,
                "special_tokens does not give ids",
            ),
            (
                r#""normalizer": {"type": "Precompiled", "precompiled_charsmap": "A?=="}"#,
                "no base64",
            ),
            (
                r#""normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="}"#,
                "cut short",
            ),
            (
                r#""normalizer": {"type": "Precompiled", "precompile2_charsmap": "AAAA"}"#,
                "Precompiled has no",
            ),
            (r#""normalizer": [[[[[[[[[[[[[[]]]]]]]]]]]]]]"#, "nests deeper"),
        ] {
            let error = file(part).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let sound = r#""post_processor": {"pair": [{"Sequence": {"id": "B"}}, {"SpecialToken": {"id": "x"}}],
            "special_tokens": {"x": {"ids": [1], "tokens": ["x"]}}}, "decoder": null"#;
        assert_eq!(file(sound), Ok(()));
    }

    #[test]
    fn base64_is_read_as_it_is_written_and_in_no_other_way() {
        assert_eq!(base64("QUJDRA==").unwrap(), b"ABCD");
        assert_eq!(base64("QUJD+/8=").unwrap(), [b'A', b'B', b'C', 0xfb, 0xff]);
        assert_eq!(base64("").unwrap(), b"");
        for broken in ["QUJ", "QR==", "Q===", "QUI=QUJD", "QU-D", "===="] {
            assert_eq!(base64(broken), None, "{broken}");
        }
    }

    /// A trie of 256 units in which `a` leads to the text at byte `text`.
    fn table(text: u32, base: u32) -> Vec<u8> {
        let mut units = [0_u32; 256];
        // The root's children lie at their labels; `a` has a leaf at its own base.
        units[usize::from(b'a')] = base << 10 | 1 << 8 | u32::from(b'a');
        units[usize::from(b'a') ^ (base as usize & 0xff)] |= 0x8000_0000 | text;
        let units: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        [&1024_u32.to_le_bytes()[..], &units, "é\0x\0".as_bytes()].concat()
    }

    #[test]
    fn a_normalisation_table_leads_nowhere_else() {
        assert_eq!(table_of(&table(3, 1)), Ok(()));
        assert!(table_of(&table(1, 1)).unwrap_err().contains("out of its texts"));
        assert!(table_of(&table(6, 1)).unwrap_err().contains("out of its texts"));
        assert!(table_of(&table(3, 0x101)).unwrap_err().contains("out of its 256 units"));
        assert!(table_of(&table(3, 1)[..900]).unwrap_err().contains("cut short"));
        assert!(table_of(&[0; 4]).unwrap_err().contains("no units"));
    }
}

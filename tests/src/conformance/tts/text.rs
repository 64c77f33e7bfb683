//! The text front end: every recorded stage of a text, exactly.

use std::path::Path;
use std::rc::Rc;

use anyhow::Context as _;
use companion_tts::text::{
    Lexicon, MixedReader, Mode, Piece, Symbols,
    en::{English, Source},
    split::{self, Cut},
    zh::Chinese,
};
use companion_types::Language;
use serde_json::{Value, json};

use super::{Case, Findings, layout};

/// A text of fewer phones is read twice.
const FEWEST: usize = 6;

/// What reads the cases.
struct Readers {
    chinese: Chinese,
    english: English,
    mixed: MixedReader,
    symbols: Symbols,
}

/// The tables: the folder's own, or those that are shipped.
fn lexicon(root: &Path) -> Lexicon {
    let own = root.join("data");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../static/lexicon");
    Lexicon::new(if own.is_dir() { own } else { shipped })
}

/// A case for every entry of every list of the files in `text`.
pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    let folder = root.join("text");
    if !folder.is_dir() {
        return Ok(cases);
    }
    let lexicon = lexicon(root);
    let readers = Rc::new(Readers {
        chinese: Chinese::new(&lexicon)?,
        english: English::new(&lexicon)?,
        symbols: Symbols::read(&lexicon)?,
        mixed: MixedReader::new(lexicon)?,
    });
    for file in layout::entries(&folder)? {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let place = layout::name(root, &file);
        let described = layout::json(&file)?;
        for (list, entries) in described.as_object().into_iter().flatten() {
            for (i, entry) in entries.as_array().into_iter().flatten().enumerate() {
                let name = format!("{place}/{list}/{i}");
                let (readers, entry) = (Rc::clone(&readers), entry.clone());
                let check = match (stem.as_str(), list.as_str()) {
                    ("zh", _) | ("normalize_more", "zh") => read_chinese,
                    ("en", "words") => read_word,
                    ("en", _) | ("normalize_more", "en") => read_english,
                    ("mixed", _) => read_mixed,
                    ("split", _) => cut,
                    _ => {
                        cases.push(Case::not_built(name, "a front end of this name"));
                        continue;
                    }
                };
                cases.push(Case::new(name, move |_, found| check(&readers, &entry, found)));
            }
        }
    }
    Ok(cases)
}

/// Compares the stages of which something is recorded.
fn compare<const N: usize>(entry: &Value, found: &mut Findings, stages: [(&str, Value); N]) {
    for (stage, got) in stages {
        if let Some(want) = entry.get(stage).filter(|want| !want.is_null()) {
            found.exact(stage, &got, want);
        }
    }
}

fn read_chinese(readers: &Readers, entry: &Value, found: &mut Findings) -> anyhow::Result<()> {
    let stages = readers.chinese.stages(layout::text(entry, "text")?);
    let stages = [
        ("normalized_sentences", json!(stages.normalized_sentences)),
        ("norm_text", json!(stages.norm_text)),
        ("clean_norm_text", json!(stages.clean_norm_text)),
        ("segments", json!(stages.segments)),
        ("jieba", json!(stages.words)),
        ("jieba_merged", json!(stages.merged)),
        ("char_pinyin", json!(stages.char_pinyin)),
        ("phones", json!(stages.phones)),
        ("word2ph", json!(stages.word2ph)),
    ];
    compare(entry, found, stages);
    Ok(())
}

fn read_english(readers: &Readers, entry: &Value, found: &mut Findings) -> anyhow::Result<()> {
    let tags = entry.get("tags").and_then(Value::as_array);
    let tags: Vec<&str> = tags.into_iter().flatten().filter_map(Value::as_str).collect();
    let stages = readers.english.stages(layout::text(entry, "text")?, &tags);
    let owned: usize = stages.word2ph.iter().sum();
    found.exact("phones with a character", &(owned + 1 >= stages.phones.len()), &true);
    let ids: Vec<_> = stages.phones.iter().map(|phone| readers.symbols.id(phone)).collect();
    let stages = [
        ("norm_text", json!(stages.norm_text)),
        ("tokens", json!(stages.tokens)),
        ("raw_phones", json!(stages.raw_phones)),
        ("ids", json!(ids)),
        ("phones", json!(stages.phones)),
    ];
    compare(entry, found, stages);
    Ok(())
}

fn read_word(readers: &Readers, entry: &Value, found: &mut Findings) -> anyhow::Result<()> {
    let word = layout::text(entry, "word")?;
    let (source, phones) = readers.english.word(word);
    let kind = match source {
        Source::Dictionary => "dict",
        Source::Name => "name",
        Source::Spelled => "spell",
        Source::Possessive => "possessive",
        Source::Compound => "compound",
        Source::Guessed => "gru",
    };
    let stages = [
        ("kind", json!(kind)),
        ("wordsegment", json!(readers.english.parts(word))),
        ("phones", json!(phones)),
        ("gru", json!(readers.english.guess(word))),
    ];
    compare(entry, found, stages);
    Ok(())
}

fn read_mixed(readers: &Readers, entry: &Value, found: &mut Findings) -> anyhow::Result<()> {
    let (mixed, text) = (&readers.mixed, layout::text(entry, "text")?);
    let mode = match layout::text(entry, "language")? {
        "all_zh" => Mode::AllChinese,
        "en" => Mode::English,
        _ => Mode::Chinese,
    };
    let pieces = mixed.read(text, mode)?;
    let mut calls = mixed.read_once(text, mode)?;
    if let Some(want) = entry.get("lang_segments").and_then(Value::as_array) {
        let got: Vec<_> = calls.iter().map(|piece| (name(piece.language), &*piece.text)).collect();
        found.exact(
            "lang_segments",
            &got,
            &joined(want)?.iter().map(|(l, t)| (*l, &**t)).collect(),
        );
    }
    if mixed.ids(&calls).len() < FEWEST {
        calls.extend(mixed.read_once(&format!(".{text}"), mode)?);
    }
    let norm_text: String = pieces.iter().map(|piece| piece.read.norm_text.as_str()).collect();
    let call = |piece: &Piece| {
        let is_chinese = piece.language != Language::En;
        json!({
            "lang": name(piece.language),
            "text": piece.text,
            "norm_text": piece.read.norm_text,
            "ids": mixed.ids(std::slice::from_ref(piece)),
            "word2ph": is_chinese.then_some(&piece.read.word2ph),
        })
    };
    let stages = [
        ("calls", json!(calls.iter().map(call).collect::<Vec<_>>())),
        ("ids", json!(mixed.ids(&pieces))),
        ("norm_text", json!(norm_text)),
    ];
    compare(entry, found, stages);
    Ok(())
}

fn name(language: Language) -> &'static str {
    if language == Language::En { "en" } else { "zh" }
}

/// Recorded stretches with neighbours that are not English joined: whether the detector took a few Han
/// characters for Chinese or Japanese decides nothing.
fn joined(segments: &[Value]) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut joined: Vec<(&str, String)> = Vec::new();
    for segment in segments {
        let language = if layout::text(segment, "lang")? == "en" { "en" } else { "zh" };
        let text = layout::text(segment, "text")?;
        match joined.last_mut() {
            Some((last, own)) if *last == language => own.push_str(text),
            _ => joined.push((language, text.to_owned())),
        }
    }
    Ok(joined)
}

fn cut(_: &Readers, entry: &Value, found: &mut Findings) -> anyhow::Result<()> {
    let text = layout::text(entry, "text")?;
    let english = layout::text(entry, "lang")? == "en";
    let language = if english { Language::En } else { Language::Zh };
    for list in ["raw", "pre_seg"] {
        let recorded = entry.get(list).and_then(Value::as_object);
        for (method, want) in recorded.into_iter().flatten() {
            let cut =
                self::method(method).with_context(|| format!("no way to cut named {method}"))?;
            let got = match list {
                "raw" => json!(split::lines(text, cut).join("\n")),
                _ => json!(split::pieces(text, language, cut)),
            };
            found.exact(&format!("{list}/{method}"), &got, want);
        }
    }
    Ok(())
}

/// The way to cut that the reference calls `name`.
fn method(name: &str) -> Option<Cut> {
    Some(match name {
        "cut0" => Cut::Never,
        "cut1" => Cut::FourClauses,
        "cut2" => Cut::FiftyCharacters,
        "cut3" => Cut::ChineseStops,
        "cut4" => Cut::EnglishStops,
        "cut5" => Cut::Marks,
        _ => return None,
    })
}

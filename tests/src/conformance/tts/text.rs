//! The text front end: every recorded stage of a text, exactly. English, splitting and mixed texts are not
//! built yet.

use std::path::Path;
use std::sync::Arc;

use companion_tts::text::{Lexicon, zh::Chinese};
use serde_json::{Value, json};

use super::{Case, layout};

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
    let chinese = Arc::new(Chinese::new(&lexicon(root))?);
    for file in layout::entries(&folder)? {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let place = layout::name(root, &file);
        let described = layout::json(&file)?;
        for (list, entries) in described.as_object().into_iter().flatten() {
            for (i, entry) in entries.as_array().into_iter().flatten().enumerate() {
                let name = format!("{place}/{list}/{i}");
                let is_chinese = stem == "zh" || (stem == "normalize_more" && list == "zh");
                if !is_chinese {
                    cases.push(Case::not_built(name, "the English text front end"));
                    continue;
                }
                let (chinese, entry) = (Arc::clone(&chinese), entry.clone());
                cases.push(Case::new(name, move |_, found| {
                    for (stage, got) in stages(&chinese, layout::text(&entry, "text")?) {
                        if let Some(want) = entry.get(stage).filter(|want| !want.is_null()) {
                            found.exact(stage, &got, want);
                        }
                    }
                    Ok(())
                }));
            }
        }
    }
    Ok(cases)
}

/// The stages by their recorded names.
fn stages(chinese: &Chinese, text: &str) -> [(&'static str, Value); 9] {
    let stages = chinese.stages(text);
    [
        ("normalized_sentences", json!(stages.normalized_sentences)),
        ("norm_text", json!(stages.norm_text)),
        ("clean_norm_text", json!(stages.clean_norm_text)),
        ("segments", json!(stages.segments)),
        ("jieba", json!(stages.words)),
        ("jieba_merged", json!(stages.merged)),
        ("char_pinyin", json!(stages.char_pinyin)),
        ("phones", json!(stages.phones)),
        ("word2ph", json!(stages.word2ph)),
    ]
}

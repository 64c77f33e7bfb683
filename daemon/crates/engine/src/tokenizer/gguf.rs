//! The tokenizer inside a GGUF: byte-level BPE ("gpt2") with the split patterns of Qwen2 and Llama 3. It is
//! brought into the form of the releases' `tokenizer.json`, so that there is one way to make a tokenizer.

use candle_core::quantized::gguf_file::Value as Meta;
use serde_json::{Map, Value, json};

use super::TextTokenizer;
use crate::EngineError;
use crate::weights::GgufFile;

/// Kinds of tokens (ggml's `llama_token_type`).
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;

/// The digits a split keeps together: the only difference between the patterns of the two.
fn split_pattern(digits: &str) -> String {
    format!(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{{L}}\\p{{N}}]?\\p{{L}}+|{digits}| \
         ?[^\\s\\p{{L}}\\p{{N}}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    )
}

/// What a file's `tokenizer.ggml.pre` means.
struct Splitting {
    pattern: String,
    normalizer: Value,
    /// Words that are tokens are not put together from merges.
    ignore_merges: bool,
    /// Whether a text begins with the begin token where the file does not say (as in llama.cpp).
    begins: bool,
}

fn splitting(name: &str) -> Option<Splitting> {
    match name {
        "qwen2" | "deepseek-r1-qwen" => Some(Splitting {
            pattern: split_pattern("\\p{N}"),
            normalizer: json!({ "type": "NFC" }),
            ignore_merges: false,
            begins: false,
        }),
        "llama-bpe" | "llama3" | "llama-v3" => Some(Splitting {
            pattern: split_pattern("\\p{N}{1,3}"),
            normalizer: Value::Null,
            ignore_merges: true,
            begins: true,
        }),
        _ => None,
    }
}

fn strings(file: &GgufFile, key: &str) -> Result<Vec<String>, EngineError> {
    let values = file.list(key)?;
    let texts = values.iter().map(|value| match value {
        Meta::String(text) => Ok(text.clone()),
        _ => Err(file.wrong(key, "holds something that is no text")),
    });
    texts.collect()
}

fn kinds(file: &GgufFile, count: usize) -> Result<Vec<i64>, EngineError> {
    const KEY: &str = "tokenizer.ggml.token_type";
    if file.value(KEY).is_none() {
        return Ok(vec![1; count]);
    }
    let values = file.list(KEY)?;
    if values.len() != count {
        let problem = format!("has {} entries for {count} tokens", values.len());
        return Err(file.wrong(KEY, &problem));
    }
    let kinds = values.iter().map(|value| match value {
        Meta::I32(kind) => Ok(i64::from(*kind)),
        Meta::U32(kind) => Ok(i64::from(*kind)),
        _ => Err(file.wrong(KEY, "holds something that is no number")),
    });
    kinds.collect()
}

/// What the tokenizer adds around a text: the begin token, where the file says so, or usually.
fn framing(file: &GgufFile, byte_level: &Value, usually: bool) -> Result<Value, EngineError> {
    let begins = match file.value("tokenizer.ggml.add_bos_token") {
        Some(value) => matches!(value, Meta::Bool(true)),
        None => usually && file.value("tokenizer.ggml.bos_token_id").is_some(),
    };
    if !begins {
        return Ok(byte_level.clone());
    }
    let id = file.number("tokenizer.ggml.bos_token_id")?;
    let Some(token) = file.token(id) else {
        return Err(file.wrong("tokenizer.ggml.bos_token_id", "is no token"));
    };
    let begin = json!({ "SpecialToken": { "id": token, "type_id": 0 } });
    let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    Ok(json!({ "type": "TemplateProcessing", "single": [begin, text], "pair": [begin, text],
        "special_tokens": { token: { "id": token, "ids": [id], "tokens": [token] } } }))
}

impl TextTokenizer {
    /// Makes the tokenizer that a GGUF describes.
    ///
    /// # Errors
    /// When it describes none, one that is not byte-level BPE, or a splitting that is not known.
    pub fn of_gguf(file: &GgufFile) -> Result<Self, EngineError> {
        const MODEL: &str = "tokenizer.ggml.model";
        const PRE: &str = "tokenizer.ggml.pre";
        if file.text(MODEL)? != "gpt2" {
            let problem = format!("is {:?}, expected \"gpt2\"", file.text(MODEL)?);
            return Err(file.wrong(MODEL, &problem));
        }
        let Some(splitting) = splitting(file.text(PRE)?) else {
            let problem = format!("is {:?}, expected qwen2 or llama-bpe", file.text(PRE)?);
            return Err(file.wrong(PRE, &problem));
        };
        let tokens = strings(file, "tokenizer.ggml.tokens")?;
        let merges = strings(file, "tokenizer.ggml.merges")?;
        let kinds = kinds(file, tokens.len())?;
        let (mut vocabulary, mut added) = (Map::new(), Vec::new());
        for (id, (token, kind)) in tokens.into_iter().zip(kinds).enumerate() {
            match kind {
                CONTROL | USER_DEFINED => added.push(json!({
                    "id": id, "content": token, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": kind == CONTROL,
                })),
                UNUSED => {}
                _ => {
                    vocabulary.insert(token, id.into());
                }
            }
        }
        let byte_level = json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
            "use_regex": false,
        });
        let described = json!({
            "version": "1.0",
            "added_tokens": added,
            "normalizer": splitting.normalizer,
            "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": splitting.pattern },
                  "behavior": "Isolated", "invert": false },
                byte_level,
            ]},
            "post_processor": framing(file, &byte_level, splitting.begins)?,
            "decoder": byte_level,
            "model": {
                "type": "BPE", "ignore_merges": splitting.ignore_merges,
                "vocab": vocabulary, "merges": merges,
            },
        });
        let inner = serde_json::to_vec(&described)
            .map_err(|e| e.to_string())
            .and_then(|bytes| Self::of_json(&bytes));
        inner.map_err(|problem| file.wrong("tokenizer.ggml.merges", &problem))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file::write;

    use super::*;

    /// A file of bytes, two merges and two added tokens.
    fn file(change: impl Fn(&mut Vec<(&str, Meta)>)) -> GgufFile {
        let mut letters: Vec<(u8, char)> =
            crate::tokenizer::byte_table().into_iter().map(|(c, b)| (b, c)).collect();
        letters.sort_unstable();
        let mut tokens: Vec<String> = letters.iter().map(|(_, c)| c.to_string()).collect();
        tokens.extend(["th", "the", "12", "<|im_end|>", "<tool_call>"].map(str::to_owned));
        let kinds =
            (0..tokens.len()).map(|id| Meta::I32(if id < 259 { 1 } else { id as i32 - 256 }));
        let text = |t: &str| Meta::String(t.to_owned());
        let mut metadata = vec![
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text("qwen2")),
            ("tokenizer.ggml.token_type", Meta::Array(kinds.collect())),
            ("tokenizer.ggml.merges", Meta::Array(vec![text("t h"), text("th e"), text("1 2")])),
            ("tokenizer.ggml.tokens", Meta::Array(tokens.iter().map(|t| text(t)).collect())),
            ("tokenizer.chat_template", text("{{ messages[0].content }}")),
        ];
        change(&mut metadata);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let pairs: Vec<(&str, &Meta)> = metadata.iter().map(|(k, v)| (*k, v)).collect();
        write(&mut std::fs::File::create(&path).unwrap(), &pairs, &[]).unwrap();
        GgufFile::open(&path).unwrap()
    }

    #[test]
    fn words_are_merged_and_added_tokens_found_in_the_text() {
        let tokenizer = TextTokenizer::of_gguf(&file(|_| ())).unwrap();
        let ids = tokenizer.encode("the é<|im_end|><tool_call>", false).unwrap();
        assert_eq!(ids, [257, 32, 0xc3, 0xa9, 259, 260]);
        assert!(tokenizer.is_special(259) && !tokenizer.is_special(260));
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), "the é<tool_call>");
        // A letter and an accent become one letter first.
        assert_eq!(tokenizer.encode("e\u{301}", false).unwrap(), [0xc3, 0xa9]);
    }

    #[test]
    fn qwen_splits_digits_and_llama_keeps_three_together() {
        let digits = |pre: &'static str| {
            let file = file(|metadata| metadata[1].1 = Meta::String(pre.to_owned()));
            TextTokenizer::of_gguf(&file).unwrap().encode("12", false).unwrap()
        };
        assert_eq!(digits("qwen2"), [u32::from(b'1'), u32::from(b'2')]);
        assert_eq!(digits("llama-bpe"), [258]);
    }

    #[test]
    fn the_begin_token_is_added_where_the_file_says_so() {
        let file = file(|metadata| {
            metadata.push(("tokenizer.ggml.add_bos_token", Meta::Bool(true)));
            metadata.push(("tokenizer.ggml.bos_token_id", Meta::U32(259)));
        });
        let tokenizer = TextTokenizer::of_gguf(&file).unwrap();
        assert_eq!(tokenizer.encode("the", true).unwrap(), [259, 257]);
        assert_eq!(tokenizer.encode("the", false).unwrap(), [257]);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (at, value, says) in [
            (0, Meta::String("llama".into()), "tokenizer.ggml.model"),
            (1, Meta::String("starcoder".into()), "starcoder"),
            (2, Meta::Array(vec![Meta::I32(1)]), "1 entries for 261 tokens"),
            (3, Meta::Array(vec![Meta::String("x yz".into())]), "tokenizer.ggml.merges"),
            (4, Meta::Array(vec![Meta::I32(1)]), "tokenizer.ggml.tokens"),
        ] {
            let file = file(|metadata| metadata[at].1 = value.clone());
            let error = TextTokenizer::of_gguf(&file).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let file = file(|metadata| metadata.truncate(4));
        let error = TextTokenizer::of_gguf(&file).unwrap_err().to_string();
        assert!(error.contains("tokenizer.ggml.tokens"), "{error}");
    }
}

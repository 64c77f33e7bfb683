//! Texts to vectors: an encoder, the pooling its release names, L2 normalisation. BGE-M3 (Chen et al. 2024)
//! adds a weight per token and a vector per token ("sparse" and "ColBERT"). One text at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Result, Tensor};

use super::bert::Bert;
use super::decoder::Decoder;
use super::settings::Settings;
use crate::EngineError;
use crate::tokenizer::TextTokenizer;
use crate::weights::{ShardedWeights, TensorFile};

type Loaded<T> = std::result::Result<T, EngineError>;

#[derive(Debug)]
enum Encoder {
    Bert(Box<Bert>),
    Decoder(Box<Decoder>),
}

/// Which hidden states make the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    First,
    Mean,
    Last,
}

#[derive(Debug)]
struct TokenHeads {
    /// `[hidden, 1]` and bias.
    sparse: (Tensor, Tensor),
    /// `[hidden, width]` and bias.
    colbert: (Tensor, Tensor),
}

/// What a text becomes.
#[derive(Debug, Clone)]
pub struct Embedding {
    /// Unit vector of the text.
    pub dense: Vec<f32>,
    /// Weight of every token, where the model gives them.
    pub token_weights: Option<Vec<f32>>,
    /// Unit vectors `[tokens - 1, width]` of all tokens but the first, where the model gives them.
    pub colbert: Option<Tensor>,
    /// Hidden states `[tokens, hidden]`.
    pub hidden: Tensor,
}

/// A loaded embedder. One owner.
#[derive(Debug)]
pub struct Embedder {
    encoder: Encoder,
    pooling: Pooling,
    heads: Option<TokenHeads>,
    tokenizer: TextTokenizer,
    max_length: usize,
    /// What stands before a question.
    query_prompt: String,
    /// Whether texts are read in lower case, whatever the tokenizer does (the English BGE models say so).
    lower_case: bool,
}

fn failed(source: candle_core::Error) -> EngineError {
    EngineError::Compute { stage: "the embedder", source }
}

impl Embedder {
    /// Loads a release directory: a BERT, an XLM-R or a decoder, with sentence-transformers' files.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the architecture or pooling is not built.
    pub fn load(directory: &Path, device: &Device) -> Loaded<Self> {
        let config = Settings::open(&directory.join("config.json"))?;
        let bert = matches!(config.text("model_type", None)?, "bert" | "xlm-roberta");
        let encoder = if bert {
            Encoder::Bert(Box::new(Bert::load(
                directory,
                ShardedWeights::open(directory)?,
                0,
                device,
            )?))
        } else {
            Encoder::Decoder(Box::new(Decoder::load_headless(directory, device)?))
        };
        refuse_modules(directory)?;
        let most = match &encoder {
            Encoder::Bert(bert) => bert.longest(),
            Encoder::Decoder(_) => config.size("max_position_embeddings", Some(512))?,
        };
        let max_length = longest(directory, most)?;
        Ok(Self {
            encoder,
            pooling: pooling(directory, usual_pooling(directory, &config)?)?,
            heads: TokenHeads::load(directory, config.size("hidden_size", None)?, device)?,
            tokenizer: TextTokenizer::open(directory)?,
            max_length,
            query_prompt: query_prompt(directory)?,
            lower_case: lower_case(directory)?,
        })
    }

    /// Ids of a text with the model's own tokens around it, cut to its longest length; the last token
    /// is kept.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn ids(&self, text: &str) -> Loaded<Vec<u32>> {
        let text =
            if self.lower_case { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) };
        let mut ids = self.tokenizer.encode(&text, true)?;
        if ids.len() > self.max_length {
            let last = ids.last().copied();
            ids.truncate(self.max_length.saturating_sub(1));
            ids.extend(last);
        }
        Ok(ids)
    }

    /// Ids of a question, told to be one where the release does so (Qwen3-Embedding: `Instruct: …`).
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn query_ids(&self, query: &str) -> Loaded<Vec<u32>> {
        self.ids(&format!("{}{query}", self.query_prompt))
    }

    /// The vectors of `ids`, which hold no padding.
    ///
    /// # Errors
    /// When an id is outside the vocabulary, there are too many, or the device fails.
    pub fn embed(&mut self, ids: &[u32]) -> Loaded<Embedding> {
        let hidden = match &mut self.encoder {
            Encoder::Bert(bert) => bert.hidden(ids, &mut |_, _| Ok(()))?,
            Encoder::Decoder(decoder) => {
                decoder.truncate(0);
                decoder.hidden(ids, true, None)?
            }
        };
        self.pool(hidden).map_err(failed)
    }

    fn pool(&self, hidden: Tensor) -> Result<Embedding> {
        let rows = hidden.dim(0)?;
        let pooled = match self.pooling {
            Pooling::First => hidden.narrow(0, 0, 1)?,
            Pooling::Mean => hidden.mean_keepdim(0)?,
            Pooling::Last => hidden.narrow(0, rows - 1, 1)?,
        };
        let dense = unit(&pooled)?.flatten_all()?.to_vec1()?;
        let Some(heads) = &self.heads else {
            return Ok(Embedding { dense, token_weights: None, colbert: None, hidden });
        };
        let apply = |x: &Tensor, map: &(Tensor, Tensor)| x.matmul(&map.0)?.broadcast_add(&map.1);
        let weights = apply(&hidden, &heads.sparse)?.relu()?.flatten_all()?.to_vec1()?;
        let rest = hidden.narrow(0, 1, rows - 1)?.contiguous()?;
        let colbert = unit(&apply(&rest, &heads.colbert)?)?;
        Ok(Embedding { dense, token_weights: Some(weights), colbert: Some(colbert), hidden })
    }

    /// The largest positive weight of each token id, without the model's own tokens.
    #[must_use]
    pub fn lexical_weights(&self, ids: &[u32], weights: &[f32]) -> BTreeMap<u32, f32> {
        let own: Vec<u32> = ["<s>", "</s>", "<pad>", "<unk>"]
            .iter()
            .filter_map(|token| self.tokenizer.id(token))
            .collect();
        let mut found = BTreeMap::new();
        for (id, weight) in ids.iter().zip(weights) {
            if *weight > 0.0 && !own.contains(id) {
                let most: &mut f32 = found.entry(*id).or_default();
                *most = most.max(*weight);
            }
        }
        found
    }
}

/// Rows divided by their L2 norm.
fn unit(x: &Tensor) -> Result<Tensor> {
    let length = x.sqr()?.sum_keepdim(1)?.sqrt()?.clamp(1e-12, f64::INFINITY)?;
    x.broadcast_div(&length)
}

/// Positions of XLM-RoBERTa itself; BGE-M3, and what was made from it, has more.
const POSITIONS_OF_XLM_R: usize = 514;

/// Where nothing says which hidden states are taken: the mean of an encoder, as sentence-transformers does, and
/// the last of a decoder. BGE-M3's own library takes the first and needs no such file; it is told by its further
/// maps or, where these were left out, by its positions.
fn usual_pooling(directory: &Path, config: &Settings) -> Loaded<Pooling> {
    let kind = config.text("model_type", None)?;
    let maps = ["sparse_linear.pt", "colbert_linear.pt"];
    let m3 = maps.iter().any(|name| directory.join(name).is_file())
        || config.size("max_position_embeddings", Some(POSITIONS_OF_XLM_R))? > POSITIONS_OF_XLM_R;
    Ok(match kind {
        "xlm-roberta" if m3 => Pooling::First,
        "bert" | "xlm-roberta" => Pooling::Mean,
        _ => Pooling::Last,
    })
}

/// Tokens that a text may have: what sentence-transformers' file says, or the tokenizer's, but not more than `most`.
fn longest(directory: &Path, most: usize) -> Loaded<usize> {
    for (file, key) in [
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ] {
        let file = directory.join(file);
        if !file.is_file() {
            continue;
        }
        let s = Settings::open(&file)?;
        // (A tokenizer without a limit names a number of thirty digits.)
        if let Some(length) = s.get(key).and_then(serde_json::Value::as_u64) {
            return Ok(usize::try_from(length).unwrap_or(most).clamp(1, most));
        }
    }
    Ok(most)
}

/// Whether sentence-transformers' file has texts read in lower case.
fn lower_case(directory: &Path) -> Loaded<bool> {
    let file = directory.join("sentence_bert_config.json");
    if file.is_file() { Settings::open(&file)?.flag("do_lower_case", false) } else { Ok(false) }
}

/// What sentence-transformers' file puts before a question; nothing where it says nothing.
fn query_prompt(directory: &Path) -> Loaded<String> {
    let file = directory.join("config_sentence_transformers.json");
    if !file.is_file() {
        return Ok(String::new());
    }
    let prompts = Settings::open(&file)?.inner("prompts");
    let prompt = prompts.as_ref().map(|prompts| prompts.text("query", Some(""))).transpose()?;
    Ok(prompt.unwrap_or_default().to_owned())
}

/// Refuses modules of sentence-transformers that would change the vectors and are not computed here.
fn refuse_modules(directory: &Path) -> Loaded<()> {
    let file = directory.join("modules.json");
    if !file.is_file() {
        return Ok(());
    }
    let malformed = |problem: String| EngineError::Malformed { file: file.clone(), problem };
    let json: serde_json::Value = serde_json::from_slice(&crate::weights::read_small(&file)?)
        .map_err(|error| malformed(error.to_string()))?;
    for module in json.as_array().map(Vec::as_slice).unwrap_or_default() {
        let kind = module["type"].as_str().unwrap_or_default();
        let name = kind.rsplit('.').next().unwrap_or_default();
        if !["Transformer", "Pooling", "Normalize"].contains(&name) {
            return Err(malformed(format!(
                "it has a module {kind:?}, expected Transformer, Pooling and Normalize alone"
            )));
        }
    }
    Ok(())
}

/// What sentence-transformers' file says, `usual` where there is none.
fn pooling(directory: &Path, usual: Pooling) -> Loaded<Pooling> {
    let file = directory.join("1_Pooling/config.json");
    if !file.is_file() {
        return Ok(usual);
    }
    let s = Settings::open(&file)?;
    match s.text("pooling_mode", Some(""))? {
        "" => {}
        "cls" => return Ok(Pooling::First),
        "mean" | "mean_sqrt_len" => return Ok(Pooling::Mean),
        "lasttoken" => return Ok(Pooling::Last),
        other => {
            let problem = format!("is {other:?}, expected cls, mean, mean_sqrt_len or lasttoken");
            return Err(s.wrong("pooling_mode", problem));
        }
    }
    let mut found = Vec::new();
    for (key, pooling) in [
        ("pooling_mode_cls_token", Pooling::First),
        ("pooling_mode_mean_tokens", Pooling::Mean),
        // (A mean but for its length, which no vector keeps.)
        ("pooling_mode_mean_sqrt_len_tokens", Pooling::Mean),
        ("pooling_mode_lasttoken", Pooling::Last),
    ] {
        if s.flag(key, false)? {
            found.push(pooling);
        }
    }
    match found.as_slice() {
        [one] => Ok(*one),
        _ => Err(s.wrong("pooling_mode", "expected one of cls_token, mean_tokens, lasttoken")),
    }
}

impl TokenHeads {
    fn load(directory: &Path, width: usize, device: &Device) -> Loaded<Option<Self>> {
        let files = ["sparse_linear.pt", "colbert_linear.pt"].map(|name| directory.join(name));
        if !files.iter().all(|file| file.is_file()) {
            return Ok(None);
        }
        let read = |file: &Path| -> Loaded<(Tensor, Tensor)> {
            let mut file = TensorFile::open(file)?;
            let out = file.shape("weight").and_then(|s| s.first().copied()).unwrap_or(1);
            let weight = file.tensor("weight", &[out, width], device)?;
            let weight = weight.t().map_err(failed)?;
            Ok((weight, file.tensor("bias", &[out], device)?))
        };
        Ok(Some(Self { sparse: read(&files[0])?, colbert: read(&files[1])? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pooling of a directory with these files beside `config.json`.
    fn pooled(config: &str, beside: &[(&str, &str)]) -> Pooling {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("config.json", config);
        beside.iter().for_each(|(name, text)| write(name, text));
        let config = Settings::open(&folder.path().join("config.json")).unwrap();
        pooling(folder.path(), usual_pooling(folder.path(), &config).unwrap()).unwrap()
    }

    #[test]
    fn bge_m3_takes_the_first_token_although_nothing_says_so() {
        let xlm = |positions: usize| {
            format!(r#"{{"model_type": "xlm-roberta", "max_position_embeddings": {positions}}}"#)
        };
        assert_eq!(pooled(&xlm(8194), &[]), Pooling::First);
        assert_eq!(pooled(&xlm(514), &[("sparse_linear.pt", "")]), Pooling::First);
        assert_eq!(pooled(&xlm(514), &[]), Pooling::Mean);
        assert_eq!(pooled(r#"{"model_type": "bert"}"#, &[]), Pooling::Mean);
        assert_eq!(pooled(r#"{"model_type": "qwen3"}"#, &[]), Pooling::Last);
        let said = [("1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": true}"#)];
        assert_eq!(pooled(&xlm(8194), &said), Pooling::Mean);
    }

    #[test]
    fn what_sentence_transformers_say_is_kept_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let length = || longest(folder.path(), 512).map_err(|error| error.to_string());
        assert_eq!(length(), Ok(512));
        write("tokenizer_config.json", r#"{"model_max_length": 1000000000000000019884624838656}"#);
        assert_eq!(length(), Ok(512));
        write("tokenizer_config.json", r#"{"model_max_length": 256}"#);
        assert_eq!(length(), Ok(256));
        write("sentence_bert_config.json", r#"{"max_seq_length": 128, "do_lower_case": false}"#);
        assert_eq!(length(), Ok(128));
        assert!(!lower_case(folder.path()).unwrap());
        write("sentence_bert_config.json", r#"{"max_seq_length": 128, "do_lower_case": true}"#);
        assert!(lower_case(folder.path()).unwrap());
        let modules = |last: &str| {
            let text = format!(
                r#"[{{"type": "sentence_transformers.models.Transformer"}}, {{"type": "sentence_transformers.models.{last}"}}]"#
            );
            write("modules.json", &text);
            refuse_modules(folder.path()).map_err(|error| error.to_string())
        };
        assert_eq!(query_prompt(folder.path()).unwrap(), "");
        write(
            "config_sentence_transformers.json",
            r#"{"prompts": {"query": "Find: ", "document": ""}}"#,
        );
        assert_eq!(query_prompt(folder.path()).unwrap(), "Find: ");
        assert_eq!(modules("Pooling"), Ok(()));
        assert!(modules("Dense").unwrap_err().contains("Dense"));
    }

    #[test]
    fn rows_become_unit_vectors() {
        let x = Tensor::new(&[[3f32, 4.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        assert_eq!(unit(&x).unwrap().to_vec2::<f32>().unwrap(), [[0.6, 0.8], [0.0, 0.0]]);
    }
}

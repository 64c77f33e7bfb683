//! The phones of a clause as numbers, with what BERT reads in its Chinese stretches.

use companion_engine::EngineError;
use companion_engine::models::gpt_sovits::bert::{Bert, per_phone};
use companion_engine::models::gpt_sovits::voice::Words;
use companion_engine::tokenizer::TextTokenizer;
use companion_tts::{ClauseReader, ReadClause, Stretch};
use companion_types::Language;

/// Token of a character that the vocabulary does not have, and the marks at both ends.
const UNKNOWN: &str = "[UNK]";
const BEGIN: &str = "[CLS]";
const END: &str = "[SEP]";

/// Reads prosody.
pub(super) struct Prosody {
    bert: Bert,
    tokenizer: TextTokenizer,
    width: usize,
}

/// Numbers of a clause.
#[derive(Debug, Clone, Default)]
pub(super) struct ClauseWords {
    phones: Vec<u32>,
    /// `[width, phones]`, row-major.
    bert: Vec<f32>,
}

impl ClauseWords {
    pub(super) fn view(&self) -> Words<'_> {
        Words { phones: &self.phones, bert: &self.bert }
    }
}

impl Prosody {
    /// Features are `width` long.
    pub(super) fn new(bert: Bert, tokenizer: TextTokenizer, width: usize) -> Self {
        Self { bert, tokenizer, width }
    }

    /// The phones of a clause and their features: zeros for what is not Chinese.
    pub(super) fn words(
        &self,
        clause: &ReadClause,
        reader: &ClauseReader,
    ) -> Result<ClauseWords, EngineError> {
        let phones: Vec<u32> = clause.phones().map(|(p, _)| u32::from(reader.id(p))).collect();
        let mut bert = vec![0.0; self.width * phones.len()];
        let mut start = 0;
        for stretch in &clause.stretches {
            let own: usize = stretch.read.word2ph.iter().sum();
            start += stretch.read.phones.len();
            if stretch.language == Language::Zh {
                // A pause that was put in front has no character, and no feature.
                let mut place = start.saturating_sub(own);
                for (features, count) in self.features(stretch)? {
                    for (row, values) in features.chunks_exact(count.max(1)).enumerate() {
                        let at = row * phones.len() + place;
                        if let Some(out) = bert.get_mut(at..at + count) {
                            out.copy_from_slice(values);
                        }
                    }
                    place += count;
                }
            }
        }
        Ok(ClauseWords { phones, bert })
    }

    /// `[width, phones]` of a Chinese stretch and the number of phones, piece by piece: BERT reads only so many
    /// characters at once.
    fn features(&self, stretch: &Stretch) -> Result<Vec<(Vec<f32>, usize)>, EngineError> {
        let id = |token: &str| self.tokenizer.id(token);
        let unknown = id(UNKNOWN).unwrap_or_default();
        let character = |c: char| id(c.encode_utf8(&mut [0; 4])).unwrap_or(unknown);
        let (begin, end) = (id(BEGIN).unwrap_or(unknown), id(END).unwrap_or(unknown));
        let ids: Vec<u32> = stretch.read.norm_text.chars().map(character).collect();
        let most = self.bert.longest().saturating_sub(2).max(1);
        ids.chunks(most)
            .zip(stretch.read.word2ph.chunks(most))
            .map(|(ids, word2ph)| {
                let marked = [&[begin], ids, &[end]].concat();
                let hidden = self.bert.hidden(&marked, &mut |_, _| Ok(()))?;
                Ok((per_phone(&hidden, word2ph)?, word2ph.iter().sum()))
            })
            .collect()
    }
}

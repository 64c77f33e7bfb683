//! What the reference clips say of a voice, by emotion: read once, kept on disk, read again when a clip, its words
//! or the model changes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use companion_audio::read_wav_mono;
use companion_engine::Device;
use companion_engine::models::gpt_sovits::GptSovitsFolder;
use companion_engine::models::gpt_sovits::pipeline::Pipeline;
use companion_engine::models::gpt_sovits::voice::{Clip, Readers, Voice};
use companion_tts::verbalize::Pronunciations;
use companion_tts::{ClauseReader, ReferenceSettings, SynthesizerError};
use companion_types::{Emotion, ErrorKind, Language};

use super::prosody::{ClauseWords, Prosody};
use super::{VoiceParts, failed};

/// Stands in for emotions without a reference of their own.
const CALM: &str = "calm";

/// All references.
pub(super) struct References {
    by_emotion: BTreeMap<String, (Voice, f64)>,
    calm: (Voice, f64),
}

/// A clip and what is said in it.
struct Source<'a> {
    key: &'a str,
    settings: &'a ReferenceSettings,
    clips: Vec<Vec<u8>>,
}

fn wrong(message: String) -> SynthesizerError {
    SynthesizerError { message, kind: ErrorKind::InvalidArgument }
}

impl References {
    pub(super) fn read(
        parts: &VoiceParts,
        files: &GptSovitsFolder,
        pipeline: &Pipeline,
        prosody: &Prosody,
        reader: &ClauseReader,
        device: &Device,
    ) -> Result<Self, SynthesizerError> {
        let mut readers: Option<Readers> = None;
        let mut plain: BTreeMap<String, Voice> = BTreeMap::new();
        for (key, settings) in &parts.settings.emotions {
            let source = Source::open(&parts.clips, key, settings)?;
            let kept = parts.kept.join(format!("{key}-{:016x}.voice", source.mark(files)));
            let known = std::fs::read(&kept).ok().and_then(|bytes| {
                let voice = Voice::from_bytes(&bytes, device);
                voice.map_err(|error| tracing::warn!(%error, "a kept reference is read again")).ok()
            });
            let voice = match known {
                Some(voice) => voice,
                None => {
                    let readers = match &mut readers {
                        Some(readers) => readers,
                        none => none.insert(files.readers(device).map_err(|e| failed(&e))?),
                    };
                    let voice = source.voice(readers, pipeline, prosody, reader)?;
                    keep(&kept, &voice);
                    voice
                }
            };
            plain.insert(key.clone(), voice);
        }
        Self::blended(plain, &parts.settings.emotions)
    }

    /// Brings each emotion as near to calm as its intensity says.
    fn blended(
        plain: BTreeMap<String, Voice>,
        settings: &BTreeMap<String, ReferenceSettings>,
    ) -> Result<Self, SynthesizerError> {
        let calm = plain.get(CALM).cloned().ok_or_else(|| wrong("no reference for calm".into()))?;
        let mut by_emotion = BTreeMap::new();
        for (key, voice) in plain {
            let Some(settings) = settings.get(&key) else { continue };
            let voice = voice.blended(&calm, 1.0 - settings.intensity).map_err(|e| failed(&e))?;
            by_emotion.insert(key, (voice, settings.speed));
        }
        let speed = settings.get(CALM).map_or(1.0, |settings| settings.speed);
        Ok(Self { by_emotion, calm: (calm, speed) })
    }

    /// The reference of an emotion, and how fast it is.
    pub(super) fn of(&self, emotion: &Emotion) -> (&Voice, f64) {
        let (voice, speed) = self.by_emotion.get(emotion.key()).unwrap_or(&self.calm);
        (voice, *speed)
    }

    pub(super) fn calm(&self) -> &Voice {
        &self.calm.0
    }
}

/// Writes what was read of a clip; without it, it is read again next time.
fn keep(path: &Path, voice: &Voice) {
    let write = || -> Result<(), Box<dyn std::error::Error>> {
        let bytes = voice.to_bytes()?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        Ok(())
    };
    if let Err(error) = write() {
        tracing::warn!(%error, path = %path.display(), "a reference is not kept");
    }
}

impl<'a> Source<'a> {
    fn open(
        folder: &Path,
        key: &'a str,
        settings: &'a ReferenceSettings,
    ) -> Result<Self, SynthesizerError> {
        let read = |name: &std::path::PathBuf| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| SynthesizerError {
                message: format!("reference clip of {key}, {}: {error}", path.display()),
                kind: ErrorKind::NotFound,
            })
        };
        let clips = std::iter::once(&settings.clip)
            .chain(&settings.more)
            .map(read)
            .collect::<Result<_, _>>()?;
        Ok(Self { key, settings, clips })
    }

    /// Changes with the clips, their words and the models that read them.
    fn mark(&self, files: &GptSovitsFolder) -> u64 {
        let mut clips = crc32fast::Hasher::new();
        self.clips.iter().for_each(|clip| clips.update(clip));
        let mut rest = crc32fast::Hasher::new();
        rest.update(self.settings.text.as_bytes());
        for path in files.reading() {
            let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
            rest.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            rest.update(&size.to_le_bytes());
        }
        u64::from(clips.finalize()) << 32 | u64::from(rest.finalize())
    }

    fn voice(
        &self,
        readers: &Readers,
        pipeline: &Pipeline,
        prosody: &Prosody,
        reader: &ClauseReader,
    ) -> Result<Voice, SynthesizerError> {
        let decode = |bytes: &Vec<u8>| {
            read_wav_mono(bytes.as_slice()).map_err(|error| {
                wrong(format!(
                    "reference clip of {}, {}: {error}",
                    self.key,
                    self.settings.clip.display()
                ))
            })
        };
        let clips = self.clips.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        let clips: Vec<Clip<'_>> =
            clips.iter().map(|(pcm, rate)| Clip { pcm, rate: rate.0 }).collect();
        let text = &self.settings.text;
        let language = Language::of_text(text);
        let clause = reader.read(&ended(text, language), language, &Pronunciations::default());
        let words = if clause.is_empty() {
            ClauseWords::default()
        } else {
            prosody.words(&clause, reader).map_err(|e| failed(&e))?
        };
        let Some((first, further)) = clips.split_first() else {
            return Err(wrong(format!("{} has no clip", self.key)));
        };
        let words = Some(words.view()).filter(|words| !words.phones.is_empty());
        Voice::read(readers, pipeline.synthesizer(), first, further, words).map_err(|error| {
            let clip = self.settings.clip.display();
            wrong(format!("reference clip of {}, {clip}: {error}", self.key))
        })
    }
}

/// A reference's words end with a mark, as the voices were trained.
fn ended(text: &str, language: Language) -> String {
    let text = text.trim();
    let marked =
        text.ends_with(['，', '。', '？', '！', ',', '.', '?', '!', '~', ':', '：', '—', '…']);
    match (text.is_empty() || marked, language) {
        (true, _) => text.to_owned(),
        (false, Language::En) => format!("{text}."),
        (false, _) => format!("{text}。"),
    }
}

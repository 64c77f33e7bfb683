//! Taking a reference clip into a voice: what is asked of it, and where it goes. A voice that was shipped is copied
//! to the state folder first.

use std::fs;
use std::path::{Path, PathBuf};

use companion_asr::{AgreementRules, Recognizer, Wanted, read_rich_text};
use companion_audio::{ClipMeasures, Resampler, read_wav_mono, write_wav};
use companion_tts::verbalize::Pronunciations;
use companion_tts::{Frontend, VoiceFile};
use companion_types::{CAPTURE_RATE, Language, SampleRate};
use toml::{Table, Value};

use crate::error::DaemonError;

/// Seconds that a clip may have, as the models were trained.
const SECONDS: std::ops::RangeInclusive<f32> = 3.0..=10.0;
/// Speech below this is too quiet to copy, dBFS.
const QUIETEST_DBFS: f32 = -40.0;
/// Speech must stand so far above noise, dB.
const ABOVE_NOISE_DB: f32 = 15.0;
/// More samples at full scale than this share are a distortion.
const CLIPPED: f32 = 0.001;
/// So many of the words may be heard otherwise than they are written.
const MISHEARD: f32 = 0.15;

/// A clip that is to be a reference.
#[derive(Debug, Clone)]
pub(crate) struct NewReference {
    /// Name of the voice.
    pub(crate) voice: String,
    /// Key of the emotion.
    pub(crate) emotion: String,
    /// What is said in it; empty: only the sound of the voice is taken.
    pub(crate) text: String,
    /// The clip as a WAV file.
    pub(crate) wav: Vec<u8>,
    /// The model of a voice that has none yet.
    pub(crate) model: Option<String>,
    /// Takes it whatever is wrong with it, if a voice can be read of it at all.
    pub(crate) force: bool,
}

/// What was found of a clip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReferenceReport {
    pub(crate) measures: ClipMeasures,
    /// What the recogniser heard.
    pub(crate) heard: String,
    /// What speaks against it.
    pub(crate) problems: Vec<String>,
}

/// A clip with its own rate.
pub(crate) type Sound = (Vec<f32>, SampleRate);

/// Reads the clip.
pub(crate) fn sound(new: &NewReference) -> Result<Sound, DaemonError> {
    Ok(read_wav_mono(new.wav.as_slice())?)
}

/// Judges a clip: by its measures, and by what the recogniser hears in it.
pub(crate) fn judge(
    sound: &Sound,
    text: &str,
    ears: &mut dyn Recognizer,
) -> Result<ReferenceReport, DaemonError> {
    let (pcm, rate) = sound;
    let measures = ClipMeasures::of(pcm, *rate);
    let mut problems = Vec::new();
    if !SECONDS.contains(&measures.seconds) {
        problems.push(format!("it is {:.1} s long; 3 to 10 s are needed", measures.seconds));
    }
    if measures.level_dbfs < QUIETEST_DBFS {
        problems.push(format!(
            "it is too quiet: {:.0} dBFS, at least {QUIETEST_DBFS:.0} are needed",
            measures.level_dbfs
        ));
    }
    if measures.above_noise_db() < ABOVE_NOISE_DB {
        problems.push(format!(
            "it is noisy: speech is {:.0} dB above the pauses, at least {ABOVE_NOISE_DB:.0} are needed",
            measures.above_noise_db()
        ));
    }
    if measures.clipped > CLIPPED {
        problems
            .push(format!("{:.1} % of it is clipped: record it quieter", measures.clipped * 100.0));
    }
    let mut resampler = Resampler::new(*rate, CAPTURE_RATE)?;
    let mut heard_pcm = resampler.push(pcm)?;
    heard_pcm.extend(resampler.finish()?);
    let language = Language::of_text(text);
    let heard = read_rich_text(
        &ears.transcribe(&heard_pcm, Some(language).filter(|_| !text.is_empty()))?.text,
    )
    .text;
    let wanted = wanted(text, language);
    if wanted.is_empty() && !text.is_empty() {
        problems.push("its text says nothing".to_owned());
    }
    if !wanted.is_empty() {
        match ears.agree(&heard_pcm, &wanted)? {
            Some(agreement) => {
                let slips = agreement.slips(&AgreementRules::default()).len();
                #[expect(clippy::cast_precision_loss, reason = "a clip has few words")]
                let share = slips as f32 / wanted.len() as f32;
                if share > MISHEARD {
                    problems.push(format!(
                        "its text does not match: {slips} of {} words differ, heard {heard:?}",
                        wanted.len()
                    ));
                }
            }
            None => problems.push(format!("its text does not fit into it; heard {heard:?}")),
        }
    }
    Ok(ReferenceReport { measures, heard, problems })
}

fn wanted(text: &str, language: Language) -> Vec<Wanted> {
    let spans = Frontend::default().read(text, language, &Pronunciations::default());
    let mut all = Vec::new();
    for span in spans {
        for token in span.tokens {
            all.push(match span.language {
                Language::Zh => Wanted::Syllable(token.spoken),
                _ => Wanted::Word(token.spoken),
            });
        }
    }
    all
}

/// Puts the clip and its line into the voice's folder below `state`; `shipped` is looked in for a voice that is not
/// there yet.
///
/// # Errors
/// When the description would be wrong, or nothing can be written; then the voice is as it was.
pub(crate) fn install(
    new: &NewReference,
    sound: &Sound,
    state: &Path,
    shipped: &Path,
) -> Result<(), DaemonError> {
    let folder = state.join(&new.voice);
    let (own, other) = (folder.join("voice.toml"), shipped.join(&new.voice));
    let text = fs::read_to_string(&own)
        .or_else(|_| fs::read_to_string(other.join("voice.toml")))
        .unwrap_or_else(|_| format!("name_zh = {0:?}\nname_en = {0:?}\n", new.voice));
    let clip = format!("{}.wav", new.emotion);
    let description = described(&text, new, &clip)?;
    VoiceFile::parse(&new.voice, &own, &description)?;
    let failed = |error: std::io::Error| {
        DaemonError::Unavailable(format!("{} cannot be written: {error}", folder.display()))
    };
    fs::create_dir_all(&folder).map_err(failed)?;
    if !own.is_file() {
        copy_clips(&other, &folder).map_err(failed)?;
    }
    let wav = folder.join(format!("{clip}.new"));
    let file = fs::File::create(&wav).map_err(failed)?;
    write_wav(std::io::BufWriter::new(file), &sound.0, sound.1)?;
    let toml = folder.join("voice.toml.new");
    fs::write(&toml, description).map_err(failed)?;
    fs::rename(&wav, folder.join(&clip)).map_err(failed)?;
    fs::rename(&toml, &own).map_err(failed)
}

/// The description with a line for the clip.
fn described(text: &str, new: &NewReference, clip: &str) -> Result<String, DaemonError> {
    let wrong = |problem: String| DaemonError::Invalid(format!("voice {}: {problem}", new.voice));
    let mut all: Table = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
    let part = all.entry("gpt_sovits").or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(part) = part else { return Err(wrong("gpt_sovits is no table".into())) };
    if let Some(model) = &new.model {
        part.insert("model".into(), Value::String(model.clone()));
    }
    if !part.contains_key("model") {
        return Err(wrong("it has no model yet: name one (`--model`)".into()));
    }
    let emotions = part.entry("emotions").or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(emotions) = emotions else { return Err(wrong("emotions is no table".into())) };
    let own = emotions.entry(&new.emotion).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(own) = own else { return Err(wrong(format!("{} is no table", new.emotion))) };
    own.insert("clip".into(), Value::String(clip.to_owned()));
    own.insert("text".into(), Value::String(new.text.clone()));
    own.remove("more");
    toml::to_string_pretty(&all).map_err(|e| wrong(e.to_string()))
}

/// Copies the clips of a shipped voice.
fn copy_clips(from: &Path, to: &Path) -> std::io::Result<()> {
    let entries = fs::read_dir(from).into_iter().flatten().flatten();
    let clips = entries
        .map(|e| e.path())
        .filter(|path: &PathBuf| path.extension().is_some_and(|e| e == "wav"));
    for path in clips {
        if let Some(name) = path.file_name() {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(emotion: &str, model: Option<&str>) -> NewReference {
        NewReference {
            voice: "mia".into(),
            emotion: emotion.into(),
            text: "你好".into(),
            wav: Vec::new(),
            model: model.map(str::to_owned),
            force: false,
        }
    }

    #[test]
    fn a_new_voice_needs_a_model_and_calm_first() {
        let folder = tempfile::tempdir().unwrap();
        let (state, shipped) = (folder.path().join("state"), folder.path().join("data"));
        let sound = (vec![0.1; 48_000], CAPTURE_RATE);
        let put =
            |new: &NewReference| install(new, &sound, &state, &shipped).map_err(|e| e.to_string());
        assert!(put(&new("calm", None)).unwrap_err().contains("model"));
        assert!(put(&new("happy", Some("m"))).unwrap_err().contains("calm"));
        assert!(!state.join("mia").exists(), "a refused clip leaves nothing behind");
        put(&new("calm", Some("m"))).unwrap();
        put(&new("happy", None)).unwrap();
        let voice = VoiceFile::open(&state, "mia").unwrap().gpt_sovits.unwrap();
        assert_eq!(voice.emotions.keys().collect::<Vec<_>>(), ["calm", "happy"]);
        assert!(state.join("mia/happy.wav").is_file());
    }

    #[test]
    fn what_a_voice_has_already_stays() {
        let folder = tempfile::tempdir().unwrap();
        let shipped = folder.path().join("data");
        fs::create_dir_all(shipped.join("mia")).unwrap();
        let text = "name_zh = \"米娅\"\nname_en = \"Mia\"\n[gpt_sovits]\nmodel = \"m\"\nspeed = 1.1\n\
            [gpt_sovits.emotions.calm]\nclip = \"a.wav\"\n";
        fs::write(shipped.join("mia/voice.toml"), text).unwrap();
        fs::write(shipped.join("mia/a.wav"), "x").unwrap();
        let state = folder.path().join("state");
        install(&new("happy", None), &(vec![0.1; 100], CAPTURE_RATE), &state, &shipped).unwrap();
        let voice = VoiceFile::open(&state, "mia").unwrap();
        assert_eq!(voice.name_zh, "米娅");
        let sovits = voice.gpt_sovits.unwrap();
        assert!((sovits.speed - 1.1).abs() < 1e-9 && sovits.emotions.len() == 2);
        assert!(state.join("mia/a.wav").is_file());
    }

    /// Hears nothing wrong in anything.
    struct Content;

    impl Recognizer for Content {
        fn transcribe(
            &mut self,
            _: &[f32],
            _: Option<Language>,
        ) -> Result<companion_types::RawTranscript, companion_asr::RecognizerError> {
            Ok(companion_types::RawTranscript::default())
        }
    }

    /// Four seconds of a tone of this level; of every second the first fifth is a pause.
    fn judged(level: f32) -> Vec<String> {
        let one = |n: u16| {
            let loud = if (n / 3_200).is_multiple_of(5) { 0.001 } else { 1.0 };
            (level * loud * (f32::from(n) * 0.3).sin()).clamp(-1.0, 1.0)
        };
        let pcm: Vec<f32> = (0..64_000).map(one).collect();
        judge(&(pcm, CAPTURE_RATE), "", &mut Content).unwrap().problems
    }

    #[test]
    fn a_clip_that_is_too_quiet_or_clipped_is_refused_with_the_reason() {
        assert_eq!(judged(0.3), Vec::<String>::new());
        // A sine of 0.01 has -43 dBFS.
        let quiet = judged(0.01);
        assert!(quiet.len() == 1 && quiet[0].contains("too quiet: -43 dBFS"), "{quiet:?}");
        let clipped = judged(2.0);
        assert!(clipped.len() == 1 && clipped[0].contains("% of it is clipped"), "{clipped:?}");
        // The bounds: a sine of -39 dBFS, and one whose peaks are just below full scale.
        assert_eq!(judged(0.016), Vec::<String>::new());
        assert_eq!(judged(0.99), Vec::<String>::new());
    }
}

//! `self_hearing SENTENCES… [--pace] [--seed N] [--json] [--evidence FILE]`: how surely the ears find what a voice
//! swallows, repeats or leaks. A scripted fault: the starter voice is given other words than it should say. Prints, fault
//! by fault and class by class, how many were found and how many sound clauses were called faulty.

mod fault;
mod tally;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use companion_asr::{Agreement, AgreementRules, Kind, Recognizer, Wanted};
use companion_audio::Resampler;
use companion_tts::verbalize::Pronunciations;
use companion_tts::{EspeakSettings, EspeakVoice, Frontend, Synthesizer, Utterance, VoiceFile};
use companion_types::{CAPTURE_RATE, Cancel, Emotion, Language, Sentence, SentenceSeq, TurnId};
use companiond::SenseVoiceRecognizer;

use self::fault::{Fault, Random, class, said, units};
use self::tally::Tally;

/// Measures the check of the voice's own speech.
#[derive(Debug, Parser)]
#[command(name = "self_hearing", version)]
struct Arguments {
    /// The recogniser's directory.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/companion-ears-starter"))]
    model: PathBuf,
    /// The data folder.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../static"))]
    data: PathBuf,
    /// A file of sentences, one a line; more than one may be given.
    #[arg(required = true)]
    sentences: Vec<PathBuf>,
    /// Only so many sentences of each file.
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// Sentences of each file that are passed over.
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Which faults are drawn.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// The voice speaks by up to 15 % slower or faster, and pauses in three of ten clauses.
    #[arg(long)]
    pace: bool,
    /// Only clauses without a fault.
    #[arg(long)]
    clean: bool,
    /// Prints JSON in place of tables.
    #[arg(long)]
    json: bool,
    /// Prints each clause that was judged wrongly.
    #[arg(long)]
    show: bool,
    /// Writes what the rules look at, a wanted one a line, tab by tab, for `models/starter/ears/slips.py`.
    #[arg(long)]
    evidence: Option<PathBuf>,
}

const EMOTIONS: [Emotion; 4] = [Emotion::CALM, Emotion::HAPPY, Emotion::SAD, Emotion::ANGRY];
/// Paces of the voice, per cent.
const PACES: [i32; 7] = [85, 90, 95, 100, 105, 110, 115];
/// A pause is at least and at most so long, samples (0.1 and 0.35 s).
const PAUSE: (usize, usize) = (1_600, 5_600);

struct Bench {
    /// One voice for each pace.
    voices: Vec<EspeakVoice>,
    ears: SenseVoiceRecognizer,
    frontend: Frontend,
}

/// The voice's settings at a pace.
fn paced(settings: &EspeakSettings, percent: i32) -> EspeakSettings {
    let mut paced = settings.clone();
    for prosody in paced.emotions.values_mut() {
        prosody.rate = prosody.rate * percent / 100;
    }
    paced
}

impl Bench {
    fn new(arguments: &Arguments) -> Result<Self> {
        let file = VoiceFile::open(&arguments.data.join("voices"), "default")?;
        let exe = std::env::current_exe()?;
        let program = exe.parent().context("where is this program?")?.join("companion-espeak");
        let settings = file.espeak.context("the voice has no [espeak]")?;
        let voice = |percent| EspeakVoice::new(program.clone(), paced(&settings, percent));
        Ok(Self {
            voices: PACES.into_iter().map(voice).collect(),
            ears: SenseVoiceRecognizer::load(&arguments.model)?,
            frontend: Frontend::default(),
        })
    }

    /// The sound of units, at a pace, with a pause before the unit of a place.
    fn say(
        &mut self,
        units: &[String],
        emotion: &Emotion,
        pace: usize,
        pause: Option<(usize, usize)>,
    ) -> Result<Vec<f32>> {
        let Some((before, samples)) = pause else {
            return self.say_once(&units.concat(), emotion, pace);
        };
        let mut pcm = self.say_once(&units[..before].concat(), emotion, pace)?;
        // The voice ends a clause with 140 ms of silence.
        pcm.truncate(pcm.len().saturating_sub(2_000));
        pcm.extend(std::iter::repeat_n(0.0, samples));
        pcm.extend(self.say_once(&units[before..].concat(), emotion, pace)?);
        Ok(pcm)
    }

    fn say_once(&mut self, text: &str, emotion: &Emotion, pace: usize) -> Result<Vec<f32>> {
        let language = Language::of_text(text);
        let sentence = Sentence {
            turn: TurnId(0),
            seq: SentenceSeq(0),
            emotion: emotion.clone(),
            text: text.into(),
            last: true,
        };
        let voice = &mut self.voices[pace];
        let mut resampler = Resampler::new(voice.rate(), CAPTURE_RATE)?;
        let mut pcm = Vec::new();
        voice.speak(&Utterance::new(sentence, language), &Cancel::new(), &mut |chunk| {
            pcm.extend(resampler.push(&chunk.pcm).unwrap_or_default());
            ControlFlow::Continue(())
        })?;
        pcm.extend(resampler.finish()?);
        Ok(pcm)
    }

    fn wanted(&self, text: &str) -> Vec<Wanted> {
        let spans = self.frontend.read(text, Language::of_text(text), &Pronunciations::default());
        let one = |language, spoken: String| match language {
            Language::Zh => Wanted::Syllable(spoken),
            _ => Wanted::Word(spoken),
        };
        spans
            .into_iter()
            .flat_map(|s| s.tokens.into_iter().map(move |t| one(s.language, t.spoken)))
            .collect()
    }
}

fn lines(file: &Path, first: usize, count: usize) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let lines = text.lines().map(str::trim).filter(|l| units(l).len() > 3);
    Ok(lines.skip(first).take(count).map(str::to_owned).collect())
}

/// Tempo of one clause: a place among [`PACES`], and a pause.
fn tempo(
    arguments: &Arguments,
    units: usize,
    random: &mut Random,
) -> (usize, Option<(usize, usize)>) {
    if !arguments.pace {
        return (PACES.len() / 2, None);
    }
    let pace = random.below(PACES.len());
    let pauses = random.below(10) < 3 && units > 3;
    let pause = (1 + random.below(units - 1), PAUSE.0 + random.below(PAUSE.1 - PAUSE.0));
    (pace, Some(pause).filter(|_| pauses))
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut out = io::stdout();
    let mut evidence = match &arguments.evidence {
        Some(path) => Some(BufWriter::new(File::create(path)?)),
        None => None,
    };
    let mut bench = Bench::new(&arguments)?;
    let rules = AgreementRules::default();
    let mut random = Random(arguments.seed);
    let mut tally = Tally::default();
    let faults = if arguments.clean { &Fault::ALL[..1] } else { &Fault::ALL[..] };
    for file in &arguments.sentences {
        let set = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let lines = lines(file, arguments.first, arguments.count)?;
        for (n, text) in lines.iter().enumerate() {
            let other = &lines[random.below(lines.len())];
            let wanted = bench.wanted(text);
            for &fault in faults {
                let said = said(fault, text, other, &mut random);
                let (pace, pause) = tempo(&arguments, said.units.len(), &mut random);
                let pcm = bench.say(&said.units, &EMOTIONS[n % EMOTIONS.len()], pace, pause)?;
                let agreement = bench.ears.agree(&pcm, &wanted)?;
                // Too short to say it all.
                let called = agreement.as_ref().is_none_or(|a| !a.slips(&rules).is_empty());
                tally.add(&set, fault, class(text, said.at), called);
                if arguments.show && called != (fault != Fault::None) {
                    let slips = agreement.as_ref().map(|a| a.slips(&rules));
                    let units = said.units.concat();
                    writeln!(out, "{set}\t{}\t{text}\t{units}\t{slips:?}", fault.name())?;
                }
                // A place of the sentence is one of the wanted where there are as many.
                let same = wanted.len() == units(text).len();
                if let (Some(file), Some(agreement), true) = (&mut evidence, &agreement, same) {
                    write_evidence(file, &format!("{set}:{n}"), fault, said.at, agreement)?;
                }
            }
        }
    }
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&tally.json())?)?;
    } else {
        write!(out, "{}", tally.table())?;
    }
    Ok(())
}

/// A line for each wanted one and one for the end: clause, fault, its place, kind, place, how many there are, evidence.
fn write_evidence(
    out: &mut impl io::Write,
    clause: &str,
    fault: Fault,
    at: Option<usize>,
    agreement: &Agreement,
) -> Result<()> {
    let count = agreement.wanted.len();
    let at = at.map_or(-1, |at| i64::try_from(at).unwrap_or(i64::MAX));
    for (place, added) in agreement.added.iter().enumerate() {
        let found = agreement.wanted.get(place);
        let kind = match found.or(agreement.wanted.last()).map(|f| f.kind) {
            Some(Kind::Syllable) => "syllable",
            _ => "word",
        };
        write!(out, "{clause}\t{}\t{at}\t{kind}\t{place}\t{count}\t{added:.3}", fault.name())?;
        match found {
            Some(f) => writeln!(
                out,
                "\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{}\t{}\t{:.3}\t{:.3}",
                f.without,
                f.other,
                f.again,
                f.probability.max(1e-9).ln(),
                f.start,
                f.end,
                f.most_again,
                f.recurs
            )?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

//! `self_hearing [--model DIR] [--count N] [--first N]`: how surely the ears find what a voice swallows, repeats or
//! leaks. A scripted fault: the starter voice is given other words than it should say. Prints, fault by fault, how
//! many were found, how many sound clauses were called faulty, and what the rules saw.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use companion_asr::{Agreement, AgreementRules, Recognizer, Wanted};
use companion_audio::Resampler;
use companion_tts::verbalize::Pronunciations;
use companion_tts::{EspeakVoice, Frontend, Synthesizer, Utterance, VoiceFile};
use companion_types::{CAPTURE_RATE, Cancel, Emotion, Language, Sentence, SentenceSeq, TurnId};
use companiond::SenseVoiceRecognizer;

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
    /// Prints what was seen of each clause, tab by tab.
    #[arg(long)]
    show: bool,
}

const FAULTS: [&str; 5] = ["none", "swallows", "stutters", "repeats", "leaks"];
const EMOTIONS: [Emotion; 4] = [Emotion::CALM, Emotion::HAPPY, Emotion::SAD, Emotion::ANGRY];

/// A small generator (Knuth's MMIX constants), so that a run can be made again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % end.max(1)
    }
}

/// Words of English, characters of Chinese.
fn units(text: &str) -> Vec<String> {
    match Language::of_text(text) {
        Language::En => text.split_whitespace().map(|w| format!("{w} ")).collect(),
        _ => text.chars().map(String::from).collect(),
    }
}

/// What is said in place of `text`.
fn faulty(fault: &str, text: &str, other: &str, random: &mut Random) -> String {
    let mut all = units(text);
    let at = random.below(all.len());
    match fault {
        "swallows" => drop(all.remove(at)),
        "stutters" => all.insert(at, all[at].clone()),
        "repeats" => {
            let at = at.min(all.len() - 2);
            let again = all[at..at + 2].to_vec();
            all.splice(at..at, again);
        }
        "leaks" => {
            let leaked: Vec<String> = units(other).into_iter().take(3).collect();
            let at = if random.below(2) == 0 { 0 } else { all.len() };
            all.splice(at..at, leaked);
        }
        _ => {}
    }
    all.concat()
}

struct Bench {
    voice: EspeakVoice,
    ears: SenseVoiceRecognizer,
    frontend: Frontend,
}

impl Bench {
    fn say(&mut self, text: &str, emotion: Emotion) -> Result<Vec<f32>> {
        let language = Language::of_text(text);
        let sentence = Sentence {
            turn: TurnId(0),
            seq: SentenceSeq(0),
            emotion,
            text: text.into(),
            last: true,
        };
        let mut resampler = Resampler::new(self.voice.rate(), CAPTURE_RATE)?;
        let mut pcm = Vec::new();
        self.voice.speak(&Utterance::new(sentence, language), &Cancel::new(), &mut |chunk| {
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

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut out = io::stdout();
    let file = VoiceFile::open(&arguments.data.join("voices"), "default")?;
    let exe = std::env::current_exe()?;
    let programs = exe.parent().context("where is this program?")?;
    let mut bench = Bench {
        voice: EspeakVoice::new(
            programs.join("companion-espeak"),
            file.espeak.context("the voice has no [espeak]")?,
        ),
        ears: SenseVoiceRecognizer::load(&arguments.model)?,
        frontend: Frontend::default(),
    };
    let rules = AgreementRules::default();
    let mut random = Random(2026);
    let mut table: BTreeMap<(String, &str), (usize, usize)> = BTreeMap::new();
    for file in &arguments.sentences {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let lines = lines(file, arguments.first, arguments.count)?;
        for (n, text) in lines.iter().enumerate() {
            let other = &lines[random.below(lines.len())];
            let wanted = bench.wanted(text);
            for fault in FAULTS {
                let said = faulty(fault, text, other, &mut random);
                let pcm = bench.say(&said, EMOTIONS[n % EMOTIONS.len()].clone())?;
                let agreement = bench.ears.agree(&pcm, &wanted)?;
                // Too short to say it all.
                let slips = agreement.as_ref().is_none_or(|a| !a.slips(&rules).is_empty());
                let row = table.entry((name.clone(), fault)).or_default();
                row.0 += 1;
                row.1 += usize::from(slips);
                if arguments.show {
                    writeln!(out, "{name}\t{fault}\t{}\t{text}\t{said}", seen(agreement.as_ref()))?;
                }
            }
        }
    }
    writeln!(out, "| sentences | the voice | clauses | called faulty |")?;
    writeln!(out, "|---|---|---|---|")?;
    for ((name, fault), (count, found)) in &table {
        let share = 100.0 * *found as f64 / (*count).max(1) as f64;
        writeln!(out, "| {name} | {fault} | {count} | {share:.1} % |")?;
    }
    Ok(())
}

/// What the rules look at: wanted ones, and the most evidence for an absent, a repeated and an added one.
fn seen(agreement: Option<&Agreement>) -> String {
    let Some(agreement) = agreement else { return "0\t999\t999\t999".to_owned() };
    let most = |values: &mut dyn Iterator<Item = f32>| values.fold(f32::NEG_INFINITY, f32::max);
    format!(
        "{}\t{:.2}\t{:.2}\t{:.2}",
        agreement.wanted.len(),
        most(&mut agreement.wanted.iter().map(|f| f.absent)),
        most(&mut agreement.wanted.iter().map(|f| f.again)),
        most(&mut agreement.strays.iter().map(|s| s.loss)).max(0.0),
    )
}

//! `hearing CLIPS [--model DIR]`: what the ears make of recorded sentences, read greedily and as the daemon reads
//! them, set by set. CLIPS holds WAV files (16 kHz mono) and `clips.jsonl`, a line per clip with `set`, `lang` (`zh`
//! or `en`), `wav` and `text`; `models/starter/ears/evaluate.py --export` makes such a folder.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use companion_engine::Device;
use companion_engine::ctc::LogProbs;
use companion_engine::models::sensevoice::{SenseVoice, SenseVoiceOptions, plain_text};
use serde::Deserialize;

/// Measures character (zh) and word (en) error rates of a recogniser.
#[derive(Debug, Parser)]
#[command(name = "hearing", version)]
struct Arguments {
    /// Folder with `clips.jsonl`.
    clips: PathBuf,
    /// The recogniser's directory.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/companion-ears-starter"))]
    model: PathBuf,
    /// Only sets whose name contains this.
    #[arg(long)]
    set: Option<String>,
    /// Only so many clips of each set.
    #[arg(long)]
    count: Option<usize>,
    /// Language model weights to try instead of the directory's own.
    #[arg(long, value_delimiter = ',')]
    weight: Vec<f32>,
    /// Bonuses per token to try instead of the directory's own.
    #[arg(long, value_delimiter = ',')]
    bonus: Vec<f32>,
    /// Prefixes kept instead of the directory's own.
    #[arg(long)]
    beam: Option<usize>,
    /// Prints every sentence that was misheard.
    #[arg(long)]
    show: bool,
}

#[derive(Debug, Deserialize)]
struct Clip {
    set: String,
    lang: String,
    wav: String,
    text: String,
}

/// Errors out of so many characters or words.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    errors: usize,
    total: usize,
}

impl Tally {
    fn percent(self) -> f64 {
        100.0 * self.errors as f64 / self.total.max(1) as f64
    }
}

fn units(text: &str, lang: &str) -> Vec<String> {
    let text = text.to_lowercase();
    if lang == "zh" {
        return text.chars().filter(|c| c.is_alphanumeric()).map(String::from).collect();
    }
    text.split_whitespace().map(str::to_owned).collect()
}

/// Edit distance (V. Levenshtein, 1966).
fn distance(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn samples(path: &Path) -> Result<Vec<f32>> {
    let mut reader = hound::WavReader::open(path).with_context(|| path.display().to_string())?;
    let spec = reader.spec();
    if spec.sample_rate != 16_000 || spec.channels != 1 || spec.bits_per_sample != 16 {
        bail!("{}: not 16 kHz mono of 16 bits", path.display());
    }
    reader.samples::<i16>().map(|s| Ok(f32::from(s?) / 32_768.0)).collect()
}

fn clips(arguments: &Arguments) -> Result<Vec<Clip>> {
    let table = arguments.clips.join("clips.jsonl");
    let text = std::fs::read_to_string(&table).with_context(|| table.display().to_string())?;
    let mut of_set: BTreeMap<String, usize> = BTreeMap::new();
    let mut clips = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let clip: Clip = serde_json::from_str(line)
            .with_context(|| format!("{}: line {}", table.display(), number + 1))?;
        let seen = of_set.entry(format!("{} {}", clip.lang, clip.set)).or_default();
        *seen += 1;
        let wanted = arguments.set.as_ref().is_none_or(|set| clip.set.contains(set));
        if wanted && arguments.count.is_none_or(|count| *seen <= count) {
            clips.push(clip);
        }
    }
    if clips.is_empty() {
        bail!("no clip of {} is wanted", table.display());
    }
    Ok(clips)
}

/// The ways to read, with their names.
fn readings(arguments: &Arguments, ears: &mut SenseVoice) -> Vec<(String, Option<(f32, f32)>)> {
    let mut ways = vec![("greedy".to_owned(), None)];
    let Some(own) = ears.beam_mut() else { return ways };
    own.beam = arguments.beam.unwrap_or(own.beam);
    let or_own = |list: &[f32], own: f32| if list.is_empty() { vec![own] } else { list.to_vec() };
    let (weights, bonuses) =
        (or_own(&arguments.weight, own.weight), or_own(&arguments.bonus, own.bonus));
    for &weight in &weights {
        for &bonus in &bonuses {
            ways.push((format!("lm {weight} {bonus:+}"), Some((weight, bonus))));
        }
    }
    ways
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut ears = SenseVoice::load(&arguments.model, &Device::Cpu)?;
    let ways = readings(&arguments, &mut ears);
    let options = SenseVoiceOptions { itn: false, ..SenseVoiceOptions::default() };
    let mut tallies: BTreeMap<String, Vec<Tally>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut out = io::stdout().lock();
    for clip in clips(&arguments)? {
        let pcm = samples(&arguments.clips.join(&clip.wav))?;
        let features = ears.features(&pcm)?;
        let (values, classes) = ears.log_probs(&features, options.queries(), &mut |_, _| Ok(()))?;
        let set = format!("{} {}", clip.lang, clip.set);
        if !order.contains(&set) {
            order.push(set.clone());
        }
        let row = tallies.entry(set).or_insert_with(|| vec![Tally::default(); ways.len()]);
        let wanted = units(&clip.text, &clip.lang);
        for ((_, way), tally) in ways.iter().zip(row.iter_mut()) {
            let probs = LogProbs::new(&values, classes);
            let heard = match way {
                None => ears.read(probs, &options),
                Some((weight, bonus)) => {
                    if let Some(beam) = ears.beam_mut() {
                        (beam.weight, beam.bonus) = (*weight, *bonus);
                    }
                    ears.decode(probs, &options)
                }
            };
            let text = plain_text(&heard.text);
            let errors = distance(&units(&text, &clip.lang), &wanted);
            tally.errors += errors;
            tally.total += wanted.len();
            if arguments.show && errors > 0 {
                writeln!(out, "{} | {} | {text}", clip.wav, clip.text)?;
            }
        }
    }
    print_table(&mut out, &ways, &order, &tallies)?;
    Ok(())
}

fn print_table(
    out: &mut impl io::Write,
    ways: &[(String, Option<(f32, f32)>)],
    order: &[String],
    tallies: &BTreeMap<String, Vec<Tally>>,
) -> io::Result<()> {
    write!(out, "{:<32}{:>8}", "errors, %", "units")?;
    for (name, _) in ways {
        write!(out, "{name:>14}")?;
    }
    writeln!(out)?;
    for set in order {
        let row = &tallies[set];
        write!(out, "{set:<32}{:>8}", row[0].total)?;
        for tally in row {
            write!(out, "{:>14.1}", tally.percent())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

//! Whole requests, from the recorded phones and BERT features of their texts on: the reference clips
//! are read, codes are drawn, and the sound of every mode is compared as 16-bit samples. The way from
//! text to phones has cases of its own.

use std::path::Path;

use anyhow::Context as _;
use companion_engine::{
    Device,
    models::gpt_sovits::{
        hubert::Hubert,
        modes::{Cut, Modes},
        pipeline::{Manner, Pipeline},
        s1::S1,
        s2::S2,
        speaker::Speaker,
        stream,
        voice::{Clip, RATE, Readers, Voice, Words},
    },
};
use serde_json::Value;

use super::{
    super::{Findings, Settings, Tolerance},
    Case, Recorded, audio, ids, layout, read, recorded,
    sampler::sampling,
};

/// Steps of 16-bit samples that the reference itself may be off (README of the fixtures).
const STEPS: f64 = 3.0;

pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let place = root.join("e2e/cases.json");
    if !place.exists() {
        return Ok(Vec::new());
    }
    let described = layout::json(&place)?;
    layout::list(&described, "cases")?
        .iter()
        .map(|case| {
            let (case, root) = (case.clone(), root.to_owned());
            let name = format!("e2e/{}", layout::text(&case, "id")?);
            Ok(Case::new(name, move |settings, found| run(&root, &case, settings, found)))
        })
        .collect()
}

fn run(root: &Path, case: &Value, settings: &Settings, found: &mut Findings) -> anyhow::Result<()> {
    let device = super::super::asr::device(settings)?;
    let (all, _) = read(root, &format!("e2e/{}.safetensors", layout::text(case, "id")?))?;
    let model = layout::text(case, "model")?;
    let s1 = S1::open(&root.join("models/s1.ckpt"), None, &device)?;
    let s2 = S2::open(&root.join(format!("models/s2_{model}.pth")), None, &device)?;
    let pipeline = Pipeline::new(s1, s2);
    let prompt: Vec<u32> = layout::values(case, "prompt_phones").unwrap_or_default();
    let voice = voice(root, case, &pipeline, &device, words(&all, (0, 0), &prompt)?.prompt())?;
    // Without words of the prompt its codes are recorded, but nobody reads them.
    if let (Some(want), false) = (all.get("prompt_codes"), prompt.is_empty()) {
        found.exact(
            "prompt codes",
            voice.codes(),
            &ids(&all, "prompt_codes")?[..want.values.len()],
        );
    }
    let request = Request::new(case)?;
    let calls = layout::list(case, "t2s")?;
    let modes = Modes { pipeline: &pipeline, voice: &voice, manner: request.manner };
    let subject = Subject { modes, request, all: &all, prompt: &prompt };
    let pcm = if case.pointer("/request/streaming_mode").and_then(Value::as_bool) == Some(true) {
        subject.streamed(case, calls, found)?
    } else {
        subject.whole(case, calls, found)?
    };
    let pcm: Vec<f32> = pcm.into_iter().map(f32::from).collect();
    found.values("pcm", &pcm, &recorded(&all, "pcm")?.values, Tolerance::absolute(STEPS));
    Ok(())
}

/// The case's clips, read by the models of the folder.
fn voice(
    root: &Path,
    case: &Value,
    pipeline: &Pipeline,
    device: &Device,
    prompt: Option<Words<'_>>,
) -> anyhow::Result<Voice> {
    let hubert = Hubert::open(&root.join("models/hubert"), "pytorch_model.bin", device)?;
    let speaker = Speaker::open(&root.join("models/sv.ckpt"), device)?;
    let readers = Readers { hubert, speaker: Some(speaker) };
    let further: Vec<String> = layout::values(case, "aux").unwrap_or_default();
    let clips = std::iter::once(layout::text(case, "ref")?)
        .chain(further.iter().map(String::as_str))
        .map(|name| audio::mono(&root.join(format!("audio/{name}.wav"))))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let clips: Vec<Clip<'_>> = clips.iter().map(|(pcm, rate)| Clip { pcm, rate: *rate }).collect();
    let (clip, further) = clips.split_first().context("no clip")?;
    Ok(Voice::read(&readers, pipeline.synthesizer(), clip, further, prompt)?)
}

/// Words as recorded: the prompt's first, then those of the text.
struct RecordedWords {
    phones: Vec<u32>,
    prompt: usize,
    prompt_bert: Vec<f32>,
    text_bert: Vec<f32>,
}

/// The words of an item of a call, parted behind the prompt.
fn words(
    all: &Recorded,
    (call, item): (usize, usize),
    prompt: &[u32],
) -> anyhow::Result<RecordedWords> {
    let phones = ids(all, &format!("t2s.{call}.{item}.phones"))?;
    let bert = recorded(all, &format!("t2s.{call}.{item}.bert"))?;
    anyhow::ensure!(phones.starts_with(prompt), "the phones do not begin with the prompt's");
    let part = |range: std::ops::Range<usize>| {
        let rows = bert.values.chunks(phones.len());
        rows.flat_map(|row| row[range.clone()].iter().copied()).collect()
    };
    let (prompt_bert, text_bert) = (part(0..prompt.len()), part(prompt.len()..phones.len()));
    Ok(RecordedWords { prompt: prompt.len(), prompt_bert, text_bert, phones })
}

impl RecordedWords {
    fn prompt(&self) -> Option<Words<'_>> {
        let phones = &self.phones[..self.prompt];
        (self.prompt > 0).then_some(Words { phones, bert: &self.prompt_bert })
    }

    fn text(&self) -> Words<'_> {
        Words { phones: &self.phones[self.prompt..], bert: &self.text_bert }
    }
}

/// What a request asks for.
struct Request {
    manner: Manner,
    cut: Cut,
    /// Codes that two chunks share.
    overlap: usize,
    /// Silence behind every piece, seconds.
    pause: f64,
}

impl Request {
    fn new(case: &Value) -> anyhow::Result<Self> {
        let request = case.get("request").context("no request")?;
        let number = |key: &str| request.get(key).and_then(Value::as_f64).context("no number");
        let fixed = request.get("fixed_length_chunk").and_then(Value::as_bool) == Some(true);
        // The recorded requests were drawn greedily and decoded without noise.
        let (sampling, speed) = (sampling(request), number("speed_factor")?);
        let manner = Manner { sampling, speed, seed: None, ..Manner::default() };
        let least = layout::number(request, "min_chunk_length")?;
        let cut = if fixed { Cut::Every(least) } else { Cut::Pause(least) };
        let overlap = layout::number(request, "overlap_length")?;
        Ok(Self { manner, cut, overlap, pause: number("fragment_interval")? })
    }
}

/// A request with all it needs.
struct Subject<'a> {
    modes: Modes<'a>,
    request: Request,
    all: &'a Recorded,
    prompt: &'a [u32],
}

impl Subject<'_> {
    /// Pieces spoken as wholes, batch by batch, in the order of the text.
    fn whole(
        &self,
        case: &Value,
        calls: &[Value],
        found: &mut Findings,
    ) -> anyhow::Result<Vec<i16>> {
        let batches: Option<Vec<Vec<usize>>> = layout::values(case, "batches").ok();
        let mut pieces: Vec<(usize, Vec<f32>)> = Vec::new();
        for (call, described) in calls.iter().enumerate() {
            let items = layout::number(described, "items").unwrap_or(1);
            let items = (0..items)
                .map(|item| words(self.all, (call, item), self.prompt))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let texts: Vec<Words<'_>> = items.iter().map(RecordedWords::text).collect();
            let spoken = self.modes.batch(&texts)?;
            for (item, spoken) in spoken.into_iter().enumerate() {
                let name = format!("t2s.{call}.{item}.semantic");
                found.exact(&name, &spoken.codes, &ids(self.all, &name)?);
                let place = match &batches {
                    Some(batches) => *batches
                        .get(call)
                        .and_then(|batch| batch.get(item))
                        .context("no such batch")?,
                    None => pieces.len(),
                };
                pieces.push((place, spoken.samples));
            }
        }
        pieces.sort_by_key(|(place, _)| *place);
        let pieces: Vec<&[f32]> = pieces.iter().map(|(_, samples)| samples.as_slice()).collect();
        Ok(stream::to_pcm(&pieces, self.request.pause, RATE))
    }

    /// Pieces spoken in chunks, one piece after the other.
    fn streamed(
        &self,
        case: &Value,
        calls: &[Value],
        found: &mut Findings,
    ) -> anyhow::Result<Vec<i16>> {
        let (mut pcm, mut lengths) = (Vec::new(), Vec::new());
        for (call, described) in calls.iter().enumerate() {
            let words = words(self.all, (call, 0), self.prompt)?;
            let (cut, overlap) = (self.request.cut, self.request.overlap);
            let chunks = self.modes.stream(&words.text(), cut, overlap)?;
            let codes: Vec<u32> = chunks.iter().flat_map(|chunk| chunk.codes.clone()).collect();
            let name = format!("t2s.{call}.0.chunk_tokens");
            found.exact(&name, &codes, &ids(self.all, &name)?);
            let sizes: Vec<usize> = chunks.iter().map(|chunk| chunk.codes.len()).collect();
            found.exact("codes of chunks", &sizes, &layout::values(described, "chunks")?);
            for chunk in &chunks {
                pcm.extend(stream::to_pcm(&[&chunk.samples], 0.0, RATE));
                lengths.push(chunk.samples.len());
            }
            let silence = stream::to_pcm(&[&[]], self.request.pause, RATE);
            lengths.push(silence.len());
            pcm.extend(silence);
        }
        found.exact("samples of chunks", &lengths, &layout::values(case, "chunk_samples")?);
        Ok(pcm)
    }
}

//! The starter voice: espeak-ng behind a pipe. The child is started when it is first needed, started
//! again once when it dies, and ends when its input closes.

use std::io::{BufReader, BufWriter};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use companion_types::{Cancel, ErrorKind, SampleRate, SpeechChunk, Viseme, WordTime};

use crate::frontend::{Frontend, Span};
use crate::ports::{Synthesizer, SynthesizerError, Utterance};
use crate::protocol::{Answer, SpeakRequest, read_answer, send_request};
use crate::viseme::shape_of;
use crate::voice::EspeakSettings;

/// Rate of espeak-ng's voices.
const RATE: SampleRate = SampleRate(22_050);
/// Samples below this are silence, i16.
const SILENCE: u16 = 120;
/// Silence kept in front of a clause and behind it, in samples: 15 ms and 140 ms.
const LEAD: usize = 330;
const TAIL: usize = 3_087;
/// A chunk: 120 ms.
const CHUNK: usize = 2_646;

struct Process {
    child: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// The voice.
pub struct EspeakVoice {
    program: PathBuf,
    settings: EspeakSettings,
    frontend: Frontend,
    process: Option<Process>,
}

impl std::fmt::Debug for EspeakVoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EspeakVoice").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Sound of a span, with the samples at which its tokens and mouth shapes begin.
#[derive(Default)]
struct Spoken {
    pcm: Vec<i16>,
    tokens: Vec<(usize, usize)>,
    shapes: Vec<(usize, Viseme)>,
}

fn unavailable(message: String) -> SynthesizerError {
    SynthesizerError { message, kind: ErrorKind::Unavailable }
}

impl EspeakVoice {
    /// A voice spoken by `program` (`companion-espeak`).
    #[must_use]
    pub fn new(program: PathBuf, settings: EspeakSettings) -> Self {
        Self { program, settings, frontend: Frontend::default(), process: None }
    }

    fn start(&self) -> Result<Process, SynthesizerError> {
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| {
                let program = self.program.display();
                unavailable(format!(
                    "cannot start {program}: {e}; install companiond's packages again"
                ))
            })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unavailable("companion-espeak has no pipes".to_owned()));
        };
        let mut process =
            Process { child, input: BufWriter::new(input), output: BufReader::new(output) };
        match read_answer(&mut process.output) {
            Ok(Answer::Rate(rate)) if rate == RATE.0 => Ok(process),
            Ok(_) => Err(unavailable("companion-espeak speaks at another rate".to_owned())),
            Err(e) => Err(unavailable(format!(
                "companion-espeak ended at once ({e}): is espeak-ng-data installed?"
            ))),
        }
    }

    /// One request; a dead child is started again once.
    fn say(&mut self, request: &SpeakRequest) -> Result<(Vec<i16>, Vec<Answer>), SynthesizerError> {
        for attempt in 0..2 {
            let mut process = match self.process.take() {
                Some(process) => process,
                None => self.start()?,
            };
            match exchange(&mut process, request) {
                Ok(Ok(said)) => {
                    self.process = Some(process);
                    return Ok(said);
                }
                Ok(Err(problem)) => {
                    self.process = Some(process);
                    return Err(SynthesizerError {
                        message: problem,
                        kind: ErrorKind::InvalidArgument,
                    });
                }
                Err(error) => {
                    let _ = process.child.kill();
                    let _ = process.child.wait();
                    if attempt == 1 {
                        return Err(unavailable(format!("companion-espeak died twice: {error}")));
                    }
                }
            }
        }
        Err(unavailable("companion-espeak cannot be kept alive".to_owned()))
    }

    fn span(&mut self, span: &Span, utterance: &Utterance) -> Result<Spoken, SynthesizerError> {
        let prosody = self.settings.prosody(&utterance.sentence.emotion, utterance.intensity);
        let mut text = String::new();
        let mut starts = Vec::new();
        for token in &span.tokens {
            starts.push(text.chars().count());
            text.push_str(&token.spoken);
            text.push(' ');
        }
        if utterance.sentence.text.trim_end().ends_with(['?', '？']) {
            text.push('?');
        }
        let request = SpeakRequest {
            voice: self.settings.voice(span.language).to_owned(),
            rate: prosody.rate,
            pitch: prosody.pitch,
            range: prosody.range,
            volume: prosody.volume,
            text,
        };
        let (pcm, events) = self.say(&request)?;
        Ok(timed(pcm, &events, &starts, span))
    }
}

type Said = Result<(Vec<i16>, Vec<Answer>), String>;

fn exchange(process: &mut Process, request: &SpeakRequest) -> std::io::Result<Said> {
    send_request(&mut process.input, request)?;
    let mut pcm = Vec::new();
    let mut events = Vec::new();
    loop {
        match read_answer(&mut process.output)? {
            Answer::Audio(samples) => pcm.extend(samples),
            Answer::End(problem) if problem.is_empty() => return Ok(Ok((pcm, events))),
            Answer::End(problem) => return Ok(Err(problem)),
            Answer::Rate(_) => {}
            event => events.push(event),
        }
    }
}

/// Trims outer silence and puts the events on the samples that are left.
fn timed(mut pcm: Vec<i16>, events: &[Answer], starts: &[usize], span: &Span) -> Spoken {
    let loud = |s: &i16| s.unsigned_abs() > SILENCE;
    let first = pcm.iter().position(loud).unwrap_or(pcm.len()).saturating_sub(LEAD);
    let last = pcm.iter().rposition(loud).map_or(first, |at| (at + TAIL).min(pcm.len()));
    pcm.truncate(last.max(first));
    pcm.drain(..first);
    let place = |sample: u32| (sample as usize).saturating_sub(first).min(pcm.len());
    let mut spoken = Spoken::default();
    let mut begins: Vec<Option<usize>> = vec![None; starts.len()];
    for event in events {
        match event {
            Answer::Word { sample, character } => {
                let token = starts.partition_point(|s| *s <= *character as usize).saturating_sub(1);
                if let Some(slot) = begins.get_mut(token) {
                    slot.get_or_insert(place(*sample));
                }
            }
            Answer::Phoneme { sample, name } => {
                let (shape, weight) = shape_of(name);
                let at = place(*sample);
                spoken.shapes.push((at, Viseme { at: at as u64, shape, weight }));
            }
            _ => {}
        }
    }
    spread(&mut begins, pcm.len());
    spoken.tokens = begins
        .iter()
        .zip(&span.tokens)
        .map(|(begin, token)| (begin.unwrap_or_default(), token.text_end))
        .collect();
    spoken.pcm = pcm;
    spoken
}

/// Tokens whose start espeak-ng did not tell lie evenly between their neighbours.
fn spread(begins: &mut [Option<usize>], total: usize) {
    if let Some(first) = begins.first_mut() {
        *first = Some(0);
    }
    let mut at = 0;
    while at < begins.len() {
        if begins[at].is_some() {
            at += 1;
            continue;
        }
        let end = (at..begins.len()).find(|i| begins[*i].is_some()).unwrap_or(begins.len());
        let from = begins[at - 1].unwrap_or_default();
        let to = begins.get(end).copied().flatten().unwrap_or(total);
        let gap = end - at + 1;
        for (n, begin) in begins[at..end].iter_mut().enumerate() {
            *begin = Some(from + (to.saturating_sub(from)) * (n + 1) / gap);
        }
        at = end;
    }
    for i in 1..begins.len() {
        begins[i] = begins[i].max(begins[i - 1]);
    }
}

impl Synthesizer for EspeakVoice {
    fn rate(&self) -> SampleRate {
        RATE
    }

    fn speak(
        &mut self,
        utterance: &Utterance,
        cancel: &Cancel,
        sink: &mut dyn FnMut(SpeechChunk) -> ControlFlow<()>,
    ) -> Result<(), SynthesizerError> {
        let sentence = &utterance.sentence;
        let spans =
            self.frontend.read(&sentence.text, utterance.language, &utterance.pronunciations);
        let chunk = |pcm: Vec<f32>, visemes, words, last| SpeechChunk {
            turn: sentence.turn,
            seq: sentence.seq,
            rate: RATE,
            pcm,
            visemes,
            words,
            last,
        };
        let mut before = 0;
        for (n, span) in spans.iter().enumerate() {
            if cancel.is_cancelled() {
                return Ok(());
            }
            let spoken = self.span(span, utterance)?;
            let total = spoken.pcm.len();
            let words: Vec<(usize, WordTime)> = spoken
                .tokens
                .iter()
                .enumerate()
                .map(|(i, (begin, text_end))| {
                    let end = spoken.tokens.get(i + 1).map_or(total, |next| next.0);
                    let place = |at: usize| (before + at) as u64;
                    (
                        *begin,
                        WordTime { text_end: *text_end, start: place(*begin), end: place(end) },
                    )
                })
                .collect();
            for start in (0..total.max(1)).step_by(CHUNK) {
                if cancel.is_cancelled() {
                    return Ok(());
                }
                let end = (start + CHUNK).min(total);
                let pcm = spoken.pcm[start.min(end)..end].iter().map(|s| f32::from(*s) / 32_768.0);
                let here = |at: &usize| (start..start + CHUNK).contains(at);
                let words =
                    words.iter().filter(|(at, _)| here(at)).map(|(_, w)| w.clone()).collect();
                let shapes = spoken.shapes.iter().filter(|(at, _)| here(at));
                let visemes =
                    shapes.map(|(_, v)| Viseme { at: v.at + before as u64, ..*v }).collect();
                let last = n + 1 == spans.len() && end == total;
                if sink(chunk(pcm.collect(), visemes, words, last)).is_break() {
                    return Ok(());
                }
            }
            before += total;
        }
        if spans.is_empty() {
            let _ = sink(chunk(Vec::new(), Vec::new(), Vec::new(), true));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

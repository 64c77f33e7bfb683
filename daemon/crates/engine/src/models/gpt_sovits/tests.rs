//! The pipeline on small models: chunks, seeds, ends and refusals.

use std::ops::ControlFlow;

use candle_core::{Device, Tensor};

use super::{
    noise::{FrameNoise, Noise},
    pipeline::{Chunking, Listener, Manner, Pipeline, Spoken},
    s1::End,
    s2::{Chunk, Passage, Speech},
    tiny,
    voice::{Voice, Words},
};

const PHONES: [u32; 12] = [3, 9, 14, 2, 27, 8, 8, 31, 5, 39, 0, 1];
const CODES: [u32; 40] = {
    let mut codes = [0; 40];
    let mut i = 0;
    while i < 40 {
        codes[i] = ((i * i + 3 * i) % 32) as u32;
        i += 1;
    }
    codes
};

fn pipeline() -> Pipeline {
    Pipeline::new(tiny::s1(), tiny::s2())
}

fn style() -> Tensor {
    let values: Vec<f32> = (0..8u8).map(|i| f32::from(i) * 0.3 - 1.0).collect();
    Tensor::from_vec(values, (tiny::STYLE, 1), &Device::Cpu).unwrap()
}

fn voice() -> Voice {
    let (phones, codes) = (vec![4, 6, 1], vec![7, 30, 7, 12]);
    Voice { bert: vec![0.25; tiny::BERT * phones.len()], phones, codes, style: style() }
}

fn bert() -> Vec<f32> {
    let value = |i: usize| f32::from(u8::try_from(i * 7 % 11).unwrap()) * 0.1 - 0.5;
    (0..tiny::BERT * PHONES.len()).map(value).collect()
}

fn words(bert: &[f32]) -> Words<'_> {
    Words { phones: &PHONES, bert }
}

fn manner(chunking: Chunking) -> Manner {
    Manner { most_codes: 60, chunking, ..Manner::default() }
}

/// The chunks of the test's words.
fn spoken(pipeline: &Pipeline, manner: &Manner) -> (Spoken, Vec<Vec<f32>>) {
    let mut chunks = Vec::new();
    let mut hear = |samples: &[f32]| {
        chunks.push(samples.to_vec());
        ControlFlow::Continue(())
    };
    let spoken = pipeline.speak(&words(&bert()), &voice(), manner, &mut hear).unwrap();
    (spoken, chunks)
}

/// The root of the mean square of the difference, relative to that of the sound.
fn distance(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let power = |pcm: &mut dyn Iterator<Item = f32>| pcm.map(|x| x * x).sum::<f32>();
    let difference = power(&mut got.iter().zip(want).map(|(a, b)| a - b));
    (difference / power(&mut want.iter().copied())).sqrt()
}

#[test]
fn every_code_has_its_samples_at_every_speed() {
    let pipeline = pipeline();
    for speed in [1.0, 0.9, 1.25] {
        let manner = Manner { speed, ..manner(Chunking::default()) };
        let (spoken, chunks) = spoken(&pipeline, &manner);
        assert!(spoken.codes.len() > 30, "{spoken:?}");
        let samples = (spoken.codes.len() as f64 * 1_280.0 / speed).round() as usize;
        assert_eq!((spoken.samples, chunks.concat().len()), (samples, samples), "{speed}");
    }
}

#[test]
fn the_first_chunk_is_heard_after_its_codes_and_the_look_ahead_waits() {
    let chunking = Chunking { first: 10, growth: 2.0, most: 25, look_ahead: 4 };
    let (spoken, chunks) = spoken(&pipeline(), &Manner { most_codes: 45, ..manner(chunking) });
    let codes: Vec<usize> = chunks.iter().map(|chunk| chunk.len() / 1_280).collect();
    // Drawn: 10, 30, 45.
    assert_eq!((spoken.codes.len(), spoken.end), (45, End::Limit));
    assert_eq!(codes, [6, 20, 19]);
}

#[test]
fn chunks_one_behind_the_other_are_near_to_the_sound_of_all_codes() {
    let pipeline = pipeline();
    let (whole_codes, whole) = spoken(&pipeline, &manner(Chunking::whole()));
    assert_eq!(whole.len(), 1);
    let (chunk_codes, chunks) = spoken(&pipeline, &manner(Chunking::default()));
    assert!(chunks.len() > 2);
    assert_eq!(whole_codes.codes, chunk_codes.codes);
    let distance = distance(&chunks.concat(), &whole[0]);
    assert!(distance < 0.2, "{distance}");
}

#[test]
fn once_all_codes_are_known_any_passage_is_a_piece_of_the_whole_sound() {
    let model = tiny::s2();
    for speed in [1.0, 1.3] {
        let mut noise = FrameNoise::new(Noise::new(Some(3)));
        let mut passage = |samples| {
            let passage =
                Passage { codes: &CODES, phones: &PHONES, speed, noise_scale: 0.5, samples };
            let rows = &mut |channels, frames| noise.rows(channels, frames);
            model.passage(&passage, &style(), rows).unwrap()
        };
        let whole = passage(0..usize::MAX);
        assert_eq!(whole.len(), model.sample_of(CODES.len(), speed));
        for samples in [0..1_000, 20_001..20_777, 30_000..usize::MAX] {
            let piece = passage(samples.clone());
            let place = samples.start..samples.end.min(whole.len());
            let distance = distance(&piece, &whole[place]);
            assert!(distance < 1e-5, "{speed} {samples:?}: {distance}");
        }
    }
}

#[test]
fn a_passage_of_all_samples_is_what_the_synthesiser_decodes() {
    let model = tiny::s2();
    let speech = Speech {
        codes: &CODES,
        phones: &PHONES,
        speed: 1.0,
        noise: None,
        noise_scale: 0.0,
        chunk: Chunk { codes: None, before: None },
    };
    let decoded = model.decode(&speech, &style(), &mut |_, _| Ok(())).unwrap().samples;
    let samples = 0..usize::MAX;
    let passage = Passage { codes: &CODES, phones: &PHONES, speed: 1.0, noise_scale: 0.0, samples };
    let got = model.passage(&passage, &style(), &mut |_, _| None).unwrap();
    assert!(distance(&got, &decoded) < 1e-6);
}

#[test]
fn a_seed_repeats_the_sound_and_another_does_not() {
    let pipeline = pipeline();
    let sound = |seed| {
        let manner = Manner { seed, most_codes: 8, ..manner(Chunking::default()) };
        spoken(&pipeline, &manner).1
    };
    assert_eq!(sound(Some(1)), sound(Some(1)));
    assert_ne!(sound(Some(1)), sound(Some(2)));
    assert_eq!(sound(None), sound(None));
}

#[test]
fn a_voice_from_its_bytes_sounds_as_before() {
    let pipeline = pipeline();
    let manner = Manner { most_codes: 8, ..manner(Chunking::whole()) };
    let kept = Voice::from_bytes(&voice().to_bytes().unwrap(), &Device::Cpu).unwrap();
    let mut sound = Vec::new();
    let mut hear = |samples: &[f32]| {
        sound.extend_from_slice(samples);
        ControlFlow::Continue(())
    };
    pipeline.speak(&words(&bert()), &kept, &manner, &mut hear).unwrap();
    assert_eq!(sound, spoken(&pipeline, &manner).1.concat());
}

#[test]
fn a_listener_that_has_enough_gets_no_further_chunk() {
    let mut chunks = 0;
    let mut hear = |_: &[f32]| {
        chunks += 1;
        ControlFlow::Break(())
    };
    let manner = manner(Chunking::default());
    let spoken = pipeline().speak(&words(&bert()), &voice(), &manner, &mut hear).unwrap();
    assert_eq!(spoken.end, End::Stopped);
    assert_eq!((spoken.codes.len(), spoken.samples), (16, 13 * 1_280));
    assert_eq!(chunks, 1);
}

#[test]
fn a_listener_that_left_ends_it_at_the_next_code() {
    struct Gone;
    impl Listener for Gone {
        fn hear(&mut self, _: &[f32]) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
        fn listens(&self) -> bool {
            false
        }
    }
    let manner = manner(Chunking::default());
    let spoken = pipeline().speak(&words(&bert()), &voice(), &manner, &mut Gone).unwrap();
    assert_eq!((spoken.codes.len(), spoken.samples, spoken.end), (1, 0, End::Stopped));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let pipeline = pipeline();
    let bert = bert();
    let refusal = |words: Words<'_>, voice: &Voice, manner: Manner| {
        let mut hear = |_: &[f32]| ControlFlow::Continue(());
        pipeline.speak(&words, voice, &manner, &mut hear).unwrap_err().to_string()
    };
    let manner = manner(Chunking::default());
    let error = refusal(Words::default(), &voice(), manner);
    assert_eq!(error, "words: no phones; at least one is needed");
    let error = refusal(words(&bert[1..]), &voice(), manner);
    assert_eq!(error, "BERT features: 35 values, expected 3 for each of 12 phones");
    let error = refusal(words(&bert), &voice(), Manner { speed: 0.0, ..manner });
    assert_eq!(error, "speed: found 0, expected 0.1 to 10");
    let wide = Tensor::zeros((9, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
    let error = refusal(words(&bert), &Voice { style: wide, ..voice() }, manner);
    assert_eq!(error, "style: [9, 1] values, expected [8, 1]");
    let error = refusal(words(&bert), &Voice { codes: vec![33], ..voice() }, manner);
    assert_eq!(error, "prompt: found id 33, expected ids below 33");
}

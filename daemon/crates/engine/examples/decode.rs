//! How fast a language model on disk reads and decodes on the CPU, in integer arithmetic, without the rest of the
//! daemon: `decode MODEL [threads] [rounds] [tokens of the prompt]`.

#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::path::Path;
use std::time::Instant;

use companion_engine::models::decoder::{Decoder, IntegerDecoder};
use companion_engine::{Device, EngineError};

/// Tokens made one by one.
const NEW: u32 = 64;

fn main() -> Result<(), EngineError> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_default();
    let threads = arguments.next().and_then(|value| value.parse().ok()).unwrap_or(2);
    let rounds = arguments.next().and_then(|value| value.parse().ok()).unwrap_or(3);
    let read: u32 = arguments.next().and_then(|value| value.parse().ok()).unwrap_or(512);
    let mut model =
        IntegerDecoder::from_decoder(Decoder::load(Path::new(&path), &Device::Cpu)?, threads)?;
    let per_token = model.bytes_per_token() as f64;
    for _ in 0..rounds {
        model.truncate(0);
        let prompt: Vec<u32> = (0..read.max(1)).map(|n| 300 + n * 7 % 1_500).collect();
        let start = Instant::now();
        model.forward(&prompt)?;
        let reading = start.elapsed().as_secs_f64();
        model.truncate(1);
        let start = Instant::now();
        for n in 0..NEW {
            model.forward(&[300 + n])?;
        }
        let made = start.elapsed().as_secs_f64() / f64::from(NEW);
        println!(
            "prefill {:.0} tokens/s, decode {:.2} tokens/s, {:.1} GB/s of weights",
            f64::from(read) / reading,
            1.0 / made,
            per_token / made / 1e9
        );
    }
    Ok(())
}

//! Speaks text through libespeak-ng, as a process of its own: requests on standard input, sound and
//! events on standard output (the protocol stands in `companion_tts::protocol`). Licensed GPL-3.0 or
//! later, because it links libespeak-ng. Ends when its input closes. One thread.

mod ffi;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use companion_tts::protocol::{Answer, read_request, send_answer};

fn run() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut input = io::stdin().lock();
    let engine = ffi::Engine::start().map_err(io::Error::other)?;
    send_answer(&mut out, &Answer::Rate(engine.rate()))?;
    out.flush()?;
    while let Some(request) = read_request(&mut input)? {
        let mut broken = None;
        let end = engine.speak(&request, &mut |answer| {
            let sent = send_answer(&mut out, &answer);
            let fine = sent.is_ok();
            broken = sent.err();
            fine
        });
        if let Some(error) = broken {
            return Err(error);
        }
        send_answer(&mut out, &Answer::End(end.err().unwrap_or_default()))?;
        out.flush()?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "companion-espeak: {error}");
            ExitCode::FAILURE
        }
    }
}

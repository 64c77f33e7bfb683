//! `voice`: the voices, how words are said, and what the companion heard of itself.

use std::fs::File;
use std::os::fd::OwnedFd;

use companion_bus::Dict;
use companion_bus::types::{get, put};
use companion_bus::voice::VoiceProxy;
use serde_json::{Value, json};

use super::Context;
use crate::cli::VoiceCommand;
use crate::exit::{Failure, Outcome};
use crate::messages::{Lang, Message};
use crate::output::{Output, Paint, one_line};

pub(crate) async fn run(context: &Context, output: &mut Output, command: VoiceCommand) -> Outcome {
    let voice = VoiceProxy::new(&context.connection).await?;
    match command {
        VoiceCommand::List => list(output, &voice).await,
        VoiceCommand::Words => words(output, &voice).await,
        VoiceCommand::Word { written, said } => {
            voice.pronounce(written.clone(), said.clone(), Dict::new()).await?;
            if output.json {
                output.value(&json!({ "written": written, "said": said }))?;
            } else {
                let (written, said) = (one_line(&written), one_line(&said));
                output.line(format!("{written} {} {said}", output.text(Message::SaidAs)))?;
            }
            Ok(())
        }
        VoiceCommand::ForgetWord { written } => {
            voice.forget_pronunciation(written.clone(), Dict::new()).await?;
            if output.json {
                output.value(&json!({ "written": written }))?;
            } else {
                let written = one_line(&written);
                output.line(format!("{written} {}", output.text(Message::SaidAgain)))?;
            }
            Ok(())
        }
        VoiceCommand::Import { voice: name, emotion, wav, text, model, force } => {
            let clip = File::open(&wav).map_err(|e| Failure::file(&e, "reading", &wav))?;
            let clip = zbus::OwnedFd::from(OwnedFd::from(clip));
            let mut options = Dict::new();
            if let Some(model) = &model {
                put(&mut options, "model", model.as_str());
            }
            if let Some(text) = &text {
                put(&mut options, "text", text.as_str());
            }
            put(&mut options, "force", force);
            let (own, of) = (name.clone(), emotion.clone());
            let call = |options| voice.import(own, of, clip, options);
            let result = context.finish(output, Message::Listening, options, call).await?;
            imported(output, (&name, &emotion), &result)
        }
        VoiceCommand::Heard => heard(output, &voice).await,
    }
}

fn imported(output: &mut Output, of: (&str, &str), result: &Dict) -> Outcome {
    let number = |key: &str| get::<f64>(result, key).unwrap_or_default();
    let heard = get::<String>(result, "heard").unwrap_or_default();
    let problems = get::<Vec<String>>(result, "problems").unwrap_or_default();
    if output.json {
        output.value(&json!({
            "voice": of.0,
            "emotion": of.1,
            "seconds": number("seconds"),
            "level_dbfs": number("level_dbfs"),
            "above_noise_db": number("above_noise_db"),
            "heard": heard,
            "problems": problems,
        }))?;
        return Ok(());
    }
    output.field(Message::Imported, format!("{} / {}", one_line(of.0), one_line(of.1)))?;
    let measures = format!(
        "{:.1} s, {:.0} dBFS, {:.0} dB",
        number("seconds"),
        number("level_dbfs"),
        number("above_noise_db")
    );
    output.field(Message::ClipMeasures, measures)?;
    output.field(Message::Heard, one_line(&heard))?;
    for problem in problems {
        output.field(Message::Warning, output.paint(Paint::Yellow, &one_line(&problem)))?;
    }
    Ok(())
}

async fn list(output: &mut Output, voice: &VoiceProxy<'_>) -> Outcome {
    let voices = voice.voices(Dict::new()).await?;
    let active = voice.active().await?;
    let text = |dict: &Dict, key: &str| get::<String>(dict, key).unwrap_or_default();
    let emotions = |dict: &Dict| get::<Vec<String>>(dict, "emotions").unwrap_or_default();
    if output.json {
        let one = |(name, dict): &(String, Dict)| {
            json!({
                "name": name,
                "names": { "zh": text(dict, "name_zh"), "en": text(dict, "name_en") },
                "engine": text(dict, "engine"),
                "emotions": emotions(dict),
                "problem": text(dict, "problem"),
            })
        };
        let voices: Vec<Value> = voices.iter().map(one).collect();
        output.value(&json!({ "active": active, "voices": voices }))?;
        return Ok(());
    }
    let own = if output.lang == Lang::Zh { "name_zh" } else { "name_en" };
    let row = |(name, dict): &(String, Dict)| {
        let problem = text(dict, "problem");
        let mark = if *name == active { output.text(Message::Active) } else { "" };
        let about = if problem.is_empty() {
            emotions(dict).join(" ")
        } else {
            output.paint(Paint::Red, &one_line(&problem))
        };
        vec![
            one_line(name),
            one_line(&text(dict, own)),
            text(dict, "engine"),
            mark.to_owned(),
            one_line(&about),
        ]
    };
    let rows: Vec<Vec<String>> = voices.iter().map(row).collect();
    output.table(&rows)?;
    Ok(())
}

async fn words(output: &mut Output, voice: &VoiceProxy<'_>) -> Outcome {
    let entries = voice.pronunciations(Dict::new()).await?;
    if output.json {
        let one = |(written, said): &(String, String)| json!({ "written": written, "said": said });
        output.value(&json!({ "words": entries.iter().map(one).collect::<Vec<_>>() }))?;
        return Ok(());
    }
    if entries.is_empty() {
        output.line(output.text(Message::NoWords))?;
        return Ok(());
    }
    let row = |(written, said): &(String, String)| vec![one_line(written), one_line(said)];
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    output.table(&rows)?;
    Ok(())
}

async fn heard(output: &mut Output, voice: &VoiceProxy<'_>) -> Outcome {
    let counts = voice.self_hearing().await?;
    if output.json {
        output.value(&json!(counts))?;
        return Ok(());
    }
    let rows = [
        ("listened", Message::Listened),
        ("swallowed", Message::Swallowed),
        ("repeated", Message::Repeated),
        ("added", Message::Added),
        ("made_again", Message::MadeAgain),
        ("spoken_with_slips", Message::SpokenWithSlips),
        ("too_late", Message::TooLate),
    ];
    let row = |(key, message): (&str, Message)| {
        let count = counts.get(key).copied().unwrap_or_default();
        vec![output.text(message).to_owned(), count.to_string()]
    };
    let rows: Vec<Vec<String>> = rows.into_iter().map(row).collect();
    output.table(&rows)?;
    Ok(())
}

//! `audio`: the sound devices, and which of them are used.

use companion_bus::Dict;
use companion_bus::audio::AudioProxy;
use serde_json::{Value, json};

use super::Context;
use crate::cli::AudioCommand;
use crate::exit::Outcome;
use crate::messages::Message;
use crate::output::{Output, Paint, one_line};

/// The name that stands for the session manager's choice, which is empty on the bus.
const DEFAULT: &str = "default";

pub(crate) async fn run(
    context: &Context,
    output: &mut Output,
    command: Option<AudioCommand>,
) -> Outcome {
    let audio = AudioProxy::new(&context.connection).await?;
    let on_bus = |node: &str| if node == DEFAULT { String::new() } else { node.to_owned() };
    match command {
        None => show(output, &audio).await,
        Some(AudioCommand::Input { node }) => {
            audio.set_input(on_bus(&node), Dict::new()).await?;
            told(output, &json!({ "input": node }), Message::Input, &node)
        }
        Some(AudioCommand::Output { node }) => {
            audio.set_output(on_bus(&node), Dict::new()).await?;
            told(output, &json!({ "output": node }), Message::Output, &node)
        }
        Some(AudioCommand::Mute) => mute(output, &audio, true).await,
        Some(AudioCommand::Unmute) => mute(output, &audio, false).await,
    }
}

async fn mute(output: &mut Output, audio: &AudioProxy<'_>, on: bool) -> Outcome {
    audio.mute(on, Dict::new()).await?;
    let state = output.text(if on { Message::Muted } else { Message::Open });
    told(output, &json!({ "muted": on }), Message::Microphone, state)
}

fn told(output: &mut Output, value: &Value, what: Message, which: &str) -> Outcome {
    if output.json {
        output.value(value)?;
    } else {
        let which = if which == DEFAULT { output.text(Message::DefaultNode) } else { which };
        output.field(what, one_line(which))?;
    }
    Ok(())
}

async fn show(output: &mut Output, audio: &AudioProxy<'_>) -> Outcome {
    let connected = audio.connected().await?;
    let detail = audio.detail().await?;
    let muted = audio.mic_muted().await?;
    let nodes = audio.nodes().await?;
    let (peak, rms) = audio.level().await?;
    let quantum = audio.quantum().await?;
    let (overruns, underruns) = audio.xruns().await?;
    let echo_loss = audio.echo_loss_db().await?;
    if output.json {
        let node = |n: &companion_bus::types::AudioNode| json!({ "name": n.name, "serial": n.serial, "role": n.role });
        output.value(&json!({
            "connected": connected,
            "detail": detail,
            "muted": muted,
            "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
            "level": { "peak_dbfs": peak, "rms_dbfs": rms },
            "quantum": quantum,
            "overruns": overruns,
            "underruns": underruns,
            "echo_loss_db": echo_loss,
        }))?;
        return Ok(());
    }
    let (paint, state) = match connected {
        true => (Paint::Green, Message::Connected),
        false => (Paint::Yellow, Message::Disconnected),
    };
    output.field(Message::State, output.paint(paint, output.text(state)))?;
    if !detail.is_empty() {
        output.field(Message::Detail, one_line(&detail))?;
    }
    let microphone = output.text(if muted { Message::Muted } else { Message::Open });
    output.field(Message::Microphone, microphone)?;
    for node in &nodes {
        let serial = match node.serial {
            0 => output.text(Message::NotConnectedNode).to_owned(),
            serial => format!("#{serial}"),
        };
        output
            .field(Message::Nodes, format!("{}  {}  {serial}", node.role, one_line(&node.name)))?;
    }
    output.field(Message::Level, format!("{peak:.1} dBFS, RMS {rms:.1} dBFS"))?;
    output.field(Message::Quantum, quantum.to_string())?;
    output.field(Message::Xruns, format!("{overruns}, {underruns}"))?;
    output.field(Message::EchoLoss, format!("{echo_loss:.1} dB"))?;
    Ok(())
}

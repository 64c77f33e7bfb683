//! `monitor`: what happens, as it happens: the events of a session, and the signals of the other objects.

use companion_bus::names::BUS_NAME;
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};
use zbus::message::Type as MessageType;
use zbus::{MatchRule, Message, MessageStream, OwnedVariant, Variant};

use companion_bus::{Dict, TurnResult};

use super::{Context, interrupted, reply};
use crate::events::{Event, EventStream};
use crate::exit::{Failure, Outcome};
use crate::output::{Output, Paint, clean, one_line};

pub(crate) async fn run(
    context: &Context,
    output: &mut Output,
    kinds: &[String],
    turns: Option<u32>,
) -> Outcome {
    let mut left = turns;
    let rule = MatchRule::builder().msg_type(MessageType::Signal).sender(BUS_NAME).build()?;
    let mut signals = MessageStream::for_match_rule(rule, &context.connection, None).await?;
    let (session, mut gone) = context.session("node").await?;
    let stream = session.open_events(Vec::new(), Dict::new()).await?;
    let mut events = EventStream::new(stream.into())?;
    let wanted = |kind: &str| kinds.is_empty() || kinds.iter().any(|k| k == kind);
    let stop = interrupted();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            left = gone.wait() => return Err(left),
            event = events.next() => {
                let Some(event) = event? else {
                    return Err(Failure::new("Unavailable", "companiond closed the stream of events"));
                };
                if turns.is_some() && event.kind() == "turn" {
                    show(output, &event.turn_result())?;
                    left = left.map(|n| n.saturating_sub(1));
                    if left == Some(0) {
                        return Ok(());
                    }
                } else if wanted(event.kind()) {
                    print(output, &event)?;
                }
            }
            signal = signals.next() => {
                let Some(signal) = signal else { continue };
                for event in of_signal(&signal?) {
                    if wanted(event.kind()) {
                        print(output, &event)?;
                    }
                }
            }
        }
    }
}

/// A turn as `ask` shows it, behind what was heard.
fn show(output: &mut Output, turn: &TurnResult) -> Outcome {
    if output.json {
        output.value(&reply::to_json(turn))?;
        return Ok(());
    }
    if !turn.transcript.is_empty() {
        output.line(output.paint(Paint::Bold, &format!("» {}", clean(&turn.transcript))))?;
    }
    reply::show(output, turn)
}

fn print(output: &mut Output, event: &Event) -> Outcome {
    if output.json {
        output.value(&event.0)?;
        return Ok(());
    }
    let mut line = output.paint(Paint::Cyan, &crate::output::pad(event.kind(), 11));
    for (key, value) in event.0.as_object().into_iter().flatten().filter(|(key, _)| *key != "kind")
    {
        let value = match value {
            Value::String(text) => one_line(text),
            Value::Number(n) if n.is_f64() => format!("{:.3}", n.as_f64().unwrap_or_default()),
            other => one_line(&other.to_string()),
        };
        line.push_str(&format!(" {}{value}", output.paint(Paint::Dim, &format!("{key}="))));
    }
    output.line(line)?;
    Ok(())
}

/// A signal as events. Those of sessions and requests are left out: a session's events tell the same.
fn of_signal(signal: &Message) -> Vec<Event> {
    let header = signal.header();
    let interface = header.interface().map(ToString::to_string).unwrap_or_default();
    let member = header.member().map(ToString::to_string).unwrap_or_default();
    let body = signal.body();
    let one = |value: Value| vec![Event(value)];
    match (interface.as_str(), member.as_str()) {
        ("org.companiond.Manager1", "Alert") => {
            let Ok((id, severity, text, more)) = body.deserialize::<(String, u32, String, Dict)>()
            else {
                return Vec::new();
            };
            let more: Map<String, Value> =
                more.iter().map(|(k, v)| (k.clone(), of_owned(v))).collect();
            one(
                json!({ "kind": "alert", "id": id, "severity": severity, "text": text, "more": more }),
            )
        }
        ("org.companiond.Audio1", "DeviceChanged") => {
            let Ok((what, node)) = body.deserialize::<(String, String)>() else {
                return Vec::new();
            };
            one(json!({ "kind": "device", "what": what, "node_name": node }))
        }
        ("org.companiond.Memory1", "Changed") => {
            let Ok((operation, ids)) = body.deserialize::<(String, Vec<String>)>() else {
                return Vec::new();
            };
            one(json!({ "kind": "memory", "operation": operation, "ids": ids }))
        }
        ("org.freedesktop.DBus.Properties", "PropertiesChanged") => {
            let path = header.path().map(ToString::to_string).unwrap_or_default();
            changed_properties(&path, &body)
        }
        _ => Vec::new(),
    }
}

fn changed_properties(path: &str, body: &zbus::message::Body) -> Vec<Event> {
    let Ok((interface, changed, _)) = body.deserialize::<(String, Dict, Vec<String>)>() else {
        return Vec::new();
    };
    if interface.ends_with(".Request1") || interface.ends_with(".Session1") {
        return Vec::new();
    }
    let event = |(name, value): (&String, &OwnedVariant)| {
        Event(json!({
            "kind": "property",
            "path": path,
            "interface": interface,
            "name": name,
            "value": of_owned(value),
        }))
    };
    changed.iter().map(event).collect()
}

fn of_owned(value: &OwnedVariant) -> Value {
    of_variant(value)
}

/// A value of the bus as JSON; what JSON has no shape for, such as a descriptor, is `null`.
fn of_variant(value: &Variant<'_>) -> Value {
    match value {
        Variant::U8(n) => json!(n),
        Variant::Bool(b) => json!(b),
        Variant::I16(n) => json!(n),
        Variant::U16(n) => json!(n),
        Variant::I32(n) => json!(n),
        Variant::U32(n) => json!(n),
        Variant::I64(n) => json!(n),
        Variant::U64(n) => json!(n),
        Variant::F64(n) => json!(n),
        Variant::Str(text) => json!(text.as_str()),
        Variant::ObjectPath(path) => json!(path.as_str()),
        Variant::Variant(inner) => of_variant(inner),
        Variant::Array(array) => array.iter().map(of_variant).collect(),
        Variant::Structure(structure) => structure.fields().iter().map(of_variant).collect(),
        Variant::Dict(dict) => {
            let key = |key: &Variant<'_>| match of_variant(key) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Value::Object(dict.iter().map(|(k, v)| (key(k), of_variant(v))).collect())
        }
        _ => Value::Null,
    }
}

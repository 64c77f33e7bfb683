//! `memory`: what the companion remembers.

use companion_bus::Dict;
use companion_bus::memory::MemoryProxy;
use companion_bus::types::{MemoryItem, put};
use serde_json::{Value, json};

use super::Context;
use crate::cli::MemoryCommand;
use crate::exit::Outcome;
use crate::messages::Message;
use crate::output::{Output, Paint, moment, one_line};

pub(crate) async fn run(context: &Context, output: &mut Output, command: MemoryCommand) -> Outcome {
    let memory = MemoryProxy::new(&context.connection).await?;
    let mut options = Dict::new();
    match command {
        MemoryCommand::Add { text, core } => {
            put(&mut options, "core", core);
            let id = memory.add(text, options).await?;
            let said = format!("{} {id}", output.text(Message::Remembered));
            told(output, &json!({ "id": id }), &said)
        }
        MemoryCommand::List { limit, offset } => {
            put(&mut options, "limit", limit);
            put(&mut options, "offset", offset);
            let items = memory.list(options).await?;
            list(output, &items, Message::NoMemories)
        }
        MemoryCommand::Search { query, limit } => {
            put(&mut options, "limit", limit);
            let items = memory.search(query, options).await?;
            list(output, &items, Message::NoMatch)
        }
        MemoryCommand::Forget { ids } => {
            let undo = memory.forget(ids.clone(), options).await?;
            let said = format!("{} {undo}", output.text(Message::Forgotten));
            told(output, &json!({ "undo": undo, "ids": ids }), &said)
        }
        MemoryCommand::Undo { undo } => {
            let ids = memory.undo(undo, options).await?;
            let said = format!("{} {}", output.text(Message::BroughtBack), ids.join(", "));
            told(output, &json!({ "ids": ids }), &said)
        }
        MemoryCommand::Explain { turn } => {
            let memories = memory.explain(turn, options).await?;
            explain(output, turn, &memories)
        }
    }
}

fn told(output: &mut Output, value: &Value, said: &str) -> Outcome {
    if output.json {
        output.value(value)?;
    } else {
        output.line(one_line(said))?;
    }
    Ok(())
}

fn list(output: &mut Output, items: &[MemoryItem], none: Message) -> Outcome {
    if output.json {
        let items: Vec<Value> = items.iter().map(to_json).collect();
        output.value(&json!({ "memories": items }))?;
        return Ok(());
    }
    if items.is_empty() {
        output.line(output.text(none))?;
        return Ok(());
    }
    let scored = items.iter().any(|item| item.score > 0.0);
    let core = output.text(Message::Core);
    let row = |item: &MemoryItem| {
        let mut row = vec![item.id.clone()];
        if scored {
            row.push(format!("{:.2} {}", item.score, item.source));
        }
        row.push(moment(item.created_s));
        row.push(if item.core { core.to_owned() } else { String::new() });
        row.push(one_line(&item.text));
        row
    };
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    output.table(&rows)?;
    Ok(())
}

fn to_json(item: &MemoryItem) -> Value {
    json!({
        "id": item.id,
        "score": item.score,
        "text": item.text,
        "created_s": item.created_s,
        "origin": item.origin,
        "turn": item.turn,
        "core": item.core,
        "source": item.source,
    })
}

fn explain(output: &mut Output, turn: u64, memories: &[(String, String)]) -> Outcome {
    if output.json {
        let memories: Vec<Value> =
            memories.iter().map(|(id, text)| json!({ "id": id, "text": text })).collect();
        output.value(&json!({ "turn": turn, "memories": memories }))?;
        return Ok(());
    }
    if memories.is_empty() {
        output.line(output.paint(Paint::Dim, output.text(Message::NoReason)))?;
    }
    let rows: Vec<_> = memories.iter().map(|(id, text)| vec![id.clone(), one_line(text)]).collect();
    output.table(&rows)?;
    Ok(())
}

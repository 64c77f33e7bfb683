//! `model`: which models there are, and which slot each is in.

use companion_bus::Dict;
use companion_bus::models::{ModelProxy, ModelsProxy};
use companion_bus::names::{BUS_NAME, ROOT};
use companion_bus::types::get;
use serde_json::{Map, Value, json};
use zbus::OwnedObjectPath;
use zbus::fdo::ObjectManagerProxy;

use super::Context;
use crate::cli::ModelCommand;
use crate::exit::{Failure, Outcome};
use crate::messages::{Message, word};
use crate::output::{Output, Paint, one_line, size};

const INTERFACE: &str = "org.companiond.Model1";

/// One model, as its object tells.
struct Model {
    path: OwnedObjectPath,
    properties: Dict,
}

impl Model {
    fn text(&self, key: &str) -> String {
        get(&self.properties, key).unwrap_or_default()
    }

    fn bytes(&self) -> u64 {
        get(&self.properties, "Bytes").unwrap_or_default()
    }

    fn loaded_ms(&self) -> u32 {
        get(&self.properties, "LoadedMs").unwrap_or_default()
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.text("Id"),
            "kind": self.text("Kind"),
            "architecture": self.text("Architecture"),
            "state": self.text("State"),
            "directory": self.text("Directory"),
            "bytes": self.bytes(),
            "loaded_ms": self.loaded_ms(),
            "detail": self.text("Detail"),
        })
    }
}

pub(crate) async fn run(context: &Context, output: &mut Output, command: ModelCommand) -> Outcome {
    match command {
        ModelCommand::List => list(context, output).await,
        ModelCommand::Show { id } => show(output, &find(context, &id).await?),
        ModelCommand::Load { id } => load(context, output, &id).await,
        ModelCommand::Unload { id } => {
            proxy(context, &id).await?.unload(Dict::new()).await?;
            told(output, &json!({ "id": id }), &format!("{} {id}", output.text(Message::Unloaded)))
        }
        ModelCommand::Rescan => {
            let models = ModelsProxy::new(&context.connection).await?;
            let found = models.rescan(Dict::new()).await?.len();
            if output.json {
                return list(context, output).await;
            }
            output.line(format!("{found} {}", output.text(Message::ModelsFound)))?;
            list(context, output).await
        }
    }
}

/// All models, by kind and id.
async fn all(context: &Context) -> Outcome<Vec<Model>> {
    let objects = ObjectManagerProxy::builder(&context.connection)
        .destination(BUS_NAME)
        .path(ROOT)
        .build()
        .await?
        .get_managed_objects()
        .await?;
    let mut models: Vec<Model> = objects
        .into_iter()
        .filter_map(|(path, mut interfaces)| {
            let properties = interfaces.remove(INTERFACE)?;
            Some(Model { path, properties })
        })
        .collect();
    models.sort_by_key(|model| (model.text("Kind"), model.text("Id")));
    Ok(models)
}

async fn find(context: &Context, id: &str) -> Outcome<Model> {
    let models = all(context).await?;
    let known: Vec<String> = models.iter().map(|model| model.text("Id")).collect();
    models.into_iter().find(|model| model.text("Id") == id).ok_or_else(|| {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::new("NotFound", format!("no model has the id {id}; there are: {known}"))
            .hint("companionctl model rescan")
    })
}

async fn proxy(context: &Context, id: &str) -> Outcome<ModelProxy<'static>> {
    let path = find(context, id).await?.path;
    Ok(ModelProxy::builder(&context.connection).path(path).build().await?)
}

async fn load(context: &Context, output: &mut Output, id: &str) -> Outcome {
    let model = proxy(context, id).await?;
    let call = |options| model.load(options);
    let result = context.finish(output, Message::Loading, Dict::new(), call).await?;
    let loaded_ms: u32 = get(&result, "loaded_ms").unwrap_or_default();
    let said = format!("{} {id} ({loaded_ms} ms)", output.text(Message::Loaded));
    told(output, &json!({ "id": id, "loaded_ms": loaded_ms }), &said)
}

fn told(output: &mut Output, value: &Value, said: &str) -> Outcome {
    if output.json {
        output.value(value)?;
    } else {
        output.line(one_line(said))?;
    }
    Ok(())
}

fn show(output: &mut Output, model: &Model) -> Outcome {
    if output.json {
        output.value(&model.to_json())?;
        return Ok(());
    }
    output.line(output.paint(Paint::Bold, &one_line(&model.text("Id"))))?;
    output.field(Message::Kind, model.text("Kind"))?;
    output.field(Message::Architecture, model.text("Architecture"))?;
    output.field(Message::State, word(output.lang, &model.text("State")))?;
    let folder = model.text("Directory");
    let built_in = output.text(Message::BuiltIn).to_owned();
    output.field(Message::Folder, if folder.is_empty() { built_in } else { one_line(&folder) })?;
    output.field(Message::Size, size(model.bytes()))?;
    output.field(Message::LoadTime, format!("{} ms", model.loaded_ms()))?;
    if !model.text("Detail").is_empty() {
        output.field(Message::Detail, one_line(&model.text("Detail")))?;
    }
    Ok(())
}

async fn list(context: &Context, output: &mut Output) -> Outcome {
    let models = all(context).await?;
    let proxy = ModelsProxy::new(&context.connection).await?;
    let (slots, folders) = tokio::try_join!(proxy.slots(), proxy.folders())?;
    if output.json {
        let slot = |(slot, id): &(String, String)| {
            (slot.clone(), if id.is_empty() { Value::Null } else { json!(id) })
        };
        output.value(&json!({
            "folders": folders,
            "slots": slots.iter().map(slot).collect::<Map<_, _>>(),
            "models": models.iter().map(Model::to_json).collect::<Vec<_>>(),
        }))?;
        return Ok(());
    }
    let row = |model: &Model| {
        let id = model.text("Id");
        let slot = slots.iter().find(|(_, held)| *held == id);
        let slot = slot.map(|(slot, _)| format!("→ {slot}")).unwrap_or_default();
        let state = word(output.lang, &model.text("State")).to_owned();
        let mut row = vec![id, model.text("Kind"), model.text("Architecture"), state, slot];
        row.push(size(model.bytes()));
        row.push(one_line(&model.text("Detail")));
        row
    };
    let rows: Vec<Vec<String>> = models.iter().map(row).collect();
    output.table(&rows)?;
    // Whoever has nothing but what is part of the program learns how to put a model in.
    if models.iter().all(|model| model.text("Directory").is_empty()) {
        how_to_add(output, models.is_empty(), &folders)?;
    }
    Ok(())
}

fn how_to_add(output: &mut Output, none: bool, folders: &[String]) -> Outcome {
    if none {
        output.line(output.text(Message::NoModels))?;
    } else {
        output.line("")?;
    }
    output.line(output.text(Message::HowToAddModel))?;
    for folder in folders {
        output.line(format!("  {}", one_line(folder)))?;
    }
    output.line(format!("  {}", output.text(Message::ModelFiles)))?;
    output.line(output.text(Message::ThenLoad))?;
    Ok(())
}

//! `profile`: who the companion is.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use companion_bus::Dict;
use companion_bus::names::{BUS_NAME, ROOT};
use companion_bus::profiles::{ProfileProxy, ProfilesProxy};
use companion_bus::types::{get, put};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use zbus::fdo::ObjectManagerProxy;

use super::Context;
use crate::cli::ProfileCommand;
use crate::exit::{Failure, Outcome};
use crate::messages::{Lang, Message};
use crate::output::{Output, Paint, one_line};

const INTERFACE: &str = "org.companiond.Profile1";
/// The largest profile that is taken from the daemon.
const MOST_BYTES: u64 = 4 << 20;

/// One profile, as its object tells.
struct Profile(Dict);

impl Profile {
    fn text(&self, key: &str) -> String {
        get(&self.0, key).unwrap_or_default()
    }

    fn by_language(&self, key: &str) -> BTreeMap<String, String> {
        get::<HashMap<String, String>>(&self.0, key).unwrap_or_default().into_iter().collect()
    }

    fn to_json(&self) -> Value {
        json!({
            "key": self.text("Key"),
            "names": self.by_language("Names"),
            "persona": self.by_language("Persona"),
            "voice": self.text("Voice"),
            "generation": self.text("Generation"),
            "language": self.text("Language"),
        })
    }

    fn name(&self, lang: Lang) -> String {
        let names = self.by_language("Names");
        let own = names.get(if lang == Lang::Zh { "zh" } else { "en" });
        own.or_else(|| names.values().next()).map(|name| one_line(name)).unwrap_or_default()
    }
}

pub(crate) async fn run(
    context: &Context,
    output: &mut Output,
    command: ProfileCommand,
) -> Outcome {
    let profiles = ProfilesProxy::new(&context.connection).await?;
    match command {
        ProfileCommand::List => list(context, output, &profiles).await,
        ProfileCommand::Show { key } => show(output, &find(context, &key).await?),
        ProfileCommand::Use { key } => {
            profiles.activate(key.clone(), Dict::new()).await?;
            told(output, &json!({ "active": key }), Message::Active, &key)
        }
        ProfileCommand::Import { file, key } => {
            let path = import(&profiles, &file, key).await?;
            let profile = ProfileProxy::builder(&context.connection).path(path).build().await?;
            let key = profile.key().await?;
            told(output, &json!({ "key": key }), Message::Imported, &key)
        }
        ProfileCommand::Export { key, file } => export(output, &profiles, key, file).await,
    }
}

fn told(output: &mut Output, value: &Value, what: Message, which: &str) -> Outcome {
    if output.json {
        output.value(value)?;
    } else {
        output.field(what, one_line(which))?;
    }
    Ok(())
}

/// All profiles, by key.
async fn all(context: &Context) -> Outcome<Vec<Profile>> {
    let objects = ObjectManagerProxy::builder(&context.connection)
        .destination(BUS_NAME)
        .path(ROOT)
        .build()
        .await?
        .get_managed_objects()
        .await?;
    let found = objects.into_values().filter_map(|mut i| i.remove(INTERFACE)).map(Profile);
    let mut profiles: Vec<Profile> = found.collect();
    profiles.sort_by_key(|profile| profile.text("Key"));
    Ok(profiles)
}

async fn find(context: &Context, key: &str) -> Outcome<Profile> {
    let profiles = all(context).await?;
    let known: Vec<String> = profiles.iter().map(|profile| profile.text("Key")).collect();
    profiles.into_iter().find(|profile| profile.text("Key") == key).ok_or_else(|| {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::new("NotFound", format!("no profile has the key {key}; there are: {known}"))
    })
}

async fn import(
    profiles: &ProfilesProxy<'_>,
    file: &Path,
    key: Option<String>,
) -> Outcome<zbus::OwnedObjectPath> {
    let card = File::open(file).map_err(|e| Failure::file(&e, "reading", file))?;
    let mut options = Dict::new();
    if let Some(key) = &key {
        put(&mut options, "key", key.as_str());
    }
    Ok(profiles.import(OwnedFd::from(card).into(), options).await?)
}

/// The daemon writes into a pipe, so that a file is only made when there is something to hold.
async fn export(
    output: &mut Output,
    profiles: &ProfilesProxy<'_>,
    key: String,
    file: Option<PathBuf>,
) -> Outcome {
    let (ours, theirs) = std::io::pipe()?;
    let theirs = zbus::OwnedFd::from(OwnedFd::from(theirs));
    let reader = crate::events::reader(ours.into())?;
    let mut toml = Vec::new();
    let read =
        async { reader.take(MOST_BYTES).read_to_end(&mut toml).await.map_err(Failure::from) };
    let call = async { Ok(profiles.export(key.clone(), theirs, Dict::new()).await?) };
    tokio::try_join!(call, read)?;
    let Some(file) = file else {
        if output.json {
            output.value(&json!({ "key": key, "toml": String::from_utf8_lossy(&toml) }))?;
        } else {
            output.bytes(&toml)?;
        }
        return Ok(());
    };
    std::fs::write(&file, &toml).map_err(|e| Failure::file(&e, "writing", &file))?;
    let name = file.display().to_string();
    told(output, &json!({ "key": key, "file": name }), Message::Exported, &name)
}

async fn list(context: &Context, output: &mut Output, profiles: &ProfilesProxy<'_>) -> Outcome {
    let found = all(context).await?;
    let active = profiles.active().await?;
    if output.json {
        let found: Vec<Value> = found.iter().map(Profile::to_json).collect();
        output.value(&json!({ "active": active, "profiles": found }))?;
        return Ok(());
    }
    if found.is_empty() {
        output.line(output.text(Message::NoProfiles))?;
        return Ok(());
    }
    let row = |profile: &Profile| {
        let key = profile.text("Key");
        let mark = if key == active { output.text(Message::Active) } else { "" };
        let name = profile.name(output.lang);
        let row = [
            key,
            name,
            profile.text("Voice"),
            profile.text("Generation"),
            profile.text("Language"),
        ];
        let mut row = row.to_vec();
        row.push(mark.to_owned());
        row
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    output.table(&rows)?;
    Ok(())
}

fn show(output: &mut Output, profile: &Profile) -> Outcome {
    if output.json {
        output.value(&profile.to_json())?;
        return Ok(());
    }
    output.line(output.paint(Paint::Bold, &one_line(&profile.text("Key"))))?;
    for (language, name) in profile.by_language("Names") {
        output.field(Message::Name, format!("{language}  {}", one_line(&name)))?;
    }
    output.field(Message::Voice, profile.text("Voice"))?;
    output.field(Message::Generation, profile.text("Generation"))?;
    output.field(Message::Language, profile.text("Language"))?;
    for (language, persona) in profile.by_language("Persona") {
        output.field(Message::Profile, format!("{language}  {}", one_line(&persona)))?;
    }
    Ok(())
}

//! The contract as it is shipped: the introspection of every interface is what lies in
//! `daemon/crates/bus/xml`, and says in words what each member is for. `COMPANION_WRITE_XML=1` writes the
//! files anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use companion_bus::client::finish;
use companion_bus::manager::ManagerProxy;
use companion_bus::names::{self, BUS_NAME};
use companion_bus::request::RequestProxy;
use companion_bus::types::{Dict, put};
use zbus::fdo::IntrospectableProxy;

use crate::bus::Bus;
use crate::scripted::Scripted;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/crates/bus/xml")
}

/// The interfaces of the project in an object's introspection, by name, each with its own lines.
fn interfaces(xml: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut current: Option<(String, String)> = None;
    for line in xml.lines() {
        if let Some((_, rest)) = line.split_once("<interface name=\"org.companiond.") {
            let name = rest.split('"').next().unwrap();
            current = Some((format!("org.companiond.{name}"), String::new()));
        }
        if let Some((_, text)) = &mut current {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        if line.contains("</interface>")
            && let Some((name, text)) = current.take()
        {
            found.insert(name, text);
        }
    }
    found
}

/// All interfaces, over the bus, from objects that are there.
async fn introspected(bus: &Bus) -> BTreeMap<String, String> {
    let _daemon = Scripted::start(bus).await;
    let connection = bus.connect().await;
    let manager = ManagerProxy::new(&connection).await.unwrap();
    let session = manager.open_session(Dict::new()).await.unwrap();
    let mut options = Dict::new();
    put(&mut options, "handle_token", "t");
    let request = manager.ask("hang".to_owned(), options).await.unwrap();
    let said = manager.say("x".to_owned(), Dict::new()).await.unwrap();
    let (model, profile) = (names::model_path("tiny-llm"), names::profile_path("default"));
    let paths = [
        names::ROOT,
        names::MEMORY,
        names::MODELS,
        model.as_str(),
        names::PROFILES,
        profile.as_str(),
        names::VOICE,
        names::AUDIO,
        names::HEALTH,
        session.as_str(),
        request.as_str(),
        said.as_str(),
    ];
    let mut all = BTreeMap::new();
    for path in paths {
        let object = IntrospectableProxy::builder(&connection).destination(BUS_NAME).path(path);
        let xml = object.build().await.unwrap().introspect().await.unwrap();
        all.extend(interfaces(&xml));
    }
    all
}

#[tokio::test]
async fn the_shipped_introspection_is_that_of_the_interfaces() {
    let bus = Bus::start();
    let all = introspected(&bus).await;
    assert_eq!(all.len(), 12, "{:?}", all.keys());
    let write = std::env::var_os("COMPANION_WRITE_XML").is_some();
    for (name, xml) in &all {
        let file = folder().join(format!("{name}.xml"));
        let page = format!(
            "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n{xml}</node>\n"
        );
        if write {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&file, &page).unwrap();
        }
        let shipped = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            shipped, page,
            "{name} changed: run with COMPANION_WRITE_XML=1 and look at the change"
        );
    }
    let shipped = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(shipped, all.len(), "a file of an interface that is no more");
}

#[tokio::test]
async fn every_member_says_what_it_is_for() {
    let bus = Bus::start();
    for (name, xml) in introspected(&bus).await {
        let mut before = "";
        for line in xml.lines().map(str::trim) {
            let member =
                ["<method ", "<property ", "<signal "].iter().any(|tag| line.starts_with(tag));
            assert!(!member || before.ends_with("-->"), "{name}: {line} has no words");
            assert!(
                !line.starts_with("<arg ") || line.contains("name=\""),
                "{name}: {line} has no name"
            );
            before = line;
        }
    }
}

#[tokio::test]
async fn methods_take_options_and_files_hold_known_names() {
    let bus = Bus::start();
    for (name, xml) in introspected(&bus).await {
        for method in xml.split("<method ").skip(1) {
            let method = method.split("</method>").next().unwrap();
            let member = method.split('"').nth(1).unwrap();
            let last = method.lines().rfind(|line| line.contains("direction=\"in\""));
            let options =
                last.is_some_and(|l| l.contains("type=\"a{sv}\"") && l.contains("\"options\""));
            // A request is closed as the desktop portals close it.
            let portal = name == "org.companiond.Request1" && member == "Close";
            assert!(options || portal, "{name}.{member} does not end with options: {last:?}");
        }
    }
}

#[tokio::test]
async fn a_request_lies_where_its_caller_expects_it() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let connection = bus.connect().await;
    let manager = ManagerProxy::new(&connection).await.unwrap();
    let mut options = Dict::new();
    put(&mut options, "handle_token", "mine");
    let path = manager.ask("hang".to_owned(), options.clone()).await.unwrap();
    let sender = connection.unique_name().unwrap().to_string();
    assert_eq!(path.as_str(), names::request_path(&sender, "mine"));
    let request = RequestProxy::builder(&connection).path(path).build().await.unwrap();
    assert!(request.progress().await.unwrap() < 0.0);
    request.close().await.unwrap();
    assert!(daemon.calls().contains(&"request close".to_owned()));
    put(&mut options, "handle_token", "../x");
    let refused = manager.ask("hang".to_owned(), options).await.unwrap_err();
    assert_eq!(refused.parts().0, "InvalidArgument");
    // The end is not missed though it comes before the call returns.
    let call = |options| manager.ask("x".to_owned(), options);
    let result = finish(&connection, Dict::new(), call, |_| {}).await.unwrap();
    assert_eq!(companion_bus::TurnResult::from_dict(&result).emotion, "happy");
}

//! Stored examples of events, `schema/events/examples/<Type>/<Event>-<version>.json`. Golden files of schemas can be
//! written anew, and with them a change that breaks what is stored; an example, once there, stays, and must be readable.

mod promotions;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cqrs_es::DomainEvent;
use serde_json::{Value, json};

/// Objects whose names are data, and enums by the name of their variant: no field can be added to these.
const NO_STRUCTS: &[&str] = &[
    "files",
    "images",
    "ran",
    "values",
    "labels",
    "operation",
    "cause",
    "expected",
    "found",
];

fn folder(aggregate: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../schema/events/examples")
        .join(aggregate)
}

fn read(path: &Path) -> Vec<Value> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => vec![],
    }
}

/// Adds an example, if it is new; none is ever changed or taken away here.
pub fn keep<E: DomainEvent>(aggregate: &str, event: &E) {
    let folder = folder(aggregate);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{}.json", event.event_type(), event.event_version()));
    let mut examples = read(&path);
    let example = serde_json::to_value(event).unwrap();
    // One example of a plan is enough.
    let large = serde_json::to_string(event).unwrap().len() > 8000;
    if !examples.contains(&example) && (examples.is_empty() || !large) {
        examples.push(example);
        let lines: Vec<_> = examples.iter().map(Value::to_string).collect();
        std::fs::write(&path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
}

/// Every stored example of today's version is read, also with fields that a later version may add; every event has one.
/// Those of earlier versions are for the tests of their upcasters.
pub fn check<E: DomainEvent>(aggregate: &str, events: &BTreeSet<String>) {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder(aggregate)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (event_type, version) = name.rsplit_once('-').unwrap();
        for example in read(&path) {
            let hint =
                "an event that is stored cannot be read any more: raise its version and write an upcaster";
            let event: E = match serde_json::from_value(example.clone()) {
                Ok(event) => event,
                Err(error) if is_current(version, &example) => panic!("{name}: {error}: {hint}"),
                Err(_) => continue,
            };
            assert_eq!(event.event_type(), event_type);
            if event.event_version() != version {
                continue;
            }
            found.insert(event_type.to_owned());
            for later in with_more(&example) {
                let read = serde_json::from_value::<E>(later.clone());
                assert!(read.is_ok_and(|read| read == event), "a field was added: {later}");
            }
        }
    }
    assert_eq!(
        &found, events,
        "a stored example of each event of {aggregate}: OPSTELLA_UPDATE_GOLDEN=1 adds them"
    );
}

/// Whether the version is the newest one that there are examples of: there can be no upcaster from it.
fn is_current(version: &str, example: &Value) -> bool {
    let name = example.as_object().and_then(|event| event.keys().next()).cloned();
    let next = |version: &str| {
        let (major, minor) = version.split_once('.').unwrap();
        format!("{major}.{}", minor.parse::<u32>().unwrap() + 1)
    };
    let later = format!("{}-{}.json", name.unwrap_or_default(), next(version));
    let folders = std::fs::read_dir(folder("")).unwrap();
    !folders
        .into_iter()
        .any(|folder| folder.unwrap().path().join(&later).exists())
}

/// The event with a field added to each of its objects in turn.
fn with_more(event: &Value) -> Vec<Value> {
    let mut paths = Vec::new();
    let (name, fields) = event.as_object().unwrap().iter().next().unwrap();
    objects(fields, &format!("/{name}"), &mut paths);
    let more = |path: &String| {
        let mut event = event.clone();
        event.pointer_mut(path).unwrap()["added_later"] = json!({"x": 1});
        event
    };
    paths.iter().map(more).collect()
}

fn objects(json: &Value, path: &str, found: &mut Vec<String>) {
    match json {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{path}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            found.push(path.to_owned());
            for (name, value) in fields
                .iter()
                .filter(|(name, _)| !NO_STRUCTS.contains(&name.as_str()))
            {
                objects(value, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

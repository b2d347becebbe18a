//! What was released stays as it was.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opstella_domain::schema::event_schemas;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/events")
}

#[test]
fn no_released_event_changes() {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for (name, schema) in event_schemas() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let path = folder().join(format!("{name}.json"));
        names.insert(format!("{name}.json"));
        if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(name);
        }
    }
    assert!(
        wrong.is_empty(),
        "the events of {wrong:?} no longer fit schema/events/<Type>.json.\n\
         Events are stored for ever, so a released one never changes:\n\
         - a new event, or a new optional field (`#[serde(default)]`): run the test with OPSTELLA_UPDATE_GOLDEN=1, \
         and review that the difference only adds;\n\
         - anything else: raise that event's version (the third argument of `aggregate!`), register an upcaster in the journal that turns the \
         stored version into the new one, test it with a stored example, and only then update the golden file."
    );
    let there: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "examples")
        .collect();
    assert_eq!(
        there, names,
        "schema/events holds one file per aggregate, examples, and nothing else"
    );
}

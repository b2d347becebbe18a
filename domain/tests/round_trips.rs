//! What is stored of templates and connections is read again as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use cqrs_es::DomainEvent;
use opstella_domain::Decide;
use opstella_domain::template::{Template, TemplateCommand, TemplateFiles, TemplateRef};
use opstella_domain::tool_connection::{
    Connection, ToolConnection, ToolConnectionCommand, ToolSettings, ToolUrl,
};
use proptest::prelude::*;

/// Decides commands, each on what the events before it, read from JSON, made; as the journal does, with a snapshot in
/// the middle.
fn replayed<A: Decide>(commands: Vec<A::Command>) -> (A, A) {
    let (mut direct, mut read) = (A::default(), A::default());
    let middle = commands.len() / 2;
    for (number, command) in commands.into_iter().enumerate() {
        for event in direct.decide(command).unwrap() {
            let text = serde_json::to_string(&event).unwrap();
            let again: A::Event = serde_json::from_str(&text).unwrap();
            assert!(again == event, "{text}");
            assert!(!event.event_type().is_empty());
            direct.evolve(event);
            read.evolve(again);
        }
        if number == middle {
            read = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        }
    }
    (direct, read)
}

fn files() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(
        "[a-zA-Z0-9_-]{1,8}(/[a-z{} _.-]{0,6}[a-z]){0,3}",
        "\\PC{0,60}",
        1..6,
    )
}

fn settings() -> impl Strategy<Value = ToolSettings> {
    let mount = || prop::option::of("[a-z0-9_-]{1,20}(/[a-z0-9]{1,10})?");
    let text = || prop::option::of("[ -~]{1,60}");
    (
        mount(),
        mount(),
        mount(),
        text(),
        text(),
        prop::option::of(1_u32..=1000),
    )
        .prop_map(
            |(kv_mount, kubernetes_auth_mount, approle_mount, quality_gate, destination, keep_artifacts)| {
                ToolSettings {
                    kv_mount,
                    kubernetes_auth_mount,
                    approle_mount,
                    quality_gate,
                    destination,
                    keep_artifacts,
                }
            },
        )
}

proptest! {
    #[test]
    fn templates(versions in prop::collection::btree_map((0_u32..5, 0_u32..5, any::<u32>()), files(), 1..8)) {
        let commands: Vec<_> = versions.iter().map(|((major, minor, patch), files)| TemplateCommand::Register {
            template: TemplateRef {
                name: "http-service".parse().unwrap(),
                version: format!("{major}.{minor}.{patch}").parse().unwrap(),
            },
            description: "A small HTTP service".into(),
            files: TemplateFiles::try_from(files.clone()).unwrap(),
        }).collect();
        let again = commands.clone();
        let (direct, read) = replayed::<Template>(commands);
        prop_assert_eq!(direct.versions.len(), versions.len());
        prop_assert_eq!(direct.latest().map(|v| v.to_string()), read.latest().map(|v| v.to_string()));
        for ((version, direct), (other, read)) in direct.versions.iter().zip(&read.versions) {
            prop_assert_eq!(version, other);
            prop_assert_eq!((&direct.digest, &direct.files), (&read.digest, &read.files));
            prop_assert_eq!(direct.files.digest(), read.digest.clone());
        }
        for command in again {
            prop_assert_eq!(read.decide(command), Ok(vec![]), "the same again changes nothing");
        }
    }

    #[test]
    fn connections(
        settings in prop::collection::vec(settings(), 1..6),
        host in "[a-z]{1,20}",
        path in "(/[a-z0-9]{1,8}){0,2}/{0,2}",
    ) {
        let url = ToolUrl::try_from(format!("https://{host}.example{path}")).unwrap();
        prop_assert_eq!(&ToolUrl::try_from(url.as_str().to_owned()).unwrap(), &url);
        let commands: Vec<_> = settings.iter().map(|settings| ToolConnectionCommand::Connect {
            key: "vault/main".parse().unwrap(),
            connection: Connection {
                url: url.clone(),
                credential: "vault".parse().unwrap(),
                settings: settings.clone(),
            },
        }).collect();
        let (direct, read) = replayed::<ToolConnection>(commands);
        prop_assert_eq!(&direct.connection, &read.connection);
        let last = read.connection.map(|connection| connection.settings);
        prop_assert_eq!(last.as_ref(), settings.last());
    }
}

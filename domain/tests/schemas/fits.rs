//! Whether examples of events fit the golden schemas.

use std::collections::BTreeSet;

use cqrs_es::DomainEvent;
use opstella_domain::schema::event_schemas;
use serde_json::Value;

/// The variants that a schema of an event enum names.
pub fn variants(schema: &Value) -> BTreeSet<String> {
    schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|variant| variant["required"].as_array().unwrap().clone())
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Each example fits the schema, survives JSON, and is stored under its variant's name; every variant has one.
pub fn check<E: DomainEvent>(aggregate: &str, examples: Vec<E>) {
    let (_, schema) = event_schemas()
        .into_iter()
        .find(|(name, _)| *name == aggregate)
        .unwrap();
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let mut seen = BTreeSet::new();
    for event in examples {
        let json = serde_json::to_value(&event).unwrap();
        let wrong: Vec<_> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{json}: {wrong:?}");
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<E>(&text).unwrap(), event);
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, [event.event_type()]);
        if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
            crate::examples::keep(aggregate, &event);
        }
        seen.insert(event.event_type());
    }
    assert_eq!(
        seen,
        variants(schema.as_value()),
        "an example of each event of {aggregate}"
    );
    crate::examples::check::<E>(aggregate, &seen);
    for wrong in [serde_json::json!({}), serde_json::json!({ "Nonsense": {} })] {
        assert!(!validator.is_valid(&wrong));
    }
}

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The `sub` of the token, or the name of the part of Opstella that acted by itself (`system:engine`).
    pub subject: String,
    /// The name that people know.
    pub name: Option<String>,
    /// The roles held at that moment.
    pub roles: Vec<String>,
    /// The client that acted for the subject (`azp` or `client_id`).
    pub client: Option<String>,
    /// The network address that the request came from.
    pub address: Option<String>,
}

impl Actor {
    /// An actor of whom only the subject is known.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ..Self::default()
        }
    }
}

/// What is recorded with every event of one append.
///
/// Stored as one flat JSON object of strings, since stock cqrs-es reads metadata as a map of strings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventMetadata {
    /// Who.
    pub actor: Actor,
    /// The command's name.
    pub command: String,
    /// Shared by everything that one request led to.
    pub correlation: String,
    /// What led to this directly: a request's id, or the position of an event.
    pub causation: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Why, in the words of who did it.
    pub reason: Option<String>,
    /// Whatever else; a name used by the fields above is ignored here.
    pub extra: BTreeMap<String, String>,
}

/// The key under which the id of the append (its "unit") is kept.
pub(crate) const UNIT: &str = "unit";
const SUBJECT: &str = "actor_subject";
const NAME: &str = "actor_name";
const ROLES: &str = "actor_roles";
const CLIENT: &str = "actor_client";
const ADDRESS: &str = "actor_address";
const COMMAND: &str = "command";
const CORRELATION: &str = "correlation";
const CAUSATION: &str = "causation";
const TRACEPARENT: &str = "traceparent";
const REASON: &str = "reason";
const RESERVED: [&str; 11] = [
    UNIT,
    SUBJECT,
    NAME,
    ROLES,
    CLIENT,
    ADDRESS,
    COMMAND,
    CORRELATION,
    CAUSATION,
    TRACEPARENT,
    REASON,
];

impl EventMetadata {
    /// Metadata of a command by a subject; the rest is empty.
    pub fn new(
        subject: impl Into<String>,
        command: impl Into<String>,
        correlation: impl Into<String>,
    ) -> EventMetadata {
        EventMetadata {
            actor: Actor::new(subject),
            command: command.into(),
            correlation: correlation.into(),
            ..EventMetadata::default()
        }
    }

    /// The flat object of strings that is stored. Roles are joined by commas.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.pairs().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Reads what [`to_map`](Self::to_map) wrote; what is missing stays empty, what is unknown goes to `extra`.
    pub fn from_map(mut map: BTreeMap<String, String>) -> EventMetadata {
        map.remove(UNIT);
        let roles = map.remove(ROLES).unwrap_or_default();
        EventMetadata {
            actor: Actor {
                subject: map.remove(SUBJECT).unwrap_or_default(),
                name: map.remove(NAME),
                roles: roles
                    .split(',')
                    .filter(|role| !role.is_empty())
                    .map(str::to_owned)
                    .collect(),
                client: map.remove(CLIENT),
                address: map.remove(ADDRESS),
            },
            command: map.remove(COMMAND).unwrap_or_default(),
            correlation: map.remove(CORRELATION).unwrap_or_default(),
            causation: map.remove(CAUSATION),
            traceparent: map.remove(TRACEPARENT),
            reason: map.remove(REASON),
            extra: map,
        }
    }

    /// The stored text, with the id of the append in it.
    pub(crate) fn to_json(&self, unit: &str) -> Result<String, serde_json::Error> {
        let mut map: BTreeMap<&str, String> = self.pairs().collect();
        map.insert(UNIT, unit.to_owned());
        serde_json::to_string(&map)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, String)> {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let always = [
            (SUBJECT, some(&self.actor.subject)),
            (COMMAND, some(&self.command)),
            (CORRELATION, some(&self.correlation)),
            (NAME, self.actor.name.clone()),
            (
                ROLES,
                (!self.actor.roles.is_empty()).then(|| self.actor.roles.join(",")),
            ),
            (CLIENT, self.actor.client.clone()),
            (ADDRESS, self.actor.address.clone()),
            (CAUSATION, self.causation.clone()),
            (TRACEPARENT, self.traceparent.clone()),
            (REASON, self.reason.clone()),
        ];
        let extra = self
            .extra
            .iter()
            .filter(|(key, _)| !RESERVED.contains(&key.as_str()))
            .map(|(key, value)| (key.as_str(), value.clone()));
        always
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .chain(extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_back_as_written_and_flat() {
        let mut given = EventMetadata::new("alice", "CreateService", "c-1");
        given.actor.roles = vec!["owner".into(), "developer".into()];
        given.reason = Some("because \"x\"".into());
        given.extra.insert("ticket".into(), "OPS-1".into());
        given.extra.insert("unit".into(), "forged".into());
        let json = given.to_json("u-1").unwrap();
        let map: BTreeMap<String, String> = serde_json::from_str(&json).unwrap();
        assert_eq!(map.get("unit").map(String::as_str), Some("u-1"));
        given.extra.remove("unit");
        assert_eq!(EventMetadata::from_map(map), given);
    }
}

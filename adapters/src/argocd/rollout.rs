//! Where the sync and the rollout of an application stand, as its status says.

use chrono::{DateTime, Utc};
use opstella_domain::release::Digest;
use serde_json::Value;

use super::object::{Object, Ownership};
use crate::Observed;
use crate::mark::Mark;

const UNDER_WAY: [&str; 2] = ["Running", "Terminating"];
const FAILED: [&str; 2] = ["Failed", "Error"];

impl Object {
    /// Whether what runs is what the repository says.
    pub(super) fn is_synced(&self) -> bool {
        self.text("/status/sync/status") == "Synced"
    }

    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing`, `Unknown`; empty before the first look at it.
    pub(super) fn health(&self) -> &str {
        self.text("/status/health/status")
    }

    /// What is wrong: of the application itself, else of the first resource that says it, else of the application's
    /// conditions.
    pub(super) fn trouble(&self) -> String {
        let own = self.text("/status/health/message");
        if !own.is_empty() {
            return own.to_owned();
        }
        let text = |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let degraded = |resource: &&Value| text(resource, "/health/status").as_deref() == Some("Degraded");
        let told = |resource: &Value| {
            let (kind, name) = (text(resource, "/kind")?, text(resource, "/name")?);
            Some(format!("{kind} {name}: {}", text(resource, "/health/message")?))
        };
        let resource = self.entries("/status/resources").filter(degraded).find_map(told);
        let condition = || {
            self.entries("/status/conditions")
                .find_map(|c| text(c, "/message"))
        };
        resource
            .or_else(condition)
            .unwrap_or_else(|| "it does not say why".to_owned())
    }

    /// The images that run, by tag or digest.
    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        self.entries("/status/summary/images").filter_map(Value::as_str)
    }

    /// Whether it runs this image; while a rollout goes on it may run another one beside it.
    pub(super) fn runs(&self, image: &str, digest: &Digest) -> bool {
        let wanted = format!("{image}@{digest}");
        self.images().any(|runs| runs == wanted)
    }

    /// Whether an operation is asked for or under way.
    pub(super) fn is_busy(&self) -> bool {
        let asked = self.0.get("operation").is_some_and(Value::is_object);
        asked || UNDER_WAY.contains(&self.text("/status/operationState/phase"))
    }

    /// Why the newest sync failed, if it was to the commit that is the head now.
    pub(super) fn failure(&self) -> Option<&str> {
        if self.is_busy() || !FAILED.contains(&self.text("/status/operationState/phase")) {
            return None;
        }
        let revision = match self.text("/status/operationState/syncResult/revision") {
            "" => self.text("/status/operationState/operation/sync/revision"),
            revision => revision,
        };
        let head = self.text("/status/sync/revision");
        (head.is_empty() || revision == head).then(|| self.text("/status/operationState/message"))
    }

    /// Whether the newest operation began at or after this time. Argo CD counts seconds.
    pub(super) fn synced_since(&self, time: DateTime<Utc>) -> bool {
        let started = self.text("/status/operationState/startedAt");
        let started = DateTime::parse_from_rfc3339(started).ok();
        started.is_some_and(|started| started.timestamp() >= time.timestamp())
    }

    /// Whether nothing was ever deployed.
    pub(super) fn is_new(&self) -> bool {
        !self.is_busy()
            && self.text("/status/operationState/phase").is_empty()
            && self.entries("/status/history").next().is_none()
            && self.images().next().is_none()
    }

    /// Whether a sync also deletes what the repository no longer names: of one of ours always, of an adopted one as its
    /// policy has it.
    pub(super) fn prunes(&self, mark: &Mark) -> bool {
        matches!(self.ownership(mark), Ownership::Ours(_))
            || self.0.pointer("/spec/syncPolicy/automated/prune") == Some(&Value::Bool(true))
    }

    /// What somebody who looks sees.
    pub(super) fn observed(&self) -> Observed {
        Observed {
            images: self.images().map(str::to_owned).collect(),
            synced: self.is_synced(),
            health: self.health().to_owned(),
        }
    }

    fn entries(&self, pointer: &str) -> impl Iterator<Item = &Value> {
        let list = self.0.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten()
    }
}

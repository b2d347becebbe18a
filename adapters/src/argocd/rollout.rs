//! Where the sync and the rollout of an application stand, as its status says.

use chrono::{DateTime, TimeDelta, Utc};
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

    /// Another version of the image that runs.
    pub(super) fn runs_another(&self, image: &str, digest: &Digest) -> Option<&str> {
        Observed::another_than(&format!("{image}@{digest}"), self.images())
    }

    /// Whether an operation is asked for or under way.
    pub(super) fn is_busy(&self) -> bool {
        let asked = self.0.get("operation").is_some_and(Value::is_object);
        asked || UNDER_WAY.contains(&self.text("/status/operationState/phase"))
    }

    /// Whether the operation that is under way was told to end.
    pub(super) fn is_ending(&self) -> bool {
        self.text("/status/operationState/phase") == "Terminating"
    }

    /// The commit that the newest operation syncs to, or did; empty if none was ever asked for.
    pub(super) fn newest_revision(&self) -> &str {
        let pointers = [
            "/operation/sync/revision",
            "/status/operationState/syncResult/revision",
            "/status/operationState/operation/sync/revision",
        ];
        let said = pointers.into_iter().map(|pointer| self.text(pointer));
        said.into_iter()
            .find(|revision| !revision.is_empty())
            .unwrap_or_default()
    }

    /// Whether the newest operation brought this commit.
    pub(super) fn has_deployed(&self, revision: &str) -> bool {
        !self.is_busy()
            && self.text("/status/operationState/phase") == "Succeeded"
            && self.newest_revision() == revision
    }

    /// Whether this commit was ever deployed, as far as Argo CD remembers.
    pub(super) fn remembers(&self, revision: &str) -> bool {
        self.history().any(|deployed| deployed == revision)
    }

    /// The commit that was deployed before this one first was, or is the newest if this one never was.
    pub(super) fn deployed_before(&self, revision: &str) -> Option<&str> {
        self.history().take_while(|deployed| *deployed != revision).last()
    }

    /// The commit that was deployed last.
    pub(super) fn deployed(&self) -> Option<&str> {
        self.history().last()
    }

    /// The commits that were deployed, oldest first.
    fn history(&self) -> impl Iterator<Item = &str> {
        self.entries("/status/history")
            .filter_map(|entry| entry.get("revision").and_then(Value::as_str))
    }

    /// Why the newest sync failed, if it was to this commit; without one, to the one that is the head now.
    pub(super) fn failure(&self, revision: Option<&str>) -> Option<&str> {
        if self.is_busy() || !FAILED.contains(&self.text("/status/operationState/phase")) {
            return None;
        }
        let wanted = revision.unwrap_or(self.text("/status/sync/revision"));
        let meant = wanted.is_empty() || self.newest_revision() == wanted;
        meant.then(|| self.text("/status/operationState/message"))
    }

    /// Whether ill health, where there is any, is that of this image, brought by the newest sync. Straight after a sync it
    /// may be that of what ran before: Kubernetes says of a deployment that it failed until pods of the new one count. So
    /// it counts once this image alone runs and has become ill since, or after so long a time.
    pub(super) fn is_ill_of(
        &self,
        image: &str,
        digest: &Digest,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> bool {
        let finished = self.time("/status/operationState/finishedAt");
        if finished.is_none_or(|finished| now - finished >= grace) {
            return true;
        }
        let began = self.time("/status/operationState/startedAt");
        let fell_ill = self.time("/status/health/lastTransitionTime");
        let since = began
            .zip(fell_ill)
            .is_some_and(|(began, fell_ill)| fell_ill >= began);
        since && self.runs(image, digest) && self.runs_another(image, digest).is_none()
    }

    fn time(&self, pointer: &str) -> Option<DateTime<Utc>> {
        let time = DateTime::parse_from_rfc3339(self.text(pointer)).ok()?;
        Some(time.with_timezone(&Utc))
    }

    /// Whether the newest operation began at or after this time. Argo CD counts seconds.
    pub(super) fn synced_since(&self, time: DateTime<Utc>) -> bool {
        let started = self.time("/status/operationState/startedAt");
        started.is_some_and(|started| started.timestamp() >= time.timestamp())
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

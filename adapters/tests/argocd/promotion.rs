//! Holding an application, syncing it to a commit, waiting for it, and the way back.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use http::{HeaderMap, Method};
use opstella_adapters::{Observed, Removed, StepContext, StepError, ToolAdapter};
use opstella_domain::Environment;
use opstella_domain::naming::KubernetesName;
use opstella_domain::operation::Operation;
use opstella_domain::release::Digest;
use opstella_domain::resource::Provenance;
use opstella_sandbox::{Fault, Request, SandboxTool, credentials};
use serde_json::{Value, json};

use crate::world::{APPLICATION, World, application, checkout, context, permanent, project, transient};

const IMAGE: &str = "harbor.example/payments_checkout/api";
const SYNC: &str = "/api/v1/applications/payments--checkout--api--dev/sync";
const NAME: &str = "payments--checkout--api--dev";

fn name() -> KubernetesName {
    let key = "payments/checkout".parse().unwrap();
    KubernetesName::application(&key, &"api".parse().unwrap(), Environment::Dev)
}

fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

pub fn hold(previous: Option<char>) -> Operation {
    Operation::ArgoHold {
        application: name(),
        project: "payments".parse().unwrap(),
        image: IMAGE.into(),
        previous: previous.map(digest),
        was_ill: false,
        wait_minutes: 15,
    }
}

pub fn sync(digit: char) -> Operation {
    Operation::ArgoSync {
        application: name(),
        project: "payments".parse().unwrap(),
        image: IMAGE.into(),
        digest: digest(digit),
    }
}

pub fn healthy(digit: char) -> Operation {
    Operation::ArgoHealthy {
        application: name(),
        project: "payments".parse().unwrap(),
        image: IMAGE.into(),
        digest: digest(digit),
        wait_minutes: 15,
    }
}

/// What somebody waits for.
#[track_caller]
fn awaited(error: StepError) -> String {
    assert!(matches!(error, StepError::Awaited { .. }), "{error:?}");
    error.to_string()
}

impl World {
    fn gitlab(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut headers = HeaderMap::new();
        headers.insert("private-token", credentials::GITLAB_TOKEN.parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        let reply = self.tools.gitlab.handle(&Request {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: format!("/api/v4{path}"),
            query: vec![],
            headers,
            body: body.to_string().into(),
            base_url: self.sandbox.tool_url("gitlab"),
        });
        assert!(reply.status.is_success(), "{:?}", reply.body);
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// The overlay names a tag, or an image by digest.
    pub fn commit(&self, version: &str) {
        let text = format!("images:\n  - name: service\n    newName: {IMAGE}\n    {version}\n");
        let path = "/projects/payments%2Fcheckout_api/repository/commits";
        let action = match self.tools.gitlab.messages("payments/checkout_api").is_empty() {
            true => "create",
            false => "update",
        };
        let action =
            json!({ "action": action, "file_path": "deploy/dev/kustomization.yaml", "content": text });
        let body = json!({ "branch": "main", "commit_message": "Ours", "actions": [action] });
        self.gitlab("POST", path, &body);
    }

    pub fn commit_digest(&self, digit: char) {
        self.commit(&format!("digest: {}", digest(digit)));
    }

    /// The application of a repository that names the template's tag; nothing runs yet.
    pub async fn with_repository() -> Self {
        let mut world = Self::with_project().await;
        world.adapter = world.adapter.clone().with_pause(Duration::from_millis(1));
        let group = world.gitlab(
            "POST",
            "/groups",
            &json!({ "name": "payments", "path": "payments" }),
        );
        let repository =
            json!({ "name": "checkout_api", "path": "checkout_api", "namespace_id": group["id"] });
        world.gitlab("POST", "/projects", &repository);
        world.commit("newTag: \"1.0.1\"");
        world.ensure(&application(), &checkout(1)).await;
        world
    }

    /// It runs an image, and well.
    async fn running(digit: char) -> Self {
        let world = Self::with_repository().await;
        world.commit_digest(digit);
        world.reaches(&sync(digit)).await;
        world.reaches(&healthy(digit)).await;
        world
    }

    /// It ran 2 for a while, and its repository says 1 again, which is ill.
    async fn back_to_what_is_ill() -> Self {
        let world = Self::running('1').await;
        world.commit_digest('2');
        world.reaches(&sync('2')).await;
        world.reaches(&healthy('2')).await;
        world.commit_digest('1');
        let argocd = &world.tools.argocd;
        argocd.judge(digest('1').as_str(), "Degraded", "no database");
        world
    }

    /// Looks until the step is done; how often that took.
    pub async fn reaches(&self, operation: &Operation) -> usize {
        for looks in 0..20 {
            match self.adapter.ensure(operation, &checkout(2)).await {
                Ok(_) => return looks,
                Err(error) => awaited(error),
            };
        }
        panic!("{operation:?} is not done after 20 looks");
    }

    /// Looks until the step is undone.
    pub async fn undone(&self, operation: &Operation) -> Removed {
        for _ in 0..20 {
            match self.adapter.remove(operation, &checkout(2)).await {
                Ok(removed) => return removed,
                Err(error) => awaited(error),
            };
        }
        panic!("{operation:?} is not undone after 20 looks");
    }

    fn runs(&self) -> (String, String, String) {
        let standing = self.tools.argocd.standing(NAME).unwrap();
        let version = standing.images.concat().replace(IMAGE, "");
        (version, standing.sync, standing.health)
    }

    /// It runs an image by digest, as the repository says, and well.
    #[track_caller]
    fn assert_runs(&self, digit: char) {
        let expected = (
            format!("@{}", digest(digit)),
            "Synced".to_owned(),
            "Healthy".to_owned(),
        );
        assert_eq!(self.runs(), expected);
    }

    fn syncs(&self) -> usize {
        let exchanges = self.sandbox.exchanges();
        exchanges
            .iter()
            .filter(|e| e.path == SYNC && e.status.is_success())
            .count()
    }
}

/// A run that began long after whatever happened so far.
fn later() -> StepContext {
    StepContext {
        run_started: Utc::now() + TimeDelta::hours(1),
        ..checkout(3)
    }
}

#[tokio::test]
async fn holding_changes_nothing_and_is_to_be_undone() {
    let world = World::with_repository().await;
    let writes = world.writes();
    let held = world.ensure(&hold(None), &checkout(2)).await;
    assert_eq!(
        (held.provenance, held.resource.kind.as_str()),
        (Provenance::Created, "hold")
    );
    assert_eq!(world.writes(), writes);
    // Somebody syncs.
    world.post(SYNC, &json!({ "project": "payments" })).await;
    let message = awaited(world.refusal(&hold(None), &checkout(2)).await);
    assert!(message.contains(NAME), "{message}");
    world.reaches(&hold(None)).await;
}

#[tokio::test]
async fn what_is_not_there_or_not_ours_is_refused_by_name() {
    let world = World::with_project().await;
    for operation in [hold(None), sync('1'), healthy('1')] {
        let message = permanent(&world.refusal(&operation, &checkout(2)).await);
        assert!(message.contains(&format!("no application `{NAME}`")), "{message}");
        assert_eq!(world.remove(&operation, &checkout(2)).await, Removed::Absent);
    }
    let world = World::running('1').await;
    let writes = world.writes();
    for operation in [hold(None), sync('2'), healthy('1')] {
        let other = context("payments/billing", 2);
        let message = permanent(&world.refusal(&operation, &other).await);
        assert!(message.contains("not this service's"), "{message}");
        assert_ne!(world.remove(&operation, &other).await, Removed::Deleted);
    }
    assert_eq!(world.writes(), writes);
}

#[tokio::test]
async fn one_that_is_being_deleted_is_left_alone() {
    let world = World::running('1').await;
    let mut deleting = world.get(APPLICATION).await;
    deleting["metadata"]["deletionTimestamp"] = json!("2026-11-24T10:00:00Z");
    world.fault(
        Fault::on("argocd")
            .method("GET")
            .path(APPLICATION)
            .status(200)
            .body(deleting),
    );
    for operation in [hold(None), sync('2'), healthy('1')] {
        transient(&world.refusal(&operation, &checkout(2)).await);
    }
    assert_eq!(world.remove(&hold(Some('1')), &checkout(2)).await, Removed::Kept);
}

#[tokio::test]
async fn a_sync_is_asked_for_once_and_the_image_waited_for() {
    let world = World::with_repository().await;
    world.commit_digest('1');
    let asked = world.ensure(&sync('1'), &checkout(2)).await;
    assert_eq!(
        (asked.provenance, asked.resource.kind.as_str()),
        (Provenance::Created, "sync")
    );
    // Another attempt finds it under way, and then done.
    awaited(world.refusal(&sync('1'), &checkout(2)).await);
    assert!(world.reaches(&healthy('1')).await > 0);
    world.assert_runs('1');
    let done = world.ensure(&sync('1'), &checkout(2)).await;
    assert_eq!(done.provenance, Provenance::Existing);
    let found = world.ensure(&healthy('1'), &checkout(2)).await;
    assert_eq!(
        (found.provenance, found.resource.kind.as_str()),
        (Provenance::Existing, "rollout")
    );
    assert_eq!(world.syncs(), 1);
    for operation in [sync('1'), healthy('1')] {
        assert_eq!(world.remove(&operation, &checkout(2)).await, Removed::Absent);
    }
    world.assert_runs('1');
}

#[tokio::test]
async fn another_image_is_not_the_one() {
    let world = World::running('1').await;
    let message = awaited(world.refusal(&healthy('2'), &checkout(2)).await);
    assert!(message.contains(digest('2').as_str()), "{message}");
    world.commit_digest('2');
    let message = awaited(world.refusal(&healthy('2'), &checkout(2)).await);
    assert!(message.contains("not synced"), "{message}");
    assert_eq!(world.syncs(), 1);
}

#[tokio::test]
async fn somebody_elses_operation_is_waited_for() {
    let world = World::with_repository().await;
    world.commit_digest('1');
    let words = json!({ "code": 9, "message": "another operation is already in progress" });
    world.fault(
        Fault::on("argocd")
            .method("POST")
            .status(400)
            .body(words)
            .times(1),
    );
    awaited(world.refusal(&sync('1'), &checkout(2)).await);
    world.fault(
        Fault::on("argocd")
            .method("POST")
            .status(400)
            .body(json!({ "message": "no" }))
            .times(1),
    );
    permanent(&world.refusal(&sync('1'), &checkout(2)).await);
    world.reaches(&sync('1')).await;
}

#[tokio::test]
async fn what_the_repository_no_longer_names_is_synced_away() {
    let world = World::with_repository().await;
    // Of an adopted one as its owner has it.
    for (of, adopted, prunes) in [
        ('1', None, true),
        ('2', Some(true), true),
        ('3', Some(false), false),
    ] {
        let mut there = world.get(APPLICATION).await;
        if let Some(theirs) = adopted {
            there["metadata"]["annotations"] = json!({ "opstella.io/adopted": "" });
            there["spec"]["syncPolicy"]["automated"] = json!({ "enabled": false, "prune": theirs });
            world.put(APPLICATION, &there).await;
        }
        world.commit_digest(of);
        world.reaches(&sync(of)).await;
        let exchanges = world.sandbox.exchanges();
        let asked = exchanges.iter().rfind(|e| e.path == SYNC).unwrap();
        let asked: Value = serde_json::from_slice(&asked.request_body).unwrap();
        assert_eq!(asked["prune"], json!(prunes), "{adopted:?}");
        world.reaches(&healthy(of)).await;
    }
}

#[tokio::test]
async fn degraded_is_for_good_once_it_is_synced() {
    let world = World::running('1').await;
    world.tools.argocd.judge(
        digest('2').as_str(),
        "Degraded",
        "back-off restarting failed container",
    );
    world.commit_digest('2');
    world.reaches(&sync('2')).await;
    let error = loop {
        match world.refusal(&healthy('2'), &checkout(2)).await {
            StepError::Awaited { .. } => {}
            error => break permanent(&error),
        }
    };
    assert!(
        error.contains("Argo CD reports Degraded: back-off restarting"),
        "{error}"
    );
    // Where the application itself says nothing, a resource or a condition does.
    let mut shown = world.get(APPLICATION).await;
    shown["status"]["health"] = json!({ "status": "Degraded" });
    shown["status"]["resources"] = json!([
        { "kind": "Service", "name": "api", "health": { "status": "Healthy", "message": "fine" } },
        { "kind": "Deployment", "name": "api", "health": { "status": "Degraded", "message": "exceeded its deadline" } },
    ]);
    let show = |shown: &Value| {
        let look = Fault::on("argocd").method("GET").path(APPLICATION).status(200);
        world.fault(look.body(shown.clone()).times(1));
    };
    show(&shown);
    let error = permanent(&world.refusal(&healthy('2'), &checkout(2)).await);
    assert!(error.contains("Deployment api: exceeded its deadline"), "{error}");
    shown["status"]["resources"] = json!([]);
    shown["status"]["conditions"] = json!([{ "type": "X", "message": "a condition" }]);
    show(&shown);
    let error = permanent(&world.refusal(&healthy('2'), &checkout(2)).await);
    assert!(error.contains("a condition"), "{error}");
}

#[tokio::test]
async fn a_failed_sync_is_for_good_if_this_run_asked_for_it() {
    let world = World::running('1').await;
    world.commit("- no: yaml: here");
    world.ensure(&sync('2'), &checkout(2)).await;
    let error = loop {
        match world.refusal(&healthy('2'), &checkout(2)).await {
            StepError::Awaited { .. } => {}
            error => break permanent(&error),
        }
    };
    assert!(
        error.contains("the sync") && error.contains("kustomize build"),
        "{error}"
    );
    permanent(&world.refusal(&sync('2'), &checkout(2)).await);
    // A later run tries again.
    let again = world.adapter.ensure(&sync('2'), &later()).await.unwrap();
    assert_eq!(again.provenance, Provenance::Created);
}

#[tokio::test]
async fn undoing_brings_back_what_ran() {
    let world = World::running('1').await;
    assert_eq!(world.undone(&hold(Some('1'))).await, Removed::Absent);
    let syncs = world.syncs();
    assert_eq!(syncs, 1, "there was nothing to undo");
    world.commit_digest('2');
    world.reaches(&sync('2')).await;
    world.reaches(&healthy('2')).await;
    world.commit_digest('1');
    awaited(
        world
            .adapter
            .remove(&hold(Some('1')), &checkout(2))
            .await
            .unwrap_err(),
    );
    assert_eq!(world.undone(&hold(Some('1'))).await, Removed::Absent);
    world.assert_runs('1');
    assert_eq!(world.undone(&hold(Some('1'))).await, Removed::Absent);
    assert_eq!(world.syncs(), syncs + 2);
}

#[tokio::test]
async fn where_nothing_ran_before_nobody_waits_for_health() {
    let world = World::with_repository().await;
    assert_eq!(world.undone(&hold(None)).await, Removed::Absent);
    assert_eq!(world.syncs(), 0, "nothing was ever deployed, and is not now");
    world.tools.argocd.judge("1.0.1", "Degraded", "ImagePullBackOff");
    world.commit_digest('1');
    world.reaches(&sync('1')).await;
    world.reaches(&healthy('1')).await;
    world.commit("newTag: \"1.0.1\"");
    assert_eq!(world.undone(&hold(None)).await, Removed::Absent);
    let (version, sync, _) = world.runs();
    assert_eq!((version.as_str(), sync.as_str()), (":1.0.1", "Synced"));
}

#[tokio::test]
async fn undoing_waits_for_health_as_long_as_this_run_changed_something() {
    let world = World::back_to_what_is_ill().await;
    for _ in 0..6 {
        awaited(
            world
                .adapter
                .remove(&hold(Some('1')), &checkout(2))
                .await
                .unwrap_err(),
        );
    }
    // A run that changed nothing leaves as it is what was ill before.
    let removed = world.adapter.remove(&hold(Some('1')), &later()).await.unwrap();
    assert_eq!(removed, Removed::Absent);
    world.tools.argocd.judge(digest('1').as_str(), "Healthy", "");
    assert_eq!(world.undone(&hold(Some('1'))).await, Removed::Absent);
    world.assert_runs('1');
}

#[tokio::test]
async fn undoing_does_not_wait_for_what_was_ill_before_to_be_well() {
    let world = World::back_to_what_is_ill().await;
    let mut hold = hold(Some('1'));
    if let Operation::ArgoHold { was_ill, .. } = &mut hold {
        *was_ill = true;
    }
    assert_eq!(world.undone(&hold).await, Removed::Absent);
    let (version, sync, health) = world.runs();
    assert_eq!(version, format!("@{}", digest('1')));
    assert_eq!((sync.as_str(), health.as_str()), ("Synced", "Degraded"));
}

#[tokio::test]
async fn undoing_follows_the_repository_where_somebody_else_committed() {
    let world = World::running('1').await;
    world.commit_digest('2');
    world.reaches(&sync('2')).await;
    world.reaches(&healthy('2')).await;
    world.commit_digest('3');
    assert_eq!(world.undone(&hold(Some('1'))).await, Removed::Kept);
    world.assert_runs('3');
}

#[tokio::test]
async fn a_way_back_that_fails_is_counted() {
    let world = World::running('1').await;
    world.commit("- no: yaml: here");
    awaited(
        world
            .adapter
            .remove(&hold(Some('1')), &checkout(2))
            .await
            .unwrap_err(),
    );
    let error = loop {
        match world
            .adapter
            .remove(&hold(Some('1')), &checkout(2))
            .await
            .unwrap_err()
        {
            StepError::Awaited { .. } => {}
            error => break error,
        }
    };
    transient(&error);
    assert!(error.to_string().contains("kustomize build"), "{error}");
}

#[tokio::test]
async fn a_lost_answer_asks_for_no_second_sync() {
    let world = World::with_repository().await;
    world.commit_digest('1');
    world.fault(Fault::on("argocd").method("POST").drop_after().times(1));
    transient(&world.refusal(&sync('1'), &checkout(2)).await);
    world.reaches(&sync('1')).await;
    world.reaches(&healthy('1')).await;
    assert_eq!(world.syncs(), 1);
    world.assert_runs('1');
}

#[tokio::test]
async fn failures_are_classed() {
    let world = World::with_repository().await;
    world.commit_digest('1');
    let steps = [
        (hold(None), "GET"),
        (sync('1'), "GET"),
        (sync('1'), "POST"),
        (healthy('1'), "GET"),
    ];
    for (operation, method) in &steps {
        let fault = || Fault::on("argocd").method(*method).times(1);
        let refusal = async || world.refusal(operation, &checkout(2)).await;
        world.fault(fault().status(503));
        assert_eq!(transient(&refusal().await), None);
        world.fault(fault().status(429).retry_after(7));
        assert_eq!(transient(&refusal().await), Some(Duration::from_secs(7)));
        world.fault(fault().status(200).body("<html>Down for maintenance</html>"));
        transient(&refusal().await);
        world.fault(fault().drop_before());
        transient(&refusal().await);
        world.fault(fault().status(401));
        assert!(matches!(refusal().await, StepError::Unauthorised { .. }));
        world.fault(fault().status(403));
        permanent(&refusal().await);
    }
    for status in [503, 200] {
        world.fault(Fault::on("argocd").status(status).body("<html>").times(1));
        transient(&world.adapter.remove(&hold(None), &checkout(2)).await.unwrap_err());
    }
}

#[tokio::test]
async fn what_runs_can_be_observed() {
    let world = World::with_project().await;
    let observe = async |operation: Operation| world.adapter.observe(&operation).await;
    let missing = Observed {
        images: vec![],
        synced: false,
        health: "Missing".into(),
    };
    assert_eq!(observe(healthy('1')).await.unwrap(), missing);
    permanent(&observe(project()).await.unwrap_err());

    let world = World::running('1').await;
    let seen = Observed {
        images: vec![format!("{IMAGE}@{}", digest('1'))],
        synced: true,
        health: "Healthy".into(),
    };
    let observed = world.adapter.observe(&healthy('9')).await.unwrap();
    assert_eq!(observed, seen);
    let survey = async || world.adapter.survey(&"payments".parse().unwrap()).await.unwrap();
    let name = "payments--checkout--api--dev".to_owned();
    assert_eq!(survey().await, [(name.clone(), seen.clone())].into());
    assert_eq!(
        world.adapter.survey(&"others".parse().unwrap()).await.unwrap(),
        [].into()
    );
    // A survey shows what happens in the cluster, and asks for no more than that.
    world.tools.argocd.set_health(&name, "Degraded");
    assert_eq!(survey().await[&name].health, "Degraded");
    world.tools.argocd.set_health(&name, "Healthy");
    let exchanges = world.sandbox.exchanges();
    let lists = exchanges
        .iter()
        .filter(|e| e.method == "GET" && e.path == "/api/v1/applications");
    let lists: Vec<_> = lists.collect();
    assert!(lists.len() >= 2);
    for list in lists {
        assert!(!list.query.iter().any(|(parameter, _)| parameter == "refresh"));
        let text = String::from_utf8_lossy(&list.response_body);
        assert!(!text.contains("repoURL"), "{text}");
    }
    // Somebody commits and does not sync.
    world.commit_digest('2');
    let observed = world.adapter.observe(&healthy('1')).await.unwrap();
    assert_eq!(
        observed,
        Observed {
            synced: false,
            ..seen
        }
    );
}

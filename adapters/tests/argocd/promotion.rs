//! Holding an application, syncing it to a commit, and waiting for it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use http::{HeaderMap, Method};
use opstella_adapters::{Observed, Removed, StepContext, StepError, ToolAdapter};
use opstella_domain::Environment;
use opstella_domain::naming::KubernetesName;
use opstella_domain::operation::Operation;
use opstella_domain::release::Digest;
use opstella_domain::resource::{Commit, Provenance};
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

pub fn digest(digit: char) -> Digest {
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
pub fn awaited(error: StepError) -> String {
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

    /// The overlay names a tag, or an image by digest; the commit.
    pub fn commit(&self, version: &str) -> String {
        let text = format!("images:\n  - name: service\n    newName: {IMAGE}\n    {version}\n");
        let path = "/projects/payments%2Fcheckout_api/repository/commits";
        let action = match self.tools.gitlab.messages("payments/checkout_api").is_empty() {
            true => "create",
            false => "update",
        };
        let action =
            json!({ "action": action, "file_path": "deploy/dev/kustomization.yaml", "content": text });
        let body = json!({ "branch": "main", "commit_message": "Ours", "actions": [action] });
        let made = self.gitlab("POST", path, &body);
        made["id"].as_str().unwrap().to_owned()
    }

    pub fn commit_digest(&self, digit: char) -> String {
        self.commit(&format!("digest: {}", digest(digit)))
    }

    /// The newest commit.
    pub fn head(&self) -> String {
        let commits = self.gitlab(
            "GET",
            "/projects/payments%2Fcheckout_api/repository/commits",
            &Value::Null,
        );
        commits[0]["id"].as_str().unwrap().to_owned()
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
    pub async fn running(digit: char) -> Self {
        let world = Self::with_repository().await;
        world.commit_digest(digit);
        world.reaches(&sync(digit)).await;
        world.reaches(&healthy(digit)).await;
        world
    }

    /// It ran 1, and a run has brought 2; the run.
    pub async fn promoted() -> (Self, StepContext) {
        let world = Self::running('1').await;
        let run = promoting(world.head(), world.commit_digest('2'));
        world.reaches_in(&sync('2'), &run).await;
        world.reaches_in(&healthy('2'), &run).await;
        (world, run)
    }

    /// Looks until the step is done; how often that took.
    pub async fn reaches(&self, operation: &Operation) -> usize {
        self.reaches_in(operation, &checkout(2)).await
    }

    pub async fn reaches_in(&self, operation: &Operation, context: &StepContext) -> usize {
        for looks in 0..20 {
            match self.adapter.ensure(operation, context).await {
                Ok(_) => return looks,
                Err(error) => awaited(error),
            };
        }
        panic!("{operation:?} is not done after 20 looks");
    }

    /// Looks until the step is undone.
    pub async fn undone(&self, operation: &Operation, context: &StepContext) -> Removed {
        let removed = self.comes_to(operation, context).await;
        removed.unwrap_or_else(|error| panic!("{operation:?}: {error:?}"))
    }

    /// Looks until undoing the step comes to something.
    pub async fn comes_to(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        for _ in 0..20 {
            match self.adapter.remove(operation, context).await {
                Err(StepError::Awaited { .. }) => {}
                ended => return ended,
            };
        }
        panic!("{operation:?} is not undone after 20 looks");
    }

    /// What the newest sync was asked for.
    pub fn asked(&self) -> Value {
        let exchanges = self.sandbox.exchanges();
        let asked = exchanges.iter().rfind(|e| e.path == SYNC).unwrap();
        serde_json::from_slice(&asked.request_body).unwrap()
    }

    /// The next look at the application shows this.
    pub fn show(&self, shown: &Value) {
        let look = Fault::on("argocd").method("GET").path(APPLICATION).status(200);
        self.fault(look.body(shown.clone()).times(1));
    }

    pub fn runs(&self) -> (String, String, String) {
        let standing = self.tools.argocd.standing(NAME).unwrap();
        let version = standing.images.concat().replace(IMAGE, "");
        (version, standing.sync, standing.health)
    }

    /// It runs an image by digest, as the repository says, and well.
    #[track_caller]
    pub fn assert_runs(&self, digit: char) {
        let expected = (
            format!("@{}", digest(digit)),
            "Synced".to_owned(),
            "Healthy".to_owned(),
        );
        assert_eq!(self.runs(), expected);
    }

    pub fn syncs(&self) -> usize {
        let exchanges = self.sandbox.exchanges();
        exchanges
            .iter()
            .filter(|e| e.path == SYNC && e.status.is_success())
            .count()
    }
}

/// A run that has made a commit on top of the one that is deployed.
pub fn promoting(before: String, revision: String) -> StepContext {
    let before = Some(before);
    StepContext {
        run_started: Utc::now() - TimeDelta::minutes(1),
        commit: Some(Commit { revision, before }),
        ..checkout(2)
    }
}

/// A run that began long after whatever happened so far.
pub fn later() -> StepContext {
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
    assert_eq!(held.commit, None, "nothing is deployed");
    // Somebody syncs.
    world.post(SYNC, &json!({ "project": "payments" })).await;
    let message = awaited(world.refusal(&hold(None), &checkout(2)).await);
    assert!(message.contains(NAME), "{message}");
    world.reaches(&hold(None)).await;
    // It says what there is to go back to.
    let held = world.ensure(&hold(None), &checkout(2)).await;
    assert_eq!(held.commit.unwrap().revision, world.head());
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
        assert_eq!(world.asked()["prune"], json!(prunes), "{adopted:?}");
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
    shown["status"]["health"]
        .as_object_mut()
        .unwrap()
        .remove("message");
    shown["status"]["resources"] = json!([
        { "kind": "Service", "name": "api", "health": { "status": "Healthy", "message": "fine" } },
        { "kind": "Deployment", "name": "api", "health": { "status": "Degraded", "message": "exceeded its deadline" } },
    ]);
    world.show(&shown);
    let error = permanent(&world.refusal(&healthy('2'), &checkout(2)).await);
    assert!(error.contains("Deployment api: exceeded its deadline"), "{error}");
    shown["status"]["resources"] = json!([]);
    shown["status"]["conditions"] = json!([{ "type": "X", "message": "a condition" }]);
    world.show(&shown);
    let error = permanent(&world.refusal(&healthy('2'), &checkout(2)).await);
    assert!(error.contains("a condition"), "{error}");
}

/// Going back from a release that is ill: until pods of the other one count, Kubernetes says of the deployment what it said
/// before.
#[tokio::test]
async fn ill_health_straight_after_a_sync_may_be_that_of_what_ran_before() {
    let mut world = World::running('1').await;
    world
        .tools
        .argocd
        .judge(digest('1').as_str(), "Degraded", "exceeded its deadline");
    world.get(&format!("{APPLICATION}?refresh=normal")).await;
    let run = promoting(world.head(), world.commit_digest('2'));
    world.reaches_in(&sync('2'), &run).await;
    world.reaches_in(&healthy('2'), &run).await;
    let right = world.get(APPLICATION).await;
    let ill = |since: Value, images: &[char]| {
        let mut shown = right.clone();
        let images: Vec<_> = images
            .iter()
            .map(|digit| format!("{IMAGE}@{}", digest(*digit)))
            .collect();
        shown["status"]["health"] = json!({ "status": "Degraded", "lastTransitionTime": since });
        shown["status"]["summary"] = json!({ "images": images });
        shown
    };
    let began = right["status"]["operationState"]["startedAt"].clone();
    let before = json!("2026-01-01T00:00:00Z");
    for shown in [
        ill(before.clone(), &['1']),
        ill(before.clone(), &['1', '2']),
        ill(before.clone(), &['2']),
        ill(began.clone(), &['1', '2']),
        ill(Value::Null, &['2']),
    ] {
        world.show(&shown);
        awaited(world.refusal(&healthy('2'), &run).await);
    }
    // It became ill of what was deployed.
    world.show(&ill(began, &['2']));
    permanent(&world.refusal(&healthy('2'), &run).await);
    // It stays ill.
    world.adapter = world.adapter.clone().with_grace(TimeDelta::zero());
    world.show(&ill(before, &['1']));
    permanent(&world.refusal(&healthy('2'), &run).await);
    world.reaches_in(&healthy('2'), &run).await;
}

/// What somebody commits between our commit and our sync is not deployed, and does not keep ours from being well.
#[tokio::test]
async fn a_sync_brings_the_commit_of_the_run_and_nothing_newer() {
    let world = World::running('1').await;
    let run = promoting(world.head(), world.commit_digest('2'));
    world.commit_digest('3');
    world.reaches_in(&sync('2'), &run).await;
    let revision = &run.commit.as_ref().unwrap().revision;
    assert_eq!(world.asked()["revision"], json!(revision));
    world.reaches_in(&healthy('2'), &run).await;
    let expected = (format!("@{}", digest('2')), "OutOfSync".into(), "Healthy".into());
    assert_eq!(world.runs(), expected);
    // It is asked for once.
    let again = world.ensure(&sync('2'), &run).await;
    assert_eq!(again.provenance, Provenance::Created);
    assert_eq!(world.syncs(), 2);
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
    // The same of a run that has made the commit, whatever is committed after it.
    let run = promoting(String::new(), world.head());
    world.ensure(&sync('2'), &run).await;
    world.commit_digest('3');
    loop {
        match world.refusal(&healthy('2'), &run).await {
            StepError::Awaited { .. } => {}
            error => break drop(permanent(&error)),
        }
    }
    permanent(&world.refusal(&sync('2'), &run).await);
    world.commit("- no: yaml: here");
    // A later run tries again.
    let again = world.adapter.ensure(&sync('2'), &later()).await.unwrap();
    assert_eq!(again.provenance, Provenance::Created);
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

//! Resources of somebody else's are adopted, and the run fails: they stay, and no secret is left in Vault.

use std::collections::BTreeSet;

use http::Method;
use opstella_adapters::http::{Credential, ToolHttp};
use opstella_domain::Tool;
use opstella_domain::operation::Operation;
use opstella_domain::plan::Plan;
use opstella_domain::resource::Provenance;
use opstella_domain::run::RunStatus;
use opstella_sandbox::credentials;
use serde_json::{Value, json};

use crate::saboteur::Sabotage;
use crate::world::{Process, World, context};

/// Somebody who works in the tools by hand.
struct Somebody {
    gitlab: ToolHttp,
    harbor: ToolHttp,
    sonarqube: ToolHttp,
}

impl Somebody {
    fn of(world: &World) -> Self {
        let tool = |tool: Tool, credential| {
            ToolHttp::new(tool, &world.sandbox.tool_url(tool.slug()), credential).unwrap()
        };
        let basic = |user: &str, password: &str| Credential::Basic {
            user: user.to_owned(),
            password: password.to_owned().into(),
        };
        Self {
            gitlab: tool(
                Tool::GitLab,
                Credential::Header("PRIVATE-TOKEN", credentials::GITLAB_TOKEN.to_owned().into()),
            ),
            harbor: tool(
                Tool::Harbor,
                basic(credentials::HARBOR_USER, credentials::HARBOR_PASSWORD),
            ),
            sonarqube: tool(
                Tool::SonarQube,
                Credential::Bearer(credentials::SONARQUBE_TOKEN.to_owned().into()),
            ),
        }
    }

    async fn gitlab(&self, path: &str, body: Value) -> Value {
        let call = self.gitlab.call(Method::POST, format!("/api/v4/{path}"));
        call.json(&body)
            .send()
            .await
            .unwrap()
            .success()
            .unwrap()
            .json()
            .unwrap()
    }

    async fn harbor(&self, path: &str, body: Value) {
        let call = self.harbor.call(Method::POST, format!("/api/v2.0/{path}"));
        call.json(&body).send().await.unwrap().success().unwrap();
    }

    async fn sonarqube(&self, path: &str, pairs: &[(&str, &str)]) {
        let call = self.sonarqube.call(Method::POST, format!("/api/{path}"));
        call.form(pairs).send().await.unwrap().success().unwrap();
    }

    /// Makes by hand what the plan wants, as far as a secret is made for it.
    async fn makes(&self, plan: &Plan) {
        let mut group = Value::Null;
        let mut repository = Value::Null;
        for step in plan.steps() {
            match &step.operation {
                Operation::GitlabGroup { group: name } => {
                    group = self.gitlab("groups", json!({"name": name, "path": name})).await["id"].clone();
                }
                Operation::GitlabProject { repository: path } => {
                    let body = json!({"name": path.name(), "path": path.name(), "namespace_id": group});
                    repository = self.gitlab("projects", body).await["id"].clone();
                }
                Operation::GitlabWebhook { url, .. } => {
                    self.gitlab(&format!("projects/{repository}/hooks"), json!({"url": url}))
                        .await;
                }
                Operation::HarborProject { project } => {
                    self.harbor(
                        "projects",
                        json!({"project_name": project, "metadata": {"public": "false"}}),
                    )
                    .await;
                }
                Operation::HarborRobot { project, .. } => {
                    let rights = json!([{"kind": "project", "namespace": project,
                                         "access": [{"resource": "repository", "action": "pull"}]}]);
                    let body = json!({"name": "opstella", "level": "project", "duration": -1, "disable": false,
                                      "description": "theirs", "permissions": rights});
                    self.harbor("robots", body).await;
                }
                Operation::SonarProject { key } => {
                    self.sonarqube(
                        "projects/create",
                        &[("name", key.as_str()), ("project", key.as_str())],
                    )
                    .await;
                }
                Operation::SonarWebhook { key, url, .. } => {
                    let pairs = [
                        ("name", "theirs"),
                        ("project", key.as_str()),
                        ("url", url.as_str()),
                    ];
                    self.sonarqube("webhooks/create", &pairs).await;
                }
                _ => {}
            }
        }
    }
}

/// The plan of another project of the same shape.
fn plan_for(plan: &Plan, from: &str, to: &str) -> Plan {
    let text = serde_json::to_string(plan).unwrap();
    serde_json::from_str(&text.replace(from, to)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_adopted_stays_and_its_secrets_go() {
    let (first, project) = ("firstx", "adopted");
    let world = World::new().await;
    let process = world.process(false).await;
    for name in [first, project] {
        process.create_project(name).await;
    }
    let run = process.create(first).await;
    let plan = plan_for(&process.succeeds(run).await.plan, first, project);
    Somebody::of(&world).makes(&plan).await;
    let before = world.everything();

    // Its own step depends on most of the others: nearly everything is made, or adopted, when it fails.
    world.plans.set(
        project,
        "argocd.application/api/dev",
        Sabotage::WorkThenFailForGood,
    );
    let request = opstella_commands::CreateService {
        adopt: true,
        ..Process::creation(project)
    };
    let accepted = process
        .commands
        .create_service(&context(), request)
        .await
        .unwrap();
    let state = process.settled(accepted.run.unwrap()).await;
    assert_eq!(state.status, RunStatus::Failed, "{}", state.cause_text());
    assert_eq!(state.left_behind(), []);
    let adopted: BTreeSet<&str> = state
        .steps
        .iter()
        .filter(|(_, step)| step.provenance == Some(Provenance::Adopted))
        .map(|(id, _)| id.as_str())
        .collect();
    for step in [
        "gitlab.group",
        "harbor.project",
        "harbor.robot",
        "sonarqube.webhook/api",
    ] {
        assert!(adopted.contains(step), "{step} was not adopted: {adopted:?}");
    }
    let after = world.everything();
    let hooks = |lines: &[String]| lines.iter().filter(|l| l.contains("/webhooks/")).count();
    assert_eq!(hooks(&after), hooks(&before));
    let of = |lines: &[String], tool: &str| -> Vec<String> {
        lines
            .iter()
            .filter(|line| line.starts_with(tool))
            .cloned()
            .collect()
    };
    assert_eq!(
        of(&after, "vault/"),
        of(&before, "vault/"),
        "nothing is left in Vault"
    );
    // A branch is not deleted, and its protection says not whose it is: they stay in a repository that stays.
    let branch = ["branches", "protected_branches"].map(|kind| format!("gitlab/{kind}/{project}/"));
    let rest = || {
        after
            .iter()
            .filter(|line| !branch.iter().any(|kind| line.starts_with(kind)))
    };
    assert_eq!(
        rest().collect::<Vec<_>>(),
        before.iter().collect::<Vec<_>>(),
        "all is somebody else's again"
    );
    // Nothing says any more that it was adopted once: the next command has to say so anew.
    let run = process.create(project).await;
    let state = process.settled(run).await;
    assert_eq!(state.status, RunStatus::Failed, "{}", state.cause_text());
    assert!(
        state.cause_text().contains("ask for adoption"),
        "{}",
        state.cause_text()
    );
    assert_eq!(world.everything(), after);
    process.end().await;
}

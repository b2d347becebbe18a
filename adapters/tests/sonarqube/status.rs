//! The quality gate of a commit.

use chrono::SubsecRound;
use opstella_adapters::{FetchedReport, ReportSource, StepError, ToolAdapter};
use opstella_domain::naming::RegistryProject;
use opstella_sandbox::Fault;
use serde_json::Value;

use crate::support::{failures, service};
use crate::world::{KEY, World, key};

fn commit(letter: char) -> String {
    letter.to_string().repeat(40)
}

fn gate(letter: char) -> ReportSource {
    ReportSource::QualityGate {
        key: key(),
        commit: commit(letter).parse().unwrap(),
    }
}

async fn with_project() -> World {
    World::before(&crate::world::gate(), 1).await
}

impl World {
    fn analyse(&self, letter: char, status: &str) {
        self.tool.analyse(KEY, &commit(letter), status).unwrap();
    }

    async fn report(&self, letter: char) -> Option<FetchedReport> {
        self.adapter.report(&gate(letter)).await.unwrap()
    }

    /// The status that SonarQube answers for a commit.
    async fn says(&self, letter: char) -> Option<String> {
        let report = self.report(letter).await?;
        let answer: Value = serde_json::from_slice(&report.content).unwrap();
        Some(answer["projectStatus"]["status"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn each_commit_has_its_own() {
    let world = with_project().await;
    assert_eq!(world.says('a').await, None, "nothing was analysed");
    world.analyse('a', "ERROR");
    assert_eq!(world.says('a').await.as_deref(), Some("ERROR"));
    assert_eq!(
        world.says('b').await,
        None,
        "another commit's is not taken for it"
    );
    world.analyse('b', "OK");
    assert_eq!(world.says('a').await.as_deref(), Some("ERROR"));
    assert_eq!(world.says('b').await.as_deref(), Some("OK"));
    // Of several analyses of a commit the newest counts.
    world.analyse('a', "OK");
    assert_eq!(world.says('a').await.as_deref(), Some("OK"));
}

#[tokio::test]
async fn of_the_newest_it_is_as_it_is_now() {
    let world = with_project().await;
    world.analyse('a', "ERROR");
    world.tool.triage(KEY, "OK").unwrap();
    let before = chrono::Utc::now().trunc_subsecs(0);
    let now = world.report('a').await.unwrap();
    assert!(now.made_at.unwrap() >= before, "{now:?}");
    assert_eq!(world.says('a').await.as_deref(), Some("OK"));
    world.analyse('b', "OK");
    let ended = world.report('a').await.unwrap();
    assert!(ended.made_at.unwrap() <= before, "{ended:?}");
    assert_eq!(world.says('a').await.as_deref(), Some("ERROR"));
}

#[tokio::test]
async fn what_it_is_asked_is_what_sonarqube_takes() {
    let world = with_project().await;
    world.analyse('a', "OK");
    world.analyse('b', "OK");
    let start = world.sandbox.exchanges().len();
    world.says('a').await;
    world.says('b').await;
    let asked: Vec<(String, String)> = world.sandbox.exchanges()[start..]
        .iter()
        .map(|e| (e.path.clone(), e.query[0].0.clone()))
        .collect();
    let (search, status) = ("/api/project_analyses/search", "/api/qualitygates/project_status");
    let expected = [
        (search, "project"),
        (status, "analysisId"),
        (search, "project"),
        (status, "projectKey"),
        (search, "project"),
    ];
    assert_eq!(
        asked,
        expected.map(|(path, first)| (path.to_owned(), first.to_owned()))
    );
}

#[tokio::test]
async fn failures_are_classed() {
    let world = with_project().await;
    world.analyse('a', "OK");
    for (fault, classed) in failures("sonarqube") {
        world.sandbox.add_fault(fault.clone()).unwrap();
        let error = world.adapter.report(&gate('a')).await.unwrap_err();
        assert!(classed(&error), "{fault:?}: {error:?}");
        world.sandbox.clear_faults();
    }
    // In the second call as well.
    let status = Fault::on("sonarqube").path("/api/qualitygates/project_status");
    world.sandbox.add_fault(status.status(502)).unwrap();
    let error = world.adapter.report(&gate('a')).await.unwrap_err();
    assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
}

#[tokio::test]
async fn there_is_none_without_the_project_and_none_of_images() {
    let world = World::new().await;
    assert_eq!(world.says('a').await, None);
    let scan = ReportSource::RegistryScan {
        project: RegistryProject::of(&service()),
        repository: "api".parse().unwrap(),
        digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
    };
    let error = world.adapter.report(&scan).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
}

//! Evidence that tools keep: fetched once a release is registered, until it is there.

use std::sync::Arc;

use opstella_api::serve;
use opstella_domain::Tool;
use opstella_domain::evidence::ReportKind::{self, QualityGate, RegistryScan};
use serde_json::{Value, json};

use crate::resources::ended;
use crate::support::{Answer, Server, TestTools, configuration, eventually};

const RELEASES: &str = "/projects/payments/services/checkout/releases";

fn digest(digit: u32) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn gate(status: &str) -> Value {
    json!({"projectStatus": {"status": status, "conditions": [], "ignoredConditions": false}})
}

fn scan(status: &str, critical: u32, ended: &str) -> Value {
    json!({"application/vnd.security.vulnerability.report; version=1.1": {
        "scan_status": status, "severity": "None", "complete_percent": 100, "end_time": ended,
        "summary": {"total": critical, "summary": {"Critical": critical}},
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.58.1"},
    }})
}

/// A server with the service `checkout`, that asks again after a second.
async fn server() -> Server {
    let server = Server::start_with(|config| config.engine.evidence_seconds = 1).await;
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    server
}

/// Registers a release whose image has this digest.
async fn register(server: &Server, version: &str, digit: u32) -> Answer {
    let commit = digit.to_string().repeat(40);
    let image = json!({"name": "api", "digest": digest(digit), "commit": commit});
    let release = json!({"version": version, "components": [image]});
    server.post(RELEASES, release).await.expect(201)
}

/// What was recorded on the releases, the oldest first: `registry-scan failed`.
async fn recorded(server: &Server) -> Vec<String> {
    let pool = server.serving.as_ref().unwrap().state().journal.pool();
    sqlx::query_scalar(
        "SELECT (payload #>> '{EvidenceAdded,evidence,kind}') || ' ' || (payload #>> '{EvidenceAdded,evidence,verdict}')
                || ' ' || (metadata ->> 'actor_subject')
         FROM events WHERE event_type = 'EvidenceAdded' ORDER BY position",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// How many reports are still asked for.
async fn wanted(server: &Server) -> i64 {
    let pool = server.serving.as_ref().unwrap().state().journal.pool();
    let count = sqlx::query_scalar("SELECT count(*) FROM collector_reports");
    count.fetch_one(pool).await.unwrap()
}

async fn until_asked(server: &Server, kind: ReportKind, times: usize) {
    eventually("the tool was asked", || async {
        (server.tools.asked(kind).len() >= times).then_some(())
    })
    .await;
}

async fn until_nothing_is_wanted(server: &Server) {
    eventually("nothing is asked for any more", || async {
        (wanted(server).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_asked_for_until_it_is_there() {
    let server = server().await;
    server.tools.report(RegistryScan, &scan("Running", 0, ""));
    register(&server, "1.4.0", 1).await;
    // Neither an analysis, nor the end of the scan.
    until_asked(&server, QualityGate, 2).await;
    until_asked(&server, RegistryScan, 2).await;
    assert_eq!((recorded(&server).await.len(), wanted(&server).await), (0, 2));
    server.tools.report(QualityGate, &gate("OK"));
    let overview = scan("Success", 1, "2026-11-25T10:00:00.000Z");
    server.tools.report(RegistryScan, &overview);
    until_nothing_is_wanted(&server).await;
    let mut both = recorded(&server).await;
    both.sort();
    let expected = [
        "quality-gate passed system:collector",
        "registry-scan failed system:collector",
    ];
    assert_eq!(both, expected);
    let asked = format!("{:?}", server.tools.asked(RegistryScan)[0]);
    assert!(
        asked.contains("payments_checkout") && asked.contains(&digest(1)),
        "{asked}"
    );
    let asked = format!("{:?}", server.tools.asked(QualityGate)[0]);
    assert!(
        asked.contains("payments:checkout:api") && asked.contains(&"1".repeat(40)),
        "{asked}"
    );
    // It is shown like what was sent, with its original.
    let scanned = eventually("the scan is shown", || async {
        let release = server.get(&format!("{RELEASES}/1.4.0")).await.expect(200);
        let evidence = release.body["images"][0]["evidence"].as_array().unwrap().clone();
        evidence.into_iter().find(|e| e["kind"] == "registry-scan")
    })
    .await;
    assert_eq!(scanned["origin"], "fetched");
    let report = scanned["report"].as_str().unwrap();
    let original = server.get(&format!("{RELEASES}/1.4.0/evidence/{report}")).await;
    assert_eq!(original.expect(200).body, overview);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tool_says_counts_before_what_was_sent() {
    let server = server().await;
    server.tools.fail(Tool::Harbor);
    server.tools.fail(Tool::SonarQube);
    register(&server, "1.4.0", 1).await;
    let send = async || {
        for (kind, report) in [
            ("quality-gate", gate("OK")),
            ("registry-scan", scan("Success", 0, "2026-11-25T23:00:00.000Z")),
        ] {
            let path = format!("{RELEASES}/1.4.0/evidence?kind={kind}&component=api");
            server.post(&path, report).await.expect(201);
        }
    };
    // Nobody is made believe that it has been asked.
    send().await;
    assert_eq!(recorded(&server).await.len(), 2);
    let before = server.tools.asked(RegistryScan).len();
    until_asked(&server, RegistryScan, before + 2).await;
    server.tools.report(QualityGate, &gate("ERROR"));
    // Made before the one that was sent.
    server
        .tools
        .report(RegistryScan, &scan("Success", 1, "2026-11-25T10:00:00.000Z"));
    server.tools.mend(Tool::Harbor);
    server.tools.mend(Tool::SonarQube);
    until_nothing_is_wanted(&server).await;
    let mut told = recorded(&server).await.split_off(2);
    told.sort();
    let expected = [
        "quality-gate failed system:collector",
        "registry-scan failed system:collector",
    ];
    assert_eq!(told, expected);
    // Nor does one that is sent later hide it.
    send().await;
    assert_eq!(recorded(&server).await.len(), 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_registered_again_is_not_asked_for_again() {
    let server = server().await;
    server.tools.report(QualityGate, &gate("OK"));
    let overview = scan("Success", 0, "2026-11-25T10:00:00.000Z");
    server.tools.report(RegistryScan, &overview);
    register(&server, "1.4.0", 1).await;
    eventually("both are recorded", || async {
        (recorded(&server).await.len() == 2).then_some(())
    })
    .await;
    until_nothing_is_wanted(&server).await;
    let asked = server.tools.asked(QualityGate).len();
    // Another version of the same image.
    register(&server, "1.4.1", 1).await;
    let position = register(&server, "1.4.1", 1).await;
    assert_eq!(position.status, 201);
    until_nothing_is_wanted(&server).await;
    assert_eq!(server.tools.asked(QualityGate).len(), asked);
    assert_eq!(recorded(&server).await.len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_image_takes_the_place_of_an_older_one() {
    let server = server().await;
    register(&server, "1.4.0", 1).await;
    until_asked(&server, RegistryScan, 1).await;
    register(&server, "1.5.0", 2).await;
    let newer = || {
        let asked = server.tools.asked(RegistryScan);
        asked
            .iter()
            .filter(|one| format!("{one:?}").contains(&digest(2)))
            .count()
    };
    eventually("the newer is asked for", || async {
        (newer() >= 2).then_some(())
    })
    .await;
    assert_eq!(wanted(&server).await, 2);
    let overview = scan("Success", 0, "2026-11-25T10:00:00.000Z");
    server.tools.report(RegistryScan, &overview);
    server.tools.report(QualityGate, &gate("ERROR"));
    until_nothing_is_wanted(&server).await;
    assert_eq!(recorded(&server).await.len(), 2, "of the newer image only");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_away_is_asked_again_and_the_other_meanwhile() {
    let server = server().await;
    server.tools.refuse_credential(Tool::Harbor);
    server.tools.report(QualityGate, &gate("OK"));
    let overview = scan("Success", 0, "2026-11-25T10:00:00.000Z");
    server.tools.report(RegistryScan, &overview);
    register(&server, "1.4.0", 1).await;
    eventually("the gate is recorded", || async {
        let recorded = recorded(&server).await;
        (recorded == ["quality-gate passed system:collector"]).then_some(())
    })
    .await;
    until_asked(&server, RegistryScan, 2).await;
    assert_eq!(recorded(&server).await.len(), 1);
    server.tools.mend(Tool::Harbor);
    until_nothing_is_wanted(&server).await;
    assert_eq!(recorded(&server).await.len(), 2);
    let metrics = server.get("//metrics").await.expect(200);
    for outcome in ["there", "failed"] {
        let line = format!("opstella_reports_asked_total{{kind=\"registry-scan\",outcome=\"{outcome}\"}}");
        assert!(metrics.body.as_str().unwrap().contains(&line), "{line}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_while_it_is_given_up() {
    let server = server().await;
    register(&server, "1.4.0", 1).await;
    until_asked(&server, RegistryScan, 1).await;
    assert_eq!(wanted(&server).await, 2);
    let pool = server.serving.as_ref().unwrap().state().journal.pool();
    sqlx::query("UPDATE collector_reports SET registered_at = registered_at - interval '73 hours'")
        .execute(pool)
        .await
        .unwrap();
    until_nothing_is_wanted(&server).await;
    assert_eq!(recorded(&server).await, Vec::<String>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_kept() {
    let server = server().await;
    server.tools.report(QualityGate, &json!({"projectStatus": 1}));
    server.tools.report(RegistryScan, &gate("OK"));
    register(&server, "1.4.0", 1).await;
    until_asked(&server, QualityGate, 2).await;
    until_asked(&server, RegistryScan, 2).await;
    assert_eq!(recorded(&server).await, Vec::<String>::new());
    let pool = server.serving.as_ref().unwrap().state().journal.pool();
    let reports: i64 = sqlx::query_scalar("SELECT count(*) FROM reports")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!((reports, wanted(&server).await), (0, 2));
    server.stop().await;
}

/// Two processes on one database: one asks. It ends, and the other goes on where it stopped.
#[tokio::test(flavor = "multi_thread")]
async fn one_process_asks_at_a_time_and_another_takes_over() {
    let mut first = server().await;
    let issuer = first.keycloak().issuer();
    let mut config = configuration(&first.database, &issuer);
    config.engine.evidence_seconds = 1;
    let tools = TestTools::new();
    let toolbox = Arc::new(tools.clone());
    let second = serve::start_with(config, true, |_| toolbox).await.unwrap();
    register(&first, "1.4.0", 1).await;
    until_asked(&first, RegistryScan, 2).await;
    assert_eq!(tools.asked(RegistryScan), []);
    let overview = scan("Success", 0, "2026-11-25T10:00:00.000Z");
    tools.report(RegistryScan, &overview);
    tools.report(QualityGate, &gate("OK"));
    first.serving.take().unwrap().stop().await;
    first.serving = Some(second);
    until_nothing_is_wanted(&first).await;
    assert_eq!(recorded(&first).await.len(), 2);
    assert!(!tools.asked(RegistryScan).is_empty());
    first.stop().await;
}

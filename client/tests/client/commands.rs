//! What commands send, and what they show.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::{Cli, Reply, Seen, Server};

const ID: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
const OTHER: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b12";
const SERVICE: &str = "/api/v1/projects/payments/services/checkout";

fn answer(resource: &str) -> Value {
    json!({"resource": resource, "version": 3, "position": "7-8"})
}

/// A server that takes every command; queries are answered with this.
async fn taking(shown: Value) -> Server {
    Server::start(move |_, seen: &Seen| {
        if seen.call.starts_with("GET") {
            Reply::json(200, shown.clone())
        } else {
            Reply::json(201, answer(&format!("{SERVICE}/promotions/{ID}")))
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_send_what_the_api_takes() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let commit = "b".repeat(40);
    let lines = [
        (
            format!("releases register payments/checkout 1.4.0 --image api={digest} --commit {commit} --author eve"),
            format!("POST {SERVICE}/releases"),
            json!({"version": "1.4.0", "author": "eve",
                "components": [{"name": "api", "digest": digest, "commit": commit}]}),
        ),
        (
            format!(
                "releases register payments/checkout 1.4.0 --image api={digest} --commit {commit} --author eve --author ivan"
            ),
            format!("POST {SERVICE}/releases"),
            json!({"version": "1.4.0", "author": "eve", "authors": ["ivan"],
                "components": [{"name": "api", "digest": digest, "commit": commit}]}),
        ),
        (
            "services create payments/checkout --component api=http-service@1.2.0 --env DEV,SIT --no-wait".to_owned(),
            "POST /api/v1/projects/payments/services".to_owned(),
            json!({"name": "checkout", "adopt": false, "environments": ["DEV", "SIT"],
                "components": [{"name": "api", "template": "http-service", "version": "1.2.0"}]}),
        ),
        (
            "promote payments/checkout 1.4.0 --to PRD --change CHG1 --queue".to_owned(),
            format!("POST {SERVICE}/promotions:to-prd"),
            json!({"release": "1.4.0", "change_reference": "CHG1", "when_busy": "queue"}),
        ),
        (
            "rollback payments/checkout --env PRD --to 1.3.0".to_owned(),
            format!("POST {SERVICE}/promotions:rollback"),
            json!({"environment": "PRD", "release": "1.3.0"}),
        ),
        (
            "releases seal payments/checkout 1.4.0".to_owned(),
            format!("POST {SERVICE}/releases/1.4.0/seal"),
            json!({}),
        ),
        (
            format!("approve payments/checkout/{ID} --comment fine"),
            format!("POST {SERVICE}/promotions/{ID}/approve"),
            json!({"comment": "fine"}),
        ),
        (
            format!("reject payments/checkout/{ID} --reason broken"),
            format!("POST {SERVICE}/promotions/{ID}/reject"),
            json!({"reason": "broken"}),
        ),
        (
            format!("cancel {SERVICE}/promotions/{ID} --reason late"),
            format!("POST {SERVICE}/promotions/{ID}/cancel"),
            json!({"reason": "late"}),
        ),
        (
            "waivers grant payments/checkout 1.4.0 --gate no-critical-vulnerability --finding CVE-1 --reason unused \
             --until 2026-12-24T00:00:00Z"
                .to_owned(),
            format!("POST {SERVICE}/releases/1.4.0/waivers"),
            json!({"gate": "no-critical-vulnerability", "finding": "CVE-1", "reason": "unused",
                "expires_at": "2026-12-24T00:00:00Z"}),
        ),
        (
            format!("waivers revoke payments/checkout 1.4.0 {OTHER} --reason mended"),
            format!("DELETE {SERVICE}/releases/1.4.0/waivers/{OTHER}"),
            json!({"reason": "mended"}),
        ),
    ];
    for (line, call, body) in lines {
        let server = taking(json!({"state": "waiting"})).await;
        let ran = Cli::of(&server).run(&line).await;
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        let sent: Vec<_> = server
            .seen()
            .into_iter()
            .filter(|seen| !seen.call.starts_with("GET"))
            .collect();
        assert_eq!(sent.len(), 1, "{line}");
        assert_eq!((sent[0].call.clone(), sent[0].sent()), (call, body), "{line}");
        assert!(!sent[0].header("idempotency-key").is_empty(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gitlab_job_knows_is_taken_from_its_variables() {
    let (digest, commit) = (format!("sha256:{}", "a".repeat(64)), "b".repeat(40));
    let line = format!("releases register payments/checkout 1.4.0 --image api={digest}");
    let image = json!({"name": "api", "digest": digest, "commit": commit});
    let full = json!({"name": "api", "digest": digest, "commit": commit, "pipeline": "https://gitlab.example/1",
        "committed_at": "2026-11-25T08:30:00+00:00"});
    for (author, at, pipeline, body) in [
        (
            "Ivan",
            "2026-11-25T09:30:00+01:00",
            "https://gitlab.example/1",
            json!({"version": "1.4.0", "author": "Ivan", "components": [full]}),
        ),
        // A variable that is set to nothing counts as not set.
        ("", "", "", json!({"version": "1.4.0", "components": [image]})),
    ] {
        let server = taking(json!({})).await;
        let cli = Cli::of(&server)
            .with("CI_COMMIT_SHA", &commit)
            .with("CI_COMMIT_TIMESTAMP", at)
            .with("CI_PIPELINE_URL", pipeline)
            .with("GITLAB_USER_LOGIN", author);
        let ran = cli.run(&line).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(server.calls("POST")[0].sent(), body);
        // What is named by hand counts.
        let ran = cli.run(&format!("{line} --author eve")).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(server.calls("POST")[1].sent()["author"], "eve");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_release_that_is_on_its_way_it_is_said_where_to_see_it() {
    let server = Server::start(move |_, _| {
        let existing = format!("{SERVICE}/promotions/{ID}");
        let problem = json!({"type": "urn:opstella:problem:name-taken", "title": "taken", "status": 409,
            "detail": "it exists", "existing": existing});
        Reply::json(409, problem).header("content-type", "application/problem+json")
    })
    .await;
    let ran = Cli::of(&server)
        .run("promote payments/checkout 1.4.0 --to SIT")
        .await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.stderr
            .contains(&format!("opstella promotions show payments/checkout/{ID}")),
        "{ran:?}"
    );
    // It would be refused all the same.
    assert!(!ran.stderr.contains("--queue"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_sent_as_the_tool_wrote_it() {
    let server = taking(json!({})).await;
    let cli = Cli::of(&server);
    let large = json!({"Results": ["x".repeat(100_000)]}).to_string();
    cli.file("junit.xml", " <testsuites/>");
    cli.file("zap.json", "{}");
    cli.file("trivy.json", &large);
    let add = "releases evidence add payments/checkout 1.4.0";
    let ran = cli
        .run(&format!(
            "{add} junit.xml --kind tests --component api --suite unit"
        ))
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = cli
        .run(&format!("{add} trivy.json --kind image-scan --component api"))
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let seen = server.calls("POST");
    let path = format!("POST {SERVICE}/releases/1.4.0/evidence");
    assert_eq!(
        seen[0].call,
        format!("{path}?kind=tests&component=api&suite=unit")
    );
    assert_eq!(
        (seen[0].header("content-type"), seen[0].text()),
        ("application/xml", " <testsuites/>".to_owned())
    );
    assert_eq!(seen[1].header("content-encoding"), "gzip");
    assert!(seen[1].body.len() < 10_000);
    let scan = format!("{add} zap.json --kind dynamic-scan --component api --env UAT");
    let ran = cli
        .run(&format!("{scan} --scanned-at 2026-11-25T11:30:00+01:00"))
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let call = server.calls("POST").pop().unwrap().call;
    assert!(
        call.contains("environment=UAT&scanned_at=2026-11-25T10%3A30%3A00Z")
            || call.contains("environment=UAT&scanned_at=2026-11-25T10:30:00Z"),
        "{call}"
    );
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&seen[1].body[..])
        .read_to_string(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, large);
    // What is not there, or empty, is not sent.
    cli.file("empty.json", "  ");
    for file in ["missing.json", "empty.json"] {
        assert_eq!(
            cli.run(&format!("{add} {file} --kind sbom --component api"))
                .await
                .code,
            2
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_gate_of_a_promotion_is_explained() {
    let shown = json!({
        "id": ID, "environment": "PRD", "release": "1.4.0", "state": "blocked", "kind": "promote",
        "explanation": ["two approvals are missing", "it is frozen"],
        "gates": [
            {"gate": "quality-gate", "verdict": "passed", "reason": "SonarQube says OK", "evidence": []},
            {"gate": "approvals", "verdict": "waiting", "reason": "0 of 2", "remedy": "approvers say yes", "evidence": []},
            {"gate": "freeze", "verdict": "waiting", "reason": "weekend", "opens_at": "2999-01-01T06:00:00Z", "evidence": []},
        ],
        "approvals": [{"by": "bob", "roles": ["tester"], "comment": "good", "at": "2026-11-25T10:00:00Z"}],
        "run": OTHER,
    });
    let server = taking(shown).await;
    let ran = Cli::of(&server)
        .run(&format!("promotions show payments/checkout/{ID}"))
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for words in [
        "two approvals are missing",
        "it is frozen",
        "SonarQube says OK",
        "approvers say yes",
        "opens at 2999-01-01T06:00:00Z",
        "bob",
        format!("opstella runs watch {OTHER}").as_str(),
    ] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_is_found_by_its_id_alone() {
    let server = Server::start(|_, seen| match seen.call.as_str() {
        "GET /api/v1/promotions?open=true&limit=200" => Reply::json(
            200,
            json!({"items": [
                {"id": OTHER, "project": "web", "service": "shop"},
                {"id": ID, "project": "payments", "service": "checkout"},
            ]}),
        ),
        call if call.starts_with("POST") => Reply::json(200, answer(SERVICE)),
        _ => Reply::json(
            200,
            json!({"state": "deploying", "release": "1.4.0", "environment": "UAT"}),
        ),
    })
    .await;
    let ran = Cli::of(&server).run(&format!("approve {ID}")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.contains("promotion of 1.4.0 to UAT: deploying"),
        "{ran:?}"
    );
    assert_eq!(
        server.calls("POST")[0].call,
        format!("POST {SERVICE}/promotions/{ID}/approve")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_whether_it_could_go_has_an_exit_code() {
    for (now, code) in [(true, 0), (false, 5)] {
        let server = Server::start(move |_, _| {
            let gate =
                json!({"gate": "soaked", "verdict": "waiting", "reason": "2 h of 24 h", "evidence": []});
            Reply::json(
                200,
                json!({"now": now, "gates": [gate], "platform_policy": 1, "project_policy": 0}),
            )
        })
        .await;
        let ran = Cli::of(&server)
            .run("promote payments/checkout 1.4.0 --to PRD --check")
            .await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.stdout.contains("2 h of 24 h"), "{ran:?}");
        let asked = server.seen()[0].json();
        assert_eq!(asked, json!({"release": "1.4.0", "environment": "PRD"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_says_what_runs_where() {
    let server = taking(json!({"items": [{"project": "payments", "service": "checkout", "environments": [
        {"environment": "DEV", "release": "1.5.0", "since": "2026-01-01T00:00:00Z", "health": "healthy", "drift": false},
        {"environment": "PRD", "release": "1.4.0", "since": "2026-01-01T00:00:00Z", "health": "degraded",
            "drift": true, "in_flight": {"release": "1.5.0"}},
    ]}]}))
    .await;
    let ran = Cli::of(&server).run("matrix --project payments").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let head: Vec<&str> = ran.stdout.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["SERVICE", "DEV", "SIT", "UAT", "PRE", "PRD"]);
    for words in ["payments/checkout", "1.5.0 ", "degraded, drift, 1.5.0 in flight"] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    assert_eq!(
        server.seen()[0].call,
        "GET /api/v1/matrix?project=payments&limit=200"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_set_as_it_was_shown() {
    let rules = json!({"quality_gate": true, "max_critical": 0});
    let server =
        taking(json!({"environment": "UAT", "version": 3, "rules": rules, "effective": rules})).await;
    let cli = Cli::of(&server);
    let shown = cli
        .run("policies show --env UAT --project payments -o json")
        .await;
    cli.file("policy.json", &shown.stdout);
    let ran = cli
        .run("policies set policy.json --env UAT --project payments")
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let sent = server.calls("PUT").pop().unwrap();
    assert_eq!(sent.call, "PUT /api/v1/projects/payments/policies/UAT");
    assert_eq!(sent.json(), json!({"rules": rules}));
}

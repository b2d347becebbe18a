//! Promotions that need not be asked for any more, or cannot be asked for yet.

use serde_json::{Value, json};

use crate::support::{Cli, Reply, Server};

const ID: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
const SERVICE: &str = "/api/v1/projects/payments/services/checkout";

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_on_its_way_is_waited_for() {
    let server = Server::start(move |_, seen| {
        if seen.call.starts_with("POST") {
            let existing = format!("{SERVICE}/promotions/{ID}");
            let problem = json!({"type": "urn:opstella:problem:name-taken", "title": "taken", "status": 409,
                "detail": "it exists", "existing": existing});
            return Reply::json(409, problem);
        }
        let state = if seen.before == 0 {
            "deploying"
        } else {
            "completed"
        };
        Reply::json(
            200,
            json!({"id": ID, "environment": "SIT", "release": "1.4.0", "kind": "promote", "state": state}),
        )
    })
    .await;
    let ran = Cli::of(&server)
        .run("promote payments/checkout 1.4.0 --to SIT --wait --timeout 60s")
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("completed"), "{ran:?}");
    assert_eq!(server.calls("POST").len(), 1, "asked for once");
    assert_eq!(
        server.calls("GET")[0].call,
        format!("GET {SERVICE}/promotions/{ID}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_runs_there_already_was_promoted() {
    // What SIT runs, what drifts there, and how the command ends.
    let there = [
        ("1.4.0", Value::Null, 0),
        ("1.3.0", Value::Null, 3),
        (
            "1.4.0",
            json!({"found": {"api": "x"}, "since": "2026-01-01T00:00:00Z"}),
            3,
        ),
    ];
    for (release, drift, code) in there {
        let cell = json!({"environment": "SIT", "release": release, "drift": drift});
        let dev = json!({"environment": "DEV", "release": "1.4.0", "drift": null});
        let matrix = json!({"items": [
            {"project": "payments", "service": "refunds", "environments": [dev]},
            {"project": "payments", "service": "checkout", "environments": [dev, cell]},
        ]});
        let server = Server::start(move |_, seen| match seen.call.as_str() {
            "GET /api/v1/matrix?project=payments&limit=200" => Reply::json(200, matrix.clone()),
            _ => Reply::problem(409, "wrong-state", "it is running release 1.4.0 already, or busy"),
        })
        .await;
        for wait in ["", "--wait"] {
            let ran = Cli::of(&server)
                .run(&format!(
                    "promote payments/checkout 1.4.0 --to SIT -o json {wait}"
                ))
                .await;
            assert_eq!(ran.code, code, "{release} {wait}: {ran:?}");
            if code == 0 {
                assert_eq!(ran.json()["running"], cell);
            }
        }
        let ran = Cli::of(&server)
            .run("promote payments/checkout 1.4.0 --to SIT")
            .await;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        let told = if code == 0 {
            "runs in SIT already"
        } else {
            "or busy"
        };
        assert!(said.contains(told), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_does_not_fit_yet_could_not_go_now() {
    for (slug, code) in [("wrong-state", 5), ("tool-not-connected", 3)] {
        let server = Server::start(move |_, _| Reply::problem(409, slug, "it is not in SIT yet")).await;
        let cli = Cli::of(&server);
        let check = "promote payments/checkout 1.4.0 --to UAT --check";
        let ran = cli.run(check).await;
        assert_eq!(ran.code, code, "{ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("it is not in SIT yet"), "{ran:?}");
        if code == 5 {
            assert!(ran.stdout.contains("could not go to UAT now"), "{ran:?}");
            let json = cli.run(&format!("{check} -o json")).await.json();
            assert_eq!(
                (&json["now"], &json["problem"]["status"]),
                (&json!(false), &json!(409))
            );
        }
    }
}

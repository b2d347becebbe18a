//! What goes to standard output, and what does not.

use serde_json::json;

use crate::support::{Cli, Reply, Server};

async fn projects() -> Server {
    Server::start(|_, seen| match seen.call.as_str() {
        "GET /api/v1/projects?limit=200" => Reply::json(
            200,
            json!({
                "items": [{"slug": "payments", "name": "Pay\u{1b}[31mments", "owner": "alice", "services": 2, "new": {}}],
                "next": "/api/v1/projects?limit=200&cursor=abc",
            }),
        ),
        "GET /api/v1/projects?limit=200&cursor=abc" => Reply::json(
            200,
            json!({"items": [{"slug": "web", "name": "Web", "owner": "bob", "services": 0}]}),
        ),
        _ => Reply::problem(404, "not-found", "project `x` does not exist"),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_document_and_pages_are_one_list() {
    let server = projects().await;
    let ran = Cli::of(&server).run("projects list --output json").await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let slugs: Vec<_> = ran
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["slug"].clone())
        .collect();
    assert_eq!(slugs, ["payments", "web"]);
    // Fields that the client does not know are passed on.
    assert_eq!(ran.json()[0]["new"], json!({}));
    let authorized = server
        .seen()
        .iter()
        .all(|seen| seen.header("authorization") == "Bearer token-of-the-test");
    assert!(authorized, "{:?}", server.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_a_pipe_is_plain_text() {
    let server = projects().await;
    let ran = Cli::of(&server).run("projects list").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    let head: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(head, ["PROJECT", "NAME", "OWNER", "SERVICES"]);
    assert!(lines[2].starts_with("web"), "{ran:?}");
    assert!(
        !ran.stdout.contains('\u{1b}'),
        "a server's escape sequence: {ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_ends_the_pages() {
    let server = Server::start(|_, _| {
        Reply::json(
            200,
            json!({"items": [{"slug": "a"}, {"slug": "b"}], "next": "/api/v1/projects?cursor=a"}),
        )
    })
    .await;
    let ran = Cli::of(&server)
        .run("projects list --limit 3 --output json")
        .await;
    assert_eq!(ran.json().as_array().unwrap().len(), 3, "{ran:?}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_one_line_and_for_programs_a_document() {
    let server = projects().await;
    let cli = Cli::of(&server);
    let ran = cli.run("services show payments/nothing").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    assert!(
        ran.stderr.contains(
            "project `x` does not exist (do this then) [404 not-found: GET /api/v1/projects/payments/"
        ),
        "{ran:?}"
    );

    let ran = cli.run("services show payments/nothing -o json").await;
    assert_eq!(ran.code, 3);
    assert_eq!(ran.json()["error"]["exit_code"], 3);
    assert_eq!(
        ran.json()["error"]["problem"]["type"],
        "urn:opstella:problem:not-found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_shown() {
    let server = Server::start(|_, _| Reply::problem(401, "unauthenticated", "the token is wrong")).await;
    let ran = Cli::of(&server).run("projects list -o json").await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(!format!("{ran:?}").contains("token-of-the-test"), "{ran:?}");
    let help = Cli::of(&server).run("projects list --help").await;
    assert!(!help.stdout.contains("token-of-the-test"), "{help:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = Cli::bare().run(&format!("completions {shell}")).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell}");
        assert!(
            ran.stdout.contains("promote") && ran.stdout.contains("opstella-client"),
            "{shell}"
        );
    }
}

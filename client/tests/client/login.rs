//! Signing in, and the file that keeps the token.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Cli, Reply, Seen, Server};

/// An issuer and an API in one. The API takes `access-1` once, then only later tokens.
fn play(url: &str, seen: &Seen, lifetime: i64) -> Reply {
    match seen.call.as_str() {
        "GET /.well-known/oauth-protected-resource" => Reply::json(
            200,
            json!({"resource": url, "authorization_servers": [format!("{url}/realm")]}),
        ),
        "GET /realm/.well-known/openid-configuration" => Reply::json(
            200,
            json!({
                "issuer": format!("{url}/realm"),
                "token_endpoint": format!("{url}/token"),
                "device_authorization_endpoint": format!("{url}/device"),
                "revocation_endpoint": format!("{url}/revoke"),
            }),
        ),
        "POST /device" => Reply::json(
            200,
            json!({
                "device_code": "device-secret", "user_code": "ABCD-EFGH", "verification_uri": format!("{url}/enter"),
                "expires_in": 60, "interval": 1,
            }),
        ),
        "POST /token" => token(seen, lifetime),
        "POST /revoke" => Reply::json(200, json!({})),
        "GET /api/v1/projects?limit=200" if seen.header("authorization") == "Bearer access-1" => {
            Reply::problem(401, "unauthenticated", "the token was revoked")
        }
        _ if seen.header("authorization").starts_with("Bearer access-") => {
            Reply::json(200, json!({"items": []}))
        }
        _ => Reply::problem(401, "unauthenticated", "who is that?"),
    }
}

fn token(seen: &Seen, lifetime: i64) -> Reply {
    let form = seen.text();
    let has = |pair: &str| form.split('&').any(|one| one == pair);
    let tokens = |number: u32, lifetime: i64| {
        Reply::json(
            200,
            json!({
                "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
                "expires_in": lifetime, "token_type": "Bearer",
            }),
        )
    };
    if has("device_code=device-secret") {
        return match seen.before {
            0 => Reply::json(400, json!({"error": "authorization_pending"})),
            _ => tokens(1, lifetime),
        };
    }
    if has("refresh_token=refresh-1") {
        return tokens(2, 300);
    }
    if has("grant_type=password") && has("username=alice") && has("password=correct+horse") {
        return tokens(1, lifetime);
    }
    // `ci:s%2Fcret`, in Base64.
    if has("grant_type=client_credentials") && seen.header("authorization") == "Basic Y2k6cyUyRmNyZXQ=" {
        return Reply::json(200, json!({"access_token": "access-9", "expires_in": lifetime}));
    }
    Reply::json(
        401,
        json!({"error": "invalid_grant", "error_description": "Invalid user credentials"}),
    )
}

async fn server(lifetime: i64) -> Server {
    Server::start(move |url, seen| play(url, seen, lifetime)).await
}

fn shell(server: &Server) -> Cli {
    Cli::bare().with("OPSTELLA_API_URL", &server.url)
}

fn kept(cli: &Cli, server: &Server) -> Value {
    let text = std::fs::read_to_string(cli.credentials()).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["servers"][&server.url].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_entered_elsewhere_and_the_token_is_kept_for_its_owner_only() {
    let server = server(300).await;
    let cli = shell(&server);
    let ran = cli.run("login --quiet -o json").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stderr.contains("ABCD-EFGH") && ran.stderr.contains("/enter"),
        "{ran:?}"
    );
    assert_eq!(ran.json()["server"], server.url.as_str());
    for secret in ["access-1", "refresh-1", "device-secret"] {
        assert!(!format!("{ran:?}").contains(secret), "{secret}: {ran:?}");
    }
    assert_eq!(server.calls("POST /token").len(), 2);
    let file = cli.credentials();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(kept(&cli, &server)["refresh_token"], "refresh-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_is_renewed_and_kept() {
    let server = server(1).await;
    let cli = shell(&server);
    assert_eq!(cli.run("login").await.code, 0);
    assert_eq!(cli.run("projects list").await.code, 0);
    let last = server.calls("GET /api/v1/projects?limit=200").pop().unwrap();
    assert_eq!(last.header("authorization"), "Bearer access-2");
    assert_eq!(kept(&cli, &server)["access_token"], "access-2");
    assert_eq!(kept(&cli, &server)["refresh_token"], "refresh-2");
    let mode = std::fs::metadata(cli.credentials()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The new one is good for a while: no third.
    assert_eq!(cli.run("projects list").await.code, 0);
    assert_eq!(server.calls("POST /token").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_takes_no_longer_is_renewed() {
    let server = server(300).await;
    let cli = shell(&server);
    assert_eq!(cli.run("login").await.code, 0);
    let ran = cli.run("projects list").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let tokens: Vec<_> = server
        .calls("GET /api/v1/projects?limit=200")
        .iter()
        .map(|seen| seen.header("authorization").to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer access-1", "Bearer access-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_and_passwords_come_by_standard_input() {
    let server = server(300).await;
    let cli = shell(&server);
    let ran = cli
        .run_with("login --client-id ci --client-secret-stdin", "s/cret\n")
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(cli.run("projects list").await.code, 0);
    let text = std::fs::read_to_string(cli.credentials()).unwrap();
    assert!(!text.contains("cret\""), "a client's secret is not kept: {text}");

    let cli = shell(&server);
    let ran = cli
        .run_with("login --username alice --password-stdin", "correct horse\n")
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = cli
        .run_with("login --username alice --password-stdin", "wrong")
        .await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("Invalid user credentials"), "{ran:?}");
    let ran = cli.run_with("login --client-secret-stdin", "\n").await;
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_a_refresh_token_ends() {
    let server = server(1).await;
    let cli = shell(&server);
    let ran = cli
        .run_with("login --client-id ci --client-secret-stdin", "s/cret")
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = cli.run("projects list").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("log in again"), "{ran:?}");
}

const PROMOTE: &str = "promote payments/checkout 1.4.0 --to SIT --wait --timeout 60s -o json";
const PROMOTIONS: &str = "/api/v1/projects/payments/services/checkout/promotions";
const ID: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";

/// The promotion that the API takes from whoever has a token; nothing where something else is asked.
fn promotion(seen: &Seen, state: &str) -> Option<Reply> {
    if !seen.header("authorization").starts_with("Bearer access-") {
        return None;
    }
    if seen.call == format!("POST {PROMOTIONS}:to-sit") {
        let answer = json!({"resource": format!("{PROMOTIONS}/{ID}"), "version": 1, "position": "7-8"});
        return Some(Reply::json(202, answer));
    }
    let shown =
        json!({"id": ID, "environment": "SIT", "release": "1.4.0", "kind": "promote", "state": state});
    seen.call
        .starts_with(&format!("GET {PROMOTIONS}/"))
        .then(|| Reply::json(200, shown))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_secret_is_in_the_environment_outlasts_its_token() {
    // Each token ends at once, and none comes with a refresh token.
    let server = Server::start(|url, seen| {
        // The first look waits for what the command did; the others are the same call.
        let deploys = seen.call.ends_with("?after=7-8") || seen.before < 2;
        let state = if deploys { "deploying" } else { "completed" };
        promotion(seen, state).unwrap_or_else(|| play(url, seen, 1))
    })
    .await;
    let cli = shell(&server)
        .with("OPSTELLA_CLIENT_ID", "ci")
        .with("OPSTELLA_CLIENT_SECRET", "s/cret");
    let ran = cli.run("login -o json").await;
    assert_eq!((ran.code, &ran.json()["renewed"]), (0, &json!(true)), "{ran:?}");
    let ran = cli.run(PROMOTE).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["promotion"]["state"], "completed");
    let asked = server.calls("POST /token");
    // One for the login, and one for each request after it.
    assert!(asked.len() >= 5, "{asked:?}");
    for form in asked.iter().map(Seen::text) {
        assert!(form.contains("grant_type=client_credentials"), "{form}");
        assert!(form.contains("scope=openid"), "{form}");
    }
    let text = std::fs::read_to_string(cli.credentials()).unwrap();
    assert!(!text.contains("cret\""), "a client's secret is not kept: {text}");

    // A secret of somebody else is not sent under this name.
    let cli = cli.with("OPSTELLA_CLIENT_ID", "other");
    let ran = cli.run("projects list").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("OPSTELLA_CLIENT_SECRET"), "{ran:?}");
    assert_eq!(server.calls("POST /token").len(), asked.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_ends_while_a_promotion_is_waited_for_is_no_wrong_command_line() {
    // Whoever looks at the promotion is told that the token has ended, and the issuer gives no other one.
    let server = Server::start(|url, seen| match seen.call.as_str() {
        call if call.starts_with(&format!("GET {PROMOTIONS}/")) => {
            Reply::problem(401, "unauthenticated", "the token has ended")
        }
        "POST /token" if seen.text().contains("refresh_token=refresh-1") => {
            Reply::json(400, json!({"error": "invalid_grant"}))
        }
        _ => promotion(seen, "").unwrap_or_else(|| play(url, seen, 300)),
    })
    .await;
    let kept = shell(&server);
    assert_eq!(kept.run("login").await.code, 0);
    let given = shell(&server).with("OPSTELLA_TOKEN", "access-7");
    for (cli, why) in [(kept, "log in again"), (given, "the token has ended")] {
        let ran = cli.run(PROMOTE).await;
        assert_eq!(ran.code, 4, "{ran:?}");
        for said in [why, "opstella promotions show payments/checkout/"] {
            assert!(ran.stderr.contains(said), "{said}: {ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_gives_the_token_back_and_forgets_it() {
    let server = server(300).await;
    let cli = shell(&server);
    assert_eq!(cli.run("login").await.code, 0);
    let ran = cli.run("logout").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(server.calls("POST /revoke")[0].text().contains("token=refresh-1"));
    let text = std::fs::read_to_string(cli.credentials()).unwrap();
    assert!(
        !text.contains("access-1") && !text.contains("refresh-1"),
        "{text}"
    );
    assert_eq!(cli.run("projects list").await.code, 2);
    assert!(cli.run("logout").await.stdout.contains("you were not logged in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_others_can_read_is_refused() {
    let server = server(300).await;
    let cli = shell(&server);
    assert_eq!(cli.run("login").await.code, 0);
    std::fs::set_permissions(cli.credentials(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = cli.run("projects list").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("chmod 600"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_does_not_take_is_not_kept() {
    let server = Server::start(|url, seen| match seen.call.as_str() {
        call if call.starts_with("GET /api/") => {
            Reply::problem(401, "unauthenticated", "the audience is wrong")
        }
        _ => play(url, seen, 300),
    })
    .await;
    let cli = shell(&server);
    let ran = cli.run("login").await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("the audience is wrong"), "{ran:?}");
    assert!(!cli.credentials().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_somebody_else_gets_no_password() {
    let server = Server::start(|url, seen| match seen.call.as_str() {
        "GET /realm/.well-known/openid-configuration" => Reply::json(
            200,
            json!({"issuer": "https://elsewhere.example", "token_endpoint": format!("{url}/token")}),
        ),
        _ => play(url, seen, 300),
    })
    .await;
    let ran = shell(&server)
        .run_with("login --username alice --password-stdin", "correct horse")
        .await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(server.calls("POST").is_empty(), "{:?}", server.seen());
}

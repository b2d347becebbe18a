//! What tools send: only what they sign is believed.

use hmac::{Hmac, KeyInit, Mac};
use opstella_domain::evidence::ReportKind;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::resources::ended;
use crate::support::{Answer, Server, eventually};

const SONAR: &str = "payments/checkout/platform/webhook/sonarqube/api";
const GITLAB: &str = "payments/checkout/platform/webhook/gitlab/api";
const RELEASE: &str = "/projects/payments/services/checkout/releases/1.4.0";

fn commit(letter: &str) -> String {
    letter.repeat(40)
}

/// What SonarQube sends of an analysis.
fn analysis(project: &str, commit: &str, gate: &str) -> Value {
    json!({
        "status": "SUCCESS", "analysedAt": "2026-11-25T10:46:28+0100", "revision": commit,
        "project": {"key": project, "name": "api"},
        "branch": {"name": "main", "type": "BRANCH", "isMain": true},
        "qualityGate": {"name": "Sonar way", "status": gate, "conditions": []},
    })
}

fn signature(secret: &str, body: &str) -> String {
    let mut hash = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hash.update(body.as_bytes());
    hex::encode(hash.finalize().into_bytes())
}

/// Sends as a tool does: without a token of the issuer.
async fn send(server: &Server, tool: &str, header: Option<(&str, &str)>, body: &str) -> Answer {
    let url = format!("{}/api/v1/webhooks/{tool}", server.base);
    let mut request = server.http.request(Method::POST, url).body(body.to_owned());
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn from_sonarqube(server: &Server, secret: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let signature = signature(secret, &body);
    let header = ("X-Sonar-Webhook-HMAC-SHA256", signature.as_str());
    send(server, "sonarqube", Some(header), &body).await
}

/// A server on which `checkout` is made, with the release 1.4.0 of the commit `aaa…`.
async fn with_release() -> Server {
    let server = Server::start().await;
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    server.tools.keep(SONAR, "sonar's secret");
    server.tools.keep(GITLAB, "gitlab's secret");
    register(&server).await;
    server
}

/// Registers the release, and waits until it is shown.
async fn register(server: &Server) {
    let image = json!({"name": "api", "digest": format!("sha256:{}", "1".repeat(64)), "commit": commit("a")});
    let release = json!({"version": "1.4.0", "components": [image]});
    let registered = server
        .post("/projects/payments/services/checkout/releases", release)
        .await
        .expect(201);
    let position = registered.header("x-opstella-position").to_owned();
    server
        .get(&format!("{RELEASE}?after={position}"))
        .await
        .expect(200);
}

async fn evidence_events(server: &Server) -> Vec<Value> {
    let events = server.get("/events?project=payments&limit=200").await.expect(200);
    let events = events.body["items"].as_array().unwrap().clone();
    let added = |event: &Value| event.to_string().contains("EvidenceAdded");
    events.into_iter().filter(added).collect()
}

async fn stored(server: &Server, table: &str) -> i64 {
    let sql = match table {
        "reports" => "SELECT count(*) FROM reports",
        _ => "SELECT count(*) FROM events WHERE event_type = 'EvidenceAdded'",
    };
    let pool = server.serving.as_ref().unwrap().state().journal.pool();
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quality_gate_becomes_evidence_once() {
    let server = with_release().await;
    let body = analysis("payments:checkout:api", &commit("a"), "ERROR");
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    let evidence = eventually("the gate is shown", || async {
        let release = server.get(RELEASE).await.expect(200);
        let evidence = release.body["images"][0]["evidence"].as_array().unwrap().clone();
        evidence.first().cloned()
    })
    .await;
    assert_eq!(evidence["kind"], "quality-gate", "{evidence:#}");
    assert_eq!(evidence["verdict"], "failed", "{evidence:#}");
    // The original is what was sent.
    let report = evidence["report"].as_str().unwrap();
    let original = server
        .get(&format!("{RELEASE}/evidence/{report}"))
        .await
        .expect(200);
    assert_eq!(original.body, body);
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    assert_eq!(
        (stored(&server, "events").await, stored(&server, "reports").await),
        (1, 1)
    );
    let events = eventually("the event is listed", || async {
        let events = evidence_events(&server).await;
        (!events.is_empty()).then_some(events)
    })
    .await;
    assert!(
        events[0].to_string().contains("system:webhook-sonarqube"),
        "{:#}",
        events[0]
    );
    // The second did not ask Vault again.
    assert_eq!(server.tools.reads(SONAR), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_is_refused_and_says_nothing() {
    let server = with_release().await;
    let body = analysis("payments:checkout:api", &commit("a"), "OK").to_string();
    let header = "X-Sonar-Webhook-HMAC-SHA256";
    let right = signature("sonar's secret", &body);
    let wrong = signature("another secret", &body);
    let empty = signature("", &body);
    let mut said = Vec::new();
    for given in [
        None,
        Some(wrong.as_str()),
        Some(empty.as_str()),
        Some("zz"),
        Some(&right[..62]),
    ] {
        let answer = send(&server, "sonarqube", given.map(|value| (header, value)), &body).await;
        said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    }
    // The signature of another body.
    let other = body.replace("OK", "ERROR");
    let answer = send(&server, "sonarqube", Some((header, &right)), &other).await;
    said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    // Nothing that is there, and nothing that can be read; a token of the issuer is no signature.
    for key in [
        "payments:checkout:none",
        "none:none:none",
        "payments-checkout-api",
        "",
    ] {
        let body = analysis(key, &commit("a"), "OK");
        let answer = from_sonarqube(&server, "sonar's secret", &body).await;
        said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    }
    for body in ["", "{", "[]", "null", "{\"project\": 1}"] {
        let signature = signature("sonar's secret", body);
        let answer = send(&server, "sonarqube", Some((header, &signature)), body).await;
        said.push(answer.problem(401, "unauthenticated").body["detail"].clone());
    }
    let answer = server.post(
        "/webhooks/sonarqube",
        analysis("payments:checkout:api", &commit("a"), "OK"),
    );
    said.push(answer.await.problem(401, "unauthenticated").body["detail"].clone());
    assert!(said.iter().all(|detail| *detail == said[0]), "{said:#?}");
    assert_eq!(
        (stored(&server, "events").await, stored(&server, "reports").await),
        (0, 0)
    );
    // Vault is asked only about what is there.
    assert_eq!(server.tools.reads("none/none/platform/webhook/sonarqube/none"), 0);
    let huge = "x".repeat((1 << 20) + 1);
    let answer = send(&server, "sonarqube", Some((header, &right)), &huge).await;
    answer.problem(413, "too-large");
    server
        .get("/webhooks/sonarqube")
        .await
        .problem(405, "method-not-allowed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_and_says_nothing_of_a_release_is_taken_and_not_kept() {
    let server = with_release().await;
    let good = || analysis("payments:checkout:api", &commit("a"), "OK");
    let mut merge_request = good();
    merge_request["branch"] = json!({"name": "7", "type": "PULL_REQUEST", "isMain": false});
    let mut branch = good();
    branch["branch"] = json!({"name": "nothing-new", "type": "BRANCH", "isMain": false});
    let mut without = good();
    without.as_object_mut().unwrap().remove("revision");
    let mut failed = good();
    failed["status"] = "FAILED".into();
    for body in [
        analysis("payments:checkout:api", &commit("b"), "OK"),
        analysis("payments:checkout:api", &commit("a"), "NONE"),
        merge_request,
        branch,
        without,
        failed,
    ] {
        from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    }
    assert_eq!(
        (stored(&server, "events").await, stored(&server, "reports").await),
        (0, 0)
    );
    // Signed, but not SonarQube's: whoever set it up is told.
    let odd = json!({"project": {"key": "payments:checkout:api"}, "revision": commit("a")});
    let answer = from_sonarqube(&server, "sonar's secret", &odd).await;
    answer.problem(422, "invalid-field");
    let metrics = server.get("//metrics").await.expect(200);
    let metrics = metrics.body.as_str().unwrap();
    for outcome in ["ignored", "refused"] {
        let line = format!("opstella_webhooks_total{{tool=\"sonarqube\",outcome=\"{outcome}\"}}");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_is_no_refusal() {
    let server = with_release().await;
    let body = analysis("payments:checkout:api", &commit("a"), "OK");
    server.tools.seal(true);
    let answer = from_sonarqube(&server, "sonar's secret", &body).await;
    answer.problem(503, "unavailable");
    server.tools.seal(false);
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    assert_eq!(stored(&server, "events").await, 1);
    server.stop().await;
}

/// Somebody resolves issues, and SonarQube sends another word on the same analysis; then the first comes again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_does_not_hide_what_was_said_since() {
    let server = with_release().await;
    let said_at = |time: &str, gate: &str| {
        let mut body = analysis("payments:checkout:api", &commit("a"), gate);
        body["changedAt"] = format!("2026-11-25T{time}+0100").into();
        body
    };
    let (first, second) = (said_at("10:46:40", "ERROR"), said_at("11:30:00", "OK"));
    for body in [&first, &second, &first, &second, &first] {
        from_sonarqube(&server, "sonar's secret", body).await.expect(202);
    }
    assert_eq!(stored(&server, "events").await, 2);
    let verdict = eventually("the second is shown", || async {
        let release = server.get(RELEASE).await.expect(200);
        let evidence = release.body["images"][0]["evidence"].as_array().unwrap().clone();
        let newest = evidence.iter().find(|e| e["kind"] == "quality-gate")?;
        (newest["verdict"] == "passed").then(|| newest["verdict"].clone())
    });
    assert_eq!(verdict.await, "passed");
    server.stop().await;
}

/// A time to come cannot be told from what is sent again later: the tool is asked instead.
#[tokio::test(flavor = "multi_thread")]
async fn where_sonarqubes_clock_is_ahead_it_is_asked() {
    let server = with_release().await;
    eventually("it was asked once, for the release", || async {
        (server.tools.asked(ReportKind::QualityGate).len() == 1).then_some(())
    })
    .await;
    let status = json!({"projectStatus": {"status": "ERROR", "conditions": []}});
    server.tools.report(ReportKind::QualityGate, &status);
    let mut body = analysis("payments:checkout:api", &commit("a"), "OK");
    body["changedAt"] = "2199-01-01T00:00:00+0000".into();
    from_sonarqube(&server, "sonar's secret", &body).await.expect(202);
    let events = eventually("evidence by the collector", || async {
        let events = evidence_events(&server).await;
        (!events.is_empty()).then_some(events)
    })
    .await;
    assert_eq!(
        (events.len(), &events[0]["actor"]),
        (1, &json!("system:collector"))
    );
    // What it says is the answer, not what was sent.
    eventually("the answer is shown", || async {
        let release = server.get(RELEASE).await.expect(200);
        (release.body["images"][0]["evidence"][0]["verdict"] == "failed").then_some(())
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_refused_before_anything_is_looked_at() {
    let server = Server::start_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.burst = 3;
    })
    .await;
    let mut refused = 0;
    for _ in 0..8 {
        let answer = send(&server, "gitlab", None, "{}").await;
        match answer.status.as_u16() {
            429 => refused += 1,
            status => assert_eq!(status, 401),
        }
    }
    assert!(refused >= 4, "{refused}");
    // People are not kept out by it.
    server.get("/projects").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_sends_its_token() {
    let server = with_release().await;
    let body = |path: &str| {
        json!({"object_kind": "pipeline", "project": {"path_with_namespace": path}, "builds": []}).to_string()
    };
    let ours = body("payments/checkout_api");
    let given = |token| Some(("X-Gitlab-Token", token));
    send(&server, "gitlab", given("gitlab's secret"), &ours)
        .await
        .expect(202);
    for (header, body) in [
        (None, &ours),
        (given("gitlab's secre"), &ours),
        (given(""), &ours),
        (given("sonar's secret"), &ours),
        (given("gitlab's secret"), &body("payments/checkout_none")),
        (given("gitlab's secret"), &body("payments/else/where")),
    ] {
        let answer = send(&server, "gitlab", header, body).await;
        answer.problem(401, "unauthenticated");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn argocd_sends_the_configured_token() {
    let server = Server::start_with(|config| {
        let name = "argocd-webhook".parse().unwrap();
        config.credentials.insert(name, "a shared token".into());
    })
    .await;
    let body = json!({"application": "payments--checkout--api--dev"}).to_string();
    let given = |value| Some(("Authorization", value));
    // Nothing is being deployed: nothing to look at.
    send(&server, "argocd", given("Bearer a shared token"), &body)
        .await
        .expect(202);
    for header in [
        None,
        given("Bearer another"),
        given("a shared token"),
        given("Basic a shared token"),
    ] {
        let answer = send(&server, "argocd", header, &body).await;
        answer.problem(401, "unauthenticated");
    }
    for odd in ["{}", "", "[1]", "{\"application\": \"\\u0000\"}"] {
        let answer = send(&server, "argocd", given("Bearer a shared token"), odd).await;
        answer.problem(422, "invalid-field");
    }
    server.stop().await;
    let without = Server::start().await;
    let answer = send(&without, "argocd", given("Bearer a shared token"), &body).await;
    answer.problem(404, "not-found");
    without.stop().await;
}

/// A promotion waits for Argo CD, which wants to be asked again in a minute: the webhook makes it look at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_waits_is_woken() {
    let server = Server::start_with(|config| {
        let name = "argocd-webhook".parse().unwrap();
        config.credentials.insert(name, "a shared token".into());
    })
    .await;
    server.tools.deploy_slowly(true);
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    register(&server).await;
    let run = eventually("the promotion waits for Argo CD", || async {
        let promotions = server.get("/promotions?project=payments").await.expect(200);
        let run = promotions.body["items"][0]["run"].as_str()?.to_owned();
        let shown = server.get(&format!("/runs/{run}")).await;
        (shown.status == 200 && healthy(&shown)["phase"] == "waiting").then_some(run)
    })
    .await;
    let waiting = || async {
        let shown = server.get(&format!("/runs/{run}")).await.expect(200);
        healthy(&shown).clone()
    };
    let before = waiting().await;
    let body = |application: &str| json!({"application": application}).to_string();
    let ours = body("payments--checkout--api--dev");
    // Not by somebody else, nor for something else.
    send(&server, "argocd", Some(("Authorization", "Bearer wrong")), &ours)
        .await
        .problem(401, "unauthenticated");
    let token = Some(("Authorization", "Bearer a shared token"));
    for other in [
        "payments--checkout--api--prd",
        "payments--checkout--api",
        "payments--checkout--worker--dev",
        "else",
        "",
    ] {
        send(&server, "argocd", token, &body(other)).await.expect(202);
    }
    assert_eq!(waiting().await, before);
    // Too early: it looks, and waits on.
    send(&server, "argocd", token, &ours).await.expect(202);
    eventually("it looked again", || async {
        let now = waiting().await;
        (now["phase"] == "waiting" && now["attempt"].as_u64() > before["attempt"].as_u64()).then_some(())
    })
    .await;
    server.tools.deploy_slowly(false);
    send(&server, "argocd", token, &ours).await.expect(202);
    // `eventually` is over long before the minute is.
    ended(&server, &format!("/api/v1/runs/{run}"), "succeeded").await;
    // Sent again, when nothing waits any more.
    send(&server, "argocd", token, &ours).await.expect(202);
    server.stop().await;
}

fn healthy(run: &Answer) -> &Value {
    let steps = run.body["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["step"] == "argocd.healthy/api")
        .unwrap()
}

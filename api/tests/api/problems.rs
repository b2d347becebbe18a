//! Bad input gets a problem document that names the field, the rule and the limit; nothing is stored.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, checkout};

/// How many events there are. (The journal's head lags behind while other databases of the server have transactions.)
async fn stored(server: &Server) -> i64 {
    let pool = server.serving.as_ref().unwrap().state().journal.pool().clone();
    let count = sqlx::query_scalar("SELECT count(*) FROM events");
    count.fetch_one(&pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_at_fault_are_named_and_nothing_is_stored() {
    let server = Server::start().await;
    server.furnish().await;
    let before = stored(&server).await;
    let services = "/projects/payments/services";
    let with = |field: &str, value: Value| {
        let mut body = checkout();
        body[field] = value;
        body
    };
    let component = |name: &str| json!({"name": name, "template": "http-service"});
    let long = "a".repeat(41);
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        (
            "/projects",
            json!({"slug": "Bad", "name": "x"}),
            "slug",
            "lower-case",
        ),
        (
            "/projects",
            json!({"slug": long, "name": "x"}),
            "slug",
            "1 to 40 characters",
        ),
        (
            "/projects",
            json!({"slug": "groups", "name": "x"}),
            "slug",
            "reserved",
        ),
        ("/projects", json!({"slug": "a", "name": ""}), "name", "1 to 100"),
        (
            "/projects",
            json!({"slug": "a", "name": "x".repeat(101)}),
            "name",
            "1 to 100",
        ),
        (
            "/projects",
            json!({"slug": "a", "name": "a\u{0}b"}),
            "name",
            "NUL",
        ),
        ("/projects", json!({"slug": "a"}), "name", "missing field"),
        (
            "/projects",
            json!({"slug": "a", "name": "x", "more": 1}),
            "more",
            "unknown field",
        ),
        (
            "/projects",
            json!({"slug": 1, "name": "x"}),
            "slug",
            "invalid type",
        ),
        ("/projects", json!([1]), "body", ""),
        (
            "/projects",
            json!({"slug": "a", "name": "x", "owner": ""}),
            "owner",
            "1 to 255",
        ),
        (services, with("name", json!("-")), "name", "start with a letter"),
        (
            services,
            with("environments", json!([])),
            "environments",
            "at least one",
        ),
        (
            services,
            with("environments", json!(["DEV", "DEV"])),
            "environments",
            "",
        ),
        (
            services,
            with("environments", json!(["PRD", "DEV"])),
            "environments",
            "",
        ),
        (
            services,
            with("environments", json!(["LIVE"])),
            "environments[0]",
            "unknown variant",
        ),
        (services, with("components", json!([])), "components", "1 to 20"),
        (
            services,
            with("components", json!([component("a"), component("a")])),
            "components",
            "twice",
        ),
        (
            services,
            with("components", json!([component("a"), component("B")])),
            "components[1].name",
            "lower-case",
        ),
        (
            services,
            with("components", json!([{"name": "a", "template": "none"}])),
            "components[0].template",
            "does not exist",
        ),
        (
            services,
            with(
                "components",
                json!([{"name": "a", "template": "http-service", "version": "9.9.9"}]),
            ),
            "components[0].template",
            "does not exist",
        ),
        (
            services,
            with(
                "components",
                json!([{"name": "a", "template": "http-service", "version": "x"}]),
            ),
            "components[0].version",
            "three numbers",
        ),
        (
            services,
            with("components", json!([{"name": "a"}])),
            "components[0].template",
            "missing field",
        ),
    ];
    for (path, body, field, rule) in cases {
        let answer = server.post(path, body).await.problem(422, "invalid-field");
        answer.field(field, rule);
    }
    let version = "/templates/bad/versions/1.0.0";
    for (path, body, field, rule) in [
        (
            version,
            json!({"description": "x", "files": {}}),
            "files",
            "1 to 100 files",
        ),
        (
            version,
            json!({"description": "x", "files": {"../x": "y"}}),
            "files",
            "relative path",
        ),
        (
            version,
            json!({"description": "", "files": {"a": "y"}}),
            "description",
            "1 to 500",
        ),
        (
            "/tools/gitlab/main",
            json!({"url": "ftp://x", "credential": "a"}),
            "url",
            "http or https",
        ),
        (
            "/tools/gitlab/main",
            json!({"url": "https://u:p@x", "credential": "a"}),
            "url",
            "without user",
        ),
        (
            "/tools/vault/main",
            json!({"url": "https://x", "credential": "a", "settings": {"kv_mount": "../sys"}}),
            "settings.kv_mount",
            "1 to 100",
        ),
        (
            "/tools/vault/main",
            json!({"url": "https://x", "credential": "a", "settings": {"nope": 1}}),
            "settings.nope",
            "unknown field",
        ),
    ] {
        let answer = server.put(path, body).await.problem(422, "invalid-field");
        answer.field(field, rule);
    }
    let after = stored(&server).await;
    assert_eq!(before, after, "something was stored");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_are_refused() {
    let server = Server::start().await;
    let send = async |body: &'static str, kind: Option<&str>| {
        let mut request = server.request(Method::POST, "/projects").body(body);
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        Answer::of(request.send().await.unwrap()).await
    };
    send("{", Some("application/json"))
        .await
        .problem(400, "malformed-json");
    send("", Some("application/json"))
        .await
        .problem(400, "malformed-json");
    send("a=b", Some("application/x-www-form-urlencoded"))
        .await
        .problem(415, "unsupported-media-type");
    send("{}", None).await.problem(415, "unsupported-media-type");
    send("{}", Some("application/json; charset=utf-8"))
        .await
        .problem(422, "invalid-field");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_at_fault_are_named() {
    let server = Server::start().await;
    for (path, name) in [
        ("/projects/Bad", "project"),
        ("/projects/payments/services/A", "service"),
        ("/projects/a%00b", "project"),
        ("/projects/%ff", "project"),
        ("/runs/1", "run"),
        ("/templates/a/versions/1", "version"),
        ("/tools/jira/main", "tool"),
        ("/events/x", "position"),
        ("/projects?limit=0", "limit"),
        ("/projects?limit=201", "limit"),
        ("/projects?limit=x", "limit"),
        ("/projects?limit=1&limit=2", "limit"),
        ("/projects?cursor=nonsense", "cursor"),
        ("/projects?after=x", "after"),
        ("/projects?nope=1", "nope"),
        ("/runs?status=odd", "status"),
        ("/runs?saga=odd", "saga"),
        ("/runs?project=Not_A_Slug", "project"),
        ("/events?project=Not_A_Slug", "project"),
        ("/events?aggregate_type=Thing", "aggregate_type"),
        ("/events?from=yesterday", "from"),
        ("/events?from=%2B262000-01-01T00:00:00Z", "from"),
        ("/events?order=up", "order"),
        ("/events?run=1", "run"),
        ("/events?actor=a%00b", "actor"),
    ] {
        let answer = server.get(path).await.problem(400, "invalid-parameter");
        assert_eq!(
            answer.body["errors"][0]["field"], name,
            "{path}: {:#}",
            answer.body
        );
    }
    for (name, value) in [
        ("Idempotency-Key", "a b"),
        ("Idempotency-Key", &"k".repeat(256)),
        ("If-Match", "3"),
        ("If-Match", "W/\"3\""),
    ] {
        let request = server
            .request(Method::POST, "/projects")
            .header(name, value)
            .json(&json!({"slug": "a", "name": "x"}));
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.problem(400, "invalid-parameter").field(name, "");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_and_methods_that_are_not_there() {
    let server = Server::start().await;
    server.get("/nothing").await.problem(404, "no-such-route");
    server.get("//nothing").await.problem(404, "no-such-route");
    server
        .get("/projects/a/b/c/d")
        .await
        .problem(404, "no-such-route");
    for (method, path, allow) in [
        (Method::DELETE, "/projects", "GET, POST"),
        (Method::PATCH, "/projects/a", "GET"),
        (Method::POST, "//healthz", "GET"),
        (Method::PUT, "/runs", "GET"),
        (
            Method::GET,
            "/runs/0190f7a0-0000-7000-8000-000000000000/retry",
            "POST",
        ),
    ] {
        let answer = Answer::of(server.request(method, path).send().await.unwrap())
            .await
            .problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404_and_what_is_not_connected_says_so() {
    let server = Server::start().await;
    let body = checkout();
    server
        .post("/projects/none/services", body.clone())
        .await
        .problem(404, "not-found");
    server
        .get("/projects/none/services")
        .await
        .problem(404, "not-found");
    let run = "/runs/0190f7a0-0000-7000-8000-000000000000";
    server.get(run).await.problem(404, "not-found");
    server
        .get(&format!("{run}/events"))
        .await
        .problem(404, "not-found");
    server
        .post(&format!("{run}/cancel"), json!({"reason": "x"}))
        .await
        .problem(404, "not-found");
    server
        .post("/projects", json!({"slug": "payments", "name": "x"}))
        .await
        .expect(201);
    let answer = server
        .post("/projects/payments/services", body)
        .await
        .problem(409, "tool-not-connected");
    assert!(
        answer.body["hint"]
            .as_str()
            .unwrap()
            .contains("PUT /api/v1/tools/")
    );
    server
        .post(
            "/projects/payments/services/none/decommission",
            json!({"reason": "x"}),
        )
        .await
        .problem(404, "not-found");
    server.stop().await;
}

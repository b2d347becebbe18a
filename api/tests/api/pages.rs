//! Lists come in pages.

use serde_json::json;

use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_without_gap_and_repetition() {
    let server = Server::start().await;
    let mut last = String::new();
    for index in 0..7 {
        let body = json!({"slug": format!("p{index}"), "name": "x"});
        let made = server.post("/projects", body).await.expect(201);
        made.header("x-opstella-position").clone_into(&mut last);
    }
    let mut link = format!("/api/v1/projects?limit=3&after={last}");
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = server.follow(&link).await.expect(200);
        pages += 1;
        for item in page.body["items"].as_array().unwrap() {
            seen.push(item["slug"].as_str().unwrap().to_owned());
        }
        // Made while we look: it neither repeats nor hides anything.
        if pages == 1 {
            let made = server.post("/projects", json!({"slug": "a0", "name": "x"})).await;
            made.expect(201);
        }
        match page.body["next"].as_str() {
            Some(next) => next.clone_into(&mut link),
            None => break,
        }
        assert!(link.contains("limit=3"), "{link}");
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_not_reached_is_a_problem() {
    let server = Server::start_with(|config| config.limits.read_your_writes_seconds = 1).await;
    let answer = server.get("/projects?after=999999999999-1").await;
    let answer = answer.problem(503, "not-yet-visible");
    assert_eq!(answer.header("retry-after"), "1");
    server.stop().await;
}

//! Runs: waiting for them and operating them.

use opstella_domain::Tool;
use reqwest::Method;
use serde_json::{Value, json};

use crate::resources::ended;
use crate::support::{Answer, Server, checkout, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn prefer_wait_answers_with_the_ended_run() {
    let server = Server::start().await;
    server.furnish().await;
    let response = server
        .request(Method::POST, "/projects/payments/services")
        .header("Prefer", "wait=30")
        .json(&checkout())
        .send()
        .await
        .unwrap();
    let run = Answer::of(response).await.expect(200);
    assert_eq!(run.body["status"], "succeeded");
    assert_eq!(run.header("preference-applied"), "wait");
    let steps = run.body["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["phase"] == "succeeded"));
    assert_eq!(steps[0]["attempts"][0]["outcome"], "succeeded");
    server.stop().await;
}

/// The command was carried out: that its end cannot be shown does not make a failure of it.
#[tokio::test(flavor = "multi_thread")]
async fn prefer_wait_answers_as_without_it_where_runs_are_not_shown() {
    let server = Server::start_with(|config| config.limits.read_your_writes_seconds = 1).await;
    server.furnish().await;
    let pool = server.serving.as_ref().unwrap().state().journal.pool().clone();
    let poison = "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
        VALUES ('Run', '019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11', 1, 'RunPlanned', '1.0', '{\"RunPlanned\":{}}', '{}')";
    sqlx::query(poison).execute(&pool).await.unwrap();
    eventually("the projection of runs stops", async || {
        let ready = server.get("//readyz").await;
        let stopped = ready.body["checks"]
            .as_array()?
            .iter()
            .any(|check| check["name"] == "projection:runs" && check["ok"] == false);
        stopped.then_some(())
    })
    .await;
    let request = server
        .request(Method::POST, "/projects/payments/services")
        .header("Prefer", "wait=30")
        .json(&checkout());
    let answer = Answer::of(request.send().await.unwrap()).await.expect(202);
    assert!(answer.body["run"].as_str().unwrap().starts_with("/api/v1/runs/"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prefer_wait_shows_the_end_also_while_readers_lag() {
    let server = Server::start().await;
    server.furnish().await;
    server.tools.hold();
    let request = server
        .request(Method::POST, "/projects/payments/services")
        .header("Prefer", "wait=30")
        .json(&checkout());
    let answer = tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await });
    let pool = sqlx::PgPool::connect(&server.database.url).await.unwrap();
    let recorded = async |event_type: &str| {
        let there = "SELECT EXISTS (SELECT 1 FROM events WHERE event_type = $1)";
        let there = sqlx::query_scalar::<_, bool>(there).bind(event_type);
        there.fetch_one(&pool).await.unwrap().then_some(())
    };
    eventually("a step", || recorded("StepStarted")).await;
    // No reader sees what is newer than an open transaction.
    let mut older = pool.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()")
        .execute(&mut *older)
        .await
        .unwrap();
    server.tools.release();
    eventually("the run's end", || recorded("RunSucceeded")).await;
    older.rollback().await.unwrap();
    let run = answer.await.unwrap().expect(200);
    assert_eq!(run.body["status"], "succeeded");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_in_time_where_the_run_does_not() {
    let server = Server::start().await;
    server.furnish().await;
    server.tools.hold();
    let response = server
        .request(Method::POST, "/projects/payments/services")
        .header("Prefer", "wait=1")
        .json(&checkout())
        .send()
        .await
        .unwrap();
    let made = Answer::of(response).await.expect(202);
    server.tools.release();
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_unwinds() {
    let server = Server::start().await;
    server.tools.fail(Tool::ArgoCd);
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "failed").await;
    let service = server
        .get("/projects/payments/services/checkout")
        .await
        .expect(200);
    assert_eq!(service.body["lifecycle"], "provisioning-failed");
    let path = "/projects/payments/services/checkout/promotions:rollback";
    let refused = server.post(path, json!({"environment": "DEV"})).await;
    let refused = refused.problem(409, "wrong-state");
    assert_eq!(refused.body["accepts"], json!(["CreateService"]));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("does not take Rollback"), "{detail}");
    let listed = server.get("/runs?status=failed").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    server.stop().await;
}

/// A run that is stuck, and the step that it is stuck on.
async fn stuck(server: &Server) -> (String, String) {
    server.tools.refuse_credential(Tool::Harbor);
    let made = server.with_service().await;
    let link = made.body["run"].as_str().unwrap().to_owned();
    let run = eventually("the run to be stuck", async || {
        let run = server.follow(&link).await;
        (run.body["status"] == "stuck").then_some(run.body)
    })
    .await;
    let path = link.strip_prefix("/api/v1").unwrap().to_owned();
    (path, text(&run["stuck_on"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_step_is_retried() {
    let server = Server::start().await;
    let (run, step) = stuck(&server).await;
    server.tools.mend(Tool::Harbor);
    let answer = server
        .post(&format!("{run}/retry"), json!({"step": step}))
        .await
        .expect(200);
    assert_eq!(answer.body["resource"], format!("/api/v1{run}"));
    ended(&server, &format!("/api/v1{run}"), "succeeded").await;
    let late = server
        .post(&format!("{run}/retry"), json!({"step": step}))
        .await
        .problem(409, "wrong-state");
    assert_eq!(late.body["state"], "succeeded");
    assert_eq!(late.body["accepts"], json!([]));
    server.stop().await;
}

/// It asked for a day, and is back: nobody who knows that has to wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_asked_to_be_left_alone_is_asked_at_once_where_an_operator_retries() {
    let server = Server::start().await;
    server.tools.rest(Tool::Harbor);
    let made = server.with_service().await;
    let link = made.body["run"].as_str().unwrap();
    let step = eventually("a step to wait for Harbor", async || {
        let run = server.follow(link).await;
        let waits = |step: &&Value| step["tool"] == "harbor" && step["phase"] == "waiting";
        let steps = run.body["steps"].as_array()?;
        steps.iter().find(waits).map(|step| text(&step["step"]))
    })
    .await;
    server.tools.mend(Tool::Harbor);
    let run = link.strip_prefix("/api/v1").unwrap();
    let answer = server.post(&format!("{run}/retry"), json!({"step": step})).await;
    answer.expect(200);
    ended(&server, link, "succeeded").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_step_is_skipped_with_a_reason_on_record() {
    let server = Server::start().await;
    let (run, step) = stuck(&server).await;
    server
        .post(&format!("{run}/skip"), json!({"step": step, "reason": ""}))
        .await
        .problem(422, "invalid-field");
    server
        .post(
            &format!("{run}/skip"),
            json!({"step": step, "reason": "made by hand"}),
        )
        .await
        .expect(200);
    let events = eventually("the reason in the audit log", async || {
        let events = server.get("/events?event_type=StepSkipped").await.expect(200);
        (!events.body["items"].as_array().unwrap().is_empty()).then_some(events)
    })
    .await;
    assert_eq!(events.body["items"][0]["reason"], "made by hand");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_run_is_cancelled_or_abandoned() {
    let server = Server::start().await;
    let (run, _) = stuck(&server).await;
    let unknown = server
        .post(&format!("{run}/retry"), json!({"step": "no.such/step"}))
        .await
        .problem(404, "not-found");
    assert!(unknown.body["detail"].as_str().unwrap().contains("no.such/step"));
    let reason = json!({"reason": "not needed"});
    server
        .post(&format!("{run}/cancel"), reason.clone())
        .await
        .expect(200);
    ended(&server, &format!("/api/v1{run}"), "cancelled").await;
    server
        .post(&format!("{run}/abandon"), reason)
        .await
        .problem(409, "wrong-state");
    server.stop().await;

    let server = Server::start().await;
    let (run, _) = stuck(&server).await;
    server
        .post(&format!("{run}/abandon"), json!({"reason": "give up"}))
        .await
        .expect(200);
    ended(&server, &format!("/api/v1{run}"), "abandoned").await;
    server.stop().await;
}

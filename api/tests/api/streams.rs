//! Server-sent events: of one run and of everything.

use std::time::Duration;

use opstella_domain::access::log::{Access, AccessEvent};
use opstella_journal::{Append, EventMetadata, Loaded, StreamAppend};
use serde_json::json;

use crate::support::sse::{Events, Said, ask};
use crate::support::{Answer, Server, eventually};

const ALL: &str = "/events/stream";

/// Positions of all events in the audit log, the oldest first.
async fn positions(server: &Server, filter: &str) -> Vec<String> {
    let head = server
        .serving
        .as_ref()
        .unwrap()
        .state()
        .journal
        .head()
        .await
        .unwrap();
    let mut link = format!("/api/v1/events?order=oldest-first&limit=200&after={head}{filter}");
    let mut found = Vec::new();
    loop {
        let page = server.follow(&link).await.expect(200);
        for item in page.body["items"].as_array().unwrap() {
            found.push(item["position"].as_str().unwrap().to_owned());
        }
        match page.body["next"].as_str() {
            Some(next) => next.clone_into(&mut link),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_a_run_shows_all_of_it_and_ends_with_it() {
    let server = Server::start().await;
    server.tools.hold();
    let made = server.with_service().await;
    let run = made.body["run"]
        .as_str()
        .unwrap()
        .strip_prefix("/api/v1")
        .unwrap();
    let path = format!("{run}/events");
    let mut events = Events::open(&server, &path, None).await;
    let (first, kind, _) = events.event().await.unwrap();
    assert_eq!(kind, "RunPlanned");
    server.tools.release();
    let (mut ids, mut last) = (vec![first], kind);
    while let Some((id, kind, data)) = events.event().await {
        assert_eq!(data["aggregate_type"], "Run");
        ids.push(id);
        last = kind;
    }
    assert_eq!(last, "RunSucceeded");
    let id = run.strip_prefix("/runs/").unwrap();
    let all = positions(&server, &format!("&aggregate_type=Run&aggregate_id={id}")).await;
    assert_eq!(ids, all);
    // Wherever the reader was cut off, it gets exactly the rest.
    assert!(all.len() > 20, "{}", all.len());
    for (index, id) in all.iter().enumerate().step_by(all.len() / 7) {
        let rest = Events::open(&server, &path, Some(id)).await.ids().await;
        assert_eq!(rest, all[index + 1..], "after {id}");
    }
    assert_eq!(Events::open(&server, &path, Some("0-0")).await.ids().await, all);
    let mut over = Events::open(&server, &path, all.last().map(String::as_str)).await;
    assert_eq!(over.next().await, Some(Said::Comment("the run has ended".into())));
    assert_eq!(over.next().await, None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_between_two_connections_is_not_lost_where_the_first_brought_nothing() {
    let server = Server::start_with(|config| config.limits.heartbeat_seconds = 1).await;
    let silent = format!("{ALL}?aggregate_type=Project");
    let mut events = Events::open(&server, &silent, None).await;
    let greeted = events.last.clone();
    drop(events);
    let made = server
        .post("/projects", json!({"slug": "gap", "name": "x"}))
        .await
        .expect(201);
    events = Events::open(&server, &silent, Some(&greeted)).await;
    assert_eq!(events.last, greeted);
    let (id, kind, data) = events.event().await.unwrap();
    assert_eq!((&*kind, &data["aggregate_id"]), ("ProjectCreated", &json!("gap")));
    assert_eq!(made.body["position"], json!(id));
    // Nothing more is in scope, but the place moves on with what was looked at, and never further.
    let path = "/tools/gitlab/main";
    let body = json!({"url": "https://gitlab.example.com", "credential": "gitlab"});
    let later = server.put(path, body).await.expect(200).body["position"]
        .as_str()
        .unwrap()
        .to_owned();
    while events.last != later {
        assert_eq!(events.next().await, Some(Said::Comment("heartbeat".into())));
        assert!(place(&events.last) <= place(&later), "{} {later}", events.last);
    }
    server.stop().await;
}

fn place(position: &str) -> (u64, u64) {
    let (transaction, position) = position.split_once('-').unwrap();
    (transaction.parse().unwrap(), position.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_stream_catches_up_however_much_is_written_meanwhile() {
    let server = Server::start_with(|config| config.limits.stream_buffer = 16).await;
    server.furnish().await;
    let journal = server.serving.as_ref().unwrap().state().journal.clone();
    // Far more than the buffer in one commit.
    let others = async |batch: usize| {
        let denied = AccessEvent::AccessDenied {
            operation: "GetProject".into(),
            project: None,
            hidden: true,
        };
        let one = Loaded::<Access>::absent(format!("nobody-{batch}"));
        let stream = StreamAppend::of(&one, vec![denied; 500]).unwrap();
        let metadata = EventMetadata::new("system:test", "Test", "c");
        journal.append(Append::new(metadata, vec![stream])).await.unwrap();
    };
    for batch in 0..10 {
        others(batch).await;
    }
    let path = format!("{ALL}?aggregate_type=Project");
    let mut events = Events::open(&server, &path, Some("0-0")).await;
    let (_, kind, _) = events.event().await.unwrap();
    assert_eq!(kind, "ProjectCreated");
    // Again and again, while the stream reads what was there.
    for batch in 10..20 {
        others(batch).await;
    }
    let body = json!({"slug": "late", "name": "x"});
    server.post("/projects", body).await.expect(201);
    let (_, kind, data) = events.event().await.expect("the same connection goes on");
    assert_eq!(
        (&*kind, &data["aggregate_id"]),
        ("ProjectCreated", &json!("late"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_comes_back_again_and_again_misses_nothing() {
    let server = Server::start().await;
    server.furnish().await;
    let mut from_now = Events::open(&server, ALL, None).await;
    let write = async {
        for index in 0..40 {
            let body = json!({"slug": format!("p{index}"), "name": "x"});
            server.post("/projects", body).await.expect(201);
        }
    };
    let read = async {
        let (mut ids, mut last) = (Vec::<String>::new(), "0-0".to_owned());
        let mut done = false;
        while !done {
            // A few events at a time, while more are being written.
            let mut events = Events::open(&server, ALL, Some(&last)).await;
            for _ in 0..5 {
                let (id, _, data) = events.event().await.unwrap();
                last.clone_from(&id);
                ids.push(id);
                done |= data["aggregate_id"] == "p39";
            }
        }
        ids
    };
    // What is left of a batch of five is filled up.
    let fill = async {
        let ((), ()) = (write.await, tokio::time::sleep(Duration::from_millis(300)).await);
        for index in 0..4 {
            let body = json!({"slug": format!("fill{index}"), "name": "x"});
            server.post("/projects", body).await.expect(201);
        }
    };
    let (ids, ()) = tokio::join!(read, fill);
    let all = positions(&server, "").await;
    assert_eq!(ids, all[..ids.len()]);
    let (first, kind, data) = from_now.event().await.unwrap();
    assert_eq!((&*kind, &data["aggregate_id"]), ("ProjectCreated", &json!("p0")));
    assert!(all.contains(&first));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_stream_shows_what_was_asked_for_and_nothing_else() {
    let server = Server::start().await;
    server.with_service().await;
    let other = json!({"slug": "other", "name": "Other"});
    let made = server.post("/projects", other).await.expect(201);
    let made = made.body["position"].as_str().unwrap().to_owned();
    // The order of events is known a moment later.
    eventually("the event to be told", async || {
        positions(&server, "").await.contains(&made).then_some(())
    })
    .await;
    // Everything until the last event that is there, from the very first.
    let read = async |filter: &str, until: &str| {
        let path = format!("{ALL}?{filter}");
        let mut events = Events::open(&server, &path, Some("0-0")).await;
        let mut found = Vec::new();
        loop {
            let (id, _, data) = events.event().await.unwrap();
            found.push((id.clone(), data));
            if id == until {
                return found;
            }
        }
    };
    for (filter, same) in [
        ("project=payments", "&project=payments"),
        (
            "project=payments&service=checkout",
            "&project=payments&service=checkout",
        ),
        ("aggregate_type=Run", "&aggregate_type=Run"),
        (
            "aggregate_type=Service&project=payments",
            "&aggregate_type=Service&project=payments",
        ),
    ] {
        let expected = positions(&server, same).await;
        assert!(!expected.is_empty() && !expected.contains(&made), "{filter}");
        let found = read(filter, expected.last().unwrap()).await;
        let ids: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, expected, "{filter}");
    }
    // By environment: what is new only, as nothing concerned one yet.
    let mut of_uat = Events::open(&server, &format!("{ALL}?environment=UAT"), None).await;
    for environment in ["SIT", "UAT"] {
        let path = format!("/policies/{environment}");
        let mut rules = server.get(&path).await.expect(200).body["rules"].clone();
        rules["sbom"] = json!(true);
        let body = json!({"rules": rules});
        server.put(&path, body).await.expect(200);
    }
    let (_, kind, data) = of_uat.event().await.unwrap();
    assert_eq!((&*kind, &data["aggregate_id"]), ("PolicySet", &json!("UAT")));
    for (wrong, field) in [
        ("project=NO", "project"),
        ("service=checkout", "service"),
        ("environment=QA", "environment"),
        ("aggregate_type=Lamp", "aggregate_type"),
    ] {
        server
            .get(&format!("{ALL}?{wrong}"))
            .await
            .problem(400, "invalid-parameter")
            .field(field, "");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_streams_beat_and_end_with_token_and_server() {
    let mut server = Server::start_with(|config| config.limits.heartbeat_seconds = 1).await;
    // Of signing in it would tell.
    let silent = format!("{ALL}?aggregate_type=Project");
    let mut lasting = Events::open(&server, &silent, None).await;
    assert_eq!(lasting.next().await, Some(Said::Comment("heartbeat".into())));
    let good = server.token.clone();
    let soon = chrono::Utc::now().timestamp() + 3;
    server.token = server.keycloak().issue(json!({"exp": soon}));
    let mut brief = Events::open(&server, &silent, None).await;
    server.token = good;
    let mut said = Vec::new();
    while let Some(Said::Comment(comment)) = brief.next().await {
        said.push(comment);
    }
    assert_eq!(said.last().map(String::as_str), Some("the token has expired"));
    server.stop().await;
    while let Some(said) = lasting.next().await {
        assert_eq!(said, Said::Comment("heartbeat".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_cannot_be_had_are_problems() {
    let server = Server::start_with(|config| {
        config.limits.streams = 1;
        config.limits.heartbeat_seconds = 1;
    })
    .await;
    for wrong in ["x", "1", "-1-2", "1-2-3"] {
        let answer = Answer::of(ask(&server, ALL, Some(wrong)).await).await;
        answer
            .problem(400, "invalid-parameter")
            .field("Last-Event-ID", "a position");
    }
    for future in ["9000000000000000000-1", "4000000000-1"] {
        let answer = Answer::of(ask(&server, ALL, Some(future)).await).await;
        answer
            .problem(400, "invalid-parameter")
            .field("Last-Event-ID", "of none yet");
    }
    server
        .get("/events/stream?x=1")
        .await
        .problem(400, "invalid-parameter");
    let events = Events::open(&server, ALL, None).await;
    let refused = Answer::of(ask(&server, ALL, None).await)
        .await
        .problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "10");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("1 streams are open")
    );
    let mine = Server::start_with(|config| config.limits.streams_per_subject = 1).await;
    let one = Events::open(&mine, ALL, None).await;
    Answer::of(ask(&mine, ALL, None).await)
        .await
        .problem(429, "rate-limited");
    drop(one);
    mine.stop().await;
    // A reader that goes makes place for the next.
    drop(events);
    eventually("the place is free", async || {
        (ask(&server, ALL, None).await.status().as_u16() == 200).then_some(())
    })
    .await;
    server.stop().await;
}

//! Reports: good ones are kept once, bad ones leave nothing behind.

use std::io::Write;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use opstella_domain::release::Digest;
use reqwest::{Body, Method};
use serde_json::{Value, json};

use crate::support::Answer;
use crate::support::delivery::{CI, Delivery, SERVICE, commit, digest};
use crate::support::reports;

/// What is sent, and how.
struct Sent {
    kind: &'static str,
    content_type: &'static str,
    gzip: bool,
    body: Vec<u8>,
}

fn sent(kind: &'static str, body: impl Into<Vec<u8>>) -> Sent {
    Sent {
        kind,
        content_type: "application/json",
        gzip: false,
        body: body.into(),
    }
}

fn zipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn send(delivery: &Delivery, who: &str, version: &str, sent: Sent) -> Answer {
    let path = format!(
        "{SERVICE}/releases/{version}/evidence?kind={}&component=api",
        sent.kind
    );
    let mut request = delivery.request(who, Method::POST, &path);
    request = request.header("Content-Type", sent.content_type);
    if sent.gzip {
        request = request.header("Content-Encoding", "gzip");
    }
    Answer::of(request.body(sent.body).send().await.unwrap()).await
}

/// Each may take tens of mebibytes: how many are read at once is bounded.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_finds_no_place_is_sent_again_later() {
    let delivery = Delivery::start_with(&["DEV"], |config| config.limits.reports_at_once = 1).await;
    delivery.register("1.0.0").await.expect(201);
    let scan = reports::image_scan(&[]).to_string();
    let (begin, rest) = scan.as_bytes().split_at(10);
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    let pieces = futures::stream::unfold(receiver, async |mut receiver| {
        let piece: Vec<u8> = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receiver))
    });
    let path = format!("{SERVICE}/releases/1.0.0/evidence?kind=image-scan&component=api");
    let slow = delivery
        .request(CI, Method::POST, &path)
        .header("Content-Type", "application/json")
        .body(Body::wrap_stream(pieces));
    let slow = tokio::spawn(slow.send());
    sender.send(begin.to_vec()).await.unwrap();
    // Until that one has its place, others may be quicker.
    let (refused, took) = delivery
        .until("a report that finds no place", async || {
            let asked = Instant::now();
            let answer = send(&delivery, CI, "1.0.0", sent("image-scan", scan.clone())).await;
            (answer.status == 503).then(|| (answer, asked.elapsed()))
        })
        .await;
    let refused = refused.problem(503, "busy");
    assert_eq!(refused.header("retry-after"), "5");
    assert!(took < Duration::from_secs(20), "{took:?}");
    sender.send(rest.to_vec()).await.unwrap();
    drop(sender);
    Answer::of(slow.await.unwrap().unwrap()).await.expect(201);
    send(&delivery, CI, "1.0.0", sent("image-scan", scan.clone()))
        .await
        .expect(201);
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_report_is_kept_once_and_read_through_its_release() {
    let delivery = Delivery::start(&["DEV"]).await;
    for version in ["1.0.0", "1.1.0"] {
        delivery.register(version).await.expect(201);
        delivery.arrives("DEV", version).await;
    }
    let scan = reports::image_scan(&[("CVE-2026-1", "HIGH")]).to_string();
    let zip = Sent {
        gzip: true,
        ..sent("image-scan", zipped(scan.as_bytes()))
    };
    send(&delivery, CI, "1.0.0", zip).await.expect(201);
    let stored = (
        delivery.rows("events WHERE aggregate_type = 'Artifact'").await,
        delivery.rows("reports").await,
    );
    assert_eq!(stored.1, 1);
    send(&delivery, CI, "1.0.0", sent("image-scan", scan.clone()))
        .await
        .expect(201);
    assert_eq!(
        (
            delivery.rows("events WHERE aggregate_type = 'Artifact'").await,
            delivery.rows("reports").await
        ),
        stored
    );

    let release = async || {
        let shown = delivery
            .get("frank", &format!("{SERVICE}/releases/1.0.0"))
            .await
            .expect(200)
            .body;
        let text = shown.to_string();
        let digest = Digest::of(scan.as_bytes()).to_string();
        text.contains(&digest).then_some(digest)
    };
    let digest = delivery.until("the evidence in the release", release).await;
    let read = |version: &str| format!("{SERVICE}/releases/{version}/evidence/{digest}");
    let original = delivery.get("frank", &read("1.0.0")).await.expect(200);
    assert_eq!(original.body, serde_json::from_str::<Value>(&scan).unwrap());
    assert_eq!(original.header("content-disposition"), "attachment");
    delivery
        .get("frank", &read("1.1.0"))
        .await
        .problem(404, "not-found");
    delivery
        .get("judy", &read("1.0.0"))
        .await
        .problem(404, "not-found");

    // Scanned anew: what a decision looked at before stays readable.
    let rescan = reports::image_scan(&[]).to_string();
    let again = send(&delivery, CI, "1.0.0", sent("image-scan", rescan.clone())).await;
    let position = again.expect(201).body["position"].as_str().unwrap().to_owned();
    let list = format!("{SERVICE}/releases/1.0.0/evidence?component=api");
    let shown = delivery
        .get("frank", &format!("{list}&kind=image-scan&after={position}"))
        .await
        .expect(200);
    let items = shown.body["items"].as_array().unwrap();
    let told: Vec<_> = items.iter().map(|e| (&e["report"], &e["newest"])).collect();
    let newest = Digest::of(rescan.as_bytes()).to_string();
    assert_eq!(
        told,
        [(&json!(newest), &json!(true)), (&json!(digest), &json!(false))]
    );
    let original = delivery.get("frank", &read("1.0.0")).await.expect(200);
    assert_eq!(original.body, serde_json::from_str::<Value>(&scan).unwrap());
    let none = delivery.get("frank", &format!("{list}&kind=sbom")).await;
    assert_eq!(none.expect(200).body["items"], json!([]));
    for (wrong, status) in [("component=web", 404), ("", 400), ("component=api&kind=x", 400)] {
        let path = format!("{SERVICE}/releases/1.0.0/evidence?{wrong}");
        let answer = delivery.get("frank", &path).await;
        assert_eq!(answer.status.as_u16(), status, "{wrong}");
    }
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_report_leaves_nothing_behind() {
    let delivery = Delivery::start(&["DEV"]).await;
    delivery.register("1.0.0").await.expect(201);
    delivery.arrives("DEV", "1.0.0").await;
    let events = delivery.rows("events WHERE aggregate_type = 'Artifact'").await;
    let scan = reports::image_scan(&[]).to_string();
    let other = format!("harbor.example/payments_checkout/api@sha256:{}", "a".repeat(64));
    let entities = "<!DOCTYPE t [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
        <testsuites><testsuite name=\"&x;\"><testcase name=\"a\"/></testsuite></testsuites>";
    let bad = [
        (
            "another tool's",
            422,
            sent(
                "image-scan",
                reports::quality_gate(&commit("1.0.0"), "OK").to_string(),
            ),
        ),
        (
            "truncated",
            422,
            sent("image-scan", &scan.as_bytes()[..scan.len() / 2]),
        ),
        (
            "another image's",
            422,
            sent("image-scan", reports::image_scan_of(&other, &[]).to_string()),
        ),
        (
            "another commit's",
            422,
            sent(
                "quality-gate",
                reports::quality_gate(&commit("9"), "OK").to_string(),
            ),
        ),
        ("too large", 413, sent("image-scan", vec![b' '; (8 << 20) + 1])),
        (
            "a bomb",
            413,
            Sent {
                gzip: true,
                ..sent("image-scan", zipped(&vec![b' '; (32 << 20) + 1]))
            },
        ),
        (
            "not gzip",
            422,
            Sent {
                gzip: true,
                ..sent("image-scan", scan.clone())
            },
        ),
        (
            "with entities",
            422,
            Sent {
                content_type: "application/xml",
                ..sent("tests", entities)
            },
        ),
        (
            "of no time",
            422,
            sent(
                "dynamic-scan&environment=DEV",
                reports::baseline_scan().to_string(),
            ),
        ),
        (
            "of a time, and no dynamic scan",
            422,
            sent("image-scan&scanned_at=2026-11-25T10:30:00Z", scan.clone()),
        ),
        (
            "of no instant",
            400,
            sent(
                "dynamic-scan&environment=DEV&scanned_at=noon",
                reports::baseline_scan().to_string(),
            ),
        ),
        (
            "of no environment",
            422,
            sent("dynamic-scan", reports::baseline_scan().to_string()),
        ),
        (
            "of an environment, and not of one",
            422,
            sent("image-scan&environment=DEV", scan.clone()),
        ),
        (
            "of an environment that runs nothing",
            422,
            sent(
                "dynamic-scan&environment=SIT&scanned_at=2026-11-25T10:30:00Z",
                reports::baseline_scan().to_string(),
            ),
        ),
        ("of no kind", 400, sent("horoscope", scan.clone())),
        (
            "of no type",
            415,
            Sent {
                content_type: "text/plain",
                ..sent("image-scan", scan.clone())
            },
        ),
    ];
    for (what, status, report) in bad {
        let answer = send(&delivery, CI, "1.0.0", report).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {:#}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{what}"
        );
        assert!(!answer.body.to_string().contains("root:"), "{what}");
        let stored = (
            delivery.rows("events WHERE aggregate_type = 'Artifact'").await,
            delivery.rows("reports").await,
        );
        assert_eq!(stored, (events, 0), "{what}");
    }
    // Not by people either, who could put a report of their own in the place of the pipeline's.
    for who in ["frank", "grace", "alice"] {
        send(&delivery, who, "1.0.0", sent("image-scan", scan.clone()))
            .await
            .problem(403, "forbidden");
    }
    send(&delivery, CI, "9.9.9", sent("image-scan", scan))
        .await
        .problem(404, "not-found");
    assert_eq!(delivery.rows("reports").await, 0);
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamic_scan_is_not_credited_across_a_deployment() {
    let delivery = Delivery::start(&["DEV"]).await;
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let scan = async |version: &str, made: Option<DateTime<Utc>>, began: Option<DateTime<Utc>>| {
        let mut report = reports::baseline_scan();
        if let Some(made) = made {
            report["created"] = json!(text(made));
        }
        let began = began
            .map(|at| format!("&scanned_at={}", text(at)))
            .unwrap_or_default();
        let of = format!("&environment=DEV{began}");
        delivery.evidence(version, "dynamic-scan", &of, &report).await
    };
    delivery.release_to_dev("1.0.0").await;
    let first = Utc::now();
    // Neither the report nor its sender says when: which release was it of?
    let refused = scan("1.0.0", None, None).await.problem(422, "invalid-field");
    refused.field("scanned_at", "when the scan began");
    // It only says when it was over: 10 minutes before, nothing of ours ran.
    let refused = scan("1.0.0", Some(first), None)
        .await
        .problem(422, "invalid-field");
    refused.field("environment", "no deployment between");

    delivery.release_to_dev("1.1.0").await;
    let second = Utc::now();
    // It was of 1.0.0, and is sent now.
    for (version, made) in [("1.0.0", None), ("1.1.0", None), ("1.1.0", Some(second))] {
        let refused = scan(version, made, Some(first))
            .await
            .problem(422, "invalid-field");
        refused.field("environment", "no deployment between");
    }
    scan("1.0.0", Some(first), Some(first)).await.expect(201);
    let told = scan("1.1.0", None, Some(second)).await.expect(201);
    let position = told.body["position"].as_str().unwrap();
    for version in ["1.0.0", "1.1.0"] {
        let path =
            format!("{SERVICE}/releases/{version}/evidence?component=api&kind=dynamic-scan&after={position}");
        let shown = delivery.get("frank", &path).await.expect(200).body;
        assert_eq!(
            shown["items"][0]["ran"],
            json!({"api": digest(version)}),
            "{shown:#}"
        );
    }
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_another_suite_or_tool_hides_nothing() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    delivery
        .set_rules("SIT", json!({"tests": true, "no_open_critical": true}))
        .await;
    delivery.release_to_dev("1.0.0").await;
    let tests = async |suite: &str, inside: &str| {
        let body = format!("<testsuites><testcase name=\"a\">{inside}</testcase></testsuites>");
        let kind: &'static str = format!("tests&suite={suite}").leak();
        let report = Sent {
            content_type: "application/xml",
            ..sent(kind, body)
        };
        send(&delivery, CI, "1.0.0", report).await
    };
    let sarif = async |tool: &str, score: &str| {
        let result = json!({"ruleId": "sql", "properties": {"security-severity": score}});
        let report = json!({"version": "2.1.0", "runs": [
            {"tool": {"driver": {"name": tool, "version": "1.0"}}, "results": [result]}]});
        delivery
            .evidence("1.0.0", "static-analysis", "", &report)
            .await
            .expect(201);
    };
    tests("unit", "<failure/>").await.expect(201);
    tests("e2e", "").await.expect(201);
    sarif("semgrep", "9.8").await;
    sarif("gosec", "1.0").await;
    let why = async || {
        let question = json!({"release": "1.0.0", "environment": "SIT"});
        let path = format!("{SERVICE}/promotions:check");
        delivery.post("frank", &path, question).await.expect(200).body
    };
    let said = why().await.to_string();
    for reason in [
        "api, unit: 1 tests failed",
        "static-analysis of semgrep: 1 critical",
    ] {
        assert!(said.contains(reason), "{said}");
    }
    tests("unit", "").await.expect(201);
    sarif("semgrep", "1.0").await;
    assert_eq!(why().await["now"], true);
    tests("no%20word", "").await.problem(400, "invalid-parameter");
    let scan = reports::image_scan(&[]);
    delivery
        .evidence("1.0.0", "image-scan", "&suite=unit", &scan)
        .await
        .problem(422, "invalid-field")
        .field("suite", "tests and static-analysis");
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_an_image_file_counts_for_the_image_that_has_its_configuration() {
    let delivery = Delivery::start(&["DEV"]).await;
    delivery.register("1.0.0").await.expect(201);
    let harbor = &delivery.tools.harbor;
    let pushed = harbor
        .push("payments_checkout", "api", "1.0.0", &digest("1.0.0"))
        .unwrap();
    let (ours, other) = (Digest::of(b"ours").to_string(), Digest::of(b"other").to_string());
    harbor.configured(&pushed, &ours);
    let scan = |config: &str| {
        let mut scan = reports::image_scan_of("image.tar", &[]);
        scan["Metadata"] = json!({"ImageID": config, "OS": {"Family": "debian", "Name": "12.8"}});
        scan
    };
    let events = delivery.rows("events WHERE aggregate_type = 'Artifact'").await;
    let refused = delivery.evidence("1.0.0", "image-scan", "", &scan(&other)).await;
    let refused = refused.problem(422, "invalid-field");
    assert!(
        refused.body["detail"].to_string().contains(&other),
        "{:#}",
        refused.body
    );
    assert_eq!(
        delivery.rows("events WHERE aggregate_type = 'Artifact'").await,
        events
    );
    delivery
        .evidence("1.0.0", "image-scan", "", &scan(&ours))
        .await
        .expect(201);
    delivery.stop().await;
}

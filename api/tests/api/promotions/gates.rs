//! Gates: what closes them, what opens them, and what is said about it.

use chrono::{Datelike, SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;

use crate::support::Answer;
use crate::support::delivery::{Delivery, NAMELESS, ROBOT, SERVICE, commit, digest, path_of};
use crate::support::reports;

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_promotion_says_why_and_opens_by_waiver_or_evidence() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    delivery.release_to_dev("1.0.0").await;
    let scan = reports::image_scan(&[("CVE-2026-31337", "CRITICAL")]);
    delivery
        .evidence("1.0.0", "image-scan", "", &scan)
        .await
        .expect(201);
    let events = delivery.rows("events WHERE event_type <> 'SignedIn'").await;
    let question = json!({"release": "1.0.0", "environment": "SIT"});
    let check = format!("{SERVICE}/promotions:check");
    let checked = delivery.post("frank", &check, question.clone()).await.expect(200);
    assert_eq!(checked.body["now"], false);
    assert_eq!(
        delivery.rows("events WHERE event_type <> 'SignedIn'").await,
        events,
        "a question stores nothing"
    );

    let sit = delivery.asked("SIT", "1.0.0").await;
    let shown = delivery.becomes(&sit, "blocked").await;
    let words = shown["explanation"].to_string();
    assert!(
        words.contains("CVE-2026-31337") && words.contains("To open it"),
        "{words}"
    );
    let waiver = json!({
        "gate": "no-critical-vulnerability", "finding": "CVE-2026-31337", "reason": "not called",
        "expires_at": Utc::now() + TimeDelta::days(1),
    });
    let waivers = format!("{SERVICE}/releases/1.0.0/waivers");
    delivery
        .post("alice", &waivers, waiver.clone())
        .await
        .problem(403, "forbidden");
    delivery.post("carol", &waivers, waiver).await.expect(201);
    delivery.becomes(&sit, "completed").await;

    delivery.register("1.1.0").await.expect(201);
    delivery.arrives("DEV", "1.1.0").await;
    let bad = reports::quality_gate(&commit("1.1.0"), "ERROR");
    delivery
        .evidence("1.1.0", "quality-gate", "", &bad)
        .await
        .expect(201);
    let sit = delivery.asked("SIT", "1.1.0").await;
    delivery.becomes(&sit, "blocked").await;
    let good = reports::quality_gate(&commit("1.1.0"), "OK");
    delivery
        .evidence("1.1.0", "quality-gate", "", &good)
        .await
        .expect(201);
    let clean = reports::image_scan(&[]);
    delivery
        .evidence("1.1.0", "image-scan", "", &clean)
        .await
        .expect(201);
    delivery.becomes(&sit, "completed").await;
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_closes_after_the_start_stops_the_deployment_before_anything_changes() {
    let mut delivery = Delivery::start(&["DEV", "SIT"]).await;
    delivery.release_to_dev("1.0.0").await;
    delivery.halt().await;
    delivery.serve(|config| config.engine.enabled = false).await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.becomes(&sit, "deploying").await;
    let tester = json!({"approvals": [{"roles": ["tester"], "people": 1}]});
    delivery.set_rules("SIT", tester).await;
    delivery.halt().await;
    delivery.serve(|_| {}).await;

    // Not `rolled-back`: nothing was committed that had to be.
    let shown = delivery.becomes(&sit, "failed").await;
    let cause = shown["cause"].as_str().unwrap();
    assert!(
        cause.contains("gates closed") && cause.contains("approvals"),
        "{shown:#}"
    );
    assert!(!delivery.runs("SIT").contains(&digest("1.0.0")));

    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.becomes(&sit, "waiting").await;
    delivery.approve("bob", &sit).await.expect(200);
    delivery.becomes(&sit, "completed").await;
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_are_void_once_the_policy_changes() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    let two = json!({"approvals": [{"roles": ["tester"], "people": 2}]});
    delivery.set_rules("SIT", two).await;
    delivery.release_to_dev("1.0.0").await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.approve("bob", &sit).await.expect(200);
    let events = delivery.rows("events").await;
    delivery.approve("bob", &sit).await.expect(200);
    assert_eq!(delivery.rows("events").await, events, "nobody counts twice");
    delivery.set_rules("SIT", json!({"max_high": 5})).await;
    let voided = async || {
        let shown = delivery.get("root", &sit).await.expect(200).body;
        (shown["approvals_voided"] == 1).then_some(shown)
    };
    let shown = delivery.until("the approval to be void", voided).await;
    assert_eq!(shown["approvals"], json!([]));
    delivery.approve("heidi", &sit).await.expect(200);
    delivery.becomes(&sit, "waiting").await;
    delivery.approve("bob", &sit).await.expect(200);
    delivery.becomes(&sit, "completed").await;
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_takes_independent_people_a_change_and_a_soak() {
    let delivery = Delivery::start(&["DEV", "PRD"]).await;
    let version = "1.0.0";
    delivery.release(version).await;
    delivery.arrives("DEV", version).await;
    let began = Utc::now().to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let of = format!("&environment=DEV&scanned_at={began}");
    delivery
        .evidence(version, "dynamic-scan", &of, &reports::baseline_scan())
        .await
        .expect(201);
    let bare = delivery.asked("PRD", version).await;
    let words = delivery.becomes(&bare, "blocked").await["explanation"].to_string();
    assert!(
        words.contains("change-reference") && words.contains("soaked"),
        "{words}"
    );
    let why = json!({"reason": "no change named"});
    delivery
        .post("grace", &format!("{bare}/cancel"), why)
        .await
        .expect(200);

    let body = json!({"release": version, "change_reference": "CHG0031337"});
    let prd = path_of(&delivery.promote("grace", "PRD", body).await.expect(202));
    let refused = async || {
        let own = delivery.approve("ivan", &prd).await.problem(422, "invalid-field");
        own.field("approver", "did not write what is in the release");
    };
    refused().await;
    let asked = async |who: &str| {
        let page = delivery.get(who, "/approvals").await.expect(200);
        page.body["items"].as_array().unwrap().len()
    };
    let others = async || (asked("dave").await == 1).then_some(());
    delivery.until("somebody else to be asked", others).await;
    assert_eq!(asked("ivan").await, 0, "the author is not asked");
    let body = json!({});
    for (who, why, status) in [(NAMELESS, "preferred_username", 422), (ROBOT, "person", 403)] {
        assert_eq!(asked(who).await, 0, "{who} may not, and is not asked");
        let refused = delivery.post(who, &format!("{prd}/approve"), body.clone()).await;
        assert_eq!(refused.status, status, "{who}");
        assert!(refused.body.to_string().contains(why), "{:#}", refused.body);
    }
    for who in ["dave", "carol", "bob"] {
        delivery.approve(who, &prd).await.expect(200);
    }
    let only_the_soak = async || {
        let shown = delivery.get("root", &prd).await.expect(200).body;
        let words = shown["explanation"].to_string();
        (words.contains("soaked") && !words.contains("approvals")).then_some(())
    };
    delivery
        .until("nothing but the soak to be missing", only_the_soak)
        .await;
    delivery.set_rules("PRD", json!({"soak_minutes": 0})).await;
    let void = async || {
        let shown = delivery.get("root", &prd).await.expect(200).body;
        (shown["approvals"] == json!([])).then_some(())
    };
    delivery.until("the approvals to be void", void).await;
    // The author may not, and no one's counts twice.
    refused().await;
    for who in ["dave", "dave", "carol"] {
        delivery.approve(who, &prd).await.expect(200);
    }
    let words = delivery.becomes(&prd, "waiting").await["explanation"].to_string();
    assert!(words.contains("1 by tester (there are 0)"), "{words}");
    delivery.approve("bob", &prd).await.expect(200);
    delivery.becomes(&prd, "completed").await;
    assert!(delivery.runs("PRD").ends_with(&digest(version)));
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_holds_until_two_admins_override_it() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    let today = Utc::now().weekday().number_from_monday();
    let (from, to) = ((today + 5) % 7 + 1, (today + 1) % 7 + 1);
    let weekly = json!({
        "type": "weekly", "from": {"day": from, "time": "00:00:00"}, "to": {"day": to, "time": "00:00:00"},
    });
    let freeze = json!({"freezes": [{"name": "audit", "timezone": "UTC", "when": weekly}], "approvals": []});
    let tester = json!({"approvals": [{"roles": ["tester"], "people": 1}]});
    delivery.set_rules("SIT", tester).await;
    delivery.release_to_dev("1.0.0").await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    // The read model may not have it yet.
    delivery.becomes(&sit, "waiting").await;
    // Nobody overrides what does not hold, for a time when something does.
    let early = json!({"reason": "there may be a freeze some day"});
    let early = delivery
        .post("root", &format!("{sit}/override-freeze"), early)
        .await
        .problem(409, "wrong-state");
    let told = early.body["state"].as_str().unwrap();
    assert!(told.starts_with("not held back by a freeze now"), "{told}");
    delivery.set_rules("SIT", freeze).await;
    let held = async || {
        let shown = delivery.get("root", &sit).await.expect(200).body;
        let words = shown["explanation"].to_string();
        (words.contains("audit") && words.contains("a second platform admin")).then_some(())
    };
    delivery.until("the freeze to hold", held).await;
    let words = delivery.becomes(&sit, "waiting").await["explanation"].to_string();
    assert!(words.contains("audit"), "{words}");
    let (override_it, confirm) = (
        format!("{sit}/override-freeze"),
        format!("{sit}/confirm-freeze-override"),
    );
    let why = json!({"reason": "the fix cannot wait"});
    delivery
        .post("alice", &override_it, why.clone())
        .await
        .problem(403, "forbidden");
    let early = delivery
        .post("admin2", &confirm, json!({}))
        .await
        .problem(409, "wrong-state");
    assert_eq!(early.body["accepts"], json!(["OverrideFreeze"]));
    delivery.post("root", &override_it, why).await.expect(200);
    delivery
        .post("root", &confirm, json!({}))
        .await
        .problem(422, "invalid-field");
    delivery.becomes(&sit, "waiting").await;
    delivery.post("admin2", &confirm, json!({})).await.expect(200);
    let done = delivery.becomes(&sit, "completed").await;
    assert!(done["freeze_override"]["confirmed_by"].is_string(), "{done:#}");
    assert_eq!(done["freeze_override"]["freezes"][0]["name"], "audit");
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_counts_no_more_once_its_giver_lost_the_role() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    let two = json!({"approvals": [{"roles": ["tester"], "people": 2}]});
    delivery.set_rules("SIT", two).await;
    delivery.release_to_dev("1.0.0").await;
    let judy = delivery.sandbox.keycloak().unwrap().subject_of("judy");
    let (members, tester) = (
        "/projects/payments/members",
        json!({"member": judy, "role": "tester"}),
    );
    delivery.post("alice", members, tester.clone()).await.expect(200);
    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.becomes(&sit, "waiting").await;
    delivery.approve("judy", &sit).await.expect(200);
    let counts = async |many: usize| {
        let told = async || {
            let shown = delivery.get("root", &sit).await.expect(200).body;
            let words = shown["explanation"].to_string();
            words.contains(&format!("(there are {many})")).then_some(())
        };
        delivery.until(&format!("{many} approvals to count"), told).await;
    };
    counts(1).await;
    let revoked = delivery.request("alice", Method::DELETE, members).json(&tester);
    Answer::of(revoked.send().await.unwrap()).await.expect(200);
    // Nobody has to ask: a member who goes makes gates be looked at.
    counts(0).await;
    delivery.approve("bob", &sit).await.expect(200);
    counts(1).await;
    delivery.approve("heidi", &sit).await.expect(200);
    delivery.becomes(&sit, "completed").await;
    delivery.stop().await;
}

/// Who has the role, but may not here, for who they are.
#[tokio::test(flavor = "multi_thread")]
async fn who_tries_to_be_two_people_is_on_record() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    let rules =
        json!({"approvals": [{"roles": ["approver", "owner"], "people": 1}], "independent_approvers": true});
    delivery.set_rules("SIT", rules).await;
    delivery.release_to_dev("1.0.0").await;
    let body = json!({"release": "1.0.0"});
    let sit = path_of(&delivery.promote("alice", "SIT", body).await.expect(202));
    delivery.becomes(&sit, "waiting").await;
    for (who, operation, verb) in [
        ("alice", "Approve", "approve"),
        ("ivan", "Approve", "approve"),
        ("root", "ConfirmFreezeOverride", "confirm-freeze-override"),
    ] {
        if who == "root" {
            let (from, to) = (Utc::now() - TimeDelta::days(1), Utc::now() + TimeDelta::days(1));
            let text = |at: chrono::DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S").to_string();
            let once = json!({"type": "once", "from": text(from), "to": text(to)});
            let freeze = json!({"freezes": [{"name": "audit", "timezone": "UTC", "when": once}]});
            delivery.set_rules("SIT", freeze).await;
            let why = json!({"reason": "the fix cannot wait"});
            let asked = delivery
                .post("root", &format!("{sit}/override-freeze"), why)
                .await;
            asked.expect(200);
        }
        let refused = delivery.post(who, &format!("{sit}/{verb}"), json!({})).await;
        refused.problem(422, "invalid-field");
        let subject = delivery.sandbox.keycloak().unwrap().subject_of(who);
        let path = format!("/events?event_type=AccessDenied&actor={subject}");
        let recorded = async || {
            let found = delivery.get("erin", &path).await.expect(200).body;
            let found = found["items"].as_array().unwrap().clone();
            (!found.is_empty()).then_some(found)
        };
        let found = delivery.until("the denial to be on record", recorded).await;
        assert_eq!((found.len(), &found[0]["command"]), (1, &json!(operation)));
    }
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projects_policy_is_never_looser() {
    let delivery = Delivery::start(&["DEV"]).await;
    let path = "/projects/payments/policies/SIT";
    let loose = json!({"rules": {"quality_gate": false, "max_critical": 3}});
    let refused = delivery
        .put("carol", path, loose)
        .await
        .problem(422, "invalid-field");
    let text = refused.body["errors"][0]["rule"].as_str().unwrap();
    assert!(
        text.contains("quality_gate") && text.contains("max_critical"),
        "{text}"
    );
    let strict = json!({"rules": {"quality_gate": true, "max_critical": 0, "max_high": 2}});
    delivery
        .put("grace", path, strict.clone())
        .await
        .problem(403, "forbidden");
    delivery.put("carol", path, strict).await.expect(200);
    let shown = delivery.get("frank", path).await.expect(200);
    assert_eq!(shown.body["effective"]["max_high"], 2);
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_in_rego_closes_and_opens() {
    let program = env!("CARGO_BIN_EXE_opstella");
    let delivery = Delivery::start_with(&["DEV", "SIT"], |config| {
        config.gates.program = Some(program.into())
    })
    .await;
    let tracked = r#"package opstella.gate

deny contains "no change is named" if input.change_reference == null
deny contains sprintf("%v has no scan", [component]) if {
    some component, image in input.images
    not "image-scan" in {e.kind | some e in image.evidence}
}"#;
    let custom = json!({"custom": [{"name": "tracked", "rego": tracked}]});
    delivery.set_rules("SIT", custom).await;
    delivery.release_to_dev("1.0.0").await;
    let bare = delivery.asked("SIT", "1.0.0").await;
    let shown = delivery.becomes(&bare, "blocked").await;
    let words = shown["explanation"].to_string();
    assert!(
        words.contains("custom:tracked") && words.contains("no change is named"),
        "{words}"
    );
    assert!(!words.contains("has no scan"), "{words}");
    let why = json!({"reason": "no change named"});
    delivery
        .post("grace", &format!("{bare}/cancel"), why)
        .await
        .expect(200);
    let body = json!({"release": "1.0.0", "change_reference": "CHG0031337"});
    let named = path_of(&delivery.promote("grace", "SIT", body).await.expect(202));
    delivery.becomes(&named, "completed").await;
    delivery.stop().await;
}

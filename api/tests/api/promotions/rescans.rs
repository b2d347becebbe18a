//! Harbor scans an image again, and finds what nobody knew before.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::delivery::{Delivery, digest};

fn scan(critical: u32, ended: DateTime<Utc>, duration: u32) -> Value {
    json!({"application/vnd.security.vulnerability.report; version=1.1": {
        "scan_status": "Success", "severity": "None", "complete_percent": 100, "end_time": ended, "duration": duration,
        "summary": {"total": critical, "summary": {"Critical": critical}},
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.58.1"},
    }})
}

/// Harbor scanned the image of a version.
fn scanned(delivery: &Delivery, version: &str, overview: Value) {
    let harbor = &delivery.tools.harbor;
    let pushed = harbor
        .push("payments_checkout", "api", version, &digest(version))
        .unwrap();
    harbor.scanned(&pushed, overview);
}

/// The hours are over: Harbor is asked for what is noted, once.
async fn hours_later(delivery: &Delivery) {
    let pool = delivery.serving().state().journal.pool().clone();
    let due = "UPDATE collector_images SET due_at = clock_timestamp()";
    sqlx::query(due).execute(&pool).await.unwrap();
    let asked = async || {
        let later = "SELECT bool_and(due_at > clock_timestamp() + interval '5 hours') FROM collector_images";
        let later: Option<bool> = sqlx::query_scalar(later).fetch_one(&pool).await.unwrap();
        (later == Some(true)).then_some(())
    };
    delivery.until("Harbor to be asked", asked).await;
}

/// The environments that an image of a version is noted for.
async fn noted(delivery: &Delivery, version: &str) -> Vec<String> {
    let pool = delivery.serving().state().journal.pool().clone();
    let noted = "SELECT environment FROM collector_images WHERE digest = $1 ORDER BY 1";
    let noted = sqlx::query_scalar(noted).bind(digest(version)).fetch_all(&pool);
    noted.await.unwrap()
}

async fn registry_scans(delivery: &Delivery) -> i64 {
    let pool = delivery.serving().state().journal.pool().clone();
    let scans = "SELECT count(*) FROM events WHERE event_type = 'EvidenceAdded'
        AND payload #>> '{EvidenceAdded,evidence,kind}' = 'registry-scan'";
    sqlx::query_scalar(scans).fetch_one(&pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_scan_is_new_evidence_and_blocks_what_waits() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    let tester = json!({"approvals": [{"roles": ["tester"], "people": 1}]});
    delivery.set_rules("SIT", tester).await;
    delivery.release_to_dev("1.0.0").await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.becomes(&sit, "waiting").await;
    let both = async || {
        let expected = ["payments/checkout/DEV", "payments/checkout/SIT"];
        (noted(&delivery, "1.0.0").await == expected).then_some(())
    };
    delivery.until("the image to be noted", both).await;

    // Nothing new: neither where nothing was scanned, nor the second time that the same scan is told.
    hours_later(&delivery).await;
    assert_eq!(registry_scans(&delivery).await, 0);
    let first = Utc::now();
    scanned(&delivery, "1.0.0", scan(0, first, 3));
    hours_later(&delivery).await;
    assert_eq!(registry_scans(&delivery).await, 1);
    hours_later(&delivery).await;
    // The same scan in other words.
    scanned(&delivery, "1.0.0", scan(0, first, 4));
    hours_later(&delivery).await;
    assert_eq!(registry_scans(&delivery).await, 1);
    delivery.becomes(&sit, "waiting").await;

    scanned(&delivery, "1.0.0", scan(1, first + TimeDelta::seconds(1), 3));
    hours_later(&delivery).await;
    delivery.becomes(&sit, "blocked").await;
    assert_eq!(registry_scans(&delivery).await, 2);
    delivery.approve("bob", &sit).await;
    delivery.becomes(&sit, "blocked").await;
    assert!(!delivery.runs("SIT").contains(&digest("1.0.0")));

    // What runs nowhere any more is not asked for.
    let why = json!({"reason": "the next one is better"});
    let cancel = format!("{sit}/cancel");
    delivery.post("grace", &cancel, why).await.expect(200);
    delivery.release_to_dev("1.1.0").await;
    let gone = async || noted(&delivery, "1.0.0").await.is_empty().then_some(());
    delivery.until("the older image to be forgotten", gone).await;
    assert_eq!(noted(&delivery, "1.1.0").await, ["payments/checkout/DEV"]);
    delivery.stop().await;
}

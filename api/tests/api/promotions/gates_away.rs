//! Custom gates that nobody can look at for a while: that says nothing of a release.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::support::delivery::{Delivery, SERVICE, digest, path_of};
use crate::support::reports;

/// The program that looks at custom gates, under a name that can be taken away.
struct Program {
    folder: TempDir,
}

impl Program {
    fn new() -> Self {
        let program = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        program.comes_back();
        program
    }

    /// A server that looks with it.
    async fn delivery(&self, environments: &[&str]) -> Delivery {
        Delivery::start_with(environments, |config| config.gates.program = Some(self.path())).await
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("opstella")
    }

    /// From now on each look takes until [`Self::lets_go`]; two seconds are the longest that it may.
    fn takes_its_time(&self) {
        let (program, folder) = (self.path(), self.folder.path().display());
        let script = format!(
            "#!/bin/sh\n: >{folder}/looks\nwhile [ -e {folder}/held ]; do /bin/sleep 0.02; done\nexec {} \"$@\"\n",
            env!("CARGO_BIN_EXE_opstella")
        );
        let slow = self.folder.path().join("slow");
        std::fs::write(&slow, script).unwrap();
        std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(self.folder.path().join("held"), "").unwrap();
        std::fs::rename(slow, program).unwrap();
    }

    fn looks(&self) -> bool {
        self.folder.path().join("looks").exists()
    }

    fn lets_go(&self) {
        std::fs::remove_file(self.folder.path().join("held")).unwrap();
    }

    fn goes_away(&self) {
        std::fs::remove_file(self.path()).unwrap();
    }

    fn comes_back(&self) {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_opstella"), self.path()).unwrap();
    }
}

/// A gate that has nothing against anything.
fn fine() -> serde_json::Value {
    json!([{"name": "fine", "rego": "package opstella.gate\ndeny contains \"never\" if false"}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_cannot_be_looked_at_leaves_a_promotion_as_it_was() {
    let program = Program::new();
    let delivery = program.delivery(&["DEV", "SIT"]).await;
    let two = json!({"approvals": [{"roles": ["tester"], "people": 2}], "custom": fine()});
    delivery.set_rules("SIT", two).await;
    delivery.release_to_dev("1.0.0").await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.approve("bob", &sit).await.expect(200);
    let counts = async || {
        let shown = delivery.get("root", &sit).await.body;
        (shown["approvals"].as_array().is_some_and(|all| all.len() == 1)).then_some(())
    };
    delivery.until("bob's approval to count", counts).await;

    program.goes_away();
    let away = delivery.approve("heidi", &sit).await.problem(503, "unavailable");
    assert!(away.body["detail"].as_str().unwrap().contains("custom:fine"));
    let check = json!({"release": "1.0.0", "environment": "SIT"});
    let path = format!("{SERVICE}/promotions:check");
    delivery
        .post("frank", &path, check)
        .await
        .problem(503, "unavailable");
    let shown = delivery.get("root", &sit).await.expect(200).body;
    assert_eq!(
        (&shown["state"], &shown["approvals_voided"]),
        (&json!("waiting"), &json!(0))
    );
    assert_eq!(shown["approvals"].as_array().unwrap().len(), 1, "bob's counts");

    program.comes_back();
    delivery.approve("heidi", &sit).await.expect(200);
    let done = delivery.becomes(&sit, "completed").await;
    assert_eq!(done["approvals_voided"], 0);
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_over_whoever_looks_at_the_next() {
    let program = Program::new();
    let delivery = program.delivery(&["DEV", "SIT"]).await;
    let one = json!({"approvals": [{"roles": ["tester"], "people": 1}], "custom": fine()});
    delivery.set_rules("SIT", one).await;
    for version in ["1.0.0", "1.1.0"] {
        delivery.release_to_dev(version).await;
    }
    let first = delivery.asked("SIT", "1.0.0").await;
    let body = json!({"release": "1.1.0", "when_busy": "queue"});
    let second = path_of(&delivery.promote("grace", "SIT", body).await.expect(202));
    program.goes_away();
    let why = json!({"reason": "the next one is better"});
    delivery
        .post("grace", &format!("{first}/cancel"), why)
        .await
        .expect(200);
    delivery.becomes(&first, "cancelled").await;
    // The clock looks at the next one, once somebody can.
    program.comes_back();
    let looked_at = async || {
        let shown = delivery.get("root", &second).await.expect(200).body;
        (!shown["gates"].as_array().unwrap().is_empty()).then_some(())
    };
    delivery.until("the gates of the next", looked_at).await;
    delivery.approve("bob", &second).await.expect(200);
    delivery.becomes(&second, "completed").await;
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_refused_goes_to_dev_later_unless_a_newer_one_does() {
    let program = Program::new();
    let delivery = program.delivery(&["DEV"]).await;
    delivery.set_rules("DEV", json!({"custom": fine()})).await;
    program.goes_away();
    let waits = async |version: &str| {
        let noted = async || {
            let pool = delivery.serving().state().journal.pool().clone();
            let query = sqlx::query_scalar::<_, String>("SELECT release FROM promoter_releases");
            let noted = query.fetch_all(&pool).await.unwrap();
            (noted == [format!("payments/checkout/{version}")]).then_some(())
        };
        delivery.until(&format!("{version} to wait for DEV"), noted).await;
    };
    delivery.register("1.0.0").await.expect(201);
    waits("1.0.0").await;
    delivery.register("1.1.0").await.expect(201);
    waits("1.1.0").await;
    program.comes_back();
    delivery.arrives("DEV", "1.1.0").await;
    let promotions = delivery
        .get("root", "/promotions?project=payments")
        .await
        .expect(200);
    let items = promotions.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "the older one was superseded: {items:#?}");
    let gone = async || (delivery.rows("promoter_releases").await == 0).then_some(());
    delivery.until("nothing to wait for DEV", gone).await;
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_comes_while_gates_are_looked_at_is_not_missed() {
    let program = Program::new();
    let delivery = program.delivery(&["DEV", "SIT"]).await;
    let one = json!({"approvals": [{"roles": ["tester"], "people": 1}], "custom": fine()});
    delivery.set_rules("SIT", one).await;
    delivery.release_to_dev("1.0.0").await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.becomes(&sit, "waiting").await;
    program.takes_its_time();
    let found = async {
        let looks = async || program.looks().then_some(());
        delivery.until("somebody to look at the gate", looks).await;
        let scan = reports::image_scan(&[("CVE-2026-31337", "CRITICAL")]);
        let sent = delivery.evidence("1.0.0", "image-scan", "", &scan).await;
        program.lets_go();
        sent.expect(201);
    };
    let (answer, ()) = tokio::join!(delivery.approve("bob", &sit), found);
    answer.expect(200);
    delivery.becomes(&sit, "blocked").await;
    assert!(!delivery.runs("SIT").contains(&digest("1.0.0")));
    delivery.stop().await;
}

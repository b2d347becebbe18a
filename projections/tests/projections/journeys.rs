//! Releases on their way through the environments of a service, decided by the domain.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, TimeDelta, Utc};
use opstella_domain::evidence::{Finding, ReportKind, Severity, Verdict};
use opstella_domain::policy::{ApproverRole, GateInput, HeldFreeze, PolicyRules, PolicyVersions, evaluate};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentKey, Health, Members, PromotionId, PromotionKind, RunEnd,
    ServiceEnvironment, WhenBusy,
};
use opstella_domain::release::{Release, ReleaseCommand, Waiver, WaiverId};
use opstella_domain::service::{Service, ServiceCommand};
use opstella_domain::{Environment, RunId};
use uuid::Uuid;

use crate::steps::{SHOP, image, place, report, rules, undone, who};
use crate::stories::key;
use crate::support::World;

/// What happened to `retail/shop`.
pub struct Journeys {
    /// Noon of a Monday that has not come yet: everything that has a time of its own is in that week.
    pub base: DateTime<Utc>,
    pub promotions: BTreeMap<&'static str, PromotionId>,
    pub waiver: WaiverId,
}

impl Journeys {
    pub fn at(&self, minutes: i64) -> DateTime<Utc> {
        self.base + TimeDelta::minutes(minutes)
    }

    pub fn id(&self, name: &str) -> Uuid {
        self.promotions[name].0
    }
}

impl World {
    /// Releases 1.0.0 and 1.1.0 go from DEV to PRD, with all that can come between.
    pub async fn journeys(&self) -> Journeys {
        let today = Utc::now().date_naive();
        let monday = today + Days::new(u64::from(7 - today.weekday().num_days_from_monday()));
        let mut journeys = Journeys {
            base: monday.and_hms_nano_opt(12, 0, 0, 123_456_789).unwrap().and_utc(),
            promotions: BTreeMap::new(),
            waiver: WaiverId(Uuid::new_v4()),
        };
        self.service(SHOP, &["DEV", "SIT", "UAT", "PRE", "PRD"]).await;
        self.neighbours(&journeys).await;
        self.built(&journeys).await;
        self.through_dev_and_sit(&mut journeys).await;
        self.through_uat(&mut journeys).await;
        self.through_pre(&mut journeys).await;
        self.through_prd(&mut journeys).await;
        journeys
    }

    /// A service that gets an environment more, and one that goes.
    async fn neighbours(&self, journeys: &Journeys) {
        self.service("retail/grows", &["DEV"]).await;
        let run = RunId(Uuid::new_v4());
        let command = ServiceCommand::AddEnvironment {
            key: key("retail/grows"),
            environment: Environment::Uat,
            adopt: false,
            run,
        };
        self.send::<Service>("retail/grows", command).await;
        let left_behind = false;
        let command = ServiceCommand::RunSucceeded { run, left_behind };
        self.send::<Service>("retail/grows", command).await;

        self.service("retail/gone", &["DEV"]).await;
        let place: EnvironmentKey = "retail/gone/DEV".parse().unwrap();
        let promotion = PromotionId(Uuid::new_v4());
        let command = EnvironmentCommand::Request {
            key: place.clone(),
            promotion,
            kind: PromotionKind::Promote,
            release: "7".parse().unwrap(),
            images: BTreeMap::from([("api".parse().unwrap(), image("api", "7"))]),
            requester: who("carol"),
            authors: BTreeSet::new(),
            change_reference: None,
            when_busy: WhenBusy::Refuse,
            came_from: None,
            at: journeys.at(0),
        };
        self.act::<ServiceEnvironment>(&place.to_string(), command).await;
        let run = RunId(Uuid::new_v4());
        let input = GateInput {
            service: place.service.clone(),
            environments: Environment::all().collect(),
            environment: place.environment,
            release: "7".parse().unwrap(),
            images: BTreeMap::new(),
            waivers: vec![],
            predecessor: None,
            change_reference: None,
            overridden_freezes: vec![],
            policy: PolicyVersions::default(),
            at: journeys.at(0),
        };
        let command = EnvironmentCommand::Evaluate {
            promotion,
            evaluation: Box::new(evaluate(&PolicyRules::default(), &input, vec![])),
            members: Members::new(),
            came_from: None,
            run,
            at: journeys.at(0),
        };
        self.act::<ServiceEnvironment>(&place.to_string(), command).await;
        let end = RunEnd::Succeeded;
        let at = journeys.at(1);
        let command = EnvironmentCommand::EndRun { run, end, at };
        self.act::<ServiceEnvironment>(&place.to_string(), command).await;
        let run = RunId(Uuid::new_v4());
        let command = ServiceCommand::Decommission {
            key: key("retail/gone"),
            reason: "done".into(),
            run,
        };
        self.send::<Service>("retail/gone", command).await;
        let command = ServiceCommand::RunSucceeded { run, left_behind };
        self.send::<Service>("retail/gone", command).await;
    }

    /// What CI registers and reports.
    async fn built(&self, journeys: &Journeys) {
        self.register("1.0.0", "api", "dora").await;
        self.register("1.0.0", "web", "emil").await;
        self.register("1.1.0", "api", "dora").await;
        self.register("1.1.0", "web", "dora").await;
        self.register("1.2.0", "api", "dora").await;
        for name in ["api", "web"] {
            for (number, kind) in ReportKind::all().enumerate() {
                let mut evidence = report(kind, number as u8, journeys.at(1));
                if kind == ReportKind::QualityGate {
                    evidence = evidence.fetched();
                }
                self.tell_of(name, "1.0.0", evidence).await;
            }
        }
        let mut bad = report(ReportKind::ImageScan, 99, journeys.at(2));
        bad.verdict = Verdict::Failed;
        bad.counts.critical = 1;
        bad.findings.push(Finding {
            id: "CVE-2026-1".into(),
            severity: Severity::Critical,
            location: Some("openssl\u{0}".into()),
            times: 1,
        });
        self.tell_of("api", "1.0.0", bad).await;
        for (number, suite, verdict) in [
            (90, "unit", Verdict::Passed),
            (91, "unit", Verdict::Failed),
            (92, "e2e", Verdict::Passed),
        ] {
            let mut tests = report(ReportKind::Tests, number, journeys.at(2));
            tests.series = Some(suite.into());
            tests.verdict = verdict;
            self.tell_of("web", "1.0.0", tests).await;
        }
    }

    async fn through_dev_and_sit(&self, journeys: &mut Journeys) {
        let promote = PromotionKind::Promote;
        let dev = self.ask("DEV", "1.0.0", promote, journeys.at(3)).await;
        let run = self
            .look("DEV", dev, rules(Environment::Dev), journeys.at(4))
            .await;
        self.run_ends("DEV", run, RunEnd::Succeeded, journeys.at(5)).await;

        let sit = self.ask("SIT", "1.0.0", promote, journeys.at(10)).await;
        let strict = || rules(Environment::Sit);
        assert_eq!(self.look("SIT", sit, strict(), journeys.at(11)).await, None);
        let id = format!("{SHOP}/1.0.0");
        let waiver = Waiver {
            id: journeys.waiver,
            gate: "no-critical-vulnerability".parse().unwrap(),
            finding: Some("CVE-2026-1".into()),
            reason: "not reachable".into(),
            by: who("sam"),
            expires_at: journeys.at(60 * 24),
            modules: [].into(),
        };
        let command = ReleaseCommand::GrantWaiver {
            key: id.parse().unwrap(),
            waiver,
            at: journeys.at(12),
        };
        self.act::<Release>(&id, command).await;
        let run = self.look("SIT", sit, strict(), journeys.at(12)).await;
        let queued = self.ask("SIT", "1.1.0", promote, journeys.at(13)).await;
        self.run_ends("SIT", run, RunEnd::Succeeded, journeys.at(20))
            .await;
        let command = EnvironmentCommand::Cancel {
            key: place("SIT"),
            promotion: queued,
            by: who("carol"),
            reason: "not this one".into(),
        };
        self.act::<ServiceEnvironment>(&place("SIT").to_string(), command)
            .await;
        // Scanned anew; the waiver is not needed any more.
        let clean = report(ReportKind::ImageScan, 100, journeys.at(21));
        self.tell_of("api", "1.0.0", clean).await;
        let command = ReleaseCommand::RevokeWaiver {
            key: id.parse().unwrap(),
            waiver: journeys.waiver,
            reason: "mended".into(),
        };
        self.act::<Release>(&id, command).await;
        journeys
            .promotions
            .extend([("dev", dev), ("sit", sit), ("queued", queued)]);
    }

    async fn through_uat(&self, journeys: &mut Journeys) {
        let (promote, strict) = (PromotionKind::Promote, || rules(Environment::Uat));
        let tina = ("tina", ApproverRole::Tester);
        let back = self.ask("UAT", "1.0.0", promote, journeys.at(30)).await;
        assert_eq!(self.look("UAT", back, strict(), journeys.at(30)).await, None);
        self.approve("UAT", back, tina, journeys.at(31)).await;
        self.set_policy("UAT", strict()).await;
        self.set_policy("retail/UAT", strict()).await;
        assert_eq!(self.look("UAT", back, strict(), journeys.at(32)).await, None);
        self.approve("UAT", back, tina, journeys.at(33)).await;
        let run = self.look("UAT", back, strict(), journeys.at(34)).await;
        self.run_ends("UAT", run, undone("Degraded\u{0}", true), journeys.at(40))
            .await;
        let uat = self.ask("UAT", "1.0.0", promote, journeys.at(50)).await;
        self.look("UAT", uat, strict(), journeys.at(51)).await;
        self.approve("UAT", uat, tina, journeys.at(52)).await;
        let run = self.look("UAT", uat, strict(), journeys.at(53)).await;
        self.run_ends("UAT", run, RunEnd::Succeeded, journeys.at(60))
            .await;
        self.observe("UAT", "web:somebody's", Health::Degraded, journeys.at(70))
            .await;
        self.observe("UAT", "right", Health::Healthy, journeys.at(80))
            .await;
        journeys.promotions.extend([("uat-back", back), ("uat", uat)]);
    }

    async fn through_pre(&self, journeys: &mut Journeys) {
        let (promote, strict) = (PromotionKind::Promote, || rules(Environment::Pre));
        let refused = self.ask("PRE", "1.0.0", promote, journeys.at(90)).await;
        self.look("PRE", refused, strict(), journeys.at(90)).await;
        let command = EnvironmentCommand::Reject {
            key: place("PRE"),
            promotion: refused,
            by: who("sam"),
            reason: "not now".into(),
        };
        self.act::<ServiceEnvironment>(&place("PRE").to_string(), command)
            .await;
        let pre = self.ask("PRE", "1.0.0", promote, journeys.at(92)).await;
        self.look("PRE", pre, strict(), journeys.at(93)).await;
        self.approve("PRE", pre, ("tina", ApproverRole::Tester), journeys.at(94))
            .await;
        self.approve("PRE", pre, ("sam", ApproverRole::Security), journeys.at(94))
            .await;
        let run = self.look("PRE", pre, strict(), journeys.at(95)).await;
        self.run_ends("PRE", run, RunEnd::Succeeded, journeys.at(100))
            .await;
        self.observe("UAT", "web:again", Health::Healthy, journeys.at(101))
            .await;
        journeys.promotions.extend([("refused", refused), ("pre", pre)]);
    }

    async fn through_prd(&self, journeys: &mut Journeys) {
        let (promote, strict) = (PromotionKind::Promote, || rules(Environment::Prd));
        let (olga, sam) = (("olga", ApproverRole::Owner), ("sam", ApproverRole::Security));
        let prd = self.ask("PRD", "1.0.0", promote, journeys.at(110)).await;
        self.look("PRD", prd, strict(), journeys.at(110)).await;
        let command = EnvironmentCommand::OverrideFreeze {
            key: place("PRD"),
            promotion: prd,
            by: who("adam"),
            reason: "the shop is down".into(),
            freezes: vec![year_end(journeys.at(600))],
        };
        self.act::<ServiceEnvironment>(&place("PRD").to_string(), command)
            .await;
        let command = EnvironmentCommand::ConfirmFreezeOverride {
            key: place("PRD"),
            promotion: prd,
            by: who("eve"),
            at: journeys.at(110),
        };
        self.act::<ServiceEnvironment>(&place("PRD").to_string(), command)
            .await;
        self.approve("PRD", prd, olga, journeys.at(111)).await;
        self.look("PRD", prd, strict(), journeys.at(112)).await;
        self.approve("PRD", prd, ("tina", ApproverRole::Tester), journeys.at(112))
            .await;
        self.approve("PRD", prd, sam, journeys.at(113)).await;
        let run = self.look("PRD", prd, strict(), journeys.at(114)).await;
        self.run_ends("PRD", run, RunEnd::Succeeded, journeys.at(120))
            .await;

        let ill = self.ask("PRD", "1.1.0", promote, journeys.at(130)).await;
        let run = self
            .look("PRD", ill, PolicyRules::default(), journeys.at(131))
            .await;
        self.run_ends("PRD", run, RunEnd::Succeeded, journeys.at(140))
            .await;
        self.observe("PRD", "right", Health::Degraded, journeys.at(150))
            .await;
        let rollback = self
            .ask("PRD", "1.0.0", PromotionKind::Rollback, journeys.at(151))
            .await;
        let light = || strict().for_rollback();
        self.look("PRD", rollback, light(), journeys.at(152)).await;
        self.approve("PRD", rollback, sam, journeys.at(153)).await;
        let run = self.look("PRD", rollback, light(), journeys.at(154)).await;
        self.run_ends("PRD", run, RunEnd::Succeeded, journeys.at(160))
            .await;

        let failed = self.ask("PRD", "1.1.0", promote, journeys.at(170)).await;
        let run = self
            .look("PRD", failed, PolicyRules::default(), journeys.at(171))
            .await;
        self.run_ends("PRD", run, undone("no such image", false), journeys.at(175))
            .await;
        let blocked = self.ask("PRD", "1.1.0", promote, journeys.at(180)).await;
        self.look("PRD", blocked, strict(), journeys.at(181)).await;
        self.approve("PRD", blocked, olga, journeys.at(182)).await;
        self.look("PRD", blocked, strict(), journeys.at(183)).await;
        let next = self.ask("PRD", "1.2.0", promote, journeys.at(184)).await;
        let more = [
            ("prd", prd),
            ("ill", ill),
            ("rollback", rollback),
            ("failed", failed),
            ("blocked", blocked),
            ("next", next),
        ];
        journeys.promotions.extend(more);
    }
}

/// A freeze that holds until then.
fn year_end(until: DateTime<Utc>) -> HeldFreeze {
    let window = serde_json::json!({
        "name": "year end", "timezone": "UTC",
        "when": {"type": "once", "from": "2025-12-20T00:00:00", "to": "2026-01-06T00:00:00"},
    });
    HeldFreeze {
        window: serde_json::from_value(window).unwrap(),
        until,
    }
}

//! What the read models say about environments and promotions.

use std::collections::BTreeMap;

use opstella_domain::Decide;
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, PromotionState, ServiceEnvironment};
use opstella_journal::Position;
use opstella_projections::models::{Promotions, Runs};
use opstella_projections::queries::*;
use opstella_projections::{Projection, Queries};

use crate::steps::{SHOP, image, place};
use crate::support::*;

#[tokio::test]
async fn the_matrix_shows_what_runs_where() {
    let world = world().await;
    let journeys = world.journeys().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();

    let matrix = queries
        .matrix(None, &Reader::Everything, &all())
        .await
        .unwrap()
        .items;
    let names: Vec<_> = matrix.iter().map(|row| row.service.as_str()).collect();
    assert_eq!(names, ["grows", "shop"], "`gone` has no environment any more");
    let places = |row: &MatrixService| -> Vec<String> {
        row.environments.iter().map(|e| e.environment.clone()).collect()
    };
    assert_eq!(places(&matrix[0]), ["DEV", "UAT"]);
    assert!(
        matrix[0]
            .environments
            .iter()
            .all(|e| e.release.is_none() && e.version == 0)
    );
    assert_eq!(places(&matrix[1]), ["DEV", "SIT", "UAT", "PRE", "PRD"]);
    let releases: Vec<_> = matrix[1]
        .environments
        .iter()
        .map(|e| e.release.as_deref())
        .collect();
    assert_eq!(releases, [Some("1.0.0"); 5]);

    let uat = &matrix[1].environments[2];
    assert_eq!(
        (uat.promotion, uat.health.as_deref()),
        (Some(journeys.id("uat")), Some("healthy"))
    );
    assert_eq!(micros(uat.since.unwrap()), micros(journeys.at(60)));
    let drift = uat.drift.as_ref().unwrap();
    assert_eq!(drift.found, BTreeMap::from([("web".into(), "web:again".into())]));
    assert_eq!(micros(drift.since), micros(journeys.at(101)));
    assert!(matrix[1].environments[3].drift.is_none());
    let prd = &matrix[1].environments[4];
    assert_eq!(prd.promotion, Some(journeys.id("rollback")));
    assert_eq!(prd.images["web"], image("web", "1.0.0").to_string());
    let flight = InFlight {
        promotion: journeys.id("blocked"),
        release: "1.1.0".into(),
        state: "blocked".into(),
    };
    assert_eq!((prd.in_flight.as_ref(), prd.waiting), (Some(&flight), 1));

    let first = queries
        .matrix(Some("retail"), &Reader::Everything, &PageRequest::first(1))
        .await
        .unwrap();
    assert_eq!(first.items, matrix[..1]);
    let second = PageRequest::after(1, first.next.unwrap());
    let second = queries
        .matrix(Some("retail"), &Reader::Everything, &second)
        .await
        .unwrap();
    assert_eq!((second.items.as_slice(), second.next), (&matrix[1..], None));
    assert!(
        queries
            .matrix(Some("other"), &Reader::Everything, &all())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let shop = queries.matrix_service("retail", "shop").await.unwrap().unwrap();
    assert_eq!(shop, matrix[1]);
    assert!(queries.matrix_service("retail", "gone").await.unwrap().is_none());
    running.stop().await;
}

#[tokio::test]
async fn promotions_show_how_they_went() {
    let world = world().await;
    let journeys = world.journeys().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let expected = [
        ("dev", "completed"),
        ("sit", "completed"),
        ("queued", "cancelled"),
        ("uat-back", "rolled-back"),
        ("uat", "completed"),
        ("refused", "rejected"),
        ("pre", "completed"),
        ("prd", "completed"),
        ("ill", "completed"),
        ("rollback", "completed"),
        ("failed", "failed"),
        ("blocked", "blocked"),
        ("next", "queued"),
    ];
    for (name, state) in expected {
        let shown = queries.promotion(journeys.id(name)).await.unwrap().unwrap();
        assert_eq!(shown.promotion.state, state, "{name}");
        let over = !matches!(state, "blocked" | "queued");
        assert_eq!(shown.promotion.finished_at.is_some(), over, "{name}");
    }
    let of = |name: &'static str| {
        let (queries, id) = (queries.clone(), journeys.id(name));
        async move { queries.promotion(id).await.unwrap().unwrap() }
    };
    let back = of("uat-back").await;
    assert_eq!(back.promotion.cause.as_deref(), Some("Degraded\u{fffd}"));
    assert_eq!(
        (
            back.promotion.approvals_voided,
            back.promotion.approvals.len(),
            back.policy_platform
        ),
        (1, 1, 1)
    );
    assert_eq!(back.promotion.approvals[0].by, "tina");
    assert!(back.promotion.run.is_some() && back.promotion.started_at.is_some());
    let refused = of("refused").await.promotion;
    assert_eq!(
        (refused.ended_by.as_deref(), refused.cause.as_deref()),
        (Some("sam"), Some("not now"))
    );
    assert!(refused.closed_gates.is_empty() && refused.wanted_roles.is_empty());
    let prd = of("prd").await;
    assert_eq!(prd.promotion.change_reference.as_deref(), Some("CHG0031337"));
    assert_eq!(prd.promotion.authors, ["dora", "emil"]);
    let glass = prd.promotion.freeze_override.unwrap();
    assert_eq!(
        (
            glass.by.as_str(),
            glass.confirmed_by.as_deref(),
            glass.reason.as_str()
        ),
        ("adam", Some("eve"), "the shop is down")
    );
    let frozen = &glass.freezes[0];
    assert_eq!(
        (frozen.name.as_str(), micros(frozen.until)),
        ("year end", micros(journeys.at(600)))
    );
    assert!(prd.gates.iter().all(|gate| gate.verdict == "passed"));
    assert!(prd.gates.iter().any(|gate| !gate.evidence.is_empty()));
    assert_eq!(micros(prd.promotion.requested_at), micros(journeys.at(110)));
    assert_eq!(
        micros(prd.promotion.finished_at.unwrap()),
        micros(journeys.at(120))
    );
    let rollback = of("rollback").await.promotion;
    assert_eq!(
        (rollback.kind.as_str(), rollback.release.as_str()),
        ("rollback", "1.0.0")
    );
    let blocked = of("blocked").await.promotion;
    let closed: Vec<_> = blocked
        .closed_gates
        .iter()
        .map(|g| (g.gate.as_str(), g.verdict.as_str()))
        .collect();
    assert!(closed.contains(&("quality-gate", "failed")), "{closed:?}");
    assert!(closed.contains(&("approvals", "waiting")), "{closed:?}");
    assert_eq!(blocked.wanted_roles, ["tester", "approver", "owner", "security"]);

    let board = |filter: PromotionFilter| {
        let queries = queries.clone();
        async move {
            queries
                .promotions(&filter, &Reader::Everything, &all())
                .await
                .unwrap()
                .items
        }
    };
    let everything = board(PromotionFilter::default()).await;
    assert_eq!(everything.len(), expected.len() + 1);
    assert_eq!(everything[0].id, journeys.id("next"), "the newest first");
    let open = PromotionFilter {
        open: true,
        project: Some("retail".into()),
        ..Default::default()
    };
    let open: Vec<_> = board(open).await.iter().map(|p| p.id).collect();
    assert_eq!(open, [journeys.id("next"), journeys.id("blocked")]);
    let narrow = PromotionFilter {
        project: Some("retail".into()),
        service: Some("shop".into()),
        environment: Some("PRD".into()),
        release: Some("1.1.0".into()),
        state: Some("failed".into()),
        open: false,
    };
    let narrow: Vec<_> = board(narrow).await.iter().map(|p| p.id).collect();
    assert_eq!(narrow, [journeys.id("failed")]);

    let history = |page: PageRequest| {
        let queries = queries.clone();
        async move {
            queries
                .environment_history("retail", "shop", "PRD", &page)
                .await
                .unwrap()
        }
    };
    let whole: Vec<_> = history(all()).await.items.iter().map(|p| p.id).collect();
    let ended = ["failed", "rollback", "ill", "prd"].map(|name| journeys.id(name));
    assert_eq!(whole, ended);
    let first = history(PageRequest::first(3)).await;
    let rest = history(PageRequest::after(3, first.next.unwrap())).await;
    assert_eq!(
        (rest.items[0].id, rest.items.len(), rest.next),
        (ended[3], 1, None)
    );
    running.stop().await;
}

#[tokio::test]
async fn the_audit_log_knows_whom_releases_and_promotions_concern() {
    let world = world().await;
    world.journeys().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let lost =
        "SELECT count(*) FROM read.audit_events WHERE project IS DISTINCT FROM 'retail' OR service IS NULL";
    assert_eq!(world.count(lost).await, 2, "the policies only");
    let platform =
        "SELECT count(*) FROM read.audit_events WHERE aggregate_type = 'Policy' AND project IS NULL";
    assert_eq!(world.count(platform).await, 1);
    let runs = "SELECT count(*) FROM read.audit_events WHERE event_type = 'DeploymentStarted' AND run_id IS NOT NULL \
                AND service = 'shop'";
    let started =
        "SELECT count(*) FROM read.audit_events WHERE event_type = 'DeploymentStarted' AND service = 'shop'";
    assert_eq!(world.count(runs).await, world.count(started).await);
    assert!(world.count(runs).await >= 8);
    let kinds = "SELECT count(DISTINCT aggregate_type) FROM read.audit_events WHERE service = 'shop'";
    assert_eq!(world.count(kinds).await, 4);
    running.stop().await;
}

/// The read model's environment, as the domain's.
async fn agrees(queries: &Queries, key: &EnvironmentKey, domain: &ServiceEnvironment) {
    let row = queries
        .matrix_service("retail", key.service.service.as_str())
        .await
        .unwrap()
        .unwrap();
    let shown = row
        .environments
        .iter()
        .find(|e| e.environment == key.environment.as_str())
        .unwrap();
    let current = domain.current.as_ref();
    assert_eq!(shown.release, current.map(|d| d.release.to_string()));
    assert_eq!(shown.promotion, current.map(|d| d.promotion.0));
    assert_eq!(shown.drift.is_some(), domain.drift.is_some());
    assert_eq!(shown.waiting as usize, domain.queue.len());
    let flight = shown.in_flight.as_ref().map(|f| f.promotion);
    assert_eq!(flight, domain.in_flight.as_ref().map(|p| p.id.0));
    for promotion in domain.in_flight.iter().chain(&domain.queue) {
        let shown = queries.promotion(promotion.id.0).await.unwrap().unwrap();
        let state: PromotionState = domain.state_of(promotion.id).unwrap();
        assert_eq!(shown.promotion.state, <&str>::from(state));
        assert_eq!(shown.gates.len(), promotion.gates.len());
        assert_eq!(shown.promotion.approvals.len(), promotion.approvals.len());
        assert_eq!(shown.promotion.run, promotion.run.map(|run| run.0));
        assert_eq!(shown.promotion.finished_at, None);
    }
}

#[tokio::test]
async fn environments_and_promotions_are_as_the_domain_has_them_after_every_event() {
    let world = world().await;
    world.journeys().await;
    // The projection by itself, in temporary tables of one connection.
    // One promotion says where its run stands: with nobody to fill that table, nowhere.
    let alone = world.alone(&[Promotions.tables(), Runs.tables()]).await;
    let queries = Queries::at(alone.clone(), "pg_temp");
    let mut environments = BTreeMap::<String, ServiceEnvironment>::new();
    let (mut subscription, newest) = (world.journal.subscribe(Position::START), world.newest().await);
    while subscription.position() < newest {
        for event in subscription.next(500).await.unwrap().events {
            let mut connection = alone.acquire().await.unwrap();
            Promotions
                .apply(std::slice::from_ref(&event), &mut connection)
                .await
                .unwrap();
            drop(connection);
            if event.aggregate_type != "Environment" {
                continue;
            }
            let environment = environments.entry(event.aggregate_id.clone()).or_default();
            environment.evolve(event.payload_as::<EnvironmentEvent>().unwrap());
            agrees(&queries, &event.aggregate_id.parse().unwrap(), environment).await;
        }
    }
    assert_eq!(environments.len(), 6);
    assert!(environments.contains_key(&place("PRD").to_string()) && SHOP.starts_with("retail/"));
}

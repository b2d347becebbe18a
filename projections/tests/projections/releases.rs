//! What the read models say about releases and the evidence on them.

use chrono::Utc;
use opstella_projections::queries::*;

use crate::steps::image;
use crate::support::*;

#[tokio::test]
async fn a_release_shows_its_evidence_waivers_and_journey() {
    let world = world().await;
    let journeys = world.journeys().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let releases = queries.releases("retail", "shop", &all()).await.unwrap().items;
    let versions: Vec<_> = releases.iter().map(|r| (r.release.as_str(), r.sealed)).collect();
    assert_eq!(versions, [("1.2.0", false), ("1.1.0", true), ("1.0.0", true)]);
    assert_eq!(releases[2].runs_in, ["DEV", "SIT", "UAT", "PRE", "PRD"]);
    assert!(releases[1].runs_in.is_empty());
    let first = queries
        .releases("retail", "shop", &PageRequest::first(2))
        .await
        .unwrap();
    let rest = PageRequest::after(2, first.next.unwrap());
    let rest = queries.releases("retail", "shop", &rest).await.unwrap();
    assert_eq!(rest.items, releases[2..]);

    let release = queries.release("retail", "shop", "1.0.0").await.unwrap().unwrap();
    assert_eq!(release.release, releases[2]);
    assert_eq!(release.release.authors, ["dora", "emil"]);
    assert_eq!(
        release.release.version, 5,
        "two images, the seal, a waiver and its end"
    );
    let [api, web] = release.images.as_slice() else {
        panic!("{:?}", release.images)
    };
    assert_eq!((api.component.as_str(), api.author.as_str()), ("api", "dora"));
    assert_eq!(web.digest, image("web", "1.0.0").to_string());
    assert_eq!((api.evidence.len(), web.evidence.len()), (9, 11));
    let newest = api.evidence.iter().find(|e| e.kind == "image-scan").unwrap();
    assert_eq!((newest.counts.critical, newest.verdict.as_str()), (0, "passed"));
    let scan = api.evidence.iter().find(|e| e.kind == "dynamic-scan").unwrap();
    assert_eq!(scan.environment.as_deref(), Some("UAT"));
    let gate = api.evidence.iter().find(|e| e.kind == "quality-gate").unwrap();
    assert_eq!(
        (gate.origin.as_str(), newest.origin.as_str()),
        ("fetched", "uploaded")
    );
    let tests = api.evidence.iter().find(|e| e.kind == "tests").unwrap();
    assert_eq!(tests.tests.unwrap().passed, 41);
    let sbom = api.evidence.iter().find(|e| e.kind == "sbom").unwrap();
    assert_eq!(sbom.packages, Some(87));
    let history = EvidenceFilter {
        project: "retail".into(),
        service: "shop".into(),
        component: "api".into(),
        digest: api.digest.clone(),
        kind: Some("image-scan".into()),
    };
    let history = queries.evidence(&history, &all()).await.unwrap().items;
    let told: Vec<_> = history.iter().map(|e| (e.counts.critical, e.newest)).collect();
    assert_eq!(told, [(0, true), (1, false), (0, false)]);
    assert_eq!(
        history[1].findings[0].location.as_deref(),
        Some("openssl\u{fffd}")
    );
    let tests: Vec<_> = web.evidence.iter().filter(|e| e.kind == "tests").collect();
    let told: Vec<_> = tests
        .iter()
        .map(|e| (e.series.as_deref(), e.verdict.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Some("e2e"), "passed"),
            (Some("unit"), "failed"),
            (None, "passed")
        ]
    );
    let analysis = api.evidence.iter().find(|e| e.kind == "static-analysis").unwrap();
    assert_eq!(analysis.series.as_deref(), Some("tool of static-analysis"));
    let [waiver] = release.waivers.as_slice() else {
        panic!("{:?}", release.waivers)
    };
    assert_eq!(
        (waiver.id, waiver.finding.as_deref()),
        (journeys.waiver.0, Some("CVE-2026-1"))
    );
    assert_eq!(waiver.revocation.as_deref(), Some("mended"));

    let journey: Vec<_> = release
        .journey
        .iter()
        .map(|p| (p.environment.as_str(), p.state.as_str(), p.running))
        .collect();
    let expected = [
        ("DEV", "completed", true),
        ("SIT", "completed", true),
        ("UAT", "rolled-back", false),
        ("UAT", "completed", true),
        ("PRE", "rejected", false),
        ("PRE", "completed", true),
        ("PRD", "completed", false),
        ("PRD", "completed", true),
    ];
    assert_eq!(journey, expected);
    assert_eq!(
        release.journey[6].replaced_at.map(micros),
        Some(micros(journeys.at(140)))
    );
    assert_eq!(release.journey[7].replaced_at, None);
    assert!(queries.release("retail", "shop", "9").await.unwrap().is_none());

    // The same from the past.
    let names = ["releases", "promotions", "delivery"];
    let past = running
        .projections
        .replay_as_of(&names, Utc::now())
        .await
        .unwrap();
    let replayed = past.queries().release("retail", "shop", "1.0.0").await.unwrap();
    assert_eq!(replayed.as_ref(), Some(&release));
    running.stop().await;
}

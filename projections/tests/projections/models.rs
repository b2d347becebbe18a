//! What the read models say about realistic histories.

use std::collections::BTreeMap;

use opstella_domain::run::{Run, RunEvent, RunStatus};
use opstella_domain::{Decide, RunId, Tool};
use opstella_journal::Position;
use opstella_projections::models::Runs;
use opstella_projections::queries::{
    AuditFilter, PageRequest, Reader, ResourceFilter, RunDetail, RunFilter, ServiceFilter, SetupReader,
};
use opstella_projections::{Projection, Queries};

use crate::support::*;

#[tokio::test]
async fn the_catalog_shows_what_there_is() {
    let world = world().await;
    world.everything().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();

    let project = queries.project("payments").await.unwrap().unwrap();
    assert_eq!(
        (project.name.as_str(), project.owner.as_str(), project.services),
        ("Project payments", "alice", 5)
    );
    assert_eq!(project.description.as_deref(), Some("what\u{fffd}for"));
    assert_eq!(
        queries
            .projects(&Reader::Everything, &PageRequest::default())
            .await
            .unwrap()
            .items,
        [project]
    );
    assert!(queries.project("nothing").await.unwrap().is_none());

    let lifecycle = |service: &str| {
        let (queries, service) = (queries.clone(), service.to_owned());
        async move {
            queries
                .service("payments", &service)
                .await
                .unwrap()
                .unwrap()
                .service
        }
    };
    let checkout = lifecycle("checkout").await;
    assert_eq!((checkout.lifecycle.as_str(), checkout.run), ("active", None));
    let names: Vec<_> = checkout
        .components
        .iter()
        .map(|c| (c.name.as_str(), c.state.as_str()))
        .collect();
    assert_eq!(
        names,
        [("api", "present"), ("web", "present"), ("jobs", "present")]
    );
    let places: Vec<_> = checkout
        .environments
        .iter()
        .map(|e| e.environment.as_str())
        .collect();
    assert_eq!(places, ["DEV", "PRD"]);
    assert!(
        checkout.cause.unwrap().contains("no\u{fffd}"),
        "why the component `extra` was not added"
    );
    assert!(checkout.components[0].since < checkout.components[2].since);
    let ledger = lifecycle("ledger").await;
    assert_eq!(
        (ledger.lifecycle.as_str(), ledger.left_behind),
        ("provisioning-failed", true)
    );
    assert!(ledger.components.iter().all(|c| c.state == "removed"));
    assert_eq!(lifecycle("old").await.lifecycle, "decommissioned");
    let waiting = lifecycle("waiting").await;
    assert_eq!(
        (waiting.lifecycle.as_str(), waiting.run),
        ("provisioning", Some(waiting.last_run))
    );
    let filter = ServiceFilter {
        lifecycle: Some("provisioning-failed".into()),
        ..Default::default()
    };
    let failed = queries
        .services(&filter, &PageRequest::default())
        .await
        .unwrap()
        .items;
    let failed: Vec<_> = failed.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(failed, ["cancelled", "ledger", "refused"]);

    let template = queries.template("http-service").await.unwrap().unwrap();
    assert_eq!(
        (
            template.latest.as_str(),
            template.versions.len(),
            template.version
        ),
        ("1.10.0", 2, 2)
    );
    assert_eq!(
        queries.templates(&PageRequest::default()).await.unwrap().items,
        [template]
    );
    let harbor = queries.connection("harbor", "main").await.unwrap().unwrap();
    assert_eq!(
        (harbor.url.as_str(), harbor.version),
        ("https://harbor.moved.example", 2)
    );
    assert!(harbor.connected_at < harbor.updated_at);
    let connections = queries.connections(&PageRequest::default()).await.unwrap().items;
    assert_eq!(connections.len(), Tool::all().count());
    running.stop().await;
}

/// The read model's run, as the domain's.
fn agrees(shown: &RunDetail, domain: &Run) {
    assert_eq!(shown.run.status, domain.status.slug());
    assert_eq!(
        shown.run.stuck_on,
        domain.stuck_on.as_ref().map(ToString::to_string)
    );
    assert_eq!(shown.steps.len(), domain.steps.len());
    for step in &shown.steps {
        let state = &domain.steps[&step.step.parse().unwrap()];
        let phase: &'static str = state.phase.into();
        assert_eq!(step.phase, phase, "{}", step.step);
        assert_eq!(step.attempt, i64::from(state.attempt));
        assert_eq!(step.failures, i64::from(state.failures));
        assert_eq!(step.compensation_failures, i64::from(state.compensation_failures));
        assert_eq!(step.next_try_at.is_some(), state.not_before.is_some());
        assert_eq!(step.provenance.is_some(), state.provenance.is_some());
    }
    assert_eq!(shown.run.finished_at.is_some(), domain.status.ended());
    if domain.status.ended() && domain.status != RunStatus::Succeeded {
        let mut left: Vec<_> = domain.left_behind().iter().map(ToString::to_string).collect();
        left.sort();
        let mut shown: Vec<_> = shown.run.left_behind.clone();
        shown.sort();
        assert_eq!(shown, left);
    }
}

#[tokio::test]
async fn runs_show_their_steps_and_tries() {
    let world = world().await;
    let runs = world.everything().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let mut statuses = BTreeMap::<String, usize>::new();
    for run in &runs {
        let shown = queries.run(run.0).await.unwrap().unwrap();
        agrees(&shown, &world.state(*run).await);
        *statuses.entry(shown.run.status.clone()).or_default() += 1;
    }
    let expected = [
        ("abandoned", 1),
        ("cancelled", 1),
        ("failed", 2),
        ("running", 1),
        ("succeeded", 4),
    ];
    assert_eq!(
        statuses.into_iter().collect::<Vec<_>>(),
        expected.map(|(s, n)| (s.to_owned(), n))
    );

    let fine = queries.run(runs[0].0).await.unwrap().unwrap();
    assert_eq!(fine.run.steps_done, fine.run.steps_total);
    let robot = fine
        .steps
        .iter()
        .find(|step| step.step == "harbor.robot")
        .unwrap();
    let outcomes: Vec<_> = robot.attempts.iter().map(|a| a.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "failed", "failed", "succeeded"]);
    assert_eq!(robot.attempts[0].class.as_deref(), Some("transient"));
    assert!(robot.last_error.is_none() && robot.duration_ms == Some(12));
    let first = fine
        .steps
        .iter()
        .find(|step| step.step == "harbor.project")
        .unwrap();
    assert_eq!(first.attempts[0].outcome, "superseded", "resumed by a new engine");
    assert_eq!(
        (first.operation.as_str(), first.tool.as_str()),
        ("harbor-project", "harbor")
    );
    assert!(robot.depends_on.contains(&"harbor.project".to_owned()));

    let stuck = queries.run(runs[3].0).await.unwrap().unwrap();
    assert!(
        stuck
            .run
            .cause
            .as_deref()
            .unwrap()
            .starts_with("step harbor.robot: ")
    );
    assert_eq!(stuck.run.left_behind, ["harbor.project"]);
    let project = stuck
        .steps
        .iter()
        .find(|step| step.step == "harbor.project")
        .unwrap();
    assert_eq!(
        (project.phase.as_str(), project.skip_reason.as_deref()),
        ("left-behind", Some("by hand"))
    );
    let tries: Vec<_> = project
        .attempts
        .iter()
        .map(|a| (a.direction.as_str(), a.outcome.as_str()))
        .collect();
    assert_eq!(
        tries,
        [
            ("forward", "succeeded"),
            ("back", "failed"),
            ("back", "failed"),
            ("back", "failed")
        ]
    );

    let filter = RunFilter {
        status: Some("failed".into()),
        saga: Some("provision-service".into()),
        ..Default::default()
    };
    let failed = queries
        .runs(&filter, &Reader::Everything, &PageRequest::default())
        .await
        .unwrap()
        .items;
    assert_eq!(failed.iter().map(|run| run.id).collect::<Vec<_>>(), [runs[3].0]);
    let filter = RunFilter {
        project: Some("payments".into()),
        service: Some("checkout".into()),
        ..Default::default()
    };
    let of_checkout = queries
        .runs(&filter, &Reader::Everything, &PageRequest::default())
        .await
        .unwrap()
        .items;
    assert_eq!(
        of_checkout.iter().map(|run| RunId(run.id)).collect::<Vec<_>>(),
        [runs[2], runs[1], runs[0]]
    );
    running.stop().await;
}

#[tokio::test]
async fn resources_follow_what_runs_make_and_unmake() {
    let world = world().await;
    let runs = world.everything().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let of = |service: &str, removed: bool| {
        let filter = ResourceFilter {
            service: Some(service.into()),
            removed,
            ..Default::default()
        };
        let queries = queries.clone();
        async move {
            queries
                .resources(&filter, &Reader::Everything, &PageRequest::first(200))
                .await
                .unwrap()
                .items
        }
    };
    let checkout = of("checkout", false).await;
    let (fine, more) = (world.state(runs[0]).await, world.state(runs[1]).await);
    assert_eq!(checkout.len(), fine.steps.len() + more.steps.len());
    assert!(checkout.iter().all(|r| r.step != "gitlab.project/extra"));
    assert!(
        of("checkout", true)
            .await
            .iter()
            .any(|r| r.step == "gitlab.project/extra" && r.removal.as_deref() == Some("deleted"))
    );
    let detail = queries.service("payments", "checkout").await.unwrap().unwrap();
    assert_eq!(detail.resources, checkout);
    let left = of("ledger", false).await;
    let left: Vec<_> = left.iter().map(|r| (r.step.as_str(), r.left_behind)).collect();
    assert_eq!(left, [("harbor.project", true)]);
    let group = of("ledger", true)
        .await
        .into_iter()
        .find(|r| r.step == "gitlab.group")
        .unwrap();
    assert_eq!(
        (group.provenance.as_str(), group.removal.as_deref()),
        ("adopted", Some("released"))
    );
    assert!(of("old", false).await.is_empty());
    assert!(of("cancelled", false).await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn the_audit_log_has_every_event_and_what_it_concerns() {
    let world = world().await;
    let runs = world.everything().await;
    world
        .inject("Unheard", "of", 1, "Odd", r#"{"any": ["thing", "\u0000"]}"#)
        .await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let events = world.count("SELECT count(*) FROM events").await;
    assert_eq!(
        world.count("SELECT count(*) FROM read.audit_events").await,
        events
    );

    let all = |filter: AuditFilter| {
        let queries = queries.clone();
        async move {
            queries
                .audit_events(&filter, &Reader::Everything, &PageRequest::first(200))
                .await
                .unwrap()
                .items
        }
    };
    let newest = all(AuditFilter::default()).await;
    assert_eq!(
        (newest[0].aggregate_type.as_str(), newest[0].actor.as_str()),
        ("Unheard", "")
    );
    let of_run = all(AuditFilter {
        run: Some(runs[0].0),
        oldest_first: true,
        ..Default::default()
    })
    .await;
    assert_eq!(of_run[0].event_type, "ServiceRequested");
    assert_eq!(of_run[1].event_type, "RunPlanned");
    assert!(
        of_run
            .iter()
            .all(|e| e.project.as_deref() == Some("payments") && e.service.as_deref() == Some("checkout"))
    );
    assert_eq!(of_run[1].reason.as_deref(), Some("nul \u{fffd} in it"));
    let projects = all(AuditFilter {
        event_type: Some("ProjectCreated".into()),
        ..Default::default()
    })
    .await;
    assert_eq!(projects.len(), 1);
    let position = projects[0].position.parse().unwrap();
    let detail = queries.audit_event(position).await.unwrap().unwrap();
    assert_eq!(detail.event, projects[0]);
    assert_eq!(detail.payload["ProjectCreated"]["slug"], "payments");
    let at = projects[0].recorded_at;
    let before = all(AuditFilter {
        to: Some(at),
        ..Default::default()
    })
    .await;
    assert!(before.is_empty());
    let narrow = AuditFilter {
        aggregate_type: Some("Service".into()),
        aggregate_id: Some("payments/old".into()),
        project: Some("payments".into()),
        service: Some("old".into()),
        actor: Some("alice".into()),
        command: Some("Test".into()),
        correlation: Some("c-1".into()),
        from: Some(at),
        oldest_first: true,
        ..Default::default()
    };
    let types: Vec<_> = all(narrow).await.into_iter().map(|e| e.event_type).collect();
    let expected = [
        "ServiceRequested",
        "ServiceActivated",
        "ServiceDecommissionRequested",
        "ServiceDecommissioned",
    ];
    assert_eq!(types, expected);
    running.stop().await;
}

#[tokio::test]
async fn runs_and_steps_are_as_the_domain_has_them_after_every_event() {
    let world = world().await;
    world.everything().await;
    // The projection by itself, in temporary tables of one connection.
    let alone = world.alone(&[Runs.tables()]).await;
    let queries = Queries::at(alone.clone(), "pg_temp");
    let mut runs = BTreeMap::<String, Run>::new();
    let (mut subscription, newest) = (world.journal.subscribe(Position::START), world.newest().await);
    let mut stuck = 0;
    while subscription.position() < newest {
        for event in subscription.next(500).await.unwrap().events {
            let mut connection = alone.acquire().await.unwrap();
            Runs.apply(std::slice::from_ref(&event), &mut connection)
                .await
                .unwrap();
            drop(connection);
            if event.aggregate_type != "Run" {
                continue;
            }
            let run = runs.entry(event.aggregate_id.clone()).or_default();
            run.evolve(event.payload_as::<RunEvent>().unwrap());
            let shown = queries
                .run(event.aggregate_id.parse().unwrap())
                .await
                .unwrap()
                .unwrap();
            agrees(&shown, run);
            assert_eq!(shown.run.version, event.sequence as i64);
            assert_eq!(shown.run.stuck_on.is_some(), shown.run.stuck_message.is_some());
            stuck += usize::from(shown.run.status == "stuck");
        }
    }
    assert!(stuck >= 3 && runs.len() == 9);
}

#[tokio::test]
async fn members_are_shown_and_lists_are_narrowed_to_what_their_reader_may_know() {
    let world = world().await;
    world.everything().await;
    world.project("secret").await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let all = PageRequest::first(200);

    let members = queries.members("payments", &all).await.unwrap().items;
    let shown: Vec<(&str, Vec<&str>)> = members
        .iter()
        .map(|m| {
            (
                m.subject.as_str(),
                m.roles.iter().map(|r| r.role.as_str()).collect(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [("alice", vec!["owner"]), ("bob", vec!["tester", "viewer"])]
    );
    assert_eq!(members[1].roles[0].granted_by, "alice");
    assert!(members[1].since <= members[1].roles[1].granted_at);
    let first = queries.members("payments", &PageRequest::first(1)).await.unwrap();
    let rest = PageRequest::after(1, first.next.unwrap());
    assert_eq!(
        queries.members("payments", &rest).await.unwrap().items,
        members[1..]
    );
    assert_eq!(queries.members("none", &all).await.unwrap().items, []);
    // Creation and six changes.
    assert_eq!(queries.project("payments").await.unwrap().unwrap().version, 7);

    let reader = |member: Option<&str>, projects: &[&str]| Reader::Some {
        member: member.map(str::to_owned),
        projects: projects.iter().map(|slug| (*slug).to_owned()).collect(),
        setup: SetupReader::default(),
    };
    for (reader, seen) in [
        (Reader::Everything, vec!["payments", "secret"]),
        (reader(Some("alice"), &[]), vec!["payments", "secret"]),
        (reader(Some("bob"), &[]), vec!["payments"]),
        (
            reader(Some("bob"), &["secret", "none"]),
            vec!["payments", "secret"],
        ),
        (reader(None, &["secret"]), vec!["secret"]),
        (reader(Some("carol"), &[]), vec![]),
        (reader(None, &[]), vec![]),
    ] {
        let projects = queries.projects(&reader, &all).await.unwrap().items;
        let slugs: Vec<_> = projects.iter().map(|p| p.slug.as_str()).collect();
        assert_eq!(slugs, seen, "{reader:?}");
        let payments = seen.contains(&"payments");
        let runs = queries.runs(&RunFilter::default(), &reader, &all).await.unwrap();
        assert_eq!(runs.items.is_empty(), !payments, "{reader:?}");
        let filter = ResourceFilter::default();
        let resources = queries.resources(&filter, &reader, &all).await.unwrap();
        assert_eq!(resources.items.is_empty(), !payments, "{reader:?}");
        let mut of = std::collections::BTreeSet::new();
        let mut page = all.clone();
        loop {
            let events = queries
                .audit_events(&AuditFilter::default(), &reader, &page)
                .await
                .unwrap();
            of.extend(events.items.into_iter().map(|event| event.project));
            let Some(next) = events.next else { break };
            page = PageRequest::after(200, next);
        }
        let mut expected: std::collections::BTreeSet<_> =
            seen.iter().map(|slug| Some((*slug).to_owned())).collect();
        if reader == Reader::Everything {
            // Templates and tools are of no project.
            expected.insert(None);
            // The journeys' services are of a project that nobody made.
            expected.insert(Some("retail".to_owned()));
        }
        assert_eq!(of, expected, "{reader:?}");
    }
}

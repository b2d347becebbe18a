//! Whose approvals wait.

use opstella_domain::Environment;
use opstella_domain::policy::PolicyRules;
use opstella_domain::promotion::{EnvironmentCommand, PromotionKind, ServiceEnvironment};
use opstella_projections::Queries;
use opstella_projections::queries::{ApproverScope, WaitingFilter};
use uuid::Uuid;

use crate::delivery::Story;
use crate::steps::{place, rules, who};
use crate::support::*;

/// Somebody of security, in all projects.
fn security() -> ApproverScope {
    ApproverScope {
        project: None,
        roles: vec!["security".into()],
    }
}

async fn ids(queries: &Queries, filter: WaitingFilter) -> Vec<Uuid> {
    let page = queries.approvals_waiting(&filter, &all()).await.unwrap();
    page.items.iter().map(|p| p.id).collect()
}

#[tokio::test]
async fn approvals_wait_for_those_who_may_give_them() {
    let world = world().await;
    let journeys = world.journeys().await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let queries = world.queries();
    let waiting = |subject: &str, project: Option<&str>, roles: &[&str]| {
        let filter = WaitingFilter {
            subject: subject.into(),
            name: Some(subject.into()),
            scopes: vec![
                ApproverScope {
                    project: Some("unrelated".into()),
                    roles: vec!["security".into()],
                },
                ApproverScope {
                    project: project.map(Into::into),
                    roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                },
            ],
        };
        let queries = queries.clone();
        async move { ids(&queries, filter).await }
    };
    let blocked = vec![journeys.id("blocked")];
    assert_eq!(waiting("sam", None, &["security"]).await, blocked);
    assert_eq!(
        waiting("pia", Some("retail"), &["tester", "approver"]).await,
        blocked
    );
    assert!(
        waiting("pia", Some("other"), &["approver"]).await.is_empty(),
        "elsewhere"
    );
    assert!(
        waiting("tina", Some("retail"), &["viewer"]).await.is_empty(),
        "not in this role"
    );
    assert!(
        waiting("carol", None, &["owner"]).await.is_empty(),
        "her own request"
    );
    assert!(
        waiting("dora", None, &["security"]).await.is_empty(),
        "her own work"
    );
    assert!(
        waiting("Dora", None, &["security"]).await.is_empty(),
        "her own work, whatever the case"
    );
    assert!(
        waiting("olga", None, &["owner"]).await.is_empty(),
        "approved already"
    );
    assert!(waiting("sam", None, &[]).await.is_empty(), "no role");

    let named = async |name: Option<&str>| {
        let filter = WaitingFilter {
            subject: "sam".into(),
            name: name.map(Into::into),
            scopes: vec![security()],
        };
        ids(&queries, filter).await
    };
    assert_eq!(named(Some("Sam")).await, blocked);
    for nameless in [None, Some(""), Some(" \u{a0}")] {
        assert!(
            named(nameless).await.is_empty(),
            "nobody can tell whether they wrote it: {nameless:?}"
        );
    }

    let sql = "SELECT promotion_id, wanted_roles, approvals, missing FROM dashboard.approvals_waiting";
    let shown: Vec<(Uuid, Vec<String>, i32, String)> =
        sqlx::query_as(sql).fetch_all(&world.pool).await.unwrap();
    assert_eq!(shown.len(), 1);
    let (id, roles, given, missing) = &shown[0];
    assert_eq!((*id, *given), (blocked[0], 1));
    assert_eq!(roles, &["tester", "approver", "owner", "security"]);
    assert!(missing.contains("(there are 1)"), "{missing}");
    let sql =
        "SELECT approver, roles FROM dashboard.promotion_approvals WHERE promotion_id = $1 ORDER BY approver";
    let given: Vec<(String, Vec<String>)> = sqlx::query_as(sql)
        .bind(journeys.id("prd"))
        .fetch_all(&world.pool)
        .await
        .unwrap();
    let by = |name: &str, role: &str| (name.to_owned(), vec![role.to_owned()]);
    let all = [by("olga", "owner"), by("sam", "security"), by("tina", "tester")];
    assert_eq!(given, all);
    running.stop().await;
}

#[tokio::test]
async fn who_has_no_name_is_asked_where_that_does_not_matter() {
    let story = Story::of(&[]).await;
    let uuid = "5F0C6F5E-3E8C-4F0A-9D0B-6A6D4C1B7A10";
    for (version, author) in [
        ("1", uuid),
        ("2", "urn:uuid:5f0c6f5e-3e8c-4f0a-9d0b-6a6d4c1b7a10"),
        ("3", "dora"),
    ] {
        for component in ["api", "web"] {
            story.world.register(version, component, author).await;
        }
    }
    let strict = || rules(Environment::Prd);
    let loose = || PolicyRules {
        independent_approvers: false,
        ..strict()
    };
    let running = start(story.world.projections());
    let queries = story.world.queries();
    let asked = async |version: &str, rules: PolicyRules, subject: &str| {
        let id = story
            .world
            .ask("PRD", version, PromotionKind::Promote, story.at(0))
            .await;
        story.world.look("PRD", id, rules, story.at(0)).await;
        running.catch_up(&story.world.journal).await;
        let filter = WaitingFilter {
            subject: subject.into(),
            name: None,
            scopes: vec![security()],
        };
        let waiting = ids(&queries, filter).await == [id.0];
        let command = EnvironmentCommand::Cancel {
            key: place("PRD"),
            promotion: id,
            by: who("carol"),
            reason: "seen".into(),
        };
        let place = place("PRD").to_string();
        story.world.act::<ServiceEnvironment>(&place, command).await;
        waiting
    };
    assert!(asked("1", strict(), "sam").await, "all authors are known by ids");
    assert!(
        !asked("1", strict(), &uuid.to_lowercase()).await,
        "the author by id"
    );
    assert!(asked("2", strict(), "sam").await, "as the domain reads ids");
    assert!(!asked("3", strict(), "sam").await, "the author is known by name");
    assert!(asked("3", loose(), "sam").await, "authors may approve");
    running.stop().await;
}

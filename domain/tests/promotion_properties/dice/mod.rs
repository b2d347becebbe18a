//! What happens, at random.

mod rules;

use std::collections::BTreeSet;

use opstella_domain::Environment;
use opstella_domain::EnvironmentSet;
use opstella_domain::access::ProjectRole;
use opstella_domain::evidence::{ReportKind, Severity};
use opstella_domain::policy::ApproverRole;
use opstella_domain::run::FailureClass;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::acts::{
    Act, COMPONENTS, CUSTOM, FINDINGS, Failing, Fate, GATES, PEOPLE, RELEASES, Report, RunAct, SUITES,
    ServiceAct,
};
use rules::{environments, roles, rules};

pub fn choices() -> impl Strategy<Value = EnvironmentSet> {
    (1u8..32).prop_map(|mask| {
        let all = Environment::all().enumerate();
        let chosen: Vec<_> = all.filter(|(i, _)| mask >> i & 1 == 1).map(|(_, e)| e).collect();
        EnvironmentSet::try_from(chosen).unwrap()
    })
}

/// The roles that people's tokens give.
pub fn people() -> impl Strategy<Value = Vec<BTreeSet<ApproverRole>>> {
    prop::collection::vec(roles(0), PEOPLE)
}

fn place() -> impl Strategy<Value = Index> {
    any::<Index>()
}

fn classes() -> impl Strategy<Value = FailureClass> {
    use FailureClass::{Permanent, Transient, Unauthorised};
    prop::sample::select(vec![Transient, Permanent, Permanent, Unauthorised])
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Done),
        1 => Just(Fate::Awaited),
        2 => (classes(), any::<bool>()).prop_map(|(class, effect)| Fate::Failed { class, effect }),
    ]
}

fn operators() -> impl Strategy<Value = RunAct> {
    let step = || prop::option::weighted(0.4, any::<Index>());
    prop_oneof![
        3 => (any::<Index>(), fates()).prop_map(|(piece, fate)| RunAct::Work { piece, fate }),
        6 => prop::collection::vec(fates(), 1..24).prop_map(|fates| RunAct::Drive { fates }),
        4 => Just(RunAct::Finish),
        1 => (any::<Index>(), 0u32..3).prop_map(|(step, attempt)| RunAct::Stale { step, attempt }),
        3 => step().prop_map(|step| RunAct::Retry { step }),
        3 => step().prop_map(|step| RunAct::Skip { step }),
        2 => Just(RunAct::Cancel),
        2 => Just(RunAct::Abandon),
        1 => Just(RunAct::Resume),
        1 => any::<Index>().prop_map(|tool| RunAct::LookAgain { tool }),
    ]
}

fn services() -> impl Strategy<Value = ServiceAct> {
    prop_oneof![
        3 => choices().prop_map(|environments| ServiceAct::Create { environments }),
        1 => (0..COMPONENTS.len()).prop_map(|component| ServiceAct::AddComponent { component }),
        2 => environments().prop_map(|environment| ServiceAct::AddEnvironment { environment }),
        1 => Just(ServiceAct::Decommission),
    ]
}

fn reports() -> impl Strategy<Value = Report> {
    let kinds = prop::sample::select(ReportKind::all().collect::<Vec<_>>());
    let severity = prop::sample::select(vec![Severity::Medium, Severity::High, Severity::Critical]);
    let found = prop::collection::vec((0..FINDINGS.len(), severity), 0..3);
    let words = (prop::bool::weighted(0.7), prop::bool::weighted(0.15));
    let suite = prop::option::weighted(0.3, 0..SUITES.len());
    let all = (kinds, found, words, environments(), 0i64..100, suite);
    all.prop_map(|(kind, found, (passed, fetched), of, age, suite)| Report {
        kind,
        found,
        passed,
        fetched,
        of,
        age,
        suite,
    })
}

/// About releases, and what is said of them.
fn about_releases() -> BoxedStrategy<Act> {
    let release = || 0..RELEASES;
    let who = || 0..PEOPLE;
    let finding = || prop::option::of(0..FINDINGS.len());
    let contents = || prop::array::uniform3(0usize..3);
    prop_oneof![
        3 => (release(), who(), prop::option::of(who()), 1u8..8, contents())
            .prop_map(|(release, by, with, of, contents)| Act::Register { release, by, with, of, contents }),
        2 => release().prop_map(|release| Act::Seal { release }),
        2 => (release(), 0..GATES.len(), finding(), 0i64..48, who())
            .prop_map(|(release, gate, finding, hours, by)| Act::Waive { release, gate, finding, hours, by }),
        1 => (release(), place()).prop_map(|(release, which)| Act::Revoke { release, which }),
        5 => (0..COMPONENTS.len(), 0usize..3, reports())
            .prop_map(|(component, contents, what)| Act::Report { component, contents, what }),
        1 => place().prop_map(|which| Act::ReportAgain { which }),
        1 => (0..CUSTOM.len(), prop::option::of(any::<bool>()))
            .prop_map(|(gate, open)| Act::Say { gate, open }),
    ]
    .boxed()
}

/// About promotions.
fn about_promotions() -> BoxedStrategy<Act> {
    let which = any::<Index>;
    let who = || 0..PEOPLE;
    let release = || 0..RELEASES;
    let answer = || (place(), which(), who());
    let usually = || prop::bool::weighted(0.8);
    let stuck = prop::option::weighted(0.5, 0usize..4);
    let failing = (0usize..24, classes(), any::<bool>(), stuck);
    let failing = failing.prop_map(|(after, class, effect, stuck_after)| Failing {
        after,
        class,
        effect,
        stuck_after,
    });
    let fails = prop::option::weighted(0.4, failing);
    prop_oneof![
        8 => (place(), release(), prop::bool::weighted(0.3), who(), usually(), any::<bool>())
            .prop_map(|(place, release, rollback, by, queue, change)| Act::Request { place, release, rollback, by, queue, change }),
        10 => place().prop_map(|place| Act::Evaluate { place }),
        8 => (answer(), usually()).prop_map(|((place, which, by), named)| Act::Approve { place, which, by, named }),
        1 => answer().prop_map(|(place, which, by)| Act::Reject { place, which, by }),
        1 => answer().prop_map(|(place, which, by)| Act::Cancel { place, which, by }),
        2 => answer().prop_map(|(place, which, by)| Act::Override { place, which, by }),
        3 => answer().prop_map(|(place, which, by)| Act::Confirm { place, which, by }),
        1 => (place(), any::<bool>()).prop_map(|(place, well)| Act::StaleEnd { place, well }),
        3 => (place(), 0u8..16, prop::bool::weighted(0.7), -10i64..100)
            .prop_map(|(place, wrong, healthy, ago)| Act::Observe { place, wrong, healthy, ago }),
        8 => (place(), release(), who(), fails).prop_map(|(place, release, by, fails)| Act::Push { place, release, by, fails }),
    ]
    .boxed()
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    let project_roles = || prop::sample::select(ProjectRole::all().collect::<Vec<_>>());
    let act = prop_oneof![
        15 => about_releases(),
        45 => about_promotions(),
        10 => (any::<Index>(), operators()).prop_map(|(which, what)| Act::Run { which, what }),
        3 => (place(), any::<bool>(), prop::bool::weighted(0.7), rules()).prop_map(|(place, project, tighten, rules)| {
            let rules = Box::new(rules);
            Act::SetPolicy { place, project, tighten, rules }
        }),
        2 => (0..PEOPLE, project_roles()).prop_map(|(member, role)| Act::Grant { member, role }),
        2 => (0..PEOPLE, project_roles()).prop_map(|(member, role)| Act::RevokeRole { member, role }),
        2 => (services(), 0..PEOPLE).prop_map(|(what, by)| Act::Service { what, by }),
        3 => prop_oneof![3 => 0i64..60, 1 => 0i64..5000].prop_map(|minutes| Act::Wait { minutes }),
        2 => (0usize..4, prop::collection::vec(0usize..32, 1..16)).prop_map(|(what, how)| Act::Beside { what, how }),
    ];
    prop::collection::vec(act, 0..70)
}

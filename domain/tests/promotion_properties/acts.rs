//! What may happen next in the world.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use opstella_domain::evidence::{ReportKind, Severity};
use opstella_domain::policy::{ApprovalRule, ApproverRole, Freeze, FreezeWindow, PolicyRules};
use opstella_domain::{Environment, EnvironmentSet};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::at;

pub const PEOPLE: usize = 5;
pub const RELEASES: usize = 4;
pub const COMPONENTS: [&str; 2] = ["api", "web"];
/// The gates that waivers are asked for; some cannot be waived.
pub const GATES: [&str; 6] = [
    "quality-gate",
    "no-critical-vulnerability",
    "dynamic-scan",
    "no-open-critical-finding",
    "approvals",
    "no-freeze",
];
pub const FINDINGS: [&str; 3] = ["CVE-1", "CVE-2", "CVE-3"];

#[derive(Debug, Clone, Copy)]
pub enum End {
    Well,
    Badly { changed: bool, left_behind: bool },
}

/// Places, people and promotions are picked among those that there are.
#[derive(Debug, Clone)]
pub enum Act {
    /// Images of a release: of which components, and with which contents.
    Register {
        release: usize,
        by: usize,
        of: u8,
        contents: [usize; 2],
    },
    Seal {
        release: usize,
    },
    Waive {
        release: usize,
        gate: usize,
        finding: Option<usize>,
        hours: i64,
        by: usize,
    },
    Revoke {
        release: usize,
        which: Index,
    },
    Report {
        component: usize,
        contents: usize,
        kind: ReportKind,
        found: Vec<(usize, Severity)>,
        of: Environment,
        age: i64,
    },
    /// One of the reports comes again.
    ReportAgain {
        which: Index,
    },
    SetPolicy {
        place: Index,
        project: bool,
        rules: Box<PolicyRules>,
    },
    Request {
        place: Index,
        release: usize,
        rollback: bool,
        by: usize,
        queue: bool,
        change: bool,
    },
    Evaluate {
        place: Index,
    },
    Approve {
        place: Index,
        which: Index,
        by: usize,
    },
    Reject {
        place: Index,
        which: Index,
        by: usize,
    },
    Cancel {
        place: Index,
        which: Index,
        by: usize,
    },
    Override {
        place: Index,
        which: Index,
        by: usize,
    },
    Confirm {
        place: Index,
        which: Index,
        by: usize,
    },
    End {
        place: Index,
        how: End,
        stale: bool,
    },
    Observe {
        place: Index,
        wrong: u8,
        healthy: bool,
        ago: i64,
    },
    Wait {
        minutes: i64,
    },
    /// People work together to bring a release into an environment.
    Push {
        place: Index,
        release: usize,
        by: usize,
        how: End,
    },
}

pub fn choices() -> impl Strategy<Value = EnvironmentSet> {
    (1u8..32).prop_map(|mask| {
        let all = Environment::all().enumerate();
        let chosen: Vec<_> = all.filter(|(i, _)| mask >> i & 1 == 1).map(|(_, e)| e).collect();
        EnvironmentSet::try_from(chosen).unwrap()
    })
}

fn roles(least: usize) -> impl Strategy<Value = BTreeSet<ApproverRole>> {
    use ApproverRole::{Approver, Owner, Security, Tester};
    prop::collection::btree_set(
        prop::sample::select(vec![Tester, Approver, Owner, Security]),
        least..4,
    )
}

pub fn people() -> impl Strategy<Value = Vec<BTreeSet<ApproverRole>>> {
    prop::collection::vec(roles(0), PEOPLE)
}

fn freezes() -> impl Strategy<Value = Vec<FreezeWindow>> {
    let window = (0i64..3000, 1i64..3000).prop_map(|(from, long)| {
        let from = at().naive_utc() + TimeDelta::minutes(from);
        FreezeWindow {
            name: "some days".into(),
            timezone: "UTC".parse().unwrap(),
            when: Freeze::Once {
                from,
                to: from + TimeDelta::minutes(long),
            },
        }
    });
    prop::collection::vec(window, 0..3)
}

fn rules() -> impl Strategy<Value = PolicyRules> {
    let rule = (roles(1), 1u8..3).prop_map(|(roles, people)| ApprovalRule { roles, people });
    let approvals = prop::collection::vec(rule, 0..3);
    let flags = prop::array::uniform5(prop::bool::weighted(0.4));
    let scan = prop::option::weighted(0.3, environments());
    let numbers = (
        prop::option::weighted(0.4, 0u32..3),
        prop::sample::select(vec![0u32, 0, 30, 120]),
        0u8..3,
    );
    (flags, numbers, scan, approvals, freezes()).prop_map(
        |(flags, (max_critical, soak_minutes, rollback), dynamic_scan, approvals, freezes)| {
            let [
                quality_gate,
                healthy_before,
                no_open_critical,
                independent_approvers,
                change_reference,
            ] = flags;
            PolicyRules {
                quality_gate,
                max_critical,
                healthy_before,
                dynamic_scan,
                no_open_critical,
                soak_minutes,
                rollback_approvals: if approvals.is_empty() { 0 } else { rollback },
                approvals,
                independent_approvers,
                change_reference,
                freezes,
                ..PolicyRules::default()
            }
        },
    )
}

fn environments() -> impl Strategy<Value = Environment> {
    prop::sample::select(Environment::all().collect::<Vec<_>>())
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Well),
        2 => any::<(bool, bool)>().prop_map(|(changed, left_behind)| End::Badly { changed, left_behind }),
    ]
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    let place = any::<Index>;
    let which = any::<Index>;
    let who = || 0..PEOPLE;
    let release = || 0..RELEASES;
    let kinds = prop::sample::select(ReportKind::all().collect::<Vec<_>>());
    let severity = prop::sample::select(vec![Severity::Medium, Severity::High, Severity::Critical]);
    let found = prop::collection::vec((0..FINDINGS.len(), severity), 0..3);
    let answer = || (place(), which(), who());
    let act = prop_oneof![
        3 => (release(), who(), 1u8..4, prop::array::uniform2(0usize..3))
            .prop_map(|(release, by, of, contents)| Act::Register { release, by, of, contents }),
        2 => release().prop_map(|release| Act::Seal { release }),
        2 => (release(), 0..GATES.len(), prop::option::of(0..FINDINGS.len()), 0i64..48, who())
            .prop_map(|(release, gate, finding, hours, by)| Act::Waive { release, gate, finding, hours, by }),
        1 => (release(), which()).prop_map(|(release, which)| Act::Revoke { release, which }),
        5 => (0..COMPONENTS.len(), 0usize..3, kinds, found, environments(), 0i64..100)
            .prop_map(|(component, contents, kind, found, of, age)| Act::Report { component, contents, kind, found, of, age }),
        1 => which().prop_map(|which| Act::ReportAgain { which }),
        3 => (place(), any::<bool>(), rules())
            .prop_map(|(place, project, rules)| Act::SetPolicy { place, project, rules: Box::new(rules) }),
        8 => (place(), release(), prop::bool::weighted(0.3), who(), prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(place, release, rollback, by, queue, change)| Act::Request { place, release, rollback, by, queue, change }),
        10 => place().prop_map(|place| Act::Evaluate { place }),
        8 => answer().prop_map(|(place, which, by)| Act::Approve { place, which, by }),
        1 => answer().prop_map(|(place, which, by)| Act::Reject { place, which, by }),
        1 => answer().prop_map(|(place, which, by)| Act::Cancel { place, which, by }),
        2 => answer().prop_map(|(place, which, by)| Act::Override { place, which, by }),
        3 => answer().prop_map(|(place, which, by)| Act::Confirm { place, which, by }),
        6 => (place(), ends(), prop::bool::weighted(0.2)).prop_map(|(place, how, stale)| Act::End { place, how, stale }),
        3 => (place(), 0u8..8, prop::bool::weighted(0.7), -10i64..100)
            .prop_map(|(place, wrong, healthy, ago)| Act::Observe { place, wrong, healthy, ago }),
        3 => prop_oneof![3 => 0i64..60, 1 => 0i64..5000].prop_map(|minutes| Act::Wait { minutes }),
        8 => (place(), release(), who(), ends()).prop_map(|(place, release, by, how)| Act::Push { place, release, by, how }),
    ];
    prop::collection::vec(act, 0..70)
}

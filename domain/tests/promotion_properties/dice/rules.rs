//! Random policies, of every rule.

use std::collections::BTreeSet;

use chrono::{NaiveTime, TimeDelta};
use opstella_domain::Environment;
use opstella_domain::policy::{
    ApprovalRule, ApproverRole, CustomGate, Freeze, FreezeWindow, PolicyRules, WeekTime,
};
use proptest::prelude::*;

use crate::acts::CUSTOM;
use crate::support::at;

pub fn roles(least: usize) -> impl Strategy<Value = BTreeSet<ApproverRole>> {
    use ApproverRole::{Approver, Owner, Security, Tester};
    prop::collection::btree_set(
        prop::sample::select(vec![Tester, Approver, Owner, Security]),
        least..4,
    )
}

pub fn environments() -> impl Strategy<Value = Environment> {
    prop::sample::select(Environment::all().collect::<Vec<_>>())
}

fn once() -> impl Strategy<Value = Freeze> {
    (0i64..3000, 1i64..3000).prop_map(|(from, long)| {
        let from = at().naive_utc() + TimeDelta::minutes(from);
        Freeze::Once {
            from,
            to: from + TimeDelta::minutes(long),
        }
    })
}

fn weekly() -> impl Strategy<Value = Freeze> {
    let time = || {
        (1u8..8, 0u32..24).prop_map(|(day, hour)| WeekTime {
            day,
            time: NaiveTime::from_hms_opt(hour, 0, 0).unwrap(),
        })
    };
    (time(), time())
        .prop_filter("an end that is not the beginning", |(from, to)| from != to)
        .prop_map(|(from, to)| Freeze::Weekly { from, to })
}

fn freezes() -> impl Strategy<Value = Vec<FreezeWindow>> {
    let window = prop_oneof![3 => once().boxed(), 1 => weekly().boxed()].prop_map(|when| FreezeWindow {
        name: "some days".into(),
        timezone: "UTC".parse().unwrap(),
        when,
    });
    prop::collection::vec(window, 0..3)
}

fn custom() -> impl Strategy<Value = Vec<CustomGate>> {
    let gates = CUSTOM.map(|name| CustomGate {
        name: name.strip_prefix("custom:").unwrap().into(),
        rego: "package opstella.gate".into(),
    });
    prop_oneof![3 => Just(vec![]), 1 => prop::sample::subsequence(gates.to_vec(), 0..3)]
}

/// A rule that is not here does not compile.
pub fn rules() -> impl Strategy<Value = PolicyRules> {
    let rule = (roles(1), 1u8..3).prop_map(|(roles, people)| ApprovalRule { roles, people });
    let approvals = prop::collection::vec(rule, 0..3);
    let flags = prop::array::uniform5(prop::bool::weighted(0.4));
    let reports = prop::array::uniform2(prop::bool::weighted(0.15));
    let scan = prop::option::weighted(0.3, environments());
    let numbers = (
        prop::option::weighted(0.4, 0u32..3),
        prop::option::weighted(0.2, 0u32..3),
        prop::sample::select(vec![0u32, 0, 30, 120]),
        0u8..3,
    );
    (flags, reports, numbers, scan, approvals, freezes(), custom()).prop_map(
        |(flags, [tests, sbom], numbers, dynamic_scan, approvals, freezes, custom)| {
            let [
                quality_gate,
                healthy_before,
                no_open_critical,
                independent_approvers,
                change_reference,
            ] = flags;
            let (max_critical, max_high, soak_minutes, rollback) = numbers;
            PolicyRules {
                quality_gate,
                tests,
                sbom,
                max_critical,
                max_high,
                healthy_before,
                dynamic_scan,
                also_scanned: [].into(),
                no_open_critical,
                soak_minutes,
                rollback_approvals: if approvals.is_empty() { 0 } else { rollback },
                approvals,
                independent_approvers,
                change_reference,
                freezes,
                custom,
            }
        },
    )
}

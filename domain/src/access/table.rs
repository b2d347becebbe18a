//! The one table of permissions: operation × role. The API asks nothing else, and neither do the commands.
//!
//! An operation is what `operationId` names in the API's description. An operation without a row is refused.

use strum::IntoStaticStr;

use super::role::Role::{
    Approver, Auditor, Ci, Developer, Owner, Person, PlatformAdmin, Security, Tester, Viewer,
};
use super::role::{Role, Roles};

/// Whether an operation changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Sort {
    /// It may.
    Command,
    /// It does not.
    Query,
}

/// Where a role has to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Scope {
    /// Nowhere: not even a token is needed.
    Open,
    /// In the platform.
    Platform,
    /// In the project that the operation is about. Who may not read that project is told that there is none.
    Project,
    /// In each project that the answer tells of: the answer is filtered, and is empty for who may read none.
    Each,
    /// In the project, where the request names one; else, these roles in the platform.
    Either(Roles),
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The operation's id.
    pub operation: &'static str,
    /// Whether it changes something.
    pub sort: Sort,
    /// Where a role has to be held.
    pub scope: Scope,
    /// The roles that may; one of them is enough.
    pub roles: Roles,
}

const fn command(operation: &'static str, scope: Scope, roles: &[Role]) -> Rule {
    Rule {
        operation,
        sort: Sort::Command,
        scope,
        roles: Roles::of(roles),
    }
}

const fn query(operation: &'static str, scope: Scope, roles: &[Role]) -> Rule {
    Rule {
        operation,
        sort: Sort::Query,
        scope,
        roles: Roles::of(roles),
    }
}

/// Who reads a project.
const READERS: &[Role] = &[
    PlatformAdmin,
    Security,
    Auditor,
    Owner,
    Developer,
    Tester,
    Approver,
    Viewer,
    Ci,
];
/// Who reads what is beyond all projects and inside of nobody's.
const OVERSEERS: &[Role] = &[PlatformAdmin, Security, Auditor];
/// Who reads what everybody needs to work.
const EVERYBODY: &[Role] = &[PlatformAdmin, Security, Auditor, Person];
/// Who moves releases.
const MOVERS: &[Role] = &[PlatformAdmin, Owner, Developer, Approver];
/// Who builds.
const BUILDERS: &[Role] = &[PlatformAdmin, Owner, Developer];
/// Who registers what was built, and what reports say of it: machines. A person could put a report of their own in the
/// place of the pipeline's.
const REGISTRARS: &[Role] = &[PlatformAdmin, Ci];
/// Who says that a release is complete: people know which components it goes without.
const SEALERS: &[Role] = &[PlatformAdmin, Owner, Developer, Ci];
/// Who answers for a project.
const ANSWERABLE: &[Role] = &[PlatformAdmin, Owner];
/// Who reads what those that answer for a project set up.
const SETUP_READERS: &[Role] = &[PlatformAdmin, Owner, Security, Auditor];
/// Who may say yes or no to a promotion. Separation of duty: a platform admin may not, as such; which approval counts for
/// which rule the domain decides.
const JUDGES: &[Role] = &[Security, Owner, Tester, Approver];
/// What takes a person, whatever roles a machine was given: four eyes are people's.
const PEOPLES: &[&str] = &[
    "Approve",
    "Reject",
    "GrantWaiver",
    "RevokeWaiver",
    "OverrideFreeze",
    "ConfirmFreezeOverride",
];

/// Every operation.
pub const TABLE: &[Rule] = &[
    // Projects and members. Who may create projects is narrowed by `access.create_project`.
    command("CreateProject", Scope::Platform, &[PlatformAdmin, Person]),
    query("ListProjects", Scope::Each, READERS),
    query("GetProject", Scope::Project, READERS),
    command("GrantRole", Scope::Project, ANSWERABLE),
    command("RevokeRole", Scope::Project, ANSWERABLE),
    query("ListMembers", Scope::Project, READERS),
    // Services.
    command("CreateService", Scope::Project, BUILDERS),
    command("AddComponent", Scope::Project, BUILDERS),
    command("AddEnvironment", Scope::Project, BUILDERS),
    command("DecommissionService", Scope::Project, ANSWERABLE),
    query("ListServices", Scope::Project, READERS),
    query("GetService", Scope::Project, READERS),
    // Runs.
    query("ListRuns", Scope::Each, READERS),
    query("GetRun", Scope::Project, READERS),
    query("StreamRunEvents", Scope::Project, READERS),
    command("RetryStep", Scope::Project, ANSWERABLE),
    command("SkipStep", Scope::Project, ANSWERABLE),
    command("CancelRun", Scope::Project, ANSWERABLE),
    command("AbandonRun", Scope::Project, ANSWERABLE),
    // Templates and tools.
    command("RegisterTemplate", Scope::Platform, &[PlatformAdmin]),
    query("ListTemplates", Scope::Platform, EVERYBODY),
    query("GetTemplate", Scope::Platform, EVERYBODY),
    query("GetTemplateVersion", Scope::Platform, EVERYBODY),
    command("ConnectTool", Scope::Platform, &[PlatformAdmin]),
    query("ListTools", Scope::Platform, OVERSEERS),
    query("GetTool", Scope::Platform, OVERSEERS),
    query("GetToolHealth", Scope::Platform, OVERSEERS),
    // What happened. Events of no project are for those who oversee the platform.
    query("ListEvents", Scope::Each, READERS),
    query("GetEvent", Scope::Each, READERS),
    query("StreamEvents", Scope::Each, READERS),
    // Releases and evidence.
    command("RegisterRelease", Scope::Project, REGISTRARS),
    command("SealRelease", Scope::Project, SEALERS),
    command("AddEvidence", Scope::Project, REGISTRARS),
    query("GetRelease", Scope::Project, READERS),
    query("ListEvidence", Scope::Project, READERS),
    query("GetReport", Scope::Project, READERS),
    query("ListReleases", Scope::Project, READERS),
    // Promotion.
    query("CheckPromotion", Scope::Project, READERS),
    command("PromoteToDev", Scope::Project, MOVERS),
    command("PromoteToSit", Scope::Project, MOVERS),
    command("PromoteToUat", Scope::Project, MOVERS),
    command("PromoteToPre", Scope::Project, MOVERS),
    command("PromoteToPrd", Scope::Project, MOVERS),
    command("Rollback", Scope::Project, MOVERS),
    command("CancelPromotion", Scope::Project, MOVERS),
    command("Approve", Scope::Project, JUDGES),
    command("Reject", Scope::Project, JUDGES),
    query("GetPromotion", Scope::Project, READERS),
    query("ListPromotions", Scope::Each, READERS),
    query("ListApprovals", Scope::Each, READERS),
    query("GetMatrix", Scope::Each, READERS),
    query("GetEnvironmentHistory", Scope::Project, READERS),
    query("GetDeliveryMetrics", Scope::Each, READERS),
    // Policies. Waivers are security's alone (separation of duty).
    command("GrantWaiver", Scope::Project, &[Security]),
    command("RevokeWaiver", Scope::Project, &[Security]),
    command("SetPolicy", Scope::Platform, &[PlatformAdmin]),
    query("GetPolicy", Scope::Platform, EVERYBODY),
    command("SetProjectPolicy", Scope::Project, &[PlatformAdmin, Security]),
    query("GetProjectPolicy", Scope::Project, READERS),
    command("OverrideFreeze", Scope::Project, &[PlatformAdmin]),
    command("ConfirmFreezeOverride", Scope::Project, &[PlatformAdmin]),
    // Notifications.
    query("ListSubscriptions", either(OVERSEERS), SETUP_READERS),
    query("GetSubscription", either(OVERSEERS), SETUP_READERS),
    command("CreateSubscription", either(&[PlatformAdmin]), ANSWERABLE),
    command("ChangeSubscription", either(&[PlatformAdmin]), ANSWERABLE),
    command("EnableSubscription", either(&[PlatformAdmin]), ANSWERABLE),
    command("DisableSubscription", either(&[PlatformAdmin]), ANSWERABLE),
    command("RotateSubscriptionSecret", either(&[PlatformAdmin]), ANSWERABLE),
    command("PingSubscription", either(&[PlatformAdmin]), ANSWERABLE),
    command("DeleteSubscription", either(&[PlatformAdmin]), ANSWERABLE),
    query("ListDeliveries", either(OVERSEERS), SETUP_READERS),
    query("ListDeadLetters", either(OVERSEERS), SETUP_READERS),
    command("ReplayDeadLetter", either(&[PlatformAdmin]), ANSWERABLE),
    command("ReplayDeadLetters", either(&[PlatformAdmin]), ANSWERABLE),
    // What tools send. They sign it: no token is looked at, and nobody's role.
    command("ReceiveSonarqubeWebhook", Scope::Open, &[]),
    command("ReceiveGitlabWebhook", Scope::Open, &[]),
    command("ReceiveArgocdWebhook", Scope::Open, &[]),
    // Signing in and out with a browser: the session's cookie is what counts.
    query("BeginSignIn", Scope::Open, &[]),
    query("FinishSignIn", Scope::Open, &[]),
    query("GetSession", Scope::Open, &[]),
    command("SignOut", Scope::Open, &[]),
    command("ClearSession", Scope::Open, &[]),
    query("ClearSessionByLink", Scope::Open, &[]),
    command("BackChannelLogout", Scope::Open, &[]),
    // Probes.
    query("GetHealth", Scope::Open, &[]),
    query("GetReadiness", Scope::Open, &[]),
    query("GetMetrics", Scope::Open, &[]),
];

const fn either(platform: &[Role]) -> Scope {
    Scope::Either(Roles::of(platform))
}

/// What an operation needs so that a project is not hidden.
const READING: Roles = Roles::of(READERS);

/// Whether one of these roles, held in a project, lets its holder know that it is there.
pub fn reads(roles: Roles) -> bool {
    roles.meets(READING)
}

/// Whether one of these roles reads what concerns no project, and every project.
pub fn oversees(roles: Roles) -> bool {
    roles.meets(Roles::of(OVERSEERS))
}

/// Whether an operation takes a person.
pub fn takes_a_person(operation: &str) -> bool {
    PEOPLES.contains(&operation)
}

/// The row of an operation.
pub fn rule(operation: &str) -> Option<&'static Rule> {
    TABLE.iter().find(|rule| rule.operation == operation)
}

impl Rule {
    /// The roles that may, in a project or in the platform.
    pub fn needed(&self, in_project: bool) -> Roles {
        match self.scope {
            Scope::Either(platform) if !in_project => platform,
            _ => self.roles,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_one_row() {
        let names: BTreeSet<_> = TABLE.iter().map(|rule| rule.operation).collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(rule("CreateService").is_some());
        assert!(rule("createService").is_none());
    }

    #[test]
    fn auditors_and_viewers_change_nothing_and_ci_registers_only() {
        for rule in TABLE.iter().filter(|rule| rule.sort == Sort::Command) {
            for in_project in [true, false] {
                let needed = rule.needed(in_project);
                assert!(!needed.has(Auditor) && !needed.has(Viewer), "{}", rule.operation);
                let registers = ["RegisterRelease", "SealRelease", "AddEvidence"].contains(&rule.operation);
                assert_eq!(
                    needed.has(Ci) && in_project,
                    registers && in_project,
                    "{}",
                    rule.operation
                );
            }
        }
    }

    #[test]
    fn only_machines_register_releases_and_evidence() {
        for operation in ["RegisterRelease", "AddEvidence"] {
            let held: Vec<_> = rule(operation).unwrap().roles.iter().collect();
            assert_eq!(held, [PlatformAdmin, Ci], "{operation}");
        }
    }

    #[test]
    fn auditors_and_security_read_everything() {
        for rule in TABLE.iter().filter(|rule| rule.sort == Sort::Query) {
            for in_project in [true, false] {
                let needed = rule.needed(in_project);
                let all = needed.has(Auditor) && needed.has(Security) && needed.has(PlatformAdmin);
                assert!(all || rule.scope == Scope::Open, "{}", rule.operation);
            }
        }
    }

    #[test]
    fn platform_admins_do_everything_but_what_separation_of_duty_keeps_from_them() {
        let kept: Vec<_> = TABLE
            .iter()
            .filter(|rule| rule.scope != Scope::Open && !rule.roles.has(PlatformAdmin))
            .map(|rule| rule.operation)
            .collect();
        assert_eq!(kept, ["Approve", "Reject", "GrantWaiver", "RevokeWaiver"]);
    }

    #[test]
    fn what_takes_a_person_is_in_the_table_and_has_all_that_separation_of_duty_is_about() {
        for operation in PEOPLES {
            assert!(
                rule(operation).is_some_and(|rule| rule.sort == Sort::Command),
                "{operation}"
            );
        }
        let kept = TABLE
            .iter()
            .filter(|rule| rule.scope != Scope::Open && !rule.roles.has(PlatformAdmin));
        assert!(kept.into_iter().all(|rule| takes_a_person(rule.operation)));
        assert!(!takes_a_person("RegisterRelease"));
    }

    #[test]
    fn who_may_do_something_in_a_project_may_read_it() {
        for rule in TABLE.iter().filter(|rule| rule.scope != Scope::Open) {
            for role in rule.roles.iter().filter(|role| *role != Person) {
                assert!(reads(Roles::of(&[role])), "{}: {role}", rule.operation);
            }
        }
        assert!(!reads(Roles::of(&[Person])));
    }
}

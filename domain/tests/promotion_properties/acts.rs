//! What may happen next in the world.

use opstella_domain::access::ProjectRole;
use opstella_domain::evidence::{ReportKind, Severity};
use opstella_domain::policy::PolicyRules;
use opstella_domain::run::FailureClass;
use opstella_domain::{Environment, EnvironmentSet};
use proptest::sample::Index;

pub const PEOPLE: usize = 5;
pub const RELEASES: usize = 4;
/// The service begins with the first two; the third may be added.
pub const COMPONENTS: [&str; 3] = ["api", "web", "job"];
pub const AT_FIRST: usize = 2;
/// Gates in Rego that policies may ask for.
pub const CUSTOM: [&str; 2] = ["custom:odd", "custom:even"];
/// The gates that waivers are asked for; some cannot be waived.
pub const GATES: [&str; 12] = [
    "quality-gate",
    "tests-passed",
    "bill-of-materials",
    "no-critical-vulnerability",
    "no-high-vulnerability",
    "healthy-before",
    "dynamic-scan",
    "no-open-critical-finding",
    "soaked",
    "custom:odd",
    "approvals",
    "no-freeze",
];
/// What pipelines call one of several reports of a kind.
pub const SUITES: [&str; 2] = ["unit", "e2e"];
pub const FINDINGS: [&str; 3] = ["CVE-1", "CVE-2", "CVE-3"];

/// What becomes of one piece of a run's work.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    Done,
    /// It is under way in the tool.
    Awaited,
    /// It failed, after or before it had its effect.
    Failed {
        class: FailureClass,
        effect: bool,
    },
}

/// How the last run of people who work together fails: after so many pieces of its work.
#[derive(Debug, Clone, Copy)]
pub struct Failing {
    pub after: usize,
    pub class: FailureClass,
    pub effect: bool,
    /// So many pieces of the way back go well, then one fails, and an operator has to see to it.
    pub stuck_after: Option<usize>,
}

/// What happens to a run. Steps are picked among all of its plan; none is the one that it is stuck on.
#[derive(Debug, Clone)]
pub enum RunAct {
    /// One piece of what it may do now.
    Work {
        piece: Index,
        fate: Fate,
    },
    /// One piece after the other, while the fates last.
    Drive {
        fates: Vec<Fate>,
    },
    /// All that is left, well, until it ends or waits for an operator.
    Finish,
    /// A report of a try that is not the current one.
    Stale {
        step: Index,
        attempt: u32,
    },
    Retry {
        step: Option<Index>,
    },
    Skip {
        step: Option<Index>,
    },
    Cancel,
    Abandon,
    /// A new process takes over.
    Resume,
    /// A tool says that something happened.
    LookAgain {
        tool: Index,
    },
}

/// What somebody asks of the service as a whole.
#[derive(Debug, Clone)]
pub enum ServiceAct {
    Create { environments: EnvironmentSet },
    AddComponent { component: usize },
    AddEnvironment { environment: Environment },
    Decommission,
}

/// Places, people, runs and promotions are picked among those that there are.
#[derive(Debug, Clone)]
pub enum Act {
    /// Images of a release: of which components, and with which contents. Its second author is known by another name.
    Register {
        release: usize,
        by: usize,
        with: Option<usize>,
        of: u8,
        contents: [usize; 3],
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
        what: Report,
    },
    /// One of the reports comes again.
    ReportAgain {
        which: Index,
    },
    /// What a gate in Rego says from now on; nothing, where it cannot be looked at.
    Say {
        gate: usize,
        open: Option<bool>,
    },
    /// `tighten`: the rules are made at least as strict as the platform's.
    SetPolicy {
        place: Index,
        project: bool,
        tighten: bool,
        rules: Box<PolicyRules>,
    },
    Grant {
        member: usize,
        role: ProjectRole,
    },
    RevokeRole {
        member: usize,
        role: ProjectRole,
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
        /// Whether the token says under which name others know them.
        named: bool,
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
    /// The end of a run that is not the one in flight.
    StaleEnd {
        place: Index,
        well: bool,
    },
    Run {
        which: Index,
        what: RunAct,
    },
    Service {
        what: ServiceAct,
        by: usize,
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
        fails: Option<Failing>,
    },
    /// Something beside: of tools, templates, subscriptions, signing in.
    Beside {
        what: usize,
        how: Vec<usize>,
    },
}

/// A report on an image.
#[derive(Debug, Clone)]
pub struct Report {
    pub kind: ReportKind,
    pub found: Vec<(usize, Severity)>,
    /// What it comes to by its own rules, whatever was found.
    pub passed: bool,
    /// Whether the tool itself told it.
    pub fetched: bool,
    pub of: Environment,
    pub age: i64,
    /// Of which suite, where there may be several of its kind.
    pub suite: Option<usize>,
}

//! The views of delivery for people.

use crate::DashboardView;

/// The four metrics by week, and by what else. Medians of services cannot be put together to the median of a project:
/// each is reckoned from the changes and recoveries themselves. What was delivered has a deployment in the same week.
macro_rules! weeks {
    ($by:literal) => {
        concat!(
            "SELECT ",
            $by,
            "week, coalesce(d.attempts, 0), coalesce(d.deployments, 0), coalesce(d.failures, 0), \
             c.lead, coalesce(r.recoveries, 0), r.recovery FROM (SELECT ",
            $by,
            "week, count(*) AS attempts, count(*) FILTER (WHERE outcome = 'completed') AS deployments, \
             count(*) FILTER (WHERE outcome <> 'completed' OR troubled) AS failures \
             FROM deployments WHERE environment = 'PRD' AND kind = 'promote' AND outcome <> 'unchanged' GROUP BY ",
            $by,
            "week) d LEFT JOIN (SELECT ",
            $by,
            "week, percentile_cont(0.5) WITHIN GROUP (ORDER BY lead_seconds) AS lead \
             FROM delivered_changes WHERE environment = 'PRD' GROUP BY ",
            $by,
            "week) c USING (",
            $by,
            "week) FULL JOIN (SELECT ",
            $by,
            "week, count(*) AS recoveries, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS recovery \
             FROM recoveries WHERE environment = 'PRD' GROUP BY ",
            $by,
            "week) r USING (",
            $by,
            "week)"
        )
    };
}

const PROJECT: (&str, &str) = ("project", "Slug of the project");
const WEEK: (&str, &str) = ("week", "The Monday of the week (ISO 8601, UTC)");
const ATTEMPTS: (&str, &str) = ("attempts", "Promotions forward that changed PRD");
const DEPLOYMENTS: (&str, &str) = ("deployments", "Those of them that were completed");
const FAILURES: (&str, &str) = (
    "failures",
    "Those that were rolled back, left something behind, or were completed and then degraded or taken back",
);
const LEAD: (&str, &str) = (
    "lead_p50_seconds",
    "Median lead time of the changes that were delivered; empty without any",
);
const RECOVERIES: (&str, &str) = ("recoveries", "How often it was well again");
const RECOVERY: (&str, &str) = ("recovery_p50_seconds", "Median failed deployment recovery time");

pub(super) const VIEWS: &[DashboardView] = &[
    DashboardView {
        name: "deployments",
        comment: "Every deployment that is over, into any environment",
        columns: &[
            ("promotion_id", "The promotion that it was part of"),
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "Into which environment"),
            ("release", "Which release"),
            ("kind", "promote, or rollback to a release that was there before"),
            (
                "outcome",
                "completed; rolled-back: what ran before is back; failed: something may be left behind; unchanged: it \
                 ended before anything was changed, and counts for nothing",
            ),
            (
                "troubled",
                "Whether it was completed, and then degraded or taken back by a rollback",
            ),
            ("finished_at", "When it was over"),
            ("week", "The Monday of that week, UTC"),
            (
                "lead_seconds",
                "Longest lead time of the changes that came with it for the first time; empty without any",
            ),
            ("changes", "How many changes came with it for the first time"),
        ],
        query: "SELECT d.promotion_id, d.project, d.service, d.environment, d.release, d.kind, d.outcome, d.troubled, \
                d.finished_at, d.week, c.lead, c.changes FROM deployments d CROSS JOIN LATERAL \
                (SELECT max(c.lead_seconds) AS lead, count(*) AS changes FROM delivered_changes c \
                 WHERE c.promotion_id = d.promotion_id) c",
    },
    DashboardView {
        name: "delivered_changes",
        comment: "Every change that came to an environment: a commit of a component, with the first deployment that had \
                  it. Going back ships no changes",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "To which environment"),
            ("component", "Of which component"),
            ("commit", "The commit"),
            (
                "first_release",
                "The first release that has it; what was deployed may be a later one",
            ),
            ("promotion_id", "The promotion that brought it"),
            ("committed_at", "When it was committed, as CI says"),
            ("registered_at", "When that first release was registered"),
            ("delivered_at", "When the promotion was completed"),
            ("week", "The Monday of that week, UTC"),
            (
                "lead_seconds",
                "From its commit, else from that registration, to its delivery",
            ),
        ],
        query: "SELECT c.project, c.service, c.environment, c.component, c.commit, c.version, c.promotion_id, \
                c.committed_at, c.registered_at, c.delivered_at, c.week, c.lead_seconds FROM delivered_changes c",
    },
    DashboardView {
        name: "recoveries",
        comment: "Every time that an environment was well again after a deployment that failed, or ill health",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "Which environment"),
            (
                "down_since",
                "When the deployment began that did not succeed, or what runs fell ill; of a release that was taken back \
                 and never fell ill, when it came",
            ),
            (
                "recovered_at",
                "When what ran before was back, what runs was healthy again, or the next deployment was completed",
            ),
            ("week", "The Monday of the week of the recovery, UTC"),
            ("seconds", "How long it took"),
        ],
        query: "SELECT r.project, r.service, r.environment, r.down_since, r.recovered_at, r.week, r.seconds \
                FROM recoveries r",
    },
    DashboardView {
        name: "delivery_weeks",
        comment: "DORA's metrics of PRD by service and week (https://dora.dev/guides/dora-metrics/); weeks without a \
                  deployment or recovery have no row",
        columns: &[
            PROJECT,
            ("service", "Name of the service"),
            WEEK,
            ATTEMPTS,
            DEPLOYMENTS,
            FAILURES,
            LEAD,
            RECOVERIES,
            RECOVERY,
        ],
        query: weeks!("project, service, "),
    },
    DashboardView {
        name: "delivery_weeks_by_project",
        comment: "DORA's metrics of PRD by project and week; weeks without a deployment or recovery have no row",
        columns: &[
            PROJECT,
            WEEK,
            ATTEMPTS,
            DEPLOYMENTS,
            FAILURES,
            LEAD,
            RECOVERIES,
            RECOVERY,
        ],
        query: weeks!("project, "),
    },
    DashboardView {
        name: "delivery_weeks_by_platform",
        comment: "DORA's metrics of PRD by week, of all projects together; weeks without a deployment or recovery have \
                  no row",
        columns: &[WEEK, ATTEMPTS, DEPLOYMENTS, FAILURES, LEAD, RECOVERIES, RECOVERY],
        query: weeks!(""),
    },
];

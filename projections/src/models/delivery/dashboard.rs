//! The views of delivery for people.

use crate::DashboardView;

/// The four metrics by week, and by what else. Medians of services cannot be put together to the median of a project:
/// each is reckoned from the deployments themselves.
macro_rules! weeks {
    ($by:literal, $shown:literal, $same:literal) => {
        concat!(
            "SELECT ",
            $shown,
            "coalesce(d.week, r.week), coalesce(d.attempts, 0), coalesce(d.deployments, 0), coalesce(d.failures, 0), \
             d.lead, coalesce(r.recoveries, 0), r.recovery FROM (SELECT ",
            $by,
            "week, count(*) AS attempts, count(*) FILTER (WHERE outcome = 'completed') AS deployments, \
             count(*) FILTER (WHERE outcome <> 'completed' OR troubled) AS failures, \
             percentile_cont(0.5) WITHIN GROUP (ORDER BY lead_seconds) AS lead \
             FROM deployments WHERE environment = 'PRD' AND kind = 'promote' AND outcome <> 'unchanged' GROUP BY ",
            $by,
            "week) d FULL JOIN (SELECT ",
            $by,
            "week, count(*) AS recoveries, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS recovery \
             FROM recoveries WHERE environment = 'PRD' GROUP BY ",
            $by,
            "week) r ON ",
            $same,
            "r.week = d.week"
        )
    };
}

const PROJECT: (&str, &str) = ("project", "Slug of the project");
const WEEK: (&str, &str) = ("week", "The Monday of the week, UTC");
const ATTEMPTS: (&str, &str) = ("attempts", "Promotions forward that changed PRD");
const DEPLOYMENTS: (&str, &str) = ("deployments", "Those of them that were completed");
const FAILURES: (&str, &str) = (
    "failures",
    "Those that were rolled back, left something behind, or were completed and then degraded or taken back",
);
const LEAD: (&str, &str) = ("lead_p50_seconds", "Median lead time for changes");
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
                "From the first commit that is new in the release, else from its registration, of a completed promotion forward",
            ),
        ],
        query: "SELECT d.promotion_id, d.project, d.service, d.environment, d.release, d.kind, d.outcome, d.troubled, \
                d.finished_at, d.week, d.lead_seconds FROM deployments d",
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
        query: weeks!(
            "project, service, ",
            "coalesce(d.project, r.project), coalesce(d.service, r.service), ",
            "r.project = d.project AND r.service = d.service AND "
        ),
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
        query: weeks!(
            "project, ",
            "coalesce(d.project, r.project), ",
            "r.project = d.project AND "
        ),
    },
    DashboardView {
        name: "delivery_weeks_by_platform",
        comment: "DORA's metrics of PRD by week, of all projects together; weeks without a deployment or recovery have \
                  no row",
        columns: &[WEEK, ATTEMPTS, DEPLOYMENTS, FAILURES, LEAD, RECOVERIES, RECOVERY],
        query: weeks!("", "", ""),
    },
];

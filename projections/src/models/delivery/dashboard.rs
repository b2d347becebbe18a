//! The views of delivery for people.

use crate::DashboardView;

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
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("week", "The Monday of the week, UTC"),
            ("attempts", "Promotions forward that changed PRD"),
            ("deployments", "Those of them that were completed"),
            (
                "failures",
                "Those that were rolled back, left something behind, or were completed and then degraded or taken back",
            ),
            ("lead_p50_seconds", "Median lead time for changes"),
            ("recoveries", "How often it was well again"),
            ("recovery_p50_seconds", "Median failed deployment recovery time"),
        ],
        query: "SELECT coalesce(d.project, r.project), coalesce(d.service, r.service), coalesce(d.week, r.week), \
                coalesce(d.attempts, 0), coalesce(d.deployments, 0), coalesce(d.failures, 0), d.lead, \
                coalesce(r.recoveries, 0), r.recovery \
                FROM (SELECT project, service, week, count(*) AS attempts, \
                      count(*) FILTER (WHERE outcome = 'completed') AS deployments, \
                      count(*) FILTER (WHERE outcome <> 'completed' OR troubled) AS failures, \
                      percentile_cont(0.5) WITHIN GROUP (ORDER BY lead_seconds) AS lead \
                      FROM deployments WHERE environment = 'PRD' AND kind = 'promote' AND outcome <> 'unchanged' \
                      GROUP BY project, service, week) d \
                FULL JOIN (SELECT project, service, week, count(*) AS recoveries, \
                           percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS recovery \
                           FROM recoveries WHERE environment = 'PRD' GROUP BY project, service, week) r \
                ON r.project = d.project AND r.service = d.service AND r.week = d.week",
    },
];

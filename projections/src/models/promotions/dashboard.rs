//! The promotions' views for people.

use crate::DashboardView;

/// What became of promotions, the end of a query; [`with_course`] has its columns. Whether what one brought runs, and when
/// the next one that was completed replaced it, is as the queries tell.
macro_rules! course {
    () => {
        "p.requester, p.change_reference, jsonb_array_length(p.approvals), p.run_id, p.cause, p.left_behind, p.back_to, \
         p.ended_by, p.requested_at, p.started_at, p.finished_at, \
         EXISTS (SELECT FROM environments e WHERE e.project = p.project AND e.service = p.service \
         AND e.environment = p.environment AND e.promotion_id = p.id AND e.present), \
         CASE WHEN p.state = 'completed' THEN (SELECT n.finished_at FROM promotions n \
         WHERE n.project = p.project AND n.service = p.service AND n.environment = p.environment \
         AND n.state = 'completed' AND n.finished_at IS NOT NULL \
         AND (n.end_transaction_id, n.end_position) > (p.end_transaction_id, p.end_position) \
         ORDER BY n.end_transaction_id, n.end_position LIMIT 1) END FROM promotions p"
    };
}

/// These columns, and those of [`course`].
macro_rules! with_course {
    ($($column:expr),* $(,)?) => {
        &[
            $($column,)*
            REQUESTER,
            CHANGE,
            APPROVALS,
            RUN,
            CAUSE,
            LEFT_BEHIND,
            BACK_TO,
            ENDED_BY,
            REQUESTED_AT,
            STARTED_AT,
            FINISHED_AT,
            RUNNING,
            REPLACED_AT,
        ]
    };
}

/// The environment's place in the order of promotion.
macro_rules! ordinal {
    () => {
        "(SELECT e.ordinal FROM environments e WHERE e.project = p.project AND e.service = p.service \
         AND e.environment = p.environment)"
    };
}

const PROMOTION: (&str, &str) = ("promotion_id", "Id of the promotion");
const PROJECT: (&str, &str) = ("project", "Slug of the project");
const SERVICE: (&str, &str) = ("service", "Name of the service");
const RELEASE: (&str, &str) = ("release", "Which release");
const ORDER: (&str, &str) = ("promotion_order", "0 for DEV to 4 for PRD");
const KIND: (&str, &str) = ("kind", "promote, or rollback to a release that was there before");
const REQUESTER: (&str, &str) = ("requester", "Who asked");
const CHANGE: (&str, &str) = ("change_reference", "The change that it belongs to");
const APPROVALS: (&str, &str) = ("approvals", "How many approvals count");
const RUN: (&str, &str) = ("run_id", "The run that carries the release");
const CAUSE: (&str, &str) = ("cause", "Why it failed, was rolled back, rejected or cancelled");
const LEFT_BEHIND: (&str, &str) = ("left_behind", "Whether an operator gave up on undoing some of it");
const BACK_TO: (&str, &str) = (
    "back_to",
    "The release that runs again, of one that was rolled back; empty where nothing ran before",
);
const ENDED_BY: (&str, &str) = ("ended_by", "Who rejected or cancelled it");
const REQUESTED_AT: (&str, &str) = ("requested_at", "When it was asked for");
const STARTED_AT: (&str, &str) = ("started_at", "When its deployment started");
const FINISHED_AT: (&str, &str) = ("finished_at", "When it was over");
const RUNNING: (&str, &str) = ("running", "Whether the environment runs what it brought");
const REPLACED_AT: (&str, &str) = (
    "replaced_at",
    "When the next promotion that was completed replaced what it brought",
);

pub(super) const VIEWS: &[DashboardView] = &[
    DashboardView {
        name: "environment_matrix",
        comment: "What runs in each environment of each service",
        columns: &[
            PROJECT,
            SERVICE,
            ("environment", "DEV, SIT, UAT, PRE or PRD"),
            ORDER,
            ("release", "What runs there; empty for nothing"),
            ("since", "Since when"),
            ("promotion_id", "The promotion that brought it"),
            ("health", "healthy or degraded"),
            (
                "drifted",
                "Whether something runs there that no promotion brought",
            ),
            ("drift_since", "Since when"),
            ("in_flight", "The promotion in flight"),
            ("in_flight_release", "Which release it carries"),
            ("in_flight_state", "blocked, waiting or deploying"),
            ("waiting", "How many promotions wait for it"),
        ],
        query: "SELECT e.project, e.service, e.environment, e.ordinal, e.release, e.since, e.promotion_id, e.health, \
                e.drift IS NOT NULL, e.drift_since, e.in_flight_id, e.in_flight_release, e.in_flight_state, e.waiting \
                FROM environments e WHERE e.present",
    },
    DashboardView {
        name: "promotions",
        comment: "Every promotion: one release on its way into one environment of a service",
        columns: &[
            PROMOTION,
            PROJECT,
            SERVICE,
            ("environment", "Into which environment"),
            KIND,
            RELEASE,
            REQUESTER,
            CHANGE,
            (
                "state",
                "queued, blocked, waiting, deploying, completed, rejected, cancelled, failed or rolled-back",
            ),
            APPROVALS,
            ("approvals_voided", "How many approvals were voided"),
            (
                "freeze_overridden",
                "Whether two people have overridden a freeze for it",
            ),
            RUN,
            CAUSE,
            ENDED_BY,
            REQUESTED_AT,
            STARTED_AT,
            FINISHED_AT,
        ],
        query: "SELECT p.id, p.project, p.service, p.environment, p.kind, p.release, p.requester, p.change_reference, \
                p.state, jsonb_array_length(p.approvals), p.approvals_voided, \
                coalesce(p.freeze_override->>'confirmed_by' IS NOT NULL, false), p.run_id, p.cause, p.ended_by, \
                p.requested_at, p.started_at, p.finished_at FROM promotions p",
    },
    DashboardView {
        name: "release_journey",
        comment: "The way of each release through the environments: its promotions, with those that are not over. The \
                  evidence of its images is in release_evidence",
        columns: with_course![
            PROJECT,
            SERVICE,
            RELEASE,
            PROMOTION,
            ("environment", "Into which environment"),
            ORDER,
            KIND,
            (
                "state",
                "queued, blocked, waiting, deploying, completed, rejected, cancelled, failed or rolled-back",
            ),
        ],
        query: concat!(
            "SELECT p.project, p.service, p.release, p.id, p.environment, ",
            ordinal!(),
            ", p.kind, p.state, ",
            course!()
        ),
    },
    DashboardView {
        name: "environment_history",
        comment: "What came, or was to come, into each environment of each service: promotions that are over",
        columns: with_course![
            PROJECT,
            SERVICE,
            ("environment", "Which environment"),
            ORDER,
            PROMOTION,
            KIND,
            RELEASE,
            ("state", "completed, rejected, cancelled, failed or rolled-back"),
        ],
        query: concat!(
            "SELECT p.project, p.service, p.environment, ",
            ordinal!(),
            ", p.id, p.kind, p.release, p.state, ",
            course!(),
            " WHERE p.finished_at IS NOT NULL"
        ),
    },
    DashboardView {
        name: "promotion_gates",
        comment: "Every gate of every promotion, as it was last looked at",
        columns: &[
            PROMOTION,
            PROJECT,
            SERVICE,
            ("environment", "Into which environment"),
            RELEASE,
            ("gate", "Which gate"),
            ("verdict", "passed, waived, waiting or failed"),
            ("reason", "Why"),
            ("remedy", "What would open it"),
            ("evaluated_at", "When the gates were last found changed"),
        ],
        query: "SELECT p.id, p.project, p.service, p.environment, p.release, g->>'gate', g->>'verdict', g->>'reason', \
                g->>'remedy', p.evaluated_at FROM promotions p, jsonb_array_elements(p.gates) AS g",
    },
    DashboardView {
        name: "promotion_approvals",
        comment: "Every approval that counts, or counted when the promotion was over; those that were voided are in the \
                  audit log",
        columns: &[
            PROMOTION,
            PROJECT,
            SERVICE,
            ("environment", "Into which environment"),
            RELEASE,
            ("state", "Where the promotion stands"),
            ("requester", "Who asked for the promotion"),
            ("approver", "Who said yes"),
            ("roles", "In which roles"),
            ("approved_at", "When"),
            ("comment", "In whose own words"),
        ],
        query: "SELECT p.id, p.project, p.service, p.environment, p.release, p.state, p.requester, a.by, a.roles, a.at, \
                a.comment FROM promotions p, \
                jsonb_to_recordset(p.approvals) AS a(by text, roles text[], at timestamptz, comment text)",
    },
    DashboardView {
        name: "approvals_waiting",
        comment: "Every promotion that waits for somebody's approval",
        columns: &[
            PROMOTION,
            PROJECT,
            SERVICE,
            ("environment", "Into which environment"),
            KIND,
            RELEASE,
            ("requester", "Who asked, and may not approve"),
            ("authors", "Who wrote what is in the release"),
            CHANGE,
            (
                "state",
                "waiting: an approval is what is missing; blocked: another gate is closed as well",
            ),
            ("wanted_roles", "In which roles somebody may approve"),
            ("approvals", "How many approvals count already"),
            ("missing", "Which approvals are missing, in words"),
            REQUESTED_AT,
            ("evaluated_at", "When the gates were last found changed"),
        ],
        query: "SELECT p.id, p.project, p.service, p.environment, p.kind, p.release, p.requester, p.authors, \
                p.change_reference, p.state, p.wanted_roles, jsonb_array_length(p.approvals), \
                (SELECT string_agg(g->>'reason', '; ') FROM jsonb_array_elements(p.gates) AS g \
                 WHERE g->>'gate' = 'approvals'), p.requested_at, p.evaluated_at \
                FROM promotions p WHERE p.wanted_roles <> '{}' AND p.state IN ('waiting', 'blocked')",
    },
];

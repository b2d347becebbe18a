//! The promotions' views for people.

use crate::DashboardView;

pub(super) const VIEWS: &[DashboardView] = &[
    DashboardView {
        name: "environment_matrix",
        comment: "What runs in each environment of each service",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "DEV, SIT, UAT, PRE or PRD"),
            ("promotion_order", "0 for DEV to 4 for PRD"),
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
            ("promotion_id", "Id of the promotion"),
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "Into which environment"),
            ("kind", "promote, or rollback to a release that was there before"),
            ("release", "Which release"),
            ("requester", "Who asked"),
            ("change_reference", "The change that it belongs to"),
            (
                "state",
                "queued, blocked, waiting, deploying, completed, rejected, cancelled, failed or rolled-back",
            ),
            ("approvals", "How many approvals count"),
            ("approvals_voided", "How many approvals were voided"),
            (
                "freeze_overridden",
                "Whether two people have overridden a freeze for it",
            ),
            ("run_id", "The run that carries the release"),
            ("cause", "Why it failed, was rolled back, rejected or cancelled"),
            ("ended_by", "Who rejected or cancelled it"),
            ("requested_at", "When it was asked for"),
            ("started_at", "When its deployment started"),
            ("finished_at", "When it was over"),
        ],
        query: "SELECT p.id, p.project, p.service, p.environment, p.kind, p.release, p.requester, p.change_reference, \
                p.state, jsonb_array_length(p.approvals), p.approvals_voided, \
                coalesce(p.freeze_override->>'confirmed_by' IS NOT NULL, false), p.run_id, p.cause, p.ended_by, \
                p.requested_at, p.started_at, p.finished_at FROM promotions p",
    },
    DashboardView {
        name: "promotion_gates",
        comment: "Every gate of every promotion, as it was last looked at",
        columns: &[
            ("promotion_id", "Id of the promotion"),
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "Into which environment"),
            ("release", "Which release"),
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
            ("promotion_id", "Id of the promotion"),
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "Into which environment"),
            ("release", "Which release"),
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
            ("promotion_id", "Id of the promotion"),
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "Into which environment"),
            ("kind", "promote, or rollback to a release that was there before"),
            ("release", "Which release"),
            ("requester", "Who asked, and may not approve"),
            ("authors", "Who wrote what is in the release"),
            ("change_reference", "The change that it belongs to"),
            (
                "state",
                "waiting: an approval is what is missing; blocked: another gate is closed as well",
            ),
            ("wanted_roles", "In which roles somebody may approve"),
            ("approvals", "How many approvals count already"),
            ("missing", "Which approvals are missing, in words"),
            ("requested_at", "When it was asked for"),
            ("evaluated_at", "When the gates were last found changed"),
        ],
        query: "SELECT p.id, p.project, p.service, p.environment, p.kind, p.release, p.requester, p.authors, \
                p.change_reference, p.state, p.wanted_roles, jsonb_array_length(p.approvals), \
                (SELECT string_agg(g->>'reason', '; ') FROM jsonb_array_elements(p.gates) AS g \
                 WHERE g->>'gate' = 'approvals'), p.requested_at, p.evaluated_at \
                FROM promotions p WHERE p.wanted_roles <> '{}' AND p.state IN ('waiting', 'blocked')",
    },
];

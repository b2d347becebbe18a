//! The runs' views for people.

use crate::DashboardView;

pub(super) const VIEWS: &[DashboardView] = &[
    DashboardView {
        name: "runs",
        comment: "Every run: one execution of a saga",
        columns: &[
            ("run_id", "Id of the run"),
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            (
                "saga",
                "provision-service, add-component, add-environment, decommission-service or promote",
            ),
            (
                "status",
                "running, unwinding, stuck, succeeded, failed, cancelled or abandoned",
            ),
            ("cause", "Why it unwinds or ended without success"),
            ("stuck_on", "The step that waits for an operator"),
            ("started_at", "When it began"),
            ("finished_at", "When it ended"),
            ("duration_ms", "How long it took, or has been going on"),
            ("steps", "How many steps it has"),
            ("steps_done", "How many of them are done or skipped"),
            ("environment", "Into which one, of a promote run"),
        ],
        query: "SELECT r.id, r.project, r.service, r.saga, r.status, r.cause, r.stuck_on, r.started_at, r.finished_at, \
                (extract(epoch FROM coalesce(r.finished_at, clock_timestamp()) - r.started_at) * 1000)::bigint, \
                (SELECT count(*) FROM run_steps s WHERE s.run_id = r.id), \
                (SELECT count(*) FROM run_steps s WHERE s.run_id = r.id AND s.phase IN ('succeeded', 'skipped')), \
                r.environment FROM runs r",
    },
    DashboardView {
        name: "run_steps",
        comment: "Every step of every run",
        columns: &[
            ("run_id", "Id of the run"),
            ("step", "Name of the step within the run"),
            ("step_order", "Each step comes after all that it depends on"),
            ("tool", "Which tool carries it out"),
            ("operation", "What it does there"),
            (
                "phase",
                "pending, running, waiting, succeeded, failed, skipped, compensated or left-behind",
            ),
            ("tries", "How often it was tried, forward and back"),
            ("started_at", "When it was first tried"),
            ("finished_at", "When it came to rest"),
            ("duration_ms", "Time that the newest try spent in the tool"),
            ("last_error", "What the newest failure said"),
            ("next_try_at", "When it is tried again"),
        ],
        query: "SELECT s.run_id, s.step, s.ordinal, s.tool, s.operation, s.phase, s.attempts, s.started_at, \
                s.finished_at, s.duration_ms, s.last_error, s.next_try_at FROM run_steps s",
    },
];

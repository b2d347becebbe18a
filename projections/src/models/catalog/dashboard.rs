//! The catalog's views for people.

use crate::DashboardView;

pub(super) const VIEWS: &[DashboardView] = &[
    DashboardView {
        name: "services",
        comment: "Every service that was ever asked for, and where it stands",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name within the project"),
            (
                "lifecycle",
                "provisioning, active, provisioning-failed, decommissioning or decommissioned",
            ),
            ("owner", "Who answers for it"),
            ("components", "How many components it has"),
            ("environments", "How many environments it has"),
            ("run_id", "The run in flight"),
            ("cause", "Why the last change did not come about"),
            (
                "left_behind",
                "Whether a failed provisioning left something in a tool",
            ),
            ("requested_at", "When it was asked for"),
            ("updated_at", "When it last changed"),
        ],
        query: "SELECT s.project, s.name, s.lifecycle, s.owner, \
                (SELECT count(*) FROM service_components c \
                 WHERE c.project = s.project AND c.service = s.name AND c.state = 'present'), \
                (SELECT count(*) FROM service_environments e \
                 WHERE e.project = s.project AND e.service = s.name AND e.state = 'present'), \
                s.run_id, s.cause, s.left_behind, s.requested_at, s.updated_at FROM services s",
    },
    DashboardView {
        name: "environments",
        comment: "Every environment of every service",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("environment", "DEV, SIT, UAT, PRE or PRD"),
            ("promotion_order", "0 for DEV to 4 for PRD"),
            ("state", "requested (being made), present, or removed"),
            ("since", "Since when it is in that state"),
            ("lifecycle", "Where the service stands"),
        ],
        query: "SELECT e.project, e.service, e.environment, e.ordinal, e.state, e.since, s.lifecycle \
                FROM service_environments e JOIN services s ON s.project = e.project AND s.name = e.service",
    },
];

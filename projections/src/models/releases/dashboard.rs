//! The releases' views for people.

use crate::DashboardView;

pub(super) const VIEWS: &[DashboardView] = &[
    DashboardView {
        name: "releases",
        comment: "Every release: what CI built of a service under one version",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("release", "The version"),
            ("sealed", "Whether it never changes any more"),
            ("authors", "Who wrote what is in it"),
            ("images", "How many images it has"),
            ("waivers", "How many waivers were granted and not revoked"),
            ("registered_at", "When CI first registered it"),
            ("sealed_at", "When it was sealed"),
        ],
        query: "SELECT r.project, r.service, r.version, r.sealed, r.authors, \
                (SELECT count(*) FROM release_images i WHERE i.project = r.project AND i.service = r.service \
                 AND i.version = r.version), \
                (SELECT count(*) FROM release_waivers w WHERE w.project = r.project AND w.service = r.service \
                 AND w.version = r.version AND w.revoked_at IS NULL), \
                r.registered_at, r.sealed_at FROM releases r",
    },
    DashboardView {
        name: "release_evidence",
        comment: "Every report on an image of a release; a report counts for each release with the same image",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("release", "The version"),
            ("component", "Which component's image"),
            ("digest", "Which image"),
            ("kind", "What kind of report"),
            ("environment", "Which one was looked at, of a dynamic scan"),
            ("verdict", "passed or failed, by the report's own rules"),
            ("critical", "Critical findings"),
            ("high", "High findings"),
            ("medium", "Medium findings"),
            ("low", "Low findings"),
            ("tool", "Who made the report"),
            ("report", "Digest of the original"),
            ("recorded_at", "When it was taken"),
            (
                "newest",
                "Whether it is the newest of its kind and series, which counts",
            ),
            (
                "series",
                "Which of several of its kind: the tools of static analysis, the suite",
            ),
            (
                "origin",
                "uploaded by a pipeline, or fetched from the tool itself",
            ),
        ],
        query: "SELECT i.project, i.service, i.version, i.component, i.digest, e.kind, e.environment, e.verdict, \
                (e.counts->>'critical')::bigint, (e.counts->>'high')::bigint, (e.counts->>'medium')::bigint, \
                (e.counts->>'low')::bigint, e.tool, e.report, e.recorded_at, e.newest, e.series, e.origin \
                FROM release_images i JOIN evidence e ON e.project = i.project AND e.service = i.service \
                AND e.component = i.component AND e.digest = i.digest",
    },
    DashboardView {
        name: "waivers",
        comment: "Every waiver: a gate, or one finding of it, that is passed over for one release until it expires",
        columns: &[
            ("project", "Slug of the project"),
            ("service", "Name of the service"),
            ("release", "The version"),
            ("gate", "Which gate"),
            ("finding", "Only this finding of it; empty for the whole gate"),
            ("reason", "Why"),
            ("granted_by", "Who granted it"),
            ("granted_at", "When"),
            ("expires_at", "Until when it counts"),
            ("revoked_at", "When it was revoked"),
            ("revocation", "Why it was revoked"),
        ],
        query: "SELECT w.project, w.service, w.version, w.gate, w.finding, w.reason, w.granted_by, w.granted_at, \
                w.expires_at, w.revoked_at, w.revocation FROM release_waivers w",
    },
];

//! The projects of the catalog, and their members.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use opstella_domain::Subject;
use opstella_domain::access::ProjectRole;
use opstella_domain::project::ProjectEvent;
use opstella_journal::RecordedEvent;
use serde::Serialize;
use sqlx::PgConnection;

use crate::ApplyError;
use crate::decode::bigint;
use crate::models::rows;

const PROJECTS: &str = "
INSERT INTO projects
SELECT * FROM jsonb_to_recordset($1) AS r(slug text, name text, description text, owner text, created_at timestamptz,
                                          version bigint)
ON CONFLICT (slug) DO UPDATE SET name = excluded.name, description = excluded.description, owner = excluded.owner,
                                 version = excluded.version";

const VERSIONS: &str = "
UPDATE projects p SET version = r.version FROM jsonb_to_recordset($1) AS r(slug text, version bigint)
WHERE p.slug = r.slug";

const REVOKED: &str = "
DELETE FROM project_members m USING jsonb_to_recordset($1) AS r(project text, subject text, role text)
WHERE m.project = r.project AND m.subject = r.subject AND m.role = r.role";

const GRANTED: &str = "
INSERT INTO project_members
SELECT * FROM jsonb_to_recordset($1) AS r(project text, subject text, role text, granted_at timestamptz, granted_by text)";

#[derive(Serialize)]
struct ProjectRow {
    slug: String,
    name: String,
    description: Option<String>,
    owner: String,
    created_at: DateTime<Utc>,
    version: i64,
}

#[derive(Serialize)]
struct VersionRow {
    slug: String,
    version: i64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct RoleKey {
    project: String,
    subject: String,
    role: &'static str,
}

#[derive(Serialize)]
struct RoleRow {
    #[serde(flatten)]
    key: RoleKey,
    granted_at: DateTime<Utc>,
    granted_by: String,
}

/// What a batch does to projects: the last word on each thing counts.
#[derive(Default)]
struct Changes {
    projects: Vec<ProjectRow>,
    versions: BTreeMap<String, i64>,
    roles: BTreeMap<RoleKey, Option<RoleRow>>,
}

/// Writes what happened to projects.
pub(super) async fn apply(
    tx: &mut PgConnection,
    events: Vec<(&RecordedEvent, ProjectEvent)>,
) -> Result<(), ApplyError> {
    let mut changes = Changes::default();
    for (recorded, event) in events {
        changes.take(recorded, event);
    }
    let versions = changes.versions.into_iter();
    let versions: Vec<_> = versions
        .map(|(slug, version)| VersionRow { slug, version })
        .collect();
    let touched: Vec<_> = changes.roles.keys().cloned().collect();
    let granted: Vec<_> = changes.roles.into_values().flatten().collect();
    rows::write(tx, PROJECTS, &changes.projects).await?;
    rows::write(tx, VERSIONS, &versions).await?;
    rows::write(tx, REVOKED, &touched).await?;
    rows::write(tx, GRANTED, &granted).await
}

impl Changes {
    fn take(&mut self, recorded: &RecordedEvent, event: ProjectEvent) {
        let slug = recorded.aggregate_id.clone();
        self.versions.insert(slug, bigint(recorded.sequence));
        match event {
            ProjectEvent::ProjectCreated {
                slug,
                name,
                description,
                owner,
            } => {
                self.grant(recorded, &owner, ProjectRole::Owner);
                self.projects.push(ProjectRow {
                    slug: slug.to_string(),
                    name,
                    description,
                    owner: owner.to_string(),
                    created_at: recorded.recorded_at,
                    version: bigint(recorded.sequence),
                });
            }
            ProjectEvent::RoleGranted { member, role } => self.grant(recorded, &member, role),
            ProjectEvent::RoleRevoked { member, role } => {
                self.roles.insert(key(recorded, &member, role), None);
            }
        }
    }

    fn grant(&mut self, recorded: &RecordedEvent, member: &Subject, role: ProjectRole) {
        let key = key(recorded, member, role);
        let row = RoleRow {
            key: key.clone(),
            granted_at: recorded.recorded_at,
            granted_by: recorded.metadata().unwrap_or_default().actor.subject,
        };
        self.roles.insert(key, Some(row));
    }
}

fn key(recorded: &RecordedEvent, member: &Subject, role: ProjectRole) -> RoleKey {
    RoleKey {
        project: recorded.aggregate_id.clone(),
        subject: member.to_string(),
        role: role.slug(),
    }
}

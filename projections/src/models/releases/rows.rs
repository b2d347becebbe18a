//! The rows of releases, images and waivers, and the statements that write them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) const LOAD: &str = "
SELECT to_jsonb(r) FROM releases r JOIN jsonb_to_recordset($1) AS k(project text, service text, version text)
    ON r.project = k.project AND r.service = k.service AND r.version = k.version";

pub(super) const RELEASES: &str = "
INSERT INTO releases
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, version text, sealed boolean, authors text[],
    registered_at timestamptz, sealed_at timestamptz, updated_at timestamptz, sequence bigint, transaction_id bigint,
    position bigint)
ON CONFLICT (project, service, version) DO UPDATE SET sealed = excluded.sealed, authors = excluded.authors,
    sealed_at = excluded.sealed_at, updated_at = excluded.updated_at, sequence = excluded.sequence";

pub(super) const IMAGES: &str = "
INSERT INTO release_images
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, version text, component text, digest text,
    commit text, committed_at timestamptz, pipeline text, author text, added_at timestamptz)";

pub(super) const WAIVERS: &str = "
INSERT INTO release_waivers
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, version text, id uuid, gate text, finding text,
    reason text, granted_by text, granted_at timestamptz, expires_at timestamptz, revoked_at timestamptz,
    revocation text)
ON CONFLICT (project, service, version, id) DO UPDATE SET gate = excluded.gate, finding = excluded.finding,
    reason = excluded.reason, granted_by = excluded.granted_by, granted_at = excluded.granted_at,
    expires_at = excluded.expires_at, revoked_at = excluded.revoked_at, revocation = excluded.revocation";

pub(super) const REVOCATIONS: &str = "
UPDATE release_waivers w SET revoked_at = r.revoked_at, revocation = r.revocation
FROM jsonb_to_recordset($1) AS r(project text, service text, version text, id uuid, revoked_at timestamptz,
                                 revocation text)
WHERE w.project = r.project AND w.service = r.service AND w.version = r.version AND w.id = r.id";

/// Of a service, `$1` its project.
pub(super) const FORGET: [&str; 3] = [
    "DELETE FROM release_waivers WHERE project = $1 AND service = $2",
    "DELETE FROM release_images WHERE project = $1 AND service = $2",
    "DELETE FROM releases WHERE project = $1 AND service = $2",
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReleaseRow {
    pub project: String,
    pub service: String,
    pub version: String,
    pub sealed: bool,
    pub authors: Vec<String>,
    pub registered_at: DateTime<Utc>,
    pub sealed_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub sequence: i64,
    pub transaction_id: i64,
    pub position: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct ImageRow {
    pub project: String,
    pub service: String,
    pub version: String,
    pub component: String,
    pub digest: String,
    pub commit: String,
    pub committed_at: Option<DateTime<Utc>>,
    pub pipeline: Option<String>,
    pub author: String,
    pub added_at: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
pub(super) struct WaiverRow {
    pub project: String,
    pub service: String,
    pub version: String,
    pub id: Uuid,
    pub gate: String,
    pub finding: Option<String>,
    pub reason: String,
    pub granted_by: String,
    pub granted_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub revocation: Option<String>,
}

/// The end of a waiver that an earlier batch saw granted.
#[derive(Debug, Serialize)]
pub(super) struct RevocationRow {
    pub project: String,
    pub service: String,
    pub version: String,
    pub id: Uuid,
    pub revoked_at: DateTime<Utc>,
    pub revocation: String,
}

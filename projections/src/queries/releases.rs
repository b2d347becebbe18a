//! Releases with images, waivers, evidence, and the way that they went.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::evidence::Evidence;
use super::page::Keys;
use super::{Page, PageRequest, Queries};
use crate::QueryError;

/// A release of a service.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Release {
    /// The service's project.
    pub project: String,
    /// The service.
    pub service: String,
    /// What CI calls it.
    pub release: String,
    /// Whether it never changes any more.
    pub sealed: bool,
    /// Who wrote what is in it.
    pub authors: Vec<String>,
    /// The environments that run it now, in the order of promotion.
    pub runs_in: Vec<String>,
    /// When CI first registered it.
    pub registered_at: DateTime<Utc>,
    /// When it was sealed.
    pub sealed_at: Option<DateTime<Utc>>,
    /// When something last happened to it.
    pub updated_at: DateTime<Utc>,
    /// Version of the aggregate, for `If-Match`.
    pub version: i64,
}

/// The image of one component, with what reports say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseImage {
    /// Of which component.
    pub component: String,
    /// Which image.
    pub digest: String,
    /// From which commit.
    pub commit: String,
    /// When that was committed, as CI says.
    pub committed_at: Option<DateTime<Utc>>,
    /// By which pipeline: a link.
    pub pipeline: Option<String>,
    /// Who wrote what is in it.
    pub author: String,
    /// When it was added.
    pub added_at: DateTime<Utc>,
    /// The newest evidence of each kind: of dynamic scans, of each environment with the same images; of static analysis
    /// and tests, of each series.
    pub evidence: Vec<Evidence>,
}

/// A gate, or one finding of it, that is passed over for a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseWaiver {
    /// Its id.
    pub id: Uuid,
    /// Which gate.
    pub gate: String,
    /// Only this finding of it; the whole gate where absent.
    pub finding: Option<String>,
    /// Why.
    pub reason: String,
    /// Who granted it.
    pub granted_by: String,
    /// When.
    pub granted_at: DateTime<Utc>,
    /// Until when it counts.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked.
    pub revocation: Option<String>,
}

/// One stage of a release's journey: a promotion of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleasePromotion {
    /// The promotion.
    pub id: Uuid,
    /// Into which environment.
    pub environment: String,
    /// `promote` or `rollback`.
    pub kind: String,
    /// `queued`, `blocked`, `waiting`, `deploying`, `completed`, `rejected`, `cancelled`, `failed` or `rolled-back`.
    pub state: String,
    /// Who asked.
    pub requester: String,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When its deployment started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// Whether the environment runs what it brought.
    pub running: bool,
    /// When the next promotion that was completed replaced what it brought.
    pub replaced_at: Option<DateTime<Utc>>,
}

/// A release with its images, evidence, waivers and promotions.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct ReleaseDetail {
    /// The release.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub release: Release,
    /// Its images by component.
    #[sqlx(json)]
    pub images: Vec<ReleaseImage>,
    /// Its waivers, the first first, with those that expired or were revoked.
    #[sqlx(json)]
    pub waivers: Vec<ReleaseWaiver>,
    /// Its promotions, the first first.
    #[sqlx(json)]
    pub journey: Vec<ReleasePromotion>,
}

const RELEASE: &str = "SELECT r.project, r.service, r.version AS release, r.sealed, r.authors, r.registered_at, \
    r.sealed_at, r.updated_at, r.sequence AS version, \
    ARRAY(SELECT e.environment FROM read.environments e WHERE e.project = r.project AND e.service = r.service \
          AND e.release = r.version AND e.present ORDER BY e.ordinal) AS runs_in, ";

const PARTS: &str = "coalesce((SELECT jsonb_agg(to_jsonb(i) || jsonb_build_object('evidence', \
        coalesce((SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object('findings', \
                         jsonb_path_query_array(e.findings, '$[0 to 9]')) ORDER BY e.kind, e.environment, e.series) \
                  FROM read.evidence e WHERE e.project = i.project AND e.service = i.service \
                  AND e.component = i.component AND e.digest = i.digest AND e.newest), '[]')) ORDER BY i.component) \
    FROM read.release_images i WHERE i.project = r.project AND i.service = r.service AND i.version = r.version), '[]') \
        AS images, \
    coalesce((SELECT jsonb_agg(to_jsonb(w) ORDER BY w.granted_at, w.id) FROM read.release_waivers w \
    WHERE w.project = r.project AND w.service = r.service AND w.version = r.version), '[]') AS waivers, \
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', p.id, 'environment', p.environment, 'kind', p.kind, \
        'state', p.state, 'requester', p.requester, 'requested_at', p.requested_at, 'started_at', p.started_at, \
        'finished_at', p.finished_at, \
        'running', EXISTS (SELECT FROM read.environments e WHERE e.project = p.project AND e.service = p.service \
                           AND e.environment = p.environment AND e.promotion_id = p.id AND e.present), \
        'replaced_at', CASE WHEN p.state = 'completed' THEN (SELECT n.finished_at FROM read.promotions n \
            WHERE n.project = p.project AND n.service = p.service AND n.environment = p.environment \
            AND n.state = 'completed' AND n.finished_at IS NOT NULL \
            AND (n.end_transaction_id, n.end_position) > (p.end_transaction_id, p.end_position) \
            ORDER BY n.end_transaction_id, n.end_position LIMIT 1) END) ORDER BY p.transaction_id, p.position) \
    FROM read.promotions p WHERE p.project = r.project AND p.service = r.service AND p.release = r.version), '[]') \
        AS journey";

const NEWEST_FIRST: Keys = Keys {
    columns: &["r.transaction_id", "r.position"],
    kind: "bigint",
    descending: true,
};

impl Queries {
    /// Releases of a service, the newest first.
    pub async fn releases(
        &self,
        project: &str,
        service: &str,
        page: &PageRequest,
    ) -> Result<Page<Release>, QueryError> {
        let mut statement = self.statement(RELEASE);
        statement
            .push(NEWEST_FIRST.select())
            .push(self.located(" FROM read.releases r WHERE r.project = "))
            .push_bind(project.to_owned());
        statement.push(" AND r.service = ").push_bind(service.to_owned());
        self.page(statement, NEWEST_FIRST, page).await
    }

    /// One release, with evidence, waivers and its journey.
    pub async fn release(
        &self,
        project: &str,
        service: &str,
        release: &str,
    ) -> Result<Option<ReleaseDetail>, QueryError> {
        let mut statement = self.statement(RELEASE);
        statement.push(self.located(PARTS));
        statement
            .push(self.located(" FROM read.releases r WHERE r.project = "))
            .push_bind(project);
        statement.push(" AND r.service = ").push_bind(service);
        statement.push(" AND r.version = ").push_bind(release);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }
}

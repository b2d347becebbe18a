//! The questions that the API asks, and their answers, which it returns as they are.
//!
//! Each answer comes from one SQL statement, so that it is of one moment also while a read model is being swapped.
//! (In a transaction of several statements with one snapshot, a swap in between would show tables whose rows the
//! snapshot does not see.)

mod approvals;
mod audit;
mod catalog;
mod delivery;
mod evidence;
mod lookups;
mod matrix;
mod members;
mod page;
mod promotions;
mod reader;
mod releases;
mod resources;
mod runs;
mod services;
mod subscriptions;

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};

pub use approvals::{ApproverScope, WaitingFilter};
pub use audit::{AuditEvent, AuditEventDetail, AuditFilter};
pub use catalog::{Project, Template, TemplateVersionInfo, ToolConnectionInfo};
pub use delivery::{DeliveryScope, DeliveryWeek};
pub use evidence::{Evidence, EvidenceFilter, EvidenceFinding, SeverityCount, TestCount};
pub use lookups::Deploying;
pub use matrix::{EnvironmentDrift, InFlight, MatrixEnvironment, MatrixService};
pub use members::{Member, MemberRole};
pub use page::{MAX_LIMIT, Page, PageRequest};
pub use promotions::{
    FreezeOverride, Frozen, Gate, Promotion, PromotionApproval, PromotionDetail, PromotionFilter,
};
pub use reader::{Reader, SetupReader};
pub use releases::{Release, ReleaseDetail, ReleaseImage, ReleasePromotion, ReleaseWaiver};
pub use resources::{Resource, ResourceFilter};
pub use runs::{Run, RunAttempt, RunDetail, RunFilter, RunStep};
pub use services::{
    Service, ServiceChange, ServiceComponent, ServiceDetail, ServiceEnvironment, ServiceFilter,
};
pub use subscriptions::{Delivery, Subscription};

use crate::QueryError;
use crate::identifier::quoted;
use page::Keys;

/// Typed questions to the read models.
#[derive(Debug, Clone)]
pub struct Queries {
    pool: PgPool,
    /// With a dot behind it.
    schema: String,
}

impl Queries {
    /// Questions to the live read models.
    pub fn new(pool: PgPool) -> Self {
        Self::at(pool, "read")
    }

    /// Questions to tables of the same shape in another schema.
    pub fn at(pool: PgPool, schema: &str) -> Self {
        Self {
            pool,
            schema: format!("{}.", quoted(schema)),
        }
    }

    /// A statement in which `read.` leads to our schema.
    fn statement(&self, sql: &str) -> QueryBuilder<Postgres> {
        QueryBuilder::new(self.located(sql))
    }

    fn located(&self, sql: &str) -> String {
        sql.replace("read.", &self.schema)
    }

    /// Adds the condition that the reader may know of the row's project.
    fn narrow(&self, statement: &mut QueryBuilder<Postgres>, column: &str, reader: &Reader) {
        reader.narrow(statement, column, &self.located("read.project_members"));
    }

    /// Adds the condition that the reader may know of the row where it is about what a project set up.
    fn narrow_setup(&self, statement: &mut QueryBuilder<Postgres>, row: (&str, &str), reader: &Reader) {
        reader.narrow_setup(statement, row, &self.located("read.project_members"));
    }

    /// Adds the end of a list's statement and fetches a page. `keys` are the columns of the order, unique together;
    /// every row ends with a text array of their values.
    async fn page<T>(
        &self,
        mut statement: QueryBuilder<Postgres>,
        keys: Keys,
        request: &PageRequest,
    ) -> Result<Page<T>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        keys.finish(&mut statement, request)?;
        let rows = statement.build().fetch_all(&self.pool).await?;
        Page::of(rows, request)
    }
}

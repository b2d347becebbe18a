//! What tools name in webhooks, looked up.

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::Queries;
use crate::QueryError;

/// Most images of one commit that are looked at: a commit that is built again and again.
const MOST_IMAGES: i64 = 20;

/// A promotion whose release is being deployed.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct Deploying {
    /// The service's project.
    pub project: String,
    /// The service.
    pub service: String,
    /// Into which environment.
    pub environment: String,
    /// The components that it brings.
    pub components: Vec<String>,
    /// The run that carries it.
    pub run: Uuid,
}

impl Queries {
    /// The versions of a service whose image of a component was built from a commit: one of each image, the newest
    /// first.
    pub async fn releases_of_commit(
        &self,
        project: &str,
        service: &str,
        component: &str,
        commit: &str,
    ) -> Result<Vec<String>, QueryError> {
        let mut statement = self.statement(
            "SELECT found.version FROM (SELECT DISTINCT ON (i.digest) i.version, i.added_at \
             FROM read.release_images i WHERE i.project = ",
        );
        statement.push_bind(project);
        statement.push(" AND i.service = ").push_bind(service);
        statement.push(" AND i.component = ").push_bind(component);
        statement.push(" AND i.commit = ").push_bind(commit);
        statement
            .push(" ORDER BY i.digest, i.added_at DESC) found ORDER BY found.added_at DESC LIMIT ")
            .push_bind(MOST_IMAGES);
        Ok(statement.build_query_scalar().fetch_all(&self.pool).await?)
    }

    /// Whether a service has a component that is not removed.
    pub async fn has_component(
        &self,
        project: &str,
        service: &str,
        component: &str,
    ) -> Result<bool, QueryError> {
        let mut statement = self.statement(
            "SELECT EXISTS (SELECT FROM read.service_components c WHERE c.state <> 'removed' AND c.project = ",
        );
        statement.push_bind(project);
        statement.push(" AND c.service = ").push_bind(service);
        statement.push(" AND c.name = ").push_bind(component).push(")");
        Ok(statement.build_query_scalar().fetch_one(&self.pool).await?)
    }

    /// What is being deployed, of projects whose slug and `--` a name begins with, as the names of applications do.
    pub async fn deploying(&self, name: &str) -> Result<Vec<Deploying>, QueryError> {
        let mut statement = self.statement(
            "SELECT p.project, p.service, p.environment, p.run_id AS run, \
             ARRAY(SELECT jsonb_object_keys(p.images)) AS components FROM read.promotions p \
             WHERE p.finished_at IS NULL AND p.run_id IS NOT NULL AND starts_with(",
        );
        statement.push_bind(name).push(", p.project || '--')");
        Ok(statement.build_query_as().fetch_all(&self.pool).await?)
    }
}

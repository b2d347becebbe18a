//! Looks at gates that are asked for: marks in the promoter's notes, which outlive the process.

use std::collections::BTreeSet;

use opstella_domain::policy::PolicyKey;
use opstella_domain::promotion::EnvironmentKey;
use opstella_domain::{ProjectSlug, ServiceKey};
use sqlx::PgPool;

/// Asks for a look at those that wait and meet the condition, `$1` seconds after others.
macro_rules! ask {
    ($condition:literal) => {
        concat!(
            "UPDATE promoter_environments SET asked = asked + 1,
                 turn = least(CASE WHEN asked > looked THEN turn END, clock_timestamp() + make_interval(secs => $1))
             WHERE waiting AND ",
            $condition
        )
    };
}

/// By how much those come later that are asked for with all others of their kind. No longer: they have their turn, too.
const WITH_ALL_OTHERS: f64 = 30.0;

/// A look that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// At which environment.
    pub key: EnvironmentKey,
    /// How often it was asked for by then.
    pub asked: i64,
}

/// Asks for a look at these environments.
pub(super) async fn environments(pool: &PgPool, keys: &[EnvironmentKey]) -> Result<(), sqlx::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(ask!("environment = ANY($2)"))
        .bind(0.0)
        .bind(texts(keys))
        .execute(pool)
        .await?;
    Ok(())
}

/// Asks for a look at what waits in the environments of these services.
pub(super) async fn services<'a>(
    pool: &PgPool,
    services: impl IntoIterator<Item = &'a ServiceKey>,
) -> Result<(), sqlx::Error> {
    let keys = texts(services);
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(ask!(
        "split_part(environment, '/', 1) || '/' || split_part(environment, '/', 2) = ANY($2)"
    ))
    .bind(0.0)
    .bind(keys)
    .execute(pool)
    .await?;
    Ok(())
}

/// Asks for a look at what waits in these projects.
pub(super) async fn projects(pool: &PgPool, projects: &BTreeSet<ProjectSlug>) -> Result<(), sqlx::Error> {
    if projects.is_empty() {
        return Ok(());
    }
    sqlx::query(ask!("split_part(environment, '/', 1) = ANY($2)"))
        .bind(0.0)
        .bind(texts(projects))
        .execute(pool)
        .await?;
    Ok(())
}

/// Asks for a look at what a policy is for.
pub(super) async fn policy(pool: &PgPool, policy: &PolicyKey) -> Result<(), sqlx::Error> {
    sqlx::query(ask!(
        "split_part(environment, '/', 3) = $2 AND ($3::text IS NULL OR split_part(environment, '/', 1) = $3)"
    ))
    .bind(WITH_ALL_OTHERS)
    .bind(policy.environment.to_string())
    .bind(policy.project.as_ref().map(ToString::to_string))
    .execute(pool)
    .await?;
    Ok(())
}

/// Asks for a look at all that wait.
pub(super) async fn all(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(ask!("true"))
        .bind(WITH_ALL_OTHERS)
        .execute(pool)
        .await?;
    Ok(())
}

/// Looks that are asked for, at others than these, those whose turn it is first.
pub(super) async fn next<'a>(
    pool: &PgPool,
    except: impl IntoIterator<Item = &'a EnvironmentKey>,
    most: usize,
) -> Result<Vec<Asked>, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT environment, asked FROM promoter_environments
         WHERE asked > looked AND environment <> ALL ($1) ORDER BY turn LIMIT $2",
    )
    .bind(texts(except))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    let read = |(key, asked): (String, i64)| {
        Some(Asked {
            key: key.parse().ok()?,
            asked,
        })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// It was looked; what was asked for since still is.
pub(super) async fn looked(pool: &PgPool, look: &Asked) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE promoter_environments SET looked = greatest(looked, $2) WHERE environment = $1")
        .bind(look.key.to_string())
        .bind(look.asked)
        .execute(pool)
        .await?;
    Ok(())
}

fn texts<'a, T: ToString + 'a>(keys: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    keys.into_iter().map(ToString::to_string).collect()
}

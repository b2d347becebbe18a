//! The tables of signing in. Times are the database's, so that all processes agree.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Executor, FromRow, PgPool};

use super::cookies::SIGN_IN_WITHIN;
use super::ending::Ending;
use crate::config::SessionConfig;

/// Rows that are swept at once.
const SWEPT: i64 = 500;
/// How long whoever ends a session has to record it, before the sweep does.
const RECORDED_WITHIN: Duration = Duration::from_secs(30);
/// How long somebody has to renew tokens before another tries.
pub(super) const LEASE: Duration = Duration::from_secs(30);

pub(super) type Id = [u8; 32];
type Result<T> = std::result::Result<T, sqlx::Error>;

/// A session's row.
#[derive(FromRow)]
pub(super) struct Row {
    pub subject: String,
    pub sealed: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// It has reached its longest time.
    pub aged: bool,
    /// Nobody used it for too long.
    pub idle: bool,
    /// Its use should be noted.
    pub unseen: bool,
    /// Its tokens are to be renewed.
    pub due: bool,
}

/// A session that ended, and is kept until that is on record.
#[derive(FromRow)]
pub(super) struct Ended {
    pub id: Vec<u8>,
    pub subject: String,
    pub sealed: Vec<u8>,
    #[sqlx(json)]
    pub ending: Ending,
}

/// What of a session that ended, to select.
const ENDED: &str = "id, subject, sealed, ending";

/// The right to renew a session's tokens, for [`LEASE`].
#[derive(FromRow)]
pub(super) struct Lease {
    /// The tokens to renew.
    pub sealed: Vec<u8>,
    /// Until when; it tells one lease from another.
    renewing_until: DateTime<Utc>,
}

/// A session that begins.
pub(super) struct New<'a> {
    pub id: &'a Id,
    pub subject: &'a str,
    pub sid: Option<&'a str>,
    pub sealed: &'a [u8],
    pub renew_in: Option<Duration>,
    /// When the provider was asked for its tokens.
    pub asked: Instant,
}

pub(super) struct Store {
    pool: PgPool,
    lifetime: f64,
    idle: f64,
}

impl Store {
    pub fn new(pool: PgPool, config: &SessionConfig) -> Self {
        Self {
            pool,
            lifetime: config.lifetime().as_secs_f64(),
            idle: config.idle().as_secs_f64(),
        }
    }

    /// Remembers that a sign-in came back; false where it did before.
    pub async fn first_use(&self, state: &Id) -> Result<bool> {
        let text = "INSERT INTO sign_ins_used (state, expires_at) VALUES ($1, now() + make_interval(secs => $2)) \
            ON CONFLICT DO NOTHING";
        let done = sqlx::query(text)
            .bind(state.as_slice())
            .bind(2.0 * SIGN_IN_WITHIN.as_secs_f64())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Begins a session; false where a logout token named it since it was asked for.
    pub async fn insert(&self, new: New<'_>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        // No token is taken between the look at them and the commit.
        transaction
            .execute("LOCK TABLE logout_tokens IN SHARE MODE")
            .await?;
        let text = "INSERT INTO sessions (id, subject, sid, sealed, expires_at, renew_at) SELECT \
            $1, $2, $3, $4, now() + make_interval(secs => $5), now() + make_interval(secs => $6) \
            WHERE NOT EXISTS (SELECT 1 FROM logout_tokens l WHERE l.taken_at >= now() - make_interval(secs => $7) \
                AND coalesce(l.sid, l.subject) IS NOT NULL AND (l.sid IS NULL OR l.sid = $3) AND (l.subject IS NULL OR l.subject = $2))";
        let done = sqlx::query(text)
            .bind(new.id.as_slice())
            .bind(new.subject)
            .bind(new.sid)
            .bind(new.sealed)
            .bind(self.lifetime)
            .bind(new.renew_in.map(|wait| wait.as_secs_f64()))
            .bind(new.asked.elapsed().as_secs_f64())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    pub async fn find(&self, id: &Id) -> Result<Option<Row>> {
        let text = "SELECT subject, sealed, created_at, expires_at, expires_at <= now() AS aged, \
            last_seen_at <= now() - make_interval(secs => $2) AS idle, \
            last_seen_at <= now() - make_interval(secs => least($2 / 10, 60)) AS unseen, \
            coalesce(renew_at <= now(), false) AS due FROM sessions WHERE id = $1 AND ended_at IS NULL";
        sqlx::query_as(text)
            .bind(id.as_slice())
            .bind(self.idle)
            .fetch_optional(&self.pool)
            .await
    }

    /// Notes that a session is used.
    pub async fn seen(&self, id: &Id) -> Result<()> {
        sqlx::query("UPDATE sessions SET last_seen_at = now() WHERE id = $1")
            .bind(id.as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Lets one caller, of all processes, renew a session's tokens; no lock is held meanwhile.
    pub async fn may_renew(&self, id: &Id) -> Result<Option<Lease>> {
        let text = "UPDATE sessions SET renewing_until = now() + make_interval(secs => $2) \
            WHERE id = $1 AND ended_at IS NULL AND renew_at <= now() AND (renewing_until IS NULL OR renewing_until <= now()) \
            RETURNING sealed, renewing_until";
        sqlx::query_as(text)
            .bind(id.as_slice())
            .bind(LEASE.as_secs_f64())
            .fetch_optional(&self.pool)
            .await
    }

    /// Keeps renewed tokens; false where others are there than those that were renewed. It counts also where the
    /// lease is over: whoever has it now cannot use the old tokens any more.
    pub async fn renewed(
        &self,
        id: &Id,
        lease: &Lease,
        sealed: &[u8],
        renew_in: Option<Duration>,
    ) -> Result<bool> {
        let text = "UPDATE sessions SET sealed = $3, renewing_until = NULL, \
            renew_at = now() + make_interval(secs => $4) WHERE id = $1 AND sealed = $2 AND ended_at IS NULL";
        let done = sqlx::query(text)
            .bind(id.as_slice())
            .bind(&lease.sealed)
            .bind(sealed)
            .bind(renew_in.map(|wait| wait.as_secs_f64()))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a lease back: the tokens are to be renewed a little later.
    pub async fn not_renewed(&self, id: &Id, lease: &Lease, again_in: Duration) -> Result<()> {
        let text = "UPDATE sessions SET renewing_until = NULL, renew_at = now() + make_interval(secs => $3) \
            WHERE id = $1 AND renewing_until = $2";
        sqlx::query(text)
            .bind(id.as_slice())
            .bind(lease.renewing_until)
            .bind(again_in.as_secs_f64())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Has the tokens renewed in that time at the latest.
    pub async fn renew_within(&self, id: &Id, wait: Duration) -> Result<()> {
        let text =
            "UPDATE sessions SET renew_at = least(renew_at, now() + make_interval(secs => $2)) WHERE id = $1";
        sqlx::query(text)
            .bind(id.as_slice())
            .bind(wait.as_secs_f64())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends a session whose tokens the provider does not renew, unless the lease is another's by now.
    pub async fn end_leased(&self, id: &Id, lease: &Lease, ending: &Ending) -> Result<Option<Ended>> {
        let text = format!(
            "UPDATE sessions SET ended_at = now(), ending = $3 \
             WHERE id = $1 AND ended_at IS NULL AND renewing_until = $2 RETURNING {ENDED}"
        );
        sqlx::query_as(AssertSqlSafe(text))
            .bind(id.as_slice())
            .bind(lease.renewing_until)
            .bind(Json(ending))
            .fetch_optional(&self.pool)
            .await
    }

    /// Ends one session; one caller of several gets it.
    pub async fn end(&self, id: &Id, ending: &Ending) -> Result<Option<Ended>> {
        let text = format!(
            "UPDATE sessions SET ended_at = now(), ending = $2 WHERE id = $1 AND ended_at IS NULL RETURNING {ENDED}"
        );
        sqlx::query_as(AssertSqlSafe(text))
            .bind(id.as_slice())
            .bind(Json(ending))
            .fetch_optional(&self.pool)
            .await
    }

    /// Sessions that ended a while ago, and of whose end there is no record yet.
    pub async fn unrecorded(&self) -> Result<Vec<Ended>> {
        let text = format!(
            "SELECT {ENDED} FROM sessions WHERE ended_at <= now() - make_interval(secs => $1) ORDER BY ended_at LIMIT $2"
        );
        sqlx::query_as(AssertSqlSafe(text))
            .bind(RECORDED_WITHIN.as_secs_f64())
            .bind(SWEPT)
            .fetch_all(&self.pool)
            .await
    }

    /// Forgets a session whose end is on record.
    pub async fn forget(&self, ended: &Ended) -> Result<()> {
        sqlx::query("DELETE FROM sessions WHERE id = $1 AND ended_at IS NOT NULL")
            .bind(&ended.id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends the sessions that a logout token names, that of the `sid`, or all of the subject, and remembers the token, or
    /// does neither; `None` where it was taken before.
    pub async fn end_named(
        &self,
        jti: &Id,
        expires_at: DateTime<Utc>,
        sid: Option<&str>,
        subject: Option<&str>,
        ending: &Ending,
    ) -> Result<Option<Vec<Ended>>> {
        let mut transaction = self.pool.begin().await?;
        let text = "INSERT INTO logout_tokens (jti, expires_at, sid, subject, taken_at) \
            VALUES ($1, $2, $3, $4, clock_timestamp()) ON CONFLICT DO NOTHING";
        let first = sqlx::query(text)
            .bind(jti.as_slice())
            .bind(expires_at)
            .bind(sid)
            .bind(subject)
            .execute(&mut *transaction)
            .await?;
        if first.rows_affected() == 0 {
            return Ok(None);
        }
        let text = format!(
            "UPDATE sessions SET ended_at = now(), ending = $3 WHERE ended_at IS NULL AND ($1::text IS NULL OR sid = $1) \
             AND ($2::text IS NULL OR subject = $2) AND coalesce($1, $2) IS NOT NULL RETURNING {ENDED}"
        );
        let ended = sqlx::query_as(AssertSqlSafe(text))
            .bind(sid)
            .bind(subject)
            .bind(Json(ending))
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(ended))
    }

    /// Ends and deletes what is over, some at a time; gives the sessions that end with it, and whether there may be more.
    pub async fn sweep(&self, aged: &Ending, idle: &Ending) -> Result<(Vec<Ended>, bool)> {
        let mut more = false;
        for text in [
            "DELETE FROM sign_ins_used WHERE state IN \
                (SELECT state FROM sign_ins_used WHERE expires_at <= now() LIMIT $1)",
            "DELETE FROM logout_tokens WHERE jti IN \
                (SELECT jti FROM logout_tokens WHERE expires_at <= now() LIMIT $1)",
        ] {
            let done = sqlx::query(text).bind(SWEPT).execute(&self.pool).await?;
            more |= done.rows_affected() >= SWEPT.unsigned_abs();
        }
        let text = format!(
            "UPDATE sessions SET ended_at = now(), ending = CASE WHEN expires_at <= now() THEN $3::jsonb ELSE $4::jsonb END \
             WHERE id IN (SELECT id FROM sessions WHERE ended_at IS NULL AND (expires_at <= now() \
             OR last_seen_at <= now() - make_interval(secs => $2)) LIMIT $1) AND ended_at IS NULL RETURNING {ENDED}"
        );
        let ended: Vec<Ended> = sqlx::query_as(AssertSqlSafe(text))
            .bind(SWEPT)
            .bind(self.idle)
            .bind(Json(aged))
            .bind(Json(idle))
            .fetch_all(&self.pool)
            .await?;
        more |= ended.len() as u64 >= SWEPT.unsigned_abs();
        Ok((ended, more))
    }
}

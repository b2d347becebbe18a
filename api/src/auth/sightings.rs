//! Who signed in elsewhere, and comes with a bearer token: on record once a session of the provider's.
//!
//! The provider does not tell us of sign-ins; a session is noticed by its first token. One that nobody came with for as long
//! as a browser's session may be idle counts as new. Machines have no sessions: each of their tokens is asked for anew.

use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use opstella_commands::{CommandContext, CommandError, Commands};
use opstella_journal::JournalError;
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::Caller;

/// Sessions that a process remembers to have seen a moment ago.
const REMEMBERED: u64 = 10_000;
/// How long: so often is a session's use noted.
const MOMENT: Duration = Duration::from_secs(60);
/// Sessions over that go where one begins.
const SWEPT: i64 = 10;

type Id = [u8; 32];

/// Sees sessions by their tokens.
pub struct Sightings {
    pool: PgPool,
    commands: Commands,
    idle: f64,
    fresh: Cache<Id, ()>,
}

impl Sightings {
    /// Sessions end where nobody comes with their tokens for so long.
    pub fn new(pool: PgPool, commands: Commands, idle: Duration) -> Self {
        Self {
            pool,
            commands,
            idle: idle.as_secs_f64(),
            fresh: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(MOMENT.min(idle / 2))
                .build(),
        }
    }

    /// Records that the caller signed in, where it is not on record: nobody is let in of whom there is none.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn note(&self, caller: &Caller, context: &CommandContext) -> Result<(), CommandError> {
        let Some(id) = session_of(caller) else {
            return Ok(());
        };
        if self.fresh.contains_key(&id) {
            return Ok(());
        }
        let (began_at, recorded) = self.seen(&id).await.map_err(JournalError::from)?;
        if !recorded {
            let context = once(context, "began", &id, began_at);
            let subject = context.caller()?;
            self.commands
                .record_sign_in(&context, subject, client(caller))
                .await?;
            self.recorded(&id, began_at).await.map_err(JournalError::from)?;
            metrics::counter!("opstella_sign_ins_total", "outcome" => "bearer").increment(1);
        }
        self.fresh.insert(id, ());
        Ok(())
    }

    /// Records that the caller signed out, where it is on record that they signed in.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn end(&self, caller: &Caller, context: &CommandContext) -> Result<(), CommandError> {
        let Some(id) = session_of(caller) else {
            return Ok(());
        };
        let text = "SELECT began_at FROM bearer_sessions WHERE id = $1 AND recorded";
        let began_at: Option<DateTime<Utc>> = sqlx::query_scalar(text)
            .bind(id.as_slice())
            .fetch_optional(&self.pool)
            .await
            .map_err(JournalError::from)?;
        let Some(began_at) = began_at else {
            return Ok(());
        };
        let context = once(context, "ended", &id, began_at);
        let subject = context.caller()?;
        let recorded = self
            .commands
            .record_sign_out(&context, subject, client(caller), "signed out");
        recorded.await?;
        sqlx::query("DELETE FROM bearer_sessions WHERE id = $1 AND began_at = $2")
            .bind(id.as_slice())
            .bind(began_at)
            .execute(&self.pool)
            .await
            .map_err(JournalError::from)?;
        self.fresh.invalidate(&id);
        Ok(())
    }

    /// Notes that a session is used: since when it goes on, and whether that is on record.
    async fn seen(&self, id: &Id) -> Result<(DateTime<Utc>, bool), sqlx::Error> {
        let text = "INSERT INTO bearer_sessions AS s (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET last_seen_at = now(), \
            began_at = CASE WHEN s.last_seen_at <= now() - make_interval(secs => $2) THEN now() ELSE s.began_at END, \
            recorded = s.recorded AND s.last_seen_at > now() - make_interval(secs => $2) RETURNING began_at, recorded";
        sqlx::query_as(text)
            .bind(id.as_slice())
            .bind(self.idle)
            .fetch_one(&self.pool)
            .await
    }

    /// Notes that the sign-in is on record, and forgets some sessions that are over.
    async fn recorded(&self, id: &Id, began_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE bearer_sessions SET recorded = true WHERE id = $1 AND began_at = $2")
            .bind(id.as_slice())
            .bind(began_at)
            .execute(&self.pool)
            .await?;
        let text = "DELETE FROM bearer_sessions WHERE id IN (SELECT id FROM bearer_sessions \
            WHERE last_seen_at <= now() - make_interval(secs => $1) LIMIT $2 FOR UPDATE SKIP LOCKED)";
        sqlx::query(text)
            .bind(self.idle)
            .bind(SWEPT)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// The session that a caller's token is of; none of a machine's, and none of a browser's, which is on record otherwise.
fn session_of(caller: &Caller) -> Option<Id> {
    if caller.session.is_some() || caller.grants.is_machine() {
        return None;
    }
    // No subject and no client has a NUL.
    let parts = [
        Some(caller.actor.subject.as_str()),
        caller.actor.client.as_deref(),
        caller.provider_session.as_deref(),
    ];
    Some(Sha256::digest(parts.map(Option::unwrap_or_default).join("\0")).into())
}

/// By which client.
fn client(caller: &Caller) -> &str {
    caller.actor.client.as_deref().unwrap_or_default()
}

/// The context of what is recorded once of a session.
fn once(context: &CommandContext, what: &str, id: &Id, began_at: DateTime<Utc>) -> CommandContext {
    let key = format!(
        "bearer-{what}-{}-{}",
        hex::encode(id),
        began_at.timestamp_micros()
    );
    context.clone().once(key)
}

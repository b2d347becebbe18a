use crate::committer::sql::{CLAIMED, read_claim};
use crate::{Claim, Journal, JournalError};

const PURGE: &str = "
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_keys WHERE expires_at <= now() ORDER BY expires_at LIMIT $1))";

impl Journal {
    /// What the key stands for, if it was claimed and has not expired: for looking before deciding.
    pub async fn claimed(&self, scope: &str, key: &str) -> Result<Option<Claim>, JournalError> {
        let rows = self
            .inner
            .reader
            .fetch_all(|| sqlx::query(CLAIMED).bind(vec![scope]).bind(vec![key]))
            .await?;
        Ok(rows.first().map(read_claim).transpose()?.map(|(_, claim)| claim))
    }

    /// Removes up to `limit` expired idempotency keys and says how many there were. The journal does it by itself
    /// from time to time.
    pub async fn purge_expired_claims(&self, limit: u32) -> Result<u64, JournalError> {
        purge(self.inner.reader.pool(), limit)
            .await
            .map_err(JournalError::from)
    }
}

pub(crate) async fn purge(pool: &sqlx::PgPool, limit: u32) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(PURGE).bind(i64::from(limit)).execute(pool).await?;
    Ok(done.rows_affected())
}

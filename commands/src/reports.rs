//! The originals of reports, kept by the digest of their contents.

use opstella_domain::release::Digest;
use opstella_journal::JournalError;

use crate::{CommandError, Commands};

/// An original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its bytes.
    pub content: Vec<u8>,
    /// `application/json` or `application/xml`.
    pub content_type: String,
}

impl Commands {
    /// Keeps an original. The same again changes nothing. It is kept before the event that names it, and once that is
    /// decided: an event never names what is not there.
    ///
    /// # Errors
    /// [`CommandError::Journal`] where the database does not take it.
    pub(crate) async fn keep_report(&self, digest: &Digest, report: &Report) -> Result<(), CommandError> {
        sqlx::query(
            "INSERT INTO reports (digest, content, content_type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(digest.as_str())
        .bind(&report.content)
        .bind(&report.content_type)
        .execute(self.journal.pool())
        .await
        .map_err(JournalError::from)?;
        Ok(())
    }

    /// An original; none where there is no such.
    ///
    /// # Errors
    /// [`CommandError::Journal`] where the database does not answer.
    pub async fn report(&self, digest: &Digest) -> Result<Option<Report>, CommandError> {
        let row: Option<(Vec<u8>, String)> =
            sqlx::query_as("SELECT content, content_type FROM reports WHERE digest = $1")
                .bind(digest.as_str())
                .fetch_optional(self.journal.pool())
                .await
                .map_err(JournalError::from)?;
        Ok(row.map(|(content, content_type)| Report {
            content,
            content_type,
        }))
    }
}

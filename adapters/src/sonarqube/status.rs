//! The status of a commit's quality gate.

use chrono::{DateTime, SubsecRound, Utc};
use opstella_domain::naming::QualityKey;
use opstella_domain::release::Commit;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::SonarQube;
use crate::StepError;
use crate::reports::FetchedReport;

/// Most analyses that are looked through, the newest first: as many as SonarQube lists at once.
const MOST: &str = "500";
/// How SonarQube writes times.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%z";

#[derive(Deserialize)]
struct Analyses {
    analyses: Vec<Analysis>,
}

#[derive(Deserialize)]
struct Analysis {
    key: String,
    date: String,
    revision: Option<String>,
}

impl SonarQube {
    /// The status of the newest analysis of the commit on the main branch. Of the project's newest analysis it is the
    /// status as it is now, in which issues that were resolved since do not count; of an older one that it ended with.
    pub(super) async fn quality_gate(
        &self,
        key: &QualityKey,
        commit: &Commit,
    ) -> Result<Option<FetchedReport>, StepError> {
        let analyses = self.analyses(key, MOST).await?;
        let of_commit = |a: &&Analysis| a.revision.as_deref().is_some_and(|r| r == commit.as_str());
        let Some(analysis) = analyses.iter().find(of_commit) else {
            return Ok(None);
        };
        let is_newest = |all: &[Analysis]| all.first().is_some_and(|first| first.key == analysis.key);
        if is_newest(&analyses) {
            // As exact as SonarQube is: what its webhook says in the same second must not pass for older.
            let asked_at = Utc::now().trunc_subsecs(0);
            let status = self.status("projectKey", key.as_str()).await?;
            // Another may have ended in between: then the status is that one's.
            if is_newest(&self.analyses(key, "1").await?) {
                return Ok(fetched(status, Some(asked_at)));
            }
        }
        let status = self.status("analysisId", &analysis.key).await?;
        let ended_at = DateTime::parse_from_str(&analysis.date, TIME).ok();
        Ok(fetched(status, ended_at.map(|at| at.to_utc())))
    }

    async fn analyses(&self, key: &QualityKey, most: &str) -> Result<Vec<Analysis>, StepError> {
        let pairs = [("project", key.as_str()), ("ps", most)];
        let found: Option<Analyses> = self.ask("project_analyses/search", &pairs).await?;
        Ok(found.map(|found| found.analyses).unwrap_or_default())
    }

    async fn status(&self, parameter: &str, value: &str) -> Result<Option<Box<RawValue>>, StepError> {
        self.ask("qualitygates/project_status", &[(parameter, value)])
            .await
    }
}

fn fetched(status: Option<Box<RawValue>>, made_at: Option<DateTime<Utc>>) -> Option<FetchedReport> {
    let content = status?.get().as_bytes().to_vec();
    Some(FetchedReport { content, made_at })
}

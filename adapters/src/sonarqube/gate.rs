//! The quality gate of a project: a setting of it, not a thing of its own.

use opstella_domain::naming::QualityKey;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde::Deserialize;

use super::SonarQube;
use crate::http::segment;
use crate::{Removed, StepContext, StepError};

#[derive(Deserialize)]
struct Chosen {
    #[serde(rename = "qualityGate")]
    gate: Gate,
}

#[derive(Deserialize)]
struct Gate {
    name: String,
    /// Whether nobody chose it: the project follows the platform's default.
    #[serde(rename = "default", default)]
    by_default: bool,
}

impl SonarQube {
    pub(super) async fn ensure_gate(
        &self,
        key: &QualityKey,
        gate: &str,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let container = self.container(key, context).await?;
        let chosen = self.gate_of(key).await?;
        let fits = chosen.is_some_and(|chosen| chosen.name == gate && !chosen.by_default);
        if !fits {
            let pairs = [("gateName", gate), ("projectKey", key.as_str())];
            // The project was there a moment ago: what is missing is the gate.
            self.change_if_there("qualitygates/select", &pairs).await?.map_err(|_| StepError::Permanent {
                message: format!(
                    "SonarQube: there is no quality gate `{gate}`: create it, or name another in the connection's \
                     settings.quality_gate"
                ),
            })?;
        }
        // Choosing is its own trace; only an earlier attempt can have left the right choice in another run's project.
        let chose = !fits || context.retried;
        let provenance = match container.provenance(context) {
            None | Some(Provenance::Adopted) => Provenance::Adopted,
            Some(Provenance::Existing) if !chose => Provenance::Existing,
            _ => Provenance::Created,
        };
        let page = format!("project/quality_gate?id={}", segment(key.as_str()));
        Ok(self.outcome("quality gate", &format!("{key}: {gate}"), &page, provenance))
    }

    /// Back to the platform's default, in a project that goes with the removal; in any other the choice stays, for
    /// nobody knows which it was before.
    pub(super) async fn remove_gate(
        &self,
        key: &QualityKey,
        gate: &str,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(project) = self.project(key).await? else {
            return Ok(Removed::Absent);
        };
        let chosen = self.gate_of(key).await?.filter(|chosen| !chosen.by_default);
        let Some(chosen) = chosen else {
            return Ok(Removed::Absent);
        };
        if chosen.name != gate || !project.ownership(context).allows(context) {
            return Ok(Removed::Kept);
        }
        match self
            .change_if_there("qualitygates/deselect", &[("projectKey", key.as_str())])
            .await?
        {
            Ok(()) => Ok(Removed::Deleted),
            Err(_) => Ok(Removed::Absent),
        }
    }

    async fn gate_of(&self, key: &QualityKey) -> Result<Option<Gate>, StepError> {
        let found: Option<Chosen> = self
            .ask("qualitygates/get_by_project", &[("project", key.as_str())])
            .await?;
        Ok(found.map(|found| found.gate))
    }
}

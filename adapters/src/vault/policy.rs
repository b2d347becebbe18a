//! The policy that reads the path of an environment.

use opstella_domain::naming::{SecretPath, VaultName};
use opstella_domain::resource::{Provenance, StepOutcome};
use serde::Deserialize;
use serde_json::json;

use super::client::Mount;
use super::{Vault, foreign};
use crate::http::segment;
use crate::mark::Mark;
use crate::{Removal, Removed, StepContext, StepError};

const KIND: &str = "policy";

#[derive(Deserialize)]
struct Policy {
    policy: String,
}

impl Vault {
    pub(super) async fn ensure_policy(
        &self,
        name: &VaultName,
        path: &SecretPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let there = self.policy(name).await?;
        let (mark, provenance) = match &there {
            None => (Mark::service(&context.owner), Provenance::Created),
            Some(text) => match Mark::find(text) {
                Some(mark) if mark.is_of_service(&context.owner) => {
                    let provenance = mark.provenance(context);
                    (mark, provenance)
                }
                _ if context.adopt => (Mark::service(&context.owner).adopted(), Provenance::Adopted),
                mark => {
                    let another = mark.and_then(|mark| mark.of_another(&context.owner));
                    return Err(foreign(KIND, name.as_str(), another));
                }
            },
        };
        let wanted = self.policy_text(&mark, path);
        if there.as_deref().map(str::trim) != Some(wanted.trim()) {
            let call = self.http.post(policy_path(name));
            self.change(call.json(&json!({ "policy": wanted })), Mount::System)
                .await?;
        }
        let page = format!("policy/acl/{}", segment(name.as_str()));
        Ok(self.outcome(KIND, name.as_str(), Some(page), provenance))
    }

    pub(super) async fn remove_policy(
        &self,
        name: &VaultName,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(text) = self.policy(name).await? else {
            return Ok(Removed::Absent);
        };
        let mark = Mark::find(&text).filter(|mark| mark.is_of_service(&context.owner));
        match (context.removal, mark.as_ref().and_then(|mark| mark.run)) {
            (Removal::ThisRun, Some(run)) if run == context.owner.run => {}
            (Removal::Service, Some(_)) => {}
            _ => {
                if mark.is_some_and(|mark| mark.comes_off(context)) {
                    let call = self.http.post(policy_path(name));
                    let unmarked = Mark::without(&text);
                    self.change(call.json(&json!({ "policy": unmarked })), Mount::System)
                        .await?;
                }
                return Ok(Removed::Kept);
            }
        }
        self.change(self.http.delete(policy_path(name)), Mount::System)
            .await?;
        Ok(Removed::Deleted)
    }

    async fn policy(&self, name: &VaultName) -> Result<Option<String>, StepError> {
        let call = self.http.get(policy_path(name));
        let found: Option<Policy> = self.read_data(call, Mount::System).await?;
        Ok(found.map(|found| found.policy))
    }

    /// Reads and lists the path and what is below it; nothing else.
    fn policy_text(&self, mark: &Mark, path: &SecretPath) -> String {
        let mut text = format!("# {}\n", mark.line());
        for kind in ["data", "metadata"] {
            for below in ["", "/*"] {
                text.push_str(&format!(
                    "path \"{}/{kind}/{path}{below}\" {{\n  capabilities = [\"read\", \"list\"]\n}}\n",
                    self.kv_mount
                ));
            }
        }
        text
    }
}

fn policy_path(name: &VaultName) -> String {
    format!("/v1/sys/policies/acl/{}", segment(name.as_str()))
}

//! The roles by which pods and machines sign in.

use opstella_domain::naming::VaultName;
use opstella_domain::operation::Operation;
use opstella_domain::resource::StepOutcome;
use serde_json::{Map, Value, json};

use super::client::{Mount, path};
use super::role_mark::Maker;
use super::{Vault, foreign, role_mark};
use crate::http::segment;
use crate::{Removed, StepContext, StepError};

/// How long a token lives before it must be renewed, and how long at most.
const TOKEN_TTL: u32 = 60 * 60;
const TOKEN_MAX_TTL: u32 = 4 * 60 * 60;
/// How long a secret id of a machine is good.
const SECRET_ID_TTL: u32 = 30 * 24 * 60 * 60;

/// A role as an operation wants it.
pub(super) struct Role<'a> {
    kind: &'static str,
    mount: Mount<'a>,
    mount_path: &'a str,
    name: &'a VaultName,
    policy: &'a VaultName,
    settings: Value,
}

impl Role<'_> {
    fn path(&self) -> String {
        format!(
            "/v1/auth/{}/role/{}",
            path(self.mount_path),
            segment(self.name.as_str())
        )
    }

    fn full_name(&self) -> String {
        format!("auth/{}/role/{}", self.mount_path, self.name)
    }
}

impl Vault {
    /// The role that an operation wants, if it wants one.
    pub(super) fn role<'a>(&'a self, operation: &'a Operation) -> Option<Role<'a>> {
        match operation {
            Operation::VaultKubernetesRole {
                role,
                policy,
                namespace,
                service_account,
            } => Some(Role {
                kind: "Kubernetes role",
                mount: Mount::Auth {
                    method: "kubernetes",
                    mount: &self.kubernetes_mount,
                    setting: "kubernetes_auth_mount",
                },
                mount_path: &self.kubernetes_mount,
                name: role,
                policy,
                settings: json!({
                    "bound_service_account_names": [service_account], "bound_service_account_namespaces": [namespace],
                    "token_ttl": TOKEN_TTL, "token_max_ttl": TOKEN_MAX_TTL,
                }),
            }),
            Operation::VaultAppRole { role, policy } => Some(Role {
                kind: "AppRole",
                mount: Mount::Auth {
                    method: "approle",
                    mount: &self.approle_mount,
                    setting: "approle_mount",
                },
                mount_path: &self.approle_mount,
                name: role,
                policy,
                settings: json!({
                    "bind_secret_id": true, "secret_id_ttl": SECRET_ID_TTL, "token_ttl": TOKEN_TTL,
                    "token_max_ttl": TOKEN_MAX_TTL,
                }),
            }),
            _ => None,
        }
    }

    pub(super) async fn ensure_role(
        &self,
        role: &Role<'_>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let there = self.read_role(role).await?;
        let run = context.owner.run;
        let maker = match &there {
            None => Maker::Run(run),
            Some(there) => match Maker::of(&policies(there), &context.owner) {
                Some(maker) => maker,
                None if context.adopt => Maker::Adopted(Some(run)),
                None => {
                    let another = role_mark::of_another(&policies(there), &context.owner);
                    return Err(foreign(role.kind, &role.full_name(), another));
                }
            },
        };
        let provenance = maker.provenance(context);
        let mut wanted = role.settings.clone();
        if let Some(fields) = wanted.as_object_mut() {
            let mark = maker.mark(context.owner.installation);
            fields.insert("token_policies".into(), json!([role.policy, mark]));
        }
        if !there.is_some_and(|there| fits(&wanted, &there)) {
            self.change(self.http.post(role.path()).json(&wanted), role.mount)
                .await?;
        }
        Ok(self.outcome(role.kind, &role.full_name(), None, provenance))
    }

    pub(super) async fn remove_role(
        &self,
        role: &Role<'_>,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let answer = self.send(self.http.get(role.path())).await?;
        // Without the auth method there are no roles of it: nothing to say about a missing mount here.
        let Some(answer) = answer.found()? else {
            return Ok(Removed::Absent);
        };
        let there: super::client::Envelope<Map<String, Value>> = answer.json()?;
        let maker = Maker::of(&policies(&there.data), &context.owner);
        if !maker.is_some_and(|maker| maker.goes(context)) {
            if maker.is_some_and(|maker| maker.comes_off(context)) {
                let mut unmarked = role.settings.clone();
                if let Some(fields) = unmarked.as_object_mut() {
                    fields.insert("token_policies".into(), json!([role.policy]));
                }
                self.change(self.http.post(role.path()).json(&unmarked), role.mount)
                    .await?;
            }
            return Ok(Removed::Kept);
        }
        self.change(self.http.delete(role.path()), role.mount).await?;
        Ok(Removed::Deleted)
    }

    async fn read_role(&self, role: &Role<'_>) -> Result<Option<Map<String, Value>>, StepError> {
        self.read_data(self.http.get(role.path()), role.mount).await
    }
}

fn policies(role: &Map<String, Value>) -> Vec<String> {
    let names = role.get("token_policies").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// Whether what is there has all that is wanted; lists in any order.
fn fits(wanted: &Value, there: &Map<String, Value>) -> bool {
    let sorted = |value: &Value| {
        let mut value = value.clone();
        if let Some(items) = value.as_array_mut() {
            items.sort_by_key(ToString::to_string);
        }
        value
    };
    wanted.as_object().is_some_and(|fields| {
        fields
            .iter()
            .all(|(field, value)| there.get(field).is_some_and(|t| sorted(t) == sorted(value)))
    })
}

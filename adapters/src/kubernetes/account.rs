//! The account that workloads run under.

use k8s_openapi::api::core::v1::{LocalObjectReference, ServiceAccount};

use super::objects::Managed;
use super::pull_secret;

impl Managed for ServiceAccount {
    /// A team may pull from other registries, too.
    fn keep(&mut self, found: &Self) {
        let ours = self.image_pull_secrets.take().unwrap_or_default();
        let mut all = found.image_pull_secrets.clone().unwrap_or_default();
        for secret in ours {
            if !all.contains(&secret) {
                all.push(secret);
            }
        }
        self.image_pull_secrets = Some(all);
    }
}

/// An account whose pods pull from our registry and hold no token of the API server, unless a pod asks for one.
pub(super) fn of_workloads() -> ServiceAccount {
    ServiceAccount {
        automount_service_account_token: Some(false),
        image_pull_secrets: Some(vec![LocalObjectReference {
            name: pull_secret::NAME.into(),
        }]),
        ..ServiceAccount::default()
    }
}

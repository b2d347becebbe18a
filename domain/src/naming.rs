//! What things are called inside the tools.
//!
//! Derived from our names only, never from free text, so that two services can never meet under one derived name:
//! parts are joined by a separator that no name can contain (`--` where only a DNS label fits, `_`, `/` or `:`
//! where the tool takes them). Where 63 characters (RFC 1123 label, also the limit of a Kubernetes label value)
//! do not suffice, the tail is replaced by a hash of the whole.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ComponentName, Environment, ProjectSlug, ServiceKey};

macro_rules! derived {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

derived!(
    /// A GitLab project's full path: `payments/checkout_api`.
    RepositoryPath
);
derived!(
    /// A Harbor project: `payments_checkout`.
    RegistryProject
);
derived!(
    /// A path below the KV v2 mount, and below every other mount by the same words: `payments/checkout/dev`.
    SecretPath
);
derived!(
    /// A Vault policy or auth role: `payments--checkout--dev`.
    VaultName
);
derived!(
    /// A SonarQube project key: `payments:checkout:api`.
    QualityKey
);
derived!(
    /// A Kubernetes object or label: a DNS label.
    KubernetesName
);

/// Longest DNS label (RFC 1123).
const LABEL: usize = 63;

/// Joins parts by `--`, at most 63 characters.
fn label(parts: &[&str]) -> String {
    let whole = parts.join("--");
    if whole.len() <= LABEL {
        return whole;
    }
    let digest = hex::encode(Sha256::digest(whole.as_bytes()));
    let head: String = whole.chars().take(LABEL - 11).collect();
    let tail: String = digest.chars().take(10).collect();
    format!("{}-{tail}", head.trim_end_matches('-'))
}

/// The component that these names are of.
fn component_of(project: &str, service: &str, component: &str) -> Option<(ServiceKey, ComponentName)> {
    let key = ServiceKey {
        project: project.parse().ok()?,
        service: service.parse().ok()?,
    };
    Some((key, component.parse().ok()?))
}

impl RepositoryPath {
    /// The repository of a component.
    pub fn of(key: &ServiceKey, component: &ComponentName) -> Self {
        Self(format!("{}/{}_{component}", key.project, key.service))
    }

    /// The group part.
    pub fn group(&self) -> &str {
        self.0.split_once('/').map_or("", |(group, _)| group)
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// Whose repository a path is; none where it is none of ours.
    pub fn read(path: &str) -> Option<(ServiceKey, ComponentName)> {
        let (project, name) = path.split_once('/')?;
        let (service, component) = name.split_once('_')?;
        component_of(project, service, component)
    }
}

impl RegistryProject {
    /// The registry project of a service.
    pub fn of(key: &ServiceKey) -> Self {
        Self(format!("{}_{}", key.project, key.service))
    }
}

impl SecretPath {
    /// What a service keeps for one environment.
    pub fn environment(key: &ServiceKey, environment: Environment) -> Self {
        Self(format!("{}/{}/{}", key.project, key.service, environment.slug()))
    }

    /// The credential of the registry robot of a service.
    pub fn robot(key: &ServiceKey) -> Self {
        Self(format!("{}/{}/platform/registry-robot", key.project, key.service))
    }

    /// The analysis token of a component.
    pub fn analysis_token(key: &ServiceKey, component: &ComponentName) -> Self {
        Self(format!(
            "{}/{}/platform/analysis-token/{component}",
            key.project, key.service
        ))
    }

    /// Where nobody's secret is: what is asked for where the answer must not tell who is there.
    pub fn nobodys() -> Self {
        Self("opstella/nobody/platform/webhook".to_owned())
    }

    /// The secret that a tool signs its webhooks with.
    pub fn webhook(key: &ServiceKey, component: &ComponentName, tool: &str) -> Self {
        Self(format!(
            "{}/{}/platform/webhook/{tool}/{component}",
            key.project, key.service
        ))
    }
}

impl VaultName {
    /// Policy and roles of one environment of a service.
    pub fn environment(key: &ServiceKey, environment: Environment) -> Self {
        Self(label(&[
            key.project.as_str(),
            key.service.as_str(),
            environment.slug(),
        ]))
    }
}

impl QualityKey {
    /// The quality project of a component.
    pub fn of(key: &ServiceKey, component: &ComponentName) -> Self {
        Self(format!("{}:{}:{component}", key.project, key.service))
    }

    /// Whose quality project a key is; none where it is none of ours.
    pub fn read(key: &str) -> Option<(ServiceKey, ComponentName)> {
        let (project, rest) = key.split_once(':')?;
        let (service, component) = rest.split_once(':')?;
        component_of(project, service, component)
    }
}

impl KubernetesName {
    /// The namespace of one environment of a service.
    pub fn namespace(key: &ServiceKey, environment: Environment) -> Self {
        Self(label(&[
            key.project.as_str(),
            key.service.as_str(),
            environment.slug(),
        ]))
    }

    /// The pattern that all namespaces of a project match (Argo CD destinations take globs).
    pub fn namespace_pattern(project: &ProjectSlug) -> String {
        format!("{project}--*")
    }

    /// The Argo CD application of a component in an environment.
    pub fn application(key: &ServiceKey, component: &ComponentName, environment: Environment) -> Self {
        let parts = [
            key.project.as_str(),
            key.service.as_str(),
            component.as_str(),
            environment.slug(),
        ];
        Self(label(&parts))
    }

    /// The `Deployment` and the `Service` of a component, in its namespace.
    pub fn component(component: &ComponentName) -> Self {
        Self(component.to_string())
    }

    /// The object of one fixed purpose within a namespace of ours.
    pub fn fixed(name: &'static str) -> Self {
        Self(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(project: &str, service: &str) -> ServiceKey {
        ServiceKey {
            project: project.parse().unwrap(),
            service: service.parse().unwrap(),
        }
    }

    #[test]
    fn hyphens_in_names_do_not_make_two_services_meet() {
        let (left, right) = (key("a-b", "c"), key("a", "b-c"));
        assert_ne!(
            KubernetesName::namespace(&left, Environment::Dev),
            KubernetesName::namespace(&right, Environment::Dev)
        );
        assert_ne!(RegistryProject::of(&left), RegistryProject::of(&right));
    }

    #[test]
    fn what_tools_name_is_read_back() {
        let (of, api) = (
            key("a-b", "check-out"),
            "api-v2".parse::<ComponentName>().unwrap(),
        );
        let ours = Some((of.clone(), api.clone()));
        assert_eq!(QualityKey::read(QualityKey::of(&of, &api).as_str()), ours);
        assert_eq!(RepositoryPath::read(RepositoryPath::of(&of, &api).as_str()), ours);
        for other in ["", "a", "a:b", "a:b:c:d", "A:b:c", "a::c", "a:b:c\0"] {
            assert_eq!(QualityKey::read(other), None, "{other:?}");
        }
        for other in ["", "a/b", "a/b/c", "a/b_c_d", "a/_c", "x_y"] {
            assert_eq!(RepositoryPath::read(other), None, "{other:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (p, s) = ("p".repeat(40), "s".repeat(40));
        let dev = KubernetesName::namespace(&key(&p, &s), Environment::Dev);
        let sit = KubernetesName::namespace(&key(&p, &s), Environment::Sit);
        assert!(dev.as_str().len() <= 63);
        assert_ne!(dev, sit);
    }

    proptest! {
        #[test]
        fn namespaces_are_labels(p in "[a-z]([a-z0-9]{0,38}[a-z0-9])?", s in "[a-z](-?[a-z0-9]){0,19}") {
            prop_assume!(p.parse::<ProjectSlug>().is_ok() && s.parse::<crate::ServiceName>().is_ok());
            let name = KubernetesName::namespace(&key(&p, &s), Environment::Prd);
            prop_assert!(name.as_str().len() <= 63 && !name.as_str().ends_with('-'));
        }
    }
}

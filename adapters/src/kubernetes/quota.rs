//! How much of the cluster an environment may take.

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use opstella_domain::Environment;

use super::objects::Managed;

/// Name of the quota in each of our namespaces.
pub(super) const NAME: &str = "opstella-quota";

/// Quantities as the server writes them (`1Gi`, not `1024Mi`): it compares them by text, and so do we.
type Amounts = [(&'static str, &'static str); 9];

/// DEV, SIT and UAT: one team that builds and tests.
const MODEST: Amounts = [
    ("requests.cpu", "4"),
    ("requests.memory", "8Gi"),
    ("limits.cpu", "8"),
    ("limits.memory", "16Gi"),
    ("pods", "30"),
    ("persistentvolumeclaims", "10"),
    ("requests.storage", "50Gi"),
    ("services.loadbalancers", "0"),
    ("services.nodeports", "0"),
];

/// PRE and PRD: the load of production, with room for a rollout that runs old and new side by side.
const LARGE: Amounts = [
    ("requests.cpu", "16"),
    ("requests.memory", "32Gi"),
    ("limits.cpu", "32"),
    ("limits.memory", "64Gi"),
    ("pods", "100"),
    ("persistentvolumeclaims", "30"),
    ("requests.storage", "200Gi"),
    ("services.loadbalancers", "0"),
    ("services.nodeports", "0"),
];

impl Managed for ResourceQuota {
    /// A quota with scopes counts some pods only.
    const FIXED: &'static [&'static str] = &["/spec/scopes", "/spec/scopeSelector"];
}

/// The quota of this environment. No load balancers and node ports anywhere: what is to be reached from outside goes
/// through the cluster's ingress.
pub(super) fn of(environment: Environment) -> ResourceQuota {
    let amounts = match environment {
        Environment::Dev | Environment::Sit | Environment::Uat => MODEST,
        Environment::Pre | Environment::Prd => LARGE,
    };
    let hard = amounts.map(|(what, amount)| (what.to_owned(), Quantity(amount.to_owned())));
    ResourceQuota {
        spec: Some(ResourceQuotaSpec {
            hard: Some(hard.into()),
            ..ResourceQuotaSpec::default()
        }),
        ..ResourceQuota::default()
    }
}

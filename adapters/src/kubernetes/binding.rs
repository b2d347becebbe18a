//! Who of a project may do what in a namespace.

use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use opstella_domain::{Environment, ProjectSlug};

use super::objects::Managed;

/// Name of the binding in each of our namespaces.
pub(super) const NAME: &str = "opstella-members";
const RBAC: &str = "rbac.authorization.k8s.io";

impl Managed for RoleBinding {
    const FIXED: &'static [&'static str] = &["/roleRef"];
}

/// The group `opstella:<project>` may edit in DEV and view elsewhere, where changes come by Argo CD.
///
/// The API server takes groups from tokens of the identity provider; it is to be started with
/// `--oidc-groups-prefix=opstella:`, so that no group of the provider is one of the cluster's own (`system:masters`),
/// and the provider is to put the project's slug into the groups of its members.
pub(super) fn of(project: &ProjectSlug, environment: Environment) -> RoleBinding {
    let role = match environment {
        Environment::Dev => "edit",
        Environment::Sit | Environment::Uat | Environment::Pre | Environment::Prd => "view",
    };
    RoleBinding {
        role_ref: RoleRef {
            api_group: Some(RBAC.into()),
            kind: "ClusterRole".into(),
            name: role.into(),
        },
        subjects: Some(vec![Subject {
            api_group: Some(RBAC.into()),
            kind: "Group".into(),
            name: format!("opstella:{project}"),
            namespace: None,
        }]),
        ..RoleBinding::default()
    }
}

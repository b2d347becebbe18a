//! The closed network of a namespace.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::objects::Managed;

/// Name of the policy in each of our namespaces.
pub(super) const NAME: &str = "default-deny";
/// Label that Kubernetes gives every namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
const DNS: i32 = 53;

impl Managed for NetworkPolicy {}

/// One policy over all pods, in both directions. Policies add up: a service opens what it needs by policies of its own,
/// as the templates do, and this one stays as it is.
///
/// - Nothing comes in, not from within the namespace either: each component says who may call it.
/// - What goes out to the namespace's own pods is left to them, so that one policy, at the called side, suffices.
/// - DNS goes out, to `kube-system`: without it not even an allowed peer is found. UDP, and TCP for long answers.
pub(super) fn closed() -> NetworkPolicy {
    let own_pods = NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    };
    let dns = NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some(BTreeMap::from([(NAMESPACE_NAME.into(), "kube-system".into())])),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    };
    let port = |protocol: &str| NetworkPolicyPort {
        port: Some(IntOrString::Int(DNS)),
        protocol: Some(protocol.into()),
        ..NetworkPolicyPort::default()
    };
    let egress = vec![
        NetworkPolicyEgressRule {
            to: Some(vec![own_pods]),
            ports: None,
        },
        NetworkPolicyEgressRule {
            to: Some(vec![dns]),
            ports: Some(vec![port("UDP"), port("TCP")]),
        },
    ];
    NetworkPolicy {
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress: Some(Vec::new()), // said, so that a rule that somebody adds is drift
            egress: Some(egress),
        }),
        ..NetworkPolicy::default()
    }
}

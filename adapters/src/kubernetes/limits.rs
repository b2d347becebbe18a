//! What a container gets that does not say what it needs.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::objects::Managed;

/// Name of the limits in each of our namespaces.
pub(super) const NAME: &str = "opstella-limits";

impl Managed for LimitRange {}

/// Default requests and limits: where a quota is, a container without them is not admitted.
pub(super) fn all() -> LimitRange {
    LimitRange {
        spec: Some(LimitRangeSpec {
            limits: vec![LimitRangeItem {
                type_: "Container".into(),
                default_request: Some(amounts("100m", "128Mi")),
                default: Some(amounts("500m", "512Mi")),
                ..LimitRangeItem::default()
            }],
        }),
        ..LimitRange::default()
    }
}

fn amounts(cpu: &str, memory: &str) -> BTreeMap<String, Quantity> {
    let amounts = [("cpu", cpu), ("memory", memory)];
    BTreeMap::from(amounts.map(|(what, amount)| (what.to_owned(), Quantity(amount.to_owned()))))
}

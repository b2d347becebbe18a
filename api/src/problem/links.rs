//! Where the things that errors name are found in the API.

use opstella_domain::promotion::EnvironmentKey;
use opstella_domain::{ServiceKey, Tool};

/// The path of an aggregate that a domain error names by kind and id.
pub(super) fn of(kind: &str, id: &str) -> Option<String> {
    let service = |id: &str| {
        id.parse::<ServiceKey>()
            .ok()
            .map(|key| format!("/projects/{}/services/{}", key.project, key.service))
    };
    let release = |id: &str| {
        let (key, version) = id.rsplit_once('/')?;
        Some(format!("{}/releases/{version}", service(key)?))
    };
    let path = match kind {
        "project" => Some(format!("/projects/{id}")),
        "service" => service(id),
        "component" | "environment" => id.rsplit_once('/').and_then(|(key, _)| service(key)),
        "member" => id
            .split_once('/')
            .map(|(project, _)| format!("/projects/{project}/members")),
        "promotion" => id.rsplit_once('/').and_then(|(key, promotion)| {
            let key: EnvironmentKey = key.parse().ok()?;
            Some(format!(
                "{}/promotions/{promotion}",
                service(&key.service.to_string())?
            ))
        }),
        "release" => release(id),
        "image of the release" => id.rsplit_once('/').and_then(|(key, _)| release(key)),
        "subscription" => Some(match id.split_once('/') {
            Some((project, name)) => format!("/subscriptions/{name}?project={project}"),
            None => format!("/subscriptions/{id}"),
        }),
        "run" => Some(format!("/runs/{id}")),
        "template" => Some(format!("/templates/{id}")),
        "template version" => id
            .split_once('@')
            .map(|(name, version)| format!("/templates/{name}/versions/{version}")),
        "tool" => id.parse::<Tool>().ok().map(|tool| format!("/tools/{tool}")),
        _ => None,
    }?;
    Some(format!("{}{path}", crate::http::BASE))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn what_is_taken_is_linked() {
        for (kind, id, path) in [
            ("project", "payments", "/api/v1/projects/payments"),
            (
                "service",
                "payments/checkout",
                "/api/v1/projects/payments/services/checkout",
            ),
            (
                "component",
                "payments/checkout/api",
                "/api/v1/projects/payments/services/checkout",
            ),
            (
                "promotion",
                "payments/checkout/SIT/01936f5e-0000-7000-8000-000000000001",
                "/api/v1/projects/payments/services/checkout/promotions/01936f5e-0000-7000-8000-000000000001",
            ),
            (
                "image of the release",
                "payments/checkout/1.4.0/api",
                "/api/v1/projects/payments/services/checkout/releases/1.4.0",
            ),
            (
                "template version",
                "http@1.0.0",
                "/api/v1/templates/http/versions/1.0.0",
            ),
        ] {
            assert_eq!(of(kind, id).as_deref(), Some(path));
        }
    }
}

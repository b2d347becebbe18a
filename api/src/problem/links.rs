//! Where the things that errors name are found in the API.

use opstella_domain::{ServiceKey, Tool};

/// The path of an aggregate that a domain error names by kind and id.
pub(super) fn of(kind: &str, id: &str) -> Option<String> {
    let service = |id: &str| {
        id.parse::<ServiceKey>()
            .ok()
            .map(|key| format!("/projects/{}/services/{}", key.project, key.service))
    };
    let path = match kind {
        "project" => Some(format!("/projects/{id}")),
        "service" => service(id),
        "component" | "environment" => id.rsplit_once('/').and_then(|(key, _)| service(key)),
        "member" => id
            .split_once('/')
            .map(|(project, _)| format!("/projects/{project}/members")),
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
                "template version",
                "http@1.0.0",
                "/api/v1/templates/http/versions/1.0.0",
            ),
        ] {
            assert_eq!(of(kind, id).as_deref(), Some(path));
        }
    }
}

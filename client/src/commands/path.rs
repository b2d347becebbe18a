//! Paths of the API.

use opstella_domain::ServiceKey;
use opstella_domain::release::ReleaseVersion;

/// Where the API is.
pub(super) const BASE: &str = "/api/v1";

/// A service.
pub(super) fn service(key: &ServiceKey) -> String {
    format!("{BASE}/projects/{}/services/{}", key.project, key.service)
}

/// A release.
pub(super) fn release(key: &ServiceKey, version: &ReleaseVersion) -> String {
    format!("{}/releases/{version}", service(key))
}

/// A path with these query parameters; those without a value are left out.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

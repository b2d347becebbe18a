//! What holds for all webhooks.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi};

use super::describe;

/// Statuses that any webhook may answer.
const ERRORS: &[(&str, &str)] = &[
    ("400", "The body cannot be read"),
    ("401", "It is not signed by a secret that is known here"),
    ("405", "The resource does not take this method"),
    ("413", "The body is too large"),
    ("414", "The path is too long"),
    ("422", "It is signed, and not what the tool sends"),
    ("429", "Too many at once from this address"),
    ("431", "The headers are too large"),
    ("500", "Something is wrong in Opstella"),
    ("503", "Something that is needed is away"),
    ("504", "It took too long"),
];
/// Where the credential is configured.
const UNCONFIGURED: &[(&str, &str)] = &[("404", "There is no credential `argocd-webhook`: none is taken")];
const SONARQUBE: &str = "sonarqube-signature";
const GITLAB: &str = "gitlab-token";
const ARGOCD: &str = "argocd-token";

/// How webhooks are signed.
pub(super) fn add_schemes(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::default);
    let header = |name: &str, description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, description)))
    };
    let signature = header(
        "X-Sonar-Webhook-HMAC-SHA256",
        "HMAC-SHA256 of the body, in hexadecimal, by the secret of the component's webhook",
    );
    components.add_security_scheme(SONARQUBE, signature);
    let token = header("X-Gitlab-Token", "The secret of the repository's webhook");
    components.add_security_scheme(GITLAB, token);
    let shared = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The configured credential `argocd-webhook`"))
        .build();
    components.add_security_scheme(ARGOCD, SecurityScheme::Http(shared));
}

/// Completes one: no token of the issuer, no idempotency key, as no tool sends any.
pub(super) fn complete(operation: &mut Operation) {
    describe(operation, ERRORS.iter());
    let scheme = match operation.operation_id.as_deref() {
        Some("ReceiveSonarqubeWebhook") => SONARQUBE,
        Some("ReceiveGitlabWebhook") => GITLAB,
        _ => {
            describe(operation, UNCONFIGURED.iter());
            ARGOCD
        }
    };
    operation.security = Some(vec![SecurityRequirement::new(scheme, Vec::<String>::new())]);
}

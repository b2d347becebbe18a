//! Argo CD: an application was synced, or its health changed. Sent by its notifications controller.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_commands::{CommandContext, CommandError};
use opstella_domain::naming::KubernetesName;
use opstella_domain::{ComponentName, CredentialName, DomainError, Environment, InvalidValue};
use opstella_domain::{RunId, ServiceKey, Tool};
use opstella_projections::queries::Deploying;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::outcome::{Outcome, admit, answer, damaged, unsigned};
use super::signature::{is, only};
use crate::http::current;
use crate::http::raw_body::RawBody;
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;

/// Name of the credential that both sides know.
pub(crate) const CREDENTIAL: &str = "argocd-webhook";

/// What Argo CD says of what happened.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ArgocdWebhook {
    /// With which application.
    #[schema(examples("payments--checkout--api--dev"))]
    pub application: String,
}

/// Takes Argo CD's word that something happened with an application: a deployment that waits for it looks now.
#[utoipa::path(post, path = "/api/v1/webhooks/argocd",
    operation_id = "ReceiveArgocdWebhook", tag = "webhooks",
    request_body(content = ArgocdWebhook, description = "From the template of the notification, at most 1 MiB"),
    responses((status = 202, description = "It has the token, and is taken")))]
pub(crate) async fn argocd(
    state: Data<AppState>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    answer(Tool::ArgoCd, receive(&state, &request, &body.0).await)
}

async fn receive(state: &AppState, request: &HttpRequest, body: &[u8]) -> Result<Outcome, Problem> {
    admit(state, request)?;
    let secret = configured(state).ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            format!("webhooks of Argo CD are not taken: there is no credential `{CREDENTIAL}`"),
        )
        .hint(format!("set credentials.{CREDENTIAL}, and restart"))
    })?;
    let refused = || unsigned("Authorization: Bearer, and the configured token");
    let header = only(request, "Authorization").ok_or_else(refused)?;
    let (scheme, token) = header.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") || !is(Some(secret), token.trim()) {
        return Err(refused());
    }
    let webhook: ArgocdWebhook = serde_json::from_slice(body)
        .map_err(|error| Problem::invalid_field("body", error.to_string(), None))?;
    if webhook.application.contains('\0') {
        return Err(Problem::invalid_field(
            "application",
            "must not contain the character NUL",
            None,
        ));
    }
    look_again(state, &webhook.application).await
}

fn configured(state: &AppState) -> Option<&SecretString> {
    let name: CredentialName = CREDENTIAL.parse().ok()?;
    let secret = state.config.credentials.get(&name)?;
    (!secret.expose_secret().is_empty()).then_some(secret)
}

/// Has the deployment that the application is part of look at it.
async fn look_again(state: &AppState, application: &str) -> Result<Outcome, Problem> {
    let correlation = current::request().map(|request| request.id).unwrap_or_default();
    let context = CommandContext::system("webhook-argocd", correlation);
    let mut outcome = Outcome::Ignored;
    for deploying in state.queries.deploying(application).await? {
        if !brings(&deploying, application).map_err(|error| damaged(&error))? {
            continue;
        }
        let run = RunId(deploying.run);
        match state.commands.look_again(&context, run, Tool::ArgoCd).await {
            Ok(true) => outcome = Outcome::Taken,
            Ok(false) => {}
            // It ended, or its engine was faster.
            Err(CommandError::Domain(error)) if passed(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(outcome)
}

fn passed(error: &DomainError) -> bool {
    matches!(
        error,
        DomainError::WrongState { .. } | DomainError::StaleAttempt { .. } | DomainError::NotFound { .. }
    )
}

/// Whether the application is one of those that a deployment brings. A long name is cut, so that it cannot be read back.
fn brings(deploying: &Deploying, application: &str) -> Result<bool, InvalidValue> {
    let key = ServiceKey {
        project: deploying.project.parse()?,
        service: deploying.service.parse()?,
    };
    let environment: Environment = deploying.environment.parse()?;
    for component in &deploying.components {
        let component: ComponentName = component.parse()?;
        if KubernetesName::application(&key, &component, environment).as_str() == application {
            return Ok(true);
        }
    }
    Ok(false)
}

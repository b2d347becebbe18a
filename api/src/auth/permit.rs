//! The table of permissions in front of every route: no handler is reached that the caller may not reach.
//!
//! Commands ask again where they are carried out. Lists and streams over many projects let everybody in, and their
//! handlers narrow what they tell by [`Caller::reader`](super::Caller::reader).

use actix_web::HttpRequest;
use opstella_commands::CommandContext;
use opstella_domain::access::{Scope, table};
use opstella_domain::{InvalidValue, ProjectSlug, RunId};

use crate::http::fallback;
use crate::openapi;
use crate::problem::{Problem, ProblemKind, internal};
use crate::state::AppState;

/// Refuses what the caller may not do.
///
/// # Errors
/// 403; 404 where the caller may not know of the project.
pub(super) async fn permit(
    state: &AppState,
    request: &HttpRequest,
    context: &CommandContext,
) -> Result<(), Problem> {
    let Some(route) = request.match_pattern() else {
        // The answer is that there is no such route.
        return Ok(());
    };
    // A route that is not described is not served.
    let operation = openapi::operation(request.method().as_str(), &route)
        .ok_or_else(|| fallback::undescribed(request))?;
    let scope = table::rule(operation)
        .map(|rule| rule.scope)
        .ok_or_else(|| internal(format!("the table of permissions has no row of {operation}")))?;
    let permit = async |project: Option<&ProjectSlug>| {
        let permitted = state.commands.permit(context, operation, project).await;
        permitted.map_err(Problem::from)
    };
    let about = match scope {
        Scope::Open | Scope::Platform | Scope::Each => None,
        Scope::Project => About::of(&route, request.path())?,
        Scope::Either(_) => match About::of(&route, request.path())? {
            None => About::named(request.query_string())?,
            about => about,
        },
    };
    match about {
        Some(About::Project(project)) => permit(Some(&project)).await,
        Some(About::Run(run)) => permit_run(state, context, operation, run).await,
        None if scope == Scope::Project => Err(internal(format!(
            "nothing in {route} says which project {operation} is about"
        ))),
        None => permit(None).await,
    }
}

async fn permit_run(
    state: &AppState,
    context: &CommandContext,
    operation: &'static str,
    run: RunId,
) -> Result<(), Problem> {
    let missing = || Problem::not_found("run", &run.to_string());
    let hidden = |problem: Problem| {
        if problem.status == ProblemKind::NotFound.status().as_u16() {
            missing()
        } else {
            problem
        }
    };
    let loaded = state.commands.load_run(run).await;
    let loaded = loaded.map_err(|error| hidden(error.into()))?;
    let service = loaded.state.service.as_ref().ok_or_else(missing)?;
    let permitted = state
        .commands
        .permit(context, operation, Some(&service.project))
        .await;
    permitted.map_err(|error| hidden(error.into()))
}

/// What a request says about the project concerned.
enum About {
    Project(ProjectSlug),
    Run(RunId),
}

impl About {
    fn of(route: &str, path: &str) -> Result<Option<Self>, Problem> {
        if let Some(text) = parameter(route, path, "{project}") {
            return parse("project", &text).map(Self::Project).map(Some);
        }
        match parameter(route, path, "{run}") {
            Some(text) => parse("run", &text).map(Self::Run).map(Some),
            None => Ok(None),
        }
    }

    /// The project that a request names in its query. It is there once, or the handler refuses the request.
    fn named(query: &str) -> Result<Option<Self>, Problem> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        match pairs.find(|(name, _)| name == "project") {
            Some((_, text)) => parse("project", &text).map(Self::Project).map(Some),
            None => Ok(None),
        }
    }
}

fn parse<T: std::str::FromStr<Err = InvalidValue>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: InvalidValue| Problem::parameter(name, error.rule, text))
}

/// The part of a path where its route has this parameter.
fn parameter(route: &str, path: &str, name: &str) -> Option<String> {
    let index = route.split('/').position(|part| part == name)?;
    let text = path.split('/').nth(index)?;
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    Some(decoded.into_owned())
}

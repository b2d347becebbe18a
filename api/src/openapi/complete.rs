//! What holds for all operations: security, headers, and every error status.

mod webhooks;

use utoipa::Modify;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
};

use crate::routes::webhooks::BELOW;

/// Statuses that any operation under `/api/v1` may answer.
const ALWAYS: &[(&str, &str)] = &[
    ("400", "A parameter or a header breaks a rule"),
    ("401", "A valid token is needed"),
    ("403", "A permission is missing"),
    ("404", "It does not exist"),
    ("405", "The resource does not take this method"),
    ("414", "The path is too long"),
    ("429", "Too many requests of this subject"),
    ("431", "The headers are too large"),
    ("500", "Something is wrong in Opstella"),
    (
        "503",
        "Something that is needed is away, or the read model is behind the position",
    ),
    ("504", "It took too long"),
];
/// And those that commands may answer as well.
const COMMANDS: &[(&str, &str)] = &[
    (
        "409",
        "The name is taken (`existing`), or the command does not fit the state (`state`, `accepts`)",
    ),
    ("412", "It is at another version than `If-Match` names"),
    ("413", "The body is too large"),
    ("415", "The body is not JSON"),
    (
        "422",
        "A field breaks a rule (`errors`), or the idempotency key was used for another request",
    ),
];
/// Commands that start a run, and so take `Prefer: wait`.
const STARTING: &[&str] = &[
    "CreateService",
    "AddComponent",
    "AddEnvironment",
    "DecommissionService",
];
/// Statuses of commands that signing in and out may answer as well, though its requests are no commands.
const SIGNING: &[&str] = &["413", "422"];
const BEARER: &str = "bearer";
const SESSION: &str = "session";

/// Completes the description.
pub(super) struct Complete;

impl Modify for Complete {
    fn modify(&self, api: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token of the configured OIDC issuer"))
            .build();
        let cookie = ApiKeyValue::with_description(
            "__Host-opstella",
            "The session of a browser that is signed in (`/auth/login`); `opstella` where Opstella is reached by plain \
             HTTP on the same machine. All but GET also needs `X-CSRF-Token`, the `csrf_token` of `/auth/session`",
        );
        let components = api.components.get_or_insert_with(Components::default);
        components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
        components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        webhooks::add_schemes(api);
        for (path, item) in &mut api.paths.paths {
            if path.starts_with(BELOW) {
                operations(item).for_each(|(operation, _)| webhooks::complete(operation));
                continue;
            }
            let open = !path.starts_with(crate::http::BASE);
            let signing = path.starts_with(crate::routes::signin::BASE);
            for (operation, command) in operations(item) {
                complete(operation, open, command && !signing);
                if signing {
                    let more = ["404", "429"];
                    describe(operation, ALWAYS.iter().filter(|(s, _)| more.contains(s)));
                    describe(
                        operation,
                        COMMANDS.iter().filter(|(s, _)| command && SIGNING.contains(s)),
                    );
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    let reading = item.get.as_mut().map(|operation| (operation, false));
    let commands = [item.post.as_mut(), item.put.as_mut(), item.delete.as_mut()];
    reading
        .into_iter()
        .chain(commands.into_iter().flatten().map(|operation| (operation, true)))
}

fn complete(operation: &mut Operation, open: bool, command: bool) {
    let mut errors: Vec<&(&str, &str)> = Vec::new();
    if open {
        errors.extend(
            ALWAYS
                .iter()
                .filter(|(s, _)| matches!(*s, "405" | "414" | "431" | "500" | "504")),
        );
    } else {
        let either = [BEARER, SESSION].map(|name| SecurityRequirement::new(name, Vec::<String>::new()));
        operation.security = Some(either.into());
        errors.extend(ALWAYS);
    }
    if command {
        errors.extend(COMMANDS);
        let starting = operation
            .operation_id
            .as_deref()
            .is_some_and(|id| STARTING.contains(&id));
        let parameters = operation.parameters.get_or_insert_with(Vec::new);
        parameters.extend(command_headers(starting).into_iter().map(Into::into));
        describe_success(operation, starting);
    }
    describe(operation, errors.into_iter());
}

fn describe<'a>(operation: &mut Operation, errors: impl Iterator<Item = &'a (&'a str, &'a str)>) {
    for (status, description) in errors {
        operation
            .responses
            .responses
            .entry((*status).to_owned())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
}

fn describe_success(operation: &mut Operation, starting: bool) {
    let names: &[(&str, &str)] = &[
        (
            "X-Opstella-Position",
            "The place of the command's last event: pass it as `?after=` to queries",
        ),
        (
            "Idempotency-Replayed",
            "`true` where this is the first answer given again",
        ),
    ];
    let ended = starting && !operation.responses.responses.contains_key("200");
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            for (name, description) in names {
                let header = HeaderBuilder::new().description(Some(*description)).build();
                response.headers.insert((*name).to_owned(), header.into());
            }
        }
    }
    if ended {
        let schema = Ref::from_schema_name("RunDetail");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description("The run, ended (`Prefer: wait`)")
            .content("application/json", content)
            .build();
        operation
            .responses
            .responses
            .insert("200".to_owned(), RefOr::T(response));
    }
}

fn command_headers(starting: bool) -> Vec<Parameter> {
    let header = |name: &str, description: &str, schema: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema.schema_type(Type::String)))
            .build()
    };
    let mut headers = vec![
        header(
            "Idempotency-Key",
            "The same request with the same key gets the first answer, for 24 hours",
            ObjectBuilder::new()
                .min_length(Some(1))
                .max_length(Some(255))
                .pattern(Some("^[!-~]+$")),
        ),
        header(
            "If-Match",
            "The version that the aggregate must have, as ETag gave it",
            ObjectBuilder::new().pattern(Some("^(\\*|\"[0-9]{1,18}\")$")),
        ),
    ];
    if starting {
        headers.push(header(
            "Prefer",
            "`wait=30` waits that many seconds (at most 60) for the run to end",
            ObjectBuilder::new().pattern(Some("^wait=[0-9]{1,2}$")),
        ));
    }
    headers
}

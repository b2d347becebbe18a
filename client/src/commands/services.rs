//! `opstella services`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use clap::{Args, Subcommand};
use opstella_domain::{ComponentName, Environment, ProjectSlug, ServiceKey, TemplateName};
use reqwest::Method;
use serde_json::{Value, json};

use super::path::{self, BASE};
use super::{follow, outcome};
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::http::Api;
use crate::output::{Cell, Table};
use crate::values::{ago, at, duration, list, set, who, word_at};

/// Services.
#[derive(Debug, Args)]
pub struct Services {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The services of a project, or of all of yours.
    List {
        /// Only of this project.
        project: Option<ProjectSlug>,
        /// How many at most.
        #[arg(long, default_value_t = 200, value_name = "N")]
        limit: usize,
    },
    /// A service, and what it has in the tools.
    Show {
        /// Which: project/service.
        service: ServiceKey,
        /// Name everything that it has in the tools; else it is counted.
        #[arg(long)]
        resources: bool,
    },
    /// Make a service in all tools, and wait until it is there.
    Create(Create),
}

#[derive(Debug, Args)]
struct Create {
    /// Which: project/service.
    service: ServiceKey,
    /// A component and the template that it is made from, perhaps in a version: api=http-service@1.2.0. Once for each.
    #[arg(long = "component", required = true, value_name = "NAME=TEMPLATE", value_parser = component)]
    components: Vec<Component>,
    /// Where it will be.
    #[arg(
        long = "env",
        value_delimiter = ',',
        default_value = "DEV,SIT,UAT,PRE,PRD",
        value_name = "ENVIRONMENTS"
    )]
    environments: Vec<Environment>,
    /// Who answers for it; you, if nobody is named.
    #[arg(long, value_name = "SUBJECT")]
    owner: Option<String>,
    /// Take over what is in the tools already and is not Opstella's.
    #[arg(long)]
    adopt: bool,
    /// Show the steps, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until it is there.
    #[arg(long)]
    no_wait: bool,
    /// Longest to wait.
    #[arg(long, default_value = "30m", value_name = "TIME", value_parser = duration)]
    timeout: Duration,
}

#[derive(Debug, Clone)]
struct Component {
    name: ComponentName,
    template: TemplateName,
    version: Option<String>,
}

fn component(text: &str) -> Result<Component, String> {
    let (name, template) = text
        .split_once('=')
        .ok_or("written as NAME=TEMPLATE or NAME=TEMPLATE@VERSION")?;
    let (template, version) = match template.split_once('@') {
        Some((template, version)) => (template, Some(version.to_owned())),
        None => (template, None),
    };
    Ok(Component {
        name: name
            .parse()
            .map_err(|e: opstella_domain::InvalidValue| e.to_string())?,
        template: template
            .parse()
            .map_err(|e: opstella_domain::InvalidValue| e.to_string())?,
        version,
    })
}

/// Lists, shows or creates.
pub(crate) async fn run(context: &Context, what: Services) -> Result<Answer, ClientError> {
    let api = context.api()?;
    match what.command {
        Command::List { project, limit } => all(&api, project, limit).await,
        Command::Show { service, resources } => {
            let found = api.get(&path::service(&service)).await?;
            Ok(shown(found, resources))
        }
        Command::Create(create) => make(context, &api, create).await,
    }
}

async fn all(api: &Api, project: Option<ProjectSlug>, limit: usize) -> Result<Answer, ClientError> {
    let projects = match project {
        Some(project) => vec![project.to_string()],
        None => {
            let projects = api.list(&format!("{BASE}/projects"), usize::MAX).await?;
            projects.iter().map(|project| word_at(project, "/slug")).collect()
        }
    };
    let mut services = Vec::new();
    for project in projects {
        let left = limit.saturating_sub(services.len());
        if left > 0 {
            services.extend(
                api.list(&format!("{BASE}/projects/{project}/services"), left)
                    .await?,
            );
        }
    }
    let mut table = Table::new(["service", "lifecycle", "components", "environments", "owner"]);
    for service in &services {
        table.row([
            format!("{}/{}", word_at(service, "/project"), word_at(service, "/name")).into(),
            Cell::state(word_at(service, "/lifecycle")),
            names(service, "/components", "/name").into(),
            names(service, "/environments", "/environment").into(),
            who(service, "/owner").into(),
        ]);
    }
    Ok(Answer::of(Value::from(services)).table(table, "there is no service"))
}

fn names(service: &Value, of: &str, name: &str) -> String {
    let all: Vec<_> = list(at(service, of))
        .iter()
        .map(|one| word_at(one, name))
        .collect();
    all.join(" ")
}

fn shown(service: Value, each: bool) -> Answer {
    let word = |pointer| word_at(&service, pointer);
    let now = Utc::now();
    let head = format!(
        "{}/{}: {}, owner {}",
        word("/project"),
        word("/name"),
        word("/lifecycle"),
        who(&service, "/owner")
    );
    let cause = word("/cause");
    let mut components = Table::new(["component", "template", "version", "state"]);
    for one in list(at(&service, "/components")) {
        components.row([
            word_at(one, "/name").into(),
            word_at(one, "/template").into(),
            word_at(one, "/template_version").into(),
            Cell::state(word_at(one, "/state")),
        ]);
    }
    let mut environments = Table::new(["environment", "state", "since"]);
    for one in list(at(&service, "/environments")) {
        environments.row([
            word_at(one, "/environment").into(),
            Cell::state(word_at(one, "/state")),
            ago(at(one, "/since"), now).into(),
        ]);
    }
    let resources = if each {
        resources(&service)
    } else {
        counted(&service)
    };
    let mut answer = Answer::of(service).line(head);
    if !cause.is_empty() {
        answer = answer.line(format!("because {cause}"));
    }
    answer
        .line("")
        .table(components, "it has no component")
        .line("")
        .table(environments, "it has no environment")
        .line("")
        .table(resources, "it has nothing in the tools")
}

/// Everything that it has in the tools.
fn resources(service: &Value) -> Table {
    let mut table = Table::new(["tool", "resource", "name", "where"]);
    for one in list(at(service, "/resources")) {
        let cell = |pointer| word_at(one, pointer).into();
        table.row([cell("/tool"), cell("/kind"), cell("/name"), cell("/url")]);
    }
    table
}

/// How much it has in each tool.
fn counted(service: &Value) -> Table {
    let mut tools: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for one in list(at(service, "/resources")) {
        let kinds = tools.entry(word_at(one, "/tool")).or_default();
        *kinds.entry(word_at(one, "/kind")).or_default() += 1;
    }
    let mut table = Table::new(["tool", "has"]);
    for (tool, kinds) in tools {
        let kinds: Vec<String> = kinds
            .iter()
            .map(|(kind, count)| format!("{count} × {kind}"))
            .collect();
        table.row([tool.into(), kinds.join(", ").into()]);
    }
    table
}

async fn make(context: &Context, api: &Api, create: Create) -> Result<Answer, ClientError> {
    let ServiceKey { project, service } = &create.service;
    let components = create.components.iter().map(|component| {
        let mut body = json!({"name": component.name, "template": component.template});
        if let Some(version) = &component.version {
            set(&mut body, "version", version.as_str());
        }
        body
    });
    let mut body = json!({
        "name": service,
        "components": components.collect::<Vec<_>>(),
        "environments": create.environments,
        "adopt": create.adopt,
    });
    if let Some(owner) = &create.owner {
        set(&mut body, "owner", owner.as_str());
    }
    let all = format!("{BASE}/projects/{project}/services");
    if create.dry_run {
        let plan = api
            .command(Method::POST, &format!("{all}?dry_run=true"), &body)
            .await?;
        return Ok(planned(plan));
    }
    let mut answer = api.command(Method::POST, &all, &body).await?;
    let run = follow::run_id(at(&answer, "/run"));
    let Some(run) = run.filter(|_| !create.no_wait) else {
        api.seen_answer(&answer).await;
        let run = word_at(&answer, "/run");
        return Ok(Answer::of(answer).line(format!("service {} requested: {run}", create.service)));
    };
    context
        .progress
        .say(&format!("service {} requested: run {run}", create.service));
    let ended = follow::until_ended(api, &context.progress, run, create.timeout)
        .await
        .map_err(|error| error.while_waiting(&format!("opstella runs watch {run}")))?;
    let (line, exit) = outcome::of_run(&ended.run);
    api.seen(&path::service(&create.service), &ended.position).await;
    set(&mut answer, "run_detail", ended.run);
    Ok(Answer::of(answer)
        .line(format!("service {}: {line}", create.service))
        .exit(exit))
}

fn planned(plan: Value) -> Answer {
    let mut table = Table::new(["step", "tool", "operation", "after"]);
    for step in list(at(&plan, "/steps")) {
        let cell = |pointer| word_at(step, pointer).into();
        table.row([
            cell("/id"),
            cell("/tool"),
            cell("/operation/type"),
            cell("/depends_on"),
        ]);
    }
    let steps = list(at(&plan, "/steps")).len();
    let path = word_at(&plan, "/critical_path");
    Answer::of(plan)
        .table(table, "there is nothing to do")
        .line(format!(
            "{steps} steps, {path} of them on the longest chain; nothing was done"
        ))
}

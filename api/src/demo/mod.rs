//! `opstella demo`: a service is created across six tools, live, or undone when one of them fails; then releases go through
//! its environments.
//!
//! The sandbox stands in for the tools; server, journal and engine are the real ones, and everything is asked of
//! them over the public API, as any client would.

mod client;
mod error;
mod fault;
mod ground;
mod people;
mod promotions;
mod releases;
mod reports;
mod summary;
mod watch;

use std::io::Write;
use std::time::Duration;

use clap::Args;
use opstella_domain::Tool;
use serde_json::{Value, json};

pub use error::DemoError;

use client::Client;
use ground::Ground;
use summary::Outcome;

const PROJECT: &str = "payments";
const SERVICE: &str = "checkout";

/// What the demo is to show.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// An empty PostgreSQL database; `cargo xtask demo` makes one.
    #[arg(long, env = "OPSTELLA_DEMO_DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Port of the server; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// End after the summary, with one line of JSON.
    #[arg(long)]
    once: bool,
    /// Make the last step of this tool fail for good.
    #[arg(long, value_name = "TOOL")]
    fail: Option<Tool>,
    /// Latency of every answer of the sandbox's tools, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    tool_latency: u64,
}

/// Shows it, and says whether things went as asked.
///
/// # Errors
/// [`DemoError`] where a part does not start or the API refuses.
pub async fn run(args: DemoArgs) -> Result<bool, DemoError> {
    let latency = Duration::from_millis(args.tool_latency);
    let ground = Ground::start(&args.database_url, args.port).await?;
    let client = Client::new(ground.url(), ground.token()?)?;
    println!("Opstella  {}   API docs: {}/api/docs", ground.url(), ground.url());
    println!("Tools     {} (the sandbox)\n", ground.sandbox().url());

    let admin = Client::new(ground.url(), ground.admin_token()?)?;
    connect(&admin, &ground).await?;
    let project = json!({"slug": PROJECT, "name": "Payments", "description": "Takes the money"});
    client.post("/api/v1/projects", &project).await?;
    println!("project {PROJECT} created");

    let request = json!({
        "name": SERVICE,
        "components": [
            {"name": "api", "template": "http-service"},
            {"name": "worker", "template": "http-service"},
        ],
        "environments": ["DEV", "SIT", "UAT", "PRE", "PRD"],
    });
    let services = format!("/api/v1/projects/{PROJECT}/services");
    let plan = client.post(&format!("{services}?dry_run=true"), &request).await?;
    if let Some(tool) = args.fail {
        ground.sandbox().add_fault(fault::last_step_of(tool, &plan)?)?;
        println!("the last step of {tool} is going to fail for good");
    }
    let before = ground.existing();
    ground.sandbox().set_latency(latency);
    let accepted = client.post(&services, &request).await?;
    let run = at(&accepted, "/run")
        .as_str()
        .ok_or_else(|| DemoError::Unexpected("no run was started".into()))?
        .to_owned();
    println!(
        "service {SERVICE} requested: {} steps in six tools\n",
        steps(&plan).len()
    );
    let ended = watch::until_ended(&client, &run, &plan).await?;
    ground.sandbox().set_latency(Duration::ZERO);

    let outcome = Outcome::gather(&admin, &run, &ended, &services, ground.since(&before)).await?;
    outcome.print(&ground);
    let mut as_asked = outcome.is_as_asked(args.fail.is_some());
    let mut line = outcome.json();
    if args.fail.is_none() && as_asked {
        let journey = promotions::show(&ground).await?;
        as_asked = journey.is_as_asked() && (latency.is_zero() || outcome.keeps_to_its_path());
        journey.add_to(&mut line);
    }
    if args.once {
        ground.stop().await;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{line}")?;
    } else {
        println!("\nThe server stays up: {}   Ctrl-C ends it.", ground.url());
        println!("  TOKEN={}", ground.token()?);
        println!(
            "  curl -H \"Authorization: Bearer $TOKEN\" {}{services}/{SERVICE}",
            ground.url()
        );
        ground.serve_until_interrupted().await?;
    }
    Ok(as_asked)
}

async fn connect(admin: &Client, ground: &Ground) -> Result<(), DemoError> {
    for tool in Tool::all() {
        let body = json!({"url": ground.sandbox().tool_url(tool.slug()), "credential": tool.slug()});
        admin.put(&format!("/api/v1/tools/{tool}/main"), &body).await?;
    }
    println!(
        "connected {}",
        Tool::all().map(Tool::slug).collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

fn steps(plan: &Value) -> &[Value] {
    at(plan, "/steps").as_array().map_or(&[], Vec::as_slice)
}

/// What a JSON pointer (RFC 6901) points to; null where there is nothing.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

//! A release on its way from DEV to PRD; one that is refused; one whose deployment fails and is rolled back.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::ground::Ground;
use super::people::People;
use super::releases::Built;
use super::{Client, DemoError, PROJECT, SERVICE, at};

/// Longest that the demo waits for a promotion.
const PATIENCE: Duration = Duration::from_secs(120);
const ENDED: [&str; 5] = ["completed", "rejected", "cancelled", "failed", "rolled-back"];

/// What came of it.
#[derive(Debug, Default)]
pub struct Journey {
    /// The environments that the first release reached.
    pub promoted: Vec<String>,
    /// How many promotions were refused.
    pub refused: usize,
    /// How many deployments were rolled back.
    pub rolled_back: usize,
}

impl Journey {
    /// Adds it to the demo's line of JSON.
    pub fn add_to(&self, line: &mut Value) {
        if let Some(line) = line.as_object_mut() {
            line.insert("promoted".into(), json!(self.promoted));
            line.insert("refused".into(), json!(self.refused));
            line.insert("rolled_back".into(), json!(self.rolled_back));
        }
    }

    /// Whether everything ended as the demo means it to.
    pub fn is_as_asked(&self) -> bool {
        self.promoted == ["DEV", "SIT", "UAT", "PRE", "PRD"] && self.refused == 1 && self.rolled_back == 1
    }
}

/// Shows all three.
pub async fn show(ground: &Ground) -> Result<Journey, DemoError> {
    let people = People::sign_in(ground)?;
    let mut journey = Journey::default();
    without_soaking(&people).await?;

    println!(
        "\nrelease 1.0.0: CI pushes images and registers it with its evidence; it goes to DEV by itself"
    );
    let first = Built { version: "1.0.0" };
    first.push(ground, &[]).await?;
    first.register(&people, &[]).await?;
    let promotion = promotion_of(&people.grace, "DEV", "1.0.0").await?;
    ended(&people.grace, &promotion, "completed").await?;
    journey.promoted.push("DEV".into());

    for environment in ["SIT", "UAT", "PRE", "PRD"] {
        let change = (environment == "PRD").then_some("CHG0031337");
        let promotion = promote(&people.grace, environment, "1.0.0", change).await?;
        match environment {
            "UAT" => approve(&people.bob, "bob, tester", &promotion).await?,
            "PRE" => {
                approve(&people.bob, "bob, tester", &promotion).await?;
                approve(&people.carol, "carol, security", &promotion).await?;
            }
            "PRD" => {
                approve(&people.bob, "bob, tester", &promotion).await?;
                approve(&people.dave, "dave, approver", &promotion).await?;
                approve(&people.carol, "carol, security", &promotion).await?;
            }
            _ => {}
        }
        ended(&people.grace, &promotion, "completed").await?;
        journey.promoted.push(environment.into());
        if environment == "UAT" {
            first.scan_uat(&people).await?;
            println!("  evidence ZAP's baseline scan of UAT");
        }
    }

    println!("\nrelease 1.1.0: its image scan has a critical finding");
    let second = Built { version: "1.1.0" };
    let found = [("CVE-2026-31337", "CRITICAL")];
    second.push(ground, &found).await?;
    second.register(&people, &found).await?;
    let dev = promotion_of(&people.grace, "DEV", "1.1.0").await?;
    ended(&people.grace, &dev, "completed").await?;
    let promotion = promote(&people.grace, "SIT", "1.1.0", None).await?;
    explain(&people.grace, &promotion).await?;
    let no = json!({"reason": "a critical vulnerability; waiting for a mended image"});
    people.bob.post(&format!("{promotion}/reject"), &no).await?;
    ended(&people.grace, &promotion, "rejected").await?;
    journey.refused += 1;

    println!("\nrelease 1.2.0: it does not come up, and is rolled back");
    let third = Built { version: "1.2.0" };
    third.push(ground, &[]).await?;
    let sick = json!({
        "image": third.digest("api"), "health": "Degraded",
        "message": "Deployment exceeded its progress deadline",
    });
    ground.operate("argocd/images", &sick).await?;
    third.register(&people, &[]).await?;
    let promotion = promotion_of(&people.grace, "DEV", "1.2.0").await?;
    ended(&people.grace, &promotion, "rolled-back").await?;
    journey.rolled_back += 1;

    matrix(&people.grace).await?;
    Ok(journey)
}

/// The demo does not wait for a day in PRE.
async fn without_soaking(people: &People) -> Result<(), DemoError> {
    let policy = people.root.get("/api/v1/policies/PRD").await?;
    let mut rules = at(&policy, "/rules").clone();
    if let Some(rules) = rules.as_object_mut() {
        rules.insert("soak_minutes".into(), 0.into());
    }
    people
        .root
        .put("/api/v1/policies/PRD", &json!({"rules": rules}))
        .await?;
    Ok(())
}

async fn promote(
    client: &Client,
    environment: &str,
    release: &str,
    change: Option<&str>,
) -> Result<String, DemoError> {
    let mut body = json!({"release": release});
    if let (Some(change), Some(body)) = (change, body.as_object_mut()) {
        body.insert("change_reference".into(), change.into());
    }
    let verb = environment.to_lowercase();
    let path = format!("/api/v1/projects/{PROJECT}/services/{SERVICE}/promotions:to-{verb}");
    let accepted = client.post(&path, &body).await?;
    println!("  promote  {release} to {environment}, asked by grace, developer");
    let promotion = at(&accepted, "/resource").as_str();
    Ok(promotion
        .ok_or_else(|| DemoError::Unexpected("no promotion was made".into()))?
        .to_owned())
}

async fn approve(client: &Client, who: &str, promotion: &str) -> Result<(), DemoError> {
    client.post(&format!("{promotion}/approve"), &json!({})).await?;
    println!("  approve  by {who}");
    Ok(())
}

/// The promotion that brings a release into an environment, once it is there.
async fn promotion_of(client: &Client, environment: &str, release: &str) -> Result<String, DemoError> {
    let list = format!("/api/v1/promotions?project={PROJECT}&service={SERVICE}&environment={environment}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = client.get(&list).await?;
        let items = at(&page, "/items").as_array().cloned().unwrap_or_default();
        let found = items.iter().find(|p| at(p, "/release") == release);
        if let Some(id) = found.and_then(|p| at(p, "/id").as_str()) {
            return Ok(format!(
                "/api/v1/projects/{PROJECT}/services/{SERVICE}/promotions/{id}"
            ));
        }
        wait(deadline, &format!("{release} did not go to {environment}")).await?;
    }
}

/// Waits for a promotion to end so.
async fn ended(client: &Client, promotion: &str, wanted: &str) -> Result<(), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // It may not be in the read model yet.
        if let Ok(shown) = client.get(promotion).await {
            let state = at(&shown, "/state").as_str().unwrap_or_default();
            let word = |name: &str| at(&shown, name).as_str().unwrap_or_default().to_owned();
            if state == wanted {
                let cause = match word("/cause") {
                    cause if cause.is_empty() => cause,
                    cause => format!(": {cause}"),
                };
                println!(
                    "  {state:<8} {} {}{cause}",
                    word("/environment"),
                    word("/release")
                );
                return Ok(());
            }
            if ENDED.contains(&state) {
                let what = format!("the promotion is {state}, not {wanted}: {}", word("/cause"));
                return Err(DemoError::Unexpected(what));
            }
        }
        wait(deadline, &format!("{promotion} is not {wanted}")).await?;
    }
}

/// Why a promotion does not go on, in words.
async fn explain(client: &Client, promotion: &str) -> Result<(), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    let shown = loop {
        match client.get(promotion).await {
            Ok(shown) if at(&shown, "/state") == "blocked" => break shown,
            _ => wait(deadline, "the promotion is not blocked").await?,
        }
    };
    for line in at(&shown, "/explanation").as_array().into_iter().flatten() {
        println!("  blocked  {}", line.as_str().unwrap_or_default());
    }
    Ok(())
}

async fn wait(deadline: Instant, what: &str) -> Result<(), DemoError> {
    if Instant::now() >= deadline {
        return Err(DemoError::Unexpected(what.to_owned()));
    }
    sleep(Duration::from_millis(100)).await;
    Ok(())
}

/// What runs where.
async fn matrix(client: &Client) -> Result<(), DemoError> {
    let page = client.get(&format!("/api/v1/matrix?project={PROJECT}")).await?;
    println!(
        "\n  {:<20} {:<14} {:<14} {:<14} {:<14} {:<14}",
        "service", "DEV", "SIT", "UAT", "PRE", "PRD"
    );
    for service in at(&page, "/items").as_array().into_iter().flatten() {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let name = format!(
            "{}/{}",
            word(at(service, "/project")),
            word(at(service, "/service"))
        );
        let cell = |environment: &str| {
            let all = at(service, "/environments").as_array();
            let found = all.and_then(|all| all.iter().find(|e| at(e, "/environment") == environment));
            found.map_or_else(
                || "-".to_owned(),
                |e| format!("{} {}", word(at(e, "/release")), word(at(e, "/health"))),
            )
        };
        let cells: Vec<_> = ["DEV", "SIT", "UAT", "PRE", "PRD"]
            .map(cell)
            .into_iter()
            .map(|c| format!("{c:<14}"))
            .collect();
        println!("  {name:<20} {}", cells.join(" "));
    }
    Ok(())
}

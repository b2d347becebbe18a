//! What is particular to projects, gates, tokens and webhooks.

use opstella_adapters::{Removal, Removed};
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::json;

use crate::support::{Driven, INSTALLATION, permanent};
use crate::world::{
    GATE, KEY, URL, World, gate, key, project, token, token_path, webhook, webhook_path, webhook_to,
};

#[tokio::test]
async fn a_project_is_private_and_tagged() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let there = world.project().await;
    let run = format!("opstella-run-{}", crate::support::run(1));
    let installation = format!("opstella-installation-{INSTALLATION}");
    assert_eq!(there["tags"], json!(["opstella", installation, run]));
    assert_eq!(there["visibility"], "private");
    let public = [("project", KEY), ("visibility", "public")];
    world.post("projects/update_visibility", &public).await;
    assert_eq!(world.provenance(&project(), 2).await, Provenance::Existing);
    assert_eq!(world.project().await, there);
}

/// Its tags were lost with an answer, and another run finds it.
#[tokio::test]
async fn the_name_tells_the_run_until_there_are_tags() {
    let world = World::new().await;
    let tags = Fault::on("sonarqube")
        .path("**/project_tags/set")
        .status(503)
        .times(1);
    world.sandbox.add_fault(tags).unwrap();
    world.refusal(&project(), 1).await;
    assert_eq!(world.project().await["tags"], json!([]));
    assert_eq!(world.provenance(&project(), 2).await, Provenance::Existing);
    assert_eq!(world.provenance(&project(), 1).await, Provenance::Created);
    assert_eq!(world.remove(&project(), 2, Removal::ThisRun).await, Removed::Kept);
    assert_eq!(
        world.remove(&project(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
}

/// Another run made it between our look and our call; or somebody did whose project we may not see.
#[tokio::test]
async fn a_key_that_was_taken_meanwhile_is_looked_at_again() {
    let world = World::new().await;
    world.ensure(&project(), 2).await;
    let missing = json!({"errors": [{"msg": format!("Component key '{KEY}' not found")}]});
    let unseen = || {
        let show = Fault::on("sonarqube").path("**/components/show");
        show.status(404).body(missing.clone())
    };
    world.sandbox.add_fault(unseen().times(1)).unwrap();
    assert_eq!(world.provenance(&project(), 1).await, Provenance::Existing);
    world.sandbox.add_fault(unseen()).unwrap();
    let text = permanent(&world.refusal(&project(), 1).await);
    assert!(text.contains(KEY) && text.contains("already exists"), "{text}");
}

#[tokio::test]
async fn the_gate_is_chosen_and_goes_back_to_the_default() {
    let world = World::before(&gate(), 1).await;
    world.ensure(&gate(), 1).await;
    assert_eq!(world.gate().await, json!({"name": GATE, "default": false}));
    // Somebody chose another: ours again.
    world
        .post(
            "qualitygates/select",
            &[("gateName", "Sonar way"), ("projectKey", KEY)],
        )
        .await;
    assert_eq!(world.remove(&gate(), 1, Removal::ThisRun).await, Removed::Kept);
    world.ensure(&gate(), 1).await;
    assert_eq!(world.gate().await["name"], GATE);
    world.remove(&gate(), 1, Removal::ThisRun).await;
    assert_eq!(world.gate().await, json!({"name": "Sonar way", "default": true}));
}

#[tokio::test]
async fn a_gate_that_is_not_there_is_named() {
    let world = World::before(&gate(), 1).await;
    let operation = Operation::SonarQualityGate {
        key: key(),
        gate: "None such".into(),
    };
    let text = permanent(&world.refusal(&operation, 1).await);
    assert!(
        text.contains("`None such`") && text.contains("settings.quality_gate"),
        "{text}"
    );
}

#[tokio::test]
async fn a_token_goes_to_the_store() {
    let world = World::before(&token(), 1).await;
    let outcome = world.ensure(&token(), 1).await;
    let kept = world.secrets.kept(&token_path(), "token").unwrap();
    assert!(kept.starts_with("sqp_"));
    assert!(!format!("{outcome:?}").contains(&kept));
    let there = world.tokens().await;
    assert_eq!(
        (&there[0]["type"], &there[0]["project"]["key"]),
        (&json!("PROJECT_ANALYSIS_TOKEN"), &json!(KEY))
    );
    world.ensure(&token(), 2).await;
    assert_eq!(world.secrets.kept(&token_path(), "token").unwrap(), kept);
}

#[tokio::test]
async fn a_token_whose_value_is_lost_is_replaced() {
    let world = World::before(&token(), 1).await;
    world.ensure(&token(), 1).await;
    let first = world.secrets.kept(&token_path(), "token");
    world.secrets.lose(&token_path());
    assert_eq!(world.provenance(&token(), 2).await, Provenance::Created);
    assert_eq!(world.tokens().await.as_array().unwrap().len(), 1);
    assert_ne!(world.secrets.kept(&token_path(), "token"), first);
    assert_eq!(world.remove(&token(), 1, Removal::ThisRun).await, Removed::Kept);
    assert_eq!(
        world.remove(&token(), 2, Removal::ThisRun).await,
        Removed::Deleted
    );
}

#[tokio::test]
async fn a_token_that_is_revoked_or_expired_is_replaced() {
    let world = World::before(&token(), 1).await;
    world.ensure(&token(), 1).await;
    let mut there = world.tokens().await;
    let first = world.secrets.kept(&token_path(), "token");
    there[0]["isExpired"] = json!(true);
    let expired = Fault::on("sonarqube")
        .path("**/user_tokens/search")
        .status(200)
        .times(1);
    let body = json!({"login": "admin", "userTokens": there});
    world.sandbox.add_fault(expired.body(body)).unwrap();
    assert_eq!(world.provenance(&token(), 2).await, Provenance::Created);
    let second = world.secrets.kept(&token_path(), "token");
    assert_ne!(second, first);
    let name = world.tokens().await[0]["name"].as_str().unwrap().to_owned();
    world.post("user_tokens/revoke", &[("name", &name)]).await;
    world.ensure(&token(), 3).await;
    assert_ne!(world.secrets.kept(&token_path(), "token"), second);
    assert_eq!(world.tokens().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tokens_of_others_are_nobodys_business() {
    let world = World::before(&token(), 1).await;
    let names = [
        "ci",
        "opstella",
        "opstella:payments:checkout:api:mine",
        "opstella:payments:checkout:api-2:x",
    ];
    for name in names {
        world.post("user_tokens/generate", &[("name", name)]).await;
    }
    let before = world.tokens().await;
    world.ensure(&token(), 1).await;
    world.secrets.lose(&token_path());
    world.ensure(&token(), 2).await;
    assert_eq!(
        world.remove(&token(), 3, Removal::Service).await,
        Removed::Deleted
    );
    assert_eq!(world.tokens().await, before);
}

/// The secrets that were sent to SonarQube, one after the other: it never tells them.
fn signing(world: &World) -> Vec<String> {
    let exchanges = world.sandbox.exchanges();
    let forms = exchanges
        .iter()
        .filter(|e| e.path.ends_with("webhooks/create") || e.path.ends_with("webhooks/update"));
    let secret = |body: &[u8]| {
        let mut pairs = url::form_urlencoded::parse(body);
        pairs.find(|(name, _)| name == "secret").unwrap().1.into_owned()
    };
    forms.map(|e| secret(&e.request_body)).collect()
}

#[tokio::test]
async fn the_webhooks_secret_is_kept_and_stays_the_same() {
    let world = World::before(&webhook(), 1).await;
    for number in [1, 1, 2] {
        world.ensure(&webhook(), number).await;
    }
    let kept = world.secrets.kept(&webhook_path(), "secret").unwrap();
    assert_eq!(signing(&world), vec![kept; 3]);
    let hooks = world.hooks().await;
    assert_eq!(
        (hooks.as_array().unwrap().len(), &hooks[0]["hasSecret"]),
        (1, &json!(true))
    );
}

#[tokio::test]
async fn the_webhook_moves_with_opstella_and_others_stay() {
    let world = World::before(&webhook(), 1).await;
    // By its name alone somebody's is not ours.
    world.hook("opstella", "https://theirs.example/1").await;
    world.hook("opstella run", "https://theirs.example/2").await;
    let theirs = world.hooks().await;
    world.ensure(&webhook(), 1).await;
    let moved = webhook_to("https://new.example/hooks");
    assert_eq!(world.provenance(&moved, 2).await, Provenance::Existing);
    let hooks = world.hooks().await;
    assert_eq!(hooks.as_array().unwrap().len(), 3);
    assert!(!hooks.to_string().contains(URL), "{hooks}");
    assert_eq!(world.remove(&moved, 2, Removal::Service).await, Removed::Deleted);
    assert_eq!(world.hooks().await, theirs);
}

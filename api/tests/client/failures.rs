//! A deployment that fails, and what the shell makes of it; completions and help, which need no server.

use crate::shell::Shell;
use crate::support::delivery::digest;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_fails_is_no_success() {
    let world = World::start().await;
    world.release("1.0.0").await;
    world.delivery.arrives("DEV", "1.0.0").await;
    let grace = world.shell("grace");
    let why = "Deployment exceeded its progress deadline";
    world
        .delivery
        .tools
        .argocd
        .judge(&digest("1.0.0"), "Degraded", why);
    let ran = grace
        .run("promote payments/checkout 1.0.0 --to SIT --wait --timeout 80s")
        .await
        .ends(1)
        .shows(&["promotion of 1.0.0 to SIT: rolled-back", "progress deadline"]);
    assert!(ran.stderr.contains("going back"), "{ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_are_those_of_the_whole_binary() {
    let nowhere = Shell::at("http://127.0.0.1:1");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        nowhere
            .run(&format!("completions {shell}"))
            .await
            .ends(0)
            .shows(&["opstella", "promote", "serve", "watch"]);
    }
    nowhere
        .run("--help")
        .await
        .ends(0)
        .shows(&["promote", "approve", "rollback", "serve", "migrate"]);
}

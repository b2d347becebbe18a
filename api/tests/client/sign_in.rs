//! Signing in at the sandbox's Keycloak.

use opstella_sandbox::credentials;

use crate::world::Empty;

#[tokio::test(flavor = "multi_thread")]
async fn people_and_machines_sign_in_without_naming_the_issuer() {
    let world = Empty::start().await;
    let alice = world.stranger();
    alice
        .run("projects list")
        .await
        .ends(2)
        .tells(&["opstella login --server", &world.process.base]);
    alice
        .run_with("login --username alice --password-stdin", "wrong\n")
        .await
        .ends(3)
        .tells(&["Invalid user credentials"]);
    alice
        .run_with("login --username alice --password-stdin", "alice-demo\n")
        .await
        .ends(0)
        .shows(&["logged in to"]);
    alice
        .run("projects create payments")
        .await
        .ends(0)
        .shows(&["project payments created"]);

    // A job of CI, in its own home.
    let ci = world.stranger();
    let login = format!(
        "login --client-id {} --client-secret-stdin -o json",
        credentials::KEYCLOAK_CI_CLIENT
    );
    let ran = ci
        .run_with(&login, credentials::KEYCLOAK_CI_CLIENT_SECRET)
        .await
        .ends(0);
    assert_eq!(ran.json()["server"], world.process.base.as_str());
    let kept = std::fs::read_to_string(ci.credentials()).unwrap();
    assert!(!kept.contains(credentials::KEYCLOAK_CI_CLIENT_SECRET), "{kept}");
    ci.run("projects list").await.ends(0).shows(&["payments"]);
    ci.run("projects create web").await.ends(3).tells(&["403"]);

    // Keycloak forgets the session, and so does the file.
    alice.run("logout").await.ends(0).shows(&["logged out of"]);
    alice.run("projects list").await.ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_code_can_be_entered_other_ways_are_named() {
    let world = Empty::start().await;
    world
        .stranger()
        .run("login")
        .await
        .ends(2)
        .tells(&["--client-secret-stdin", "--username"]);
    // The issuer may be named too, as when the server is too old to tell.
    let issuer = world.keycloak().issuer();
    let bob = world.stranger().with("OPSTELLA_ISSUER", &issuer);
    bob.run_with("login --username bob --password-stdin", "bob-demo")
        .await
        .ends(0);
    let elsewhere = world.stranger().with("OPSTELLA_CLIENT_ID", "nobody");
    elsewhere
        .run_with("login --username bob --password-stdin", "bob-demo")
        .await
        .ends(3);
}

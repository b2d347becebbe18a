//! Custom gates: what of them a policy takes.

use serde_json::json;

use crate::support::Server;

async fn server() -> Server {
    Server::start_with(|config| config.gates.program = Some(env!("CARGO_BIN_EXE_opstella").into())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_does_not_compile_is_refused_with_its_line() {
    let server = server().await;
    let rules = |rego: &str| json!({"rules": {"custom": [{"name": "mine", "rego": rego}]}});
    for (rego, rule) in [
        ("package opstella.gate\n\ndeny contains \"x\" if {{{", "line 3"),
        ("package elsewhere\ndeny := []", "package elsewhere"),
        ("package opstella.gate\nallow := true", "`deny`"),
    ] {
        let refused = server.put("/policies/SIT", rules(rego)).await;
        refused
            .problem(422, "invalid-field")
            .field("custom[0].rego", rule);
    }
    let good = "package opstella.gate\n\ndeny contains \"no images\" if count(input.images) == 0";
    server.put("/policies/SIT", rules(good)).await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_program_takes_no_custom_gates() {
    let server = Server::start().await;
    let rules = json!({"rules": {"custom": [{"name": "mine", "rego": "package opstella.gate\ndeny := []"}]}});
    let refused = server
        .put("/policies/SIT", rules)
        .await
        .problem(503, "unavailable");
    assert!(refused.body["hint"].is_string(), "{:#}", refused.body);
    server.stop().await;
}

//! What goes on beside promotions: services, tools, templates, subscriptions.

use rand::RngExt;
use reqwest::Method;
use serde_json::json;

use super::{LATER, Random};
use crate::support::Answer;
use crate::support::delivery::SERVICE;

/// A service that comes and goes.
const OTHER: &str = "/projects/payments/services/cart";
const CHAT: &str = "/subscriptions/chat";
const PROJECT: &str = "?project=payments";

impl Random<'_> {
    pub async fn set_up(&mut self, act: &str) -> Answer {
        let who = self.one_of(&["alice", "root", "grace"]);
        let delivery = self.delivery;
        let why = json!({"reason": "the dice say so"});
        let component = |name: &str| json!({"name": name, "template": "http-service"});
        let on_chat = |verb: &str| format!("{CHAT}/{verb}{PROJECT}");
        match act {
            "CreateProject" => {
                let project = json!({"slug": "shop", "name": "Shop"});
                delivery.post(who, "/projects", project).await
            }
            "CreateService" => {
                let service = json!({
                    "name": "cart", "components": [component("api")], "environments": ["DEV"],
                });
                delivery.post(who, "/projects/payments/services", service).await
            }
            "AddComponent" => {
                delivery
                    .post(who, &format!("{OTHER}/components"), component("web"))
                    .await
            }
            "DecommissionService" => delivery.post(who, &format!("{OTHER}/decommission"), why).await,
            "AddEnvironment" => {
                let environment = json!({"environment": LATER});
                delivery
                    .post("alice", &format!("{SERVICE}/environments"), environment)
                    .await
            }
            "RegisterTemplate" => {
                let template = json!({"description": "A job.", "files": {"README.md": "A job.\n"}});
                let version = format!("/templates/job/versions/1.{}.0", self.dice.random_range(0..2));
                delivery.put("root", &version, template).await
            }
            "ConnectTool" => {
                let url = delivery.sandbox.tool_url("harbor");
                let connection = json!({"url": url, "credential": "harbor"});
                delivery.put("root", "/tools/harbor/main", connection).await
            }
            "CreateSubscription" => {
                let chat = json!({
                    "name": "chat", "url": "https://chat.invalid/hook", "events": ["Service.*"],
                });
                delivery
                    .post(who, &format!("/subscriptions{PROJECT}"), chat)
                    .await
            }
            "ChangeSubscription" => {
                let chat = json!({"url": "https://chat.invalid/other", "events": ["Service.*"]});
                delivery.put(who, &format!("{CHAT}{PROJECT}"), chat).await
            }
            "EnableSubscription" => delivery.post(who, &on_chat("enable"), json!({})).await,
            "DisableSubscription" => delivery.post(who, &on_chat("disable"), why).await,
            "RotateSubscriptionSecret" => {
                let rotate = json!({"overlap_hours": 1});
                delivery.post(who, &on_chat("rotate-secret"), rotate).await
            }
            "PingSubscription" => delivery.post(who, &on_chat("ping"), json!({})).await,
            "ReplayDeadLetter" => {
                let one = on_chat("dead-letters/1-1/replay");
                delivery.post(who, &one, json!({})).await
            }
            "ReplayDeadLetters" => {
                delivery
                    .post(who, &on_chat("dead-letters/replay"), json!({}))
                    .await
            }
            "DeleteSubscription" => {
                let request = delivery.request(who, Method::DELETE, &format!("{CHAT}{PROJECT}"));
                Answer::of(request.send().await.unwrap()).await
            }
            other => unreachable!("no such command: {other}"),
        }
    }
}

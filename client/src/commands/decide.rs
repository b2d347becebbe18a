//! `opstella approve`, `reject` and `cancel`: what people say to promotions.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::promote;
use super::promotions::PromotionName;
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::values::word_at;

/// Says yes to a promotion.
#[derive(Debug, Args)]
pub struct Approve {
    /// Which: project/service/id, or an id alone.
    promotion: PromotionName,
    /// In your own words.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Says no to a promotion: it is over.
#[derive(Debug, Args)]
pub struct Reject {
    /// Which: project/service/id, or an id alone.
    promotion: PromotionName,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Takes a promotion back that does not deploy yet.
#[derive(Debug, Args)]
pub struct Cancel {
    /// Which: project/service/id, or an id alone.
    promotion: PromotionName,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Approves.
pub(crate) async fn approve(context: &Context, what: Approve) -> Result<Answer, ClientError> {
    let body = match what.comment {
        Some(comment) => json!({ "comment": comment }),
        None => json!({}),
    };
    say(context, what.promotion, "approve", &body).await
}

/// Rejects.
pub(crate) async fn reject(context: &Context, what: Reject) -> Result<Answer, ClientError> {
    say(context, what.promotion, "reject", &json!({"reason": what.reason})).await
}

/// Cancels.
pub(crate) async fn cancel(context: &Context, what: Cancel) -> Result<Answer, ClientError> {
    say(context, what.promotion, "cancel", &json!({"reason": what.reason})).await
}

async fn say(
    context: &Context,
    promotion: PromotionName,
    verb: &str,
    body: &Value,
) -> Result<Answer, ClientError> {
    let api = context.api()?;
    let found = promotion.find(&api).await?;
    let path = format!("{}/{verb}", found.path());
    let answer = api.command(Method::POST, &path, body).await?;
    let position = word_at(&answer, "/position");
    Ok(promote::left(context, &api, answer, &found, &position).await)
}

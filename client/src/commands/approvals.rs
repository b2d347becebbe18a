//! `opstella approvals`.

use clap::Args;
use serde_json::Value;

use super::path::BASE;
use super::promotions;
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;

/// Shows the promotions that wait for your yes.
#[derive(Debug, Args)]
pub struct Approvals {
    /// How many at most.
    #[arg(long, default_value_t = 200, value_name = "N")]
    limit: usize,
}

/// Shows them.
pub(crate) async fn run(context: &Context, what: Approvals) -> Result<Answer, ClientError> {
    let waiting = context
        .api()?
        .list(&format!("{BASE}/approvals"), what.limit)
        .await?;
    let table = promotions::table(&waiting);
    Ok(Answer::of(Value::from(waiting)).table(table, "nothing waits for your yes"))
}

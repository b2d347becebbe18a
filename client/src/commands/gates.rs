//! Gates in words.

use chrono::Utc;
use serde_json::Value;

use crate::output::{Cell, Table};
use crate::values::{at, list, word_at};

/// Every gate with its verdict, why, and what would open it.
pub(super) fn table(of: &Value) -> Table {
    let mut table = Table::new(["gate", "verdict", "why", "what would open it"]);
    for gate in list(at(of, "/gates")) {
        table.row([
            word_at(gate, "/gate").into(),
            Cell::state(word_at(gate, "/verdict")),
            word_at(gate, "/reason").into(),
            remedy(gate).into(),
        ]);
    }
    table
}

fn remedy(gate: &Value) -> String {
    let (remedy, opens_at) = (word_at(gate, "/remedy"), word_at(gate, "/opens_at"));
    let still = opens_at
        .parse::<chrono::DateTime<Utc>>()
        .map_or(!opens_at.is_empty(), |at| at > Utc::now());
    match (remedy.is_empty(), still) {
        (false, true) => format!("{remedy}; opens at {opens_at}"),
        (true, true) => format!("opens at {opens_at}"),
        _ => remedy,
    }
}

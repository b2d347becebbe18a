#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod approvals;
mod batches;
mod broken;
mod delivery;
mod delivery_weeks;
mod journeys;
mod leftovers;
mod models;
mod pages;
mod poison;
mod promotions;
mod rebuilding;
mod releases;
mod replays;
mod runners;
mod steps;
mod stories;
mod subscriptions;
mod support;
mod views;
mod waiting;

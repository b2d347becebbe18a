//! Harbor, Vault, Kubernetes and Argo CD through `handle`; every exchange must fit the vendor's description.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod argocd;
mod client;
mod contract;
mod delivery;
mod harbor;
mod kubernetes;
mod vault;

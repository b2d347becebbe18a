//! The outside world: one module per tool, and the engine that drives them.
//!
//! A tool's module implements [`ToolAdapter`]: *observe, then act* for every operation of its tool, and the undo of
//! each. The [`engine`] executes runs: it takes what a run may do next from the domain, hands it to the adapter under
//! the tool's limits, and brings the outcome back as a command. The [`promoter`] moves promotions on. The
//! [`collector`] fetches evidence that tools keep. The [`notifier`] tells receivers of what happens. The [`registry`]
//! knows the adapter of each connection.
//! `docs/adding-an-adapter.md` is the guide.

pub mod adapter;
pub mod argocd;
mod background;
pub mod builtin;
mod checkpoint;
pub mod collector;
pub mod engine;
pub mod gitlab;
pub mod harbor;
pub mod http;
pub mod installation;
pub mod kubernetes;
mod lease;
pub mod mark;
pub mod notifier;
pub mod promoter;
pub mod registry;
pub mod render;
pub mod reports;
pub mod sonarqube;
pub mod templates;
pub mod toolbox;
mod turns;
pub mod vault;
pub mod webhook_secret;

pub use adapter::{
    Health, Observed, Removal, Removed, SecretFields, SecretStore, SecretVersion, StepContext, StepError,
    TemplateSource, ToolAdapter,
};
pub use reports::{FetchedReport, ReportSource};
pub use toolbox::Toolbox;

//! Promotions: releases on their way through the environments of a service.
//!
//! Every command on a promotion goes the same way ([`Commands::move_promotion`]): the environment decides, then all
//! gates are looked at on what the table says ([`gates`]), and where nothing is in the way any more, the run that
//! deploys is planned in the same append ([`settle`]). Nobody can start a deployment but by that. The gates are looked at
//! once more when the environment is held, before anything is changed ([`recheck`]).

mod answers;
mod approvers;
mod custom;
mod ends;
mod find;
mod gates;
mod observe;
mod recheck;
mod request;
mod settle;

pub(crate) use custom::fault;

pub use answers::PromotionRef;
pub use gates::Checked;
pub use observe::Seen;
pub use request::{PromoteRelease, RollBack};

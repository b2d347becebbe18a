//! Which commands were taken. The lists are matches without a rest: a command that is new does not compile until it is
//! here, and fails the test until an act of the world gives it.

use std::collections::BTreeSet;

use opstella_domain::access::log::AccessCommand;
use opstella_domain::evidence::ArtifactCommand;
use opstella_domain::policy::PolicyCommand;
use opstella_domain::project::ProjectCommand;
use opstella_domain::promotion::EnvironmentCommand;
use opstella_domain::release::ReleaseCommand;
use opstella_domain::run::RunCommand;
use opstella_domain::service::ServiceCommand;
use opstella_domain::subscription::SubscriptionCommand;
use opstella_domain::template::TemplateCommand;
use opstella_domain::tool_connection::ToolConnectionCommand;

/// What was taken in a world.
#[derive(Default)]
pub struct Tally {
    pub taken: BTreeSet<&'static str>,
    /// By their names in the table of permissions.
    pub operations: BTreeSet<&'static str>,
}

pub trait Told {
    /// Which command it is.
    fn variant(&self) -> &'static str;
    /// Its name in the table of permissions, where it has one.
    fn operation(&self) -> &'static str;
}

macro_rules! told {
    ($($command:ident, $operation:expr => { $($variant:ident),+ $(,)? })+) => {
        /// Every command that there is.
        pub const ALL: &[&str] = &[$($(concat!(stringify!($command), "::", stringify!($variant))),+),+];

        $(impl Told for $command {
            fn variant(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => concat!(stringify!($command), "::", stringify!($variant))),+
                }
            }

            fn operation(&self) -> &'static str {
                let operation: fn(&Self) -> &'static str = $operation;
                operation(self)
            }
        })+
    };
}

told! {
    AccessCommand, |_| "" => { Deny, SignIn, FailSignIn, SignOut }
    ArtifactCommand, |_| "AddEvidence" => { AddEvidence }
    EnvironmentCommand, EnvironmentCommand::name => {
        Request, Evaluate, Approve, Reject, Cancel, OverrideFreeze, ConfirmFreezeOverride, EndRun, Observe, Remove,
    }
    PolicyCommand, policy => { Set }
    ProjectCommand, ProjectCommand::name => { Create, GrantRole, RevokeRole }
    ReleaseCommand, release => { Register, Seal, GrantWaiver, RevokeWaiver }
    RunCommand, RunCommand::name => {
        Plan, Resume, StartRetry, RecordSuccess, RecordFailure, RecordAwaited, LookAgain, RecordCompensated,
        RecordCompensationFailure, RetryStep, SkipStep, Cancel, Abandon,
    }
    ServiceCommand, ServiceCommand::name => {
        Create, AddComponent, AddEnvironment, Decommission, RunSucceeded, RunEnded,
    }
    SubscriptionCommand, SubscriptionCommand::name => {
        Create, Change, Enable, Disable, RotateSecret, Ping, Replay, Delete,
    }
    TemplateCommand, |_| "RegisterTemplate" => { Register }
    ToolConnectionCommand, |_| "ConnectTool" => { Connect }
}

fn policy(command: &PolicyCommand) -> &'static str {
    let PolicyCommand::Set { key, .. } = command;
    match key.project {
        Some(_) => "SetProjectPolicy",
        None => "SetPolicy",
    }
}

fn release(command: &ReleaseCommand) -> &'static str {
    match command {
        ReleaseCommand::Register { .. } => "RegisterRelease",
        ReleaseCommand::Seal { .. } => "SealRelease",
        ReleaseCommand::GrantWaiver { .. } => "GrantWaiver",
        ReleaseCommand::RevokeWaiver { .. } => "RevokeWaiver",
    }
}

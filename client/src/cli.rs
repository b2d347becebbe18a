//! The commands, and how one is carried out.

use std::io;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::answer::Answer;
use crate::args::With;
use crate::commands::{
    approvals, completions, decide, login, logout, matrix, policies, projects, promote, promotions, releases,
    rollback, runs, services, waivers,
};
use crate::context::Context;
use crate::error::ClientError;
use crate::output;

/// A command that talks to a server.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Log in to a server, and keep the token.
    Login(With<login::Login>),
    /// Log out, and forget the token.
    Logout(With<logout::Logout>),
    /// List projects, create one.
    Projects(With<projects::Projects>),
    /// List services, show one, create one.
    Services(With<services::Services>),
    /// List releases, show one, register one, add evidence to it.
    Releases(With<releases::Releases>),
    /// Ask for a release to go into an environment.
    Promote(With<promote::Promote>),
    /// Say yes to a promotion.
    Approve(With<decide::Approve>),
    /// Say no to a promotion: it is over.
    Reject(With<decide::Reject>),
    /// Take a promotion back that does not deploy yet.
    Cancel(With<decide::Cancel>),
    /// Ask for an environment to go back to a release that it ran before.
    Rollback(With<rollback::Rollback>),
    /// List promotions, explain one.
    Promotions(With<promotions::Promotions>),
    /// Show what runs where.
    Matrix(With<matrix::Matrix>),
    /// Show the promotions that wait for your yes.
    Approvals(With<approvals::Approvals>),
    /// Show a policy, set one.
    Policies(With<policies::Policies>),
    /// Waive a gate for a release, take a waiver back.
    Waivers(With<waivers::Waivers>),
    /// Print the completions of a shell.
    Completions(completions::Completions),
}

/// Carries a command out. `whole` is the command line that completions are for.
pub fn run(command: ClientCommand, whole: clap::Command) -> ExitCode {
    use ClientCommand as C;
    match command {
        C::Login(with) => carry_out(with, async |c, what| login::run(c, what).await),
        C::Logout(with) => carry_out(with, async |c, what| logout::run(c, what).await),
        C::Projects(with) => carry_out(with, async |c, what| projects::run(c, what).await),
        C::Services(with) => carry_out(with, async |c, what| services::run(c, what).await),
        C::Releases(with) => carry_out(with, async |c, what| releases::run(c, what).await),
        C::Promote(with) => carry_out(with, async |c, what| promote::run(c, what).await),
        C::Approve(with) => carry_out(with, async |c, what| decide::approve(c, what).await),
        C::Reject(with) => carry_out(with, async |c, what| decide::reject(c, what).await),
        C::Cancel(with) => carry_out(with, async |c, what| decide::cancel(c, what).await),
        C::Rollback(with) => carry_out(with, async |c, what| rollback::run(c, what).await),
        C::Promotions(with) => carry_out(with, async |c, what| promotions::run(c, what).await),
        C::Matrix(with) => carry_out(with, async |c, what| matrix::run(c, what).await),
        C::Approvals(with) => carry_out(with, async |c, what| approvals::run(c, what).await),
        C::Policies(with) => carry_out(with, async |c, what| policies::run(c, what).await),
        C::Waivers(with) => carry_out(with, async |c, what| waivers::run(c, what).await),
        C::Completions(what) => completions::print(what, whole),
    }
}

/// Follows a run.
pub fn watch(command: With<runs::Watch>) -> ExitCode {
    carry_out(command, async |c, what| runs::run(c, what).await)
}

fn carry_out<T: Args>(
    with: With<T>,
    work: impl AsyncFnOnce(&Context, T) -> Result<Answer, ClientError>,
) -> ExitCode {
    let format = with.client.output;
    let context = Context::new(with.client);
    let result = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work(&context, with.what)),
        Err(error) => Err(ClientError::Unreachable(format!(
            "no runtime can be started: {error}"
        ))),
    };
    let (written, exit) = match &result {
        Ok(answer) => (output::answer(answer, format), answer.exit),
        Err(error) => (output::error(error, format), error.exit()),
    };
    match written {
        // Who closes the pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("opstella: standard output: {error}");
            ExitCode::FAILURE
        }
        _ => exit.into(),
    }
}

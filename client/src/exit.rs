//! How a command ended, for the shell.

use std::process::ExitCode;

/// How a command ended. The numbers are part of what scripts rely on: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// The run or the promotion failed.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The server refused it.
    Refused = 3,
    /// The server cannot be reached, or it took too long.
    Unreachable = 4,
    /// The promotion waits for gates or people.
    Blocked = 5,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

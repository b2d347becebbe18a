//! What a command comes to.

use serde_json::Value;

use crate::exit::Exit;
use crate::output::{Block, Table};

/// What a command comes to: for programs, for people, for the shell.
#[derive(Debug)]
pub struct Answer {
    /// The document of `--output json`.
    pub json: Value,
    pub(crate) text: Vec<Block>,
    /// How the process ends.
    pub exit: Exit,
}

impl Answer {
    /// An answer that has no text yet.
    pub(crate) fn of(json: Value) -> Self {
        Self {
            json,
            text: Vec::new(),
            exit: Exit::Done,
        }
    }

    /// Adds a line.
    pub(crate) fn line(mut self, line: impl Into<String>) -> Self {
        self.text.push(Block::Line(line.into()));
        self
    }

    /// Adds a table; where it has no rows, this line instead.
    pub(crate) fn table(mut self, table: Table, empty: &str) -> Self {
        self.text.push(if table.is_empty() {
            Block::Line(empty.to_owned())
        } else {
            Block::Table(table)
        });
        self
    }

    /// Adds an empty line and a table; nothing where it has no rows.
    pub(crate) fn more(self, table: Table) -> Self {
        if table.is_empty() {
            return self;
        }
        self.line("").table(table, "")
    }

    /// Says how the process ends.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

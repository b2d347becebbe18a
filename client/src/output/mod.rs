//! Writing the answer.

mod table;
mod tone;

use std::io::{self, IsTerminal, Write};

use console::{Style, Term};

pub(crate) use table::{Cell, Table};
pub(crate) use tone::Tone;

use crate::answer::Answer;
use crate::args::Format;
use crate::error::ClientError;
use crate::values::harmless;

/// A part of an answer's text.
#[derive(Debug)]
pub(crate) enum Block {
    /// A line.
    Line(String),
    /// A table.
    Table(Table),
}

/// What standard output is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// How many columns it has; none where it is no terminal.
    width: Option<u16>,
    colours: bool,
}

impl Screen {
    /// Looks at standard output and at `NO_COLOR` (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            width: terminal.then(|| Term::stdout().size().1),
            colours: terminal && colours_wanted(),
        }
    }
}

/// Whether colours are welcome on a terminal.
pub(crate) fn colours_wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Writes the answer to standard output.
pub(crate) fn answer(answer: &Answer, format: Format) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match format {
        Format::Json => document(&mut stdout, &answer.json)?,
        Format::Table => text(&mut stdout, &answer.text, Screen::of_stdout())?,
    }
    stdout.flush()
}

/// Writes why there is no answer: a line to standard error, and for programs a document to standard output.
pub(crate) fn error(error: &ClientError, format: Format) -> io::Result<()> {
    let red = Style::new().for_stderr().red();
    let red = red.force_styling(io::stderr().is_terminal() && colours_wanted());
    writeln!(
        io::stderr(),
        "{} {}",
        red.apply_to("opstella:"),
        harmless(&error.to_string())
    )?;
    match format {
        Format::Json => document(&mut io::stdout().lock(), &error.json()),
        Format::Table => Ok(()),
    }
}

fn document(to: &mut impl Write, json: &serde_json::Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, json).map_err(io::Error::other)?;
    writeln!(to)
}

fn text(to: &mut impl Write, blocks: &[Block], screen: Screen) -> io::Result<()> {
    for block in blocks {
        match block {
            Block::Line(line) => writeln!(to, "{}", harmless(line))?,
            Block::Table(table) => writeln!(to, "{}", table.draw(screen.width, screen.colours))?,
        }
    }
    Ok(())
}

//! Tables without lines, as wide as the terminal at most.

use comfy_table::{Cell as Drawn, Color, ColumnConstraint, ContentArrangement, presets};
use console::measure_text_width;

use super::Tone;
use crate::values::harmless;

/// Columns between columns.
const PADDING: u16 = 2;
/// Columns that a sentence needs.
const READABLE: usize = 10;

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Text in the colour of a state.
    pub fn toned(text: String, state: &str) -> Self {
        Self {
            text,
            tone: Tone::of(state),
        }
    }

    /// A state: its colour follows its meaning.
    pub fn state(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            tone: Tone::of(&text),
            text,
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            tone: Tone::Plain,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns and no row.
    pub fn new<const N: usize>(head: [&'static str; N]) -> Self {
        Self {
            head: head.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a row of as many cells as there are.
    pub fn row_of(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Adds a column.
    pub fn column(&mut self, name: &'static str) {
        self.head.push(name);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, without a line break at the end. Where there is a width, long cells go on in the next line.
    pub fn draw(&self, width: Option<u16>, colours: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        let breaks = self.breaking();
        match width.filter(|width| self.has_room(*width, &breaks)) {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(width);
            }
            // What a pipe reads stays on one line, whatever its length.
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        if colours {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(self.head.iter().map(|name| name.to_uppercase()));
        for row in &self.rows {
            table.add_row(row.iter().map(drawn));
        }
        for (column, breaks) in table.column_iter_mut().zip(breaks) {
            column.set_padding((0, PADDING));
            if !breaks {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table.trim_fmt()
    }

    /// Which columns may go on in the next line: those of sentences. Names, ids and digests are to be copied.
    fn breaking(&self) -> Vec<bool> {
        let column = |at: usize| self.rows.iter().filter_map(move |row| row.get(at));
        (0..self.head.len())
            .map(|at| column(at).any(|cell| cell.text.trim().contains(' ')))
            .collect()
    }

    /// Whether sentences can be read beside what is never broken.
    fn has_room(&self, width: u16, breaks: &[bool]) -> bool {
        let width_of = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let cells = cells.map(|cell| measure_text_width(&cell.text));
            let head = self.head.get(at).map_or(0, |name| name.len());
            cells.chain([head]).max().unwrap_or_default()
        };
        let columns = breaks.iter().enumerate();
        let needed: usize = columns
            .map(|(at, breaks)| {
                let whole = width_of(at);
                usize::from(PADDING) + if *breaks { whole.min(READABLE) } else { whole }
            })
            .sum();
        needed <= usize::from(width)
    }
}

fn drawn(cell: &Cell) -> Drawn {
    let text = if cell.text.is_empty() {
        "-".to_owned()
    } else {
        harmless(&cell.text)
    };
    let drawn = Drawn::new(text);
    match cell.tone {
        Tone::Plain => drawn,
        Tone::Good => drawn.fg(Color::Green),
        Tone::Waiting => drawn.fg(Color::Yellow),
        Tone::Bad => drawn.fg(Color::Red),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["gate", "verdict", "reason"]);
        table.row([
            "soaked".into(),
            Cell::state("waiting"),
            "it has been in PRE for two hours of the twenty-four that are asked for".into(),
        ]);
        table.row(["approvals".into(), Cell::state("passed"), "\u{1b}[2Jx".into()]);
        table
    }

    #[test]
    fn a_narrow_terminal_gets_narrow_lines() {
        let text = table().draw(Some(40), false);
        assert!(
            text.lines().all(|line| console::measure_text_width(line) <= 40),
            "{text}"
        );
        assert!(text.contains("twenty-four"), "{text}");
    }

    #[test]
    fn what_is_copied_is_never_broken() {
        const ID: &str = "payments/checkout/019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
        let mut table = Table::new(["promotion", "why"]);
        table.row([ID.into(), "an approval by a tester is missing".into()]);
        for width in [20, 60, 80, 200] {
            let text = table.draw(Some(width), false);
            assert!(text.contains(ID), "{width}: {text}");
        }
        let text = table.draw(Some(80), false);
        assert!(text.lines().all(|line| measure_text_width(line) <= 80), "{text}");
    }

    #[test]
    fn a_pipe_gets_one_line_a_row_and_no_colour() {
        let text = table().draw(None, false);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn colours_follow_the_meaning() {
        let text = table().draw(None, true);
        assert!(text.contains("\u{1b}[38;5;11mwaiting"), "{text:?}");
        assert!(!text.contains("\u{1b}[2J"), "{text:?}");
    }
}

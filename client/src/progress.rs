//! What is told while a command works: on standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::colours_wanted;
use crate::values::harmless;

/// Steps that are shown at once.
const SPINNERS: usize = 8;
const TICK: Duration = Duration::from_millis(120);

/// What is told while a command works.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    quiet: bool,
    bars: MultiProgress,
}

impl Progress {
    /// Told, unless it shall be quiet; with bars on a terminal.
    pub fn new(quiet: bool) -> Self {
        let live = !quiet && io::stderr().is_terminal();
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            quiet,
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// Tells a line.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            self.ask(line);
        }
    }

    /// Tells a line that somebody has to read, however quiet it shall be.
    pub fn ask(&self, line: &str) {
        let line = harmless(line);
        // A closed standard error is no reason to stop.
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// The bar of a whole of so many steps.
    pub fn bar(&self, steps: u64) -> Bars {
        let template = if colours_wanted() {
            "{elapsed:>4} {bar:30.green/black} {pos}/{len} steps  {msg}"
        } else {
            "{elapsed:>4} {bar:30} {pos}/{len} steps  {msg}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let whole = self.bars.add(ProgressBar::new(steps).with_style(style));
        whole.enable_steady_tick(TICK);
        Bars {
            progress: self.clone(),
            whole,
            steps: Vec::new(),
        }
    }
}

/// A bar of the whole, and a line of each step under way.
#[derive(Debug)]
pub(crate) struct Bars {
    progress: Progress,
    whole: ProgressBar,
    steps: Vec<(String, Option<ProgressBar>)>,
}

impl Bars {
    /// A step begins.
    pub fn begin(&mut self, step: &str) {
        if self.steps.iter().any(|(name, _)| name == step) {
            return;
        }
        let shown = self.steps.iter().filter(|(_, bar)| bar.is_some()).count();
        let bar = (shown < SPINNERS).then(|| {
            let style = ProgressStyle::with_template("     {spinner} {msg}  {elapsed}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = self
                .progress
                .bars
                .insert_before(&self.whole, ProgressBar::new_spinner());
            bar.set_style(style);
            bar.set_message(harmless(step));
            bar.enable_steady_tick(TICK);
            bar
        });
        self.steps.push((step.to_owned(), bar));
        self.count();
    }

    /// A step is no longer under way.
    pub fn end(&mut self, step: &str, line: &str) {
        self.steps.retain(|(name, bar)| {
            if name == step
                && let Some(bar) = bar
            {
                bar.finish_and_clear();
            }
            name != step
        });
        self.count();
        self.progress.say(line);
    }

    /// There are so many steps.
    pub fn of(&self, steps: usize) {
        self.whole.set_length(u64::try_from(steps).unwrap_or(u64::MAX));
    }

    /// So many steps are done.
    pub fn done(&self, steps: u64) {
        self.whole.set_position(steps);
    }

    /// Tells a line.
    pub fn say(&self, line: &str) {
        self.progress.say(line);
    }

    fn count(&self) {
        self.whole.set_message(format!("{} under way", self.steps.len()));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for (_, bar) in &self.steps {
            bar.iter().for_each(ProgressBar::finish_and_clear);
        }
        self.whole.finish_and_clear();
    }
}

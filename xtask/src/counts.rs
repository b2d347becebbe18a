//! How many tests passed and failed, as test runners say it.

/// Passed and failed tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many passed.
    pub passed: u64,
    /// How many failed, timed out or could not be started.
    pub failed: u64,
}

impl Counts {
    /// Reads nextest's `Summary` or libtest's `test result` from a line of output; none if it is another line.
    pub fn in_line(line: &str) -> Option<Self> {
        let line = without_colours(line);
        let numbers = match line.trim_start().split_once("Summary [") {
            Some(("", rest)) => rest.split_once("run:")?.1,
            // Indented, it is the output of a test that nextest shows again: nextest counts that test itself.
            _ => line.strip_prefix("test result:")?,
        };
        let mut counts = Self::default();
        // Between brackets is a breakdown of the number before: `9 passed (1 slow, 1 leaky)`.
        for part in without_brackets(numbers).split([',', ';', '.']) {
            let mut words = part.split_whitespace();
            let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
                continue;
            };
            match words.next() {
                Some("passed") => counts.passed += number,
                Some("failed" | "timed" | "exec") => counts.failed += number,
                _ => {}
            }
        }
        Some(counts)
    }

    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Without the terminal's colour sequences.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|character| {
            match character {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn counts(line: &str) -> Option<(u64, u64)> {
        Counts::in_line(line).map(|found| (found.passed, found.failed))
    }

    #[test]
    fn reads_the_summary_of_nextest() {
        let line = "     Summary [   3.312s] 8 tests run: 8 passed, 0 skipped";
        assert_eq!(counts(line), Some((8, 0)));
        let line = "Summary [ 80.1s] 12/15 tests run: 7 passed (2 slow, 1 leaky), 2 failed, 2 timed out, 1 exec failed, 4 skipped";
        assert_eq!(counts(line), Some((7, 5)));
        let line = "\u{1b}[31;1m     Summary\u{1b}[0m [   0.004s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m1\u{1b}[0m \u{1b}[31;1mfailed\u{1b}[0m, 0 skipped";
        assert_eq!(counts(line), Some((1, 1)));
    }

    #[test]
    fn reads_the_result_of_libtest() {
        let line = "test result: FAILED. 5 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.03s";
        assert_eq!(counts(line), Some((5, 1)));
    }

    #[test]
    fn leaves_other_lines_alone() {
        assert_eq!(
            counts("        PASS [   0.680s] (1/8) opstella-domain names::Summary"),
            None
        );
        assert_eq!(counts("3 passed, 1 failed"), None);
        let shown_again =
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 86 filtered out";
        assert_eq!(counts(shown_again), None);
    }
}

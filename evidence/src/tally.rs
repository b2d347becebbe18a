//! Counting findings, and keeping the worst by name, in bounded memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use opstella_domain::evidence::{Finding, MAX_FINDINGS, Severity, SeverityCounts};

/// Most characters of a finding's id.
const LONGEST_ID: usize = 120;

/// Most characters of a finding's location.
const LONGEST_LOCATION: usize = 200;

const SEVERITIES: [Severity; 6] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Info,
    Severity::Unknown,
];

/// The findings of a report: all of them counted, the worst kept by name.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: SeverityCounts,
    /// The worst first; then by name, so that the same report gives the same evidence. With how often each was added: one
    /// that fell out for worse ones never comes back, so that the number is right.
    worst: BTreeMap<Named, u32>,
}

/// What tells a finding from others of a report.
type Named = (Reverse<Severity>, String, Option<String>);

impl Tally {
    /// Counts a finding, and keeps it if it is severe.
    pub(crate) fn add(&mut self, severity: Severity, id: &str, location: Option<&str>) {
        self.counts.add(severity);
        self.keep(severity, id, location, 1);
    }

    /// The same; the location is only made for a severe one.
    pub(crate) fn add_at(&mut self, severity: Severity, id: &str, location: impl FnOnce() -> String) {
        if severity < Severity::High {
            self.counts.add(severity);
        } else {
            self.add(severity, id, Some(&location()));
        }
    }

    fn keep(&mut self, severity: Severity, id: &str, location: Option<&str>, times: u32) {
        if severity >= Severity::High {
            self.keep_named(named(severity, id, location), |known| known.saturating_add(times));
        }
    }

    fn keep_named(&mut self, named: Named, times: impl FnOnce(u32) -> u32) {
        let known = self.worst.entry(named).or_insert(0);
        *known = times(*known);
        if self.worst.len() > MAX_FINDINGS {
            self.worst.pop_last();
        }
    }

    /// Counts findings that are not named.
    pub(crate) fn add_unnamed(&mut self, severity: Severity, number: u64) {
        let counts = &mut self.counts;
        let count = match severity {
            Severity::Critical => &mut counts.critical,
            Severity::High => &mut counts.high,
            Severity::Medium => &mut counts.medium,
            Severity::Low => &mut counts.low,
            Severity::Info => &mut counts.info,
            Severity::Unknown => &mut counts.unknown,
        };
        *count = count.saturating_add(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// Takes over what was found in one place. Locations in it follow the place's name.
    pub(crate) fn absorb(&mut self, other: Self, place: &str) {
        let counts = other.counts;
        for severity in SEVERITIES {
            self.add_unnamed(severity, counts.of(severity).into());
        }
        for ((severity, id, location), times) in other.worst {
            let location = format!("{place}{}", location.unwrap_or_default());
            self.keep(severity.0, &id, Some(&location), times);
        }
    }

    /// Takes over what another look at the same contents found: the larger count of each severity, and all names, each
    /// as often as the look that has it more often. Where both name what the other does not, the count has all of them.
    pub(crate) fn raise_to(&mut self, other: Self) {
        for severity in SEVERITIES {
            let more = other.counts.of(severity).saturating_sub(self.counts.of(severity));
            self.add_unnamed(severity, more.into());
        }
        for (named, times) in other.worst {
            self.keep_named(named, |known| known.max(times));
        }
        for severity in SEVERITIES {
            let of = self.worst.iter().filter(|((of, ..), _)| of.0 == severity);
            let named: u64 = of.map(|(_, times)| u64::from(*times)).sum();
            let more = named.saturating_sub(self.counts.of(severity).into());
            self.add_unnamed(severity, more);
        }
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> SeverityCounts {
        self.counts
    }

    /// Those kept, the worst first, each once, with how often it is there.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        let finding = |((Reverse(severity), id, location), times)| Finding {
            id,
            severity,
            location,
            times,
        };
        self.worst.into_iter().map(finding).collect()
    }
}

/// A finding, in short and printable words.
fn named(severity: Severity, id: &str, location: Option<&str>) -> Named {
    let id = Some(clean(id, LONGEST_ID)).filter(|id| !id.is_empty());
    let location = location
        .map(|text| clean(text, LONGEST_LOCATION))
        .filter(|text| !text.is_empty());
    let id = id.unwrap_or_else(|| "unnamed".to_owned());
    (Reverse(severity), id, location)
}

/// One line of at most `longest` characters; what is cut ends in `…`.
pub(crate) fn clean(text: &str, longest: usize) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let mut characters = text.chars().map(printable);
    let mut cleaned: String = characters.by_ref().take(longest).collect();
    if characters.next().is_some() {
        cleaned.pop();
        cleaned.push('…');
    }
    cleaned
}

/// A package and its version: `musl@1.2.4-r2`.
pub(crate) fn package(name: &str, version: &str) -> String {
    if version.is_empty() {
        name.to_owned()
    } else {
        format!("{name}@{version}")
    }
}

/// A line, to follow a file's name: `:12`; nothing if there is none.
pub(crate) fn line(number: Option<u64>) -> String {
    let number = number.filter(|number| *number > 0);
    number.map(|number| format!(":{number}")).unwrap_or_default()
}

/// A tool and its version: `trivy 0.76.0`.
pub(crate) fn tool(name: Option<&str>, version: Option<&str>, otherwise: &str) -> String {
    let name = Some(clean(name.unwrap_or_default(), 60)).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| otherwise.to_owned());
    let version = clean(version.unwrap_or_default(), 40);
    format!("{name} {version}").trim_end().to_owned()
}

/// A severity as tools write it. A word that we do not know is of unknown severity, and counted as such.
pub(crate) fn severity(word: &str) -> Severity {
    const WORDS: [(&str, Severity); 11] = [
        ("critical", Severity::Critical),
        ("high", Severity::High),
        ("important", Severity::High),
        ("medium", Severity::Medium),
        ("moderate", Severity::Medium),
        ("low", Severity::Low),
        ("info", Severity::Info),
        ("informational", Severity::Info),
        ("negligible", Severity::Info),
        ("none", Severity::Info),
        ("unknown", Severity::Unknown),
    ];
    let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    known.map_or(Severity::Unknown, |(_, severity)| *severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_are_kept_whatever_the_order() {
        let mut tally = Tally::default();
        for number in 0..2 * MAX_FINDINGS {
            tally.add(Severity::High, &format!("H-{number:05}"), None);
        }
        tally.add(Severity::Critical, "C-1", Some("a"));
        tally.add(Severity::Critical, "C-1", Some("a"));
        tally.add(Severity::Medium, "M-1", None);
        assert_eq!(tally.counts().high, 1000);
        assert_eq!(tally.counts().critical, 2, "counted as the report lists them");
        let findings = tally.into_findings();
        assert_eq!(findings.len(), MAX_FINDINGS);
        assert_eq!((findings[0].id.as_str(), findings[0].times), ("C-1", 2));
        assert_eq!(findings[1].id, "H-00000", "C-1 is named once");
        assert!(findings[1..].iter().all(|f| f.times == 1));
    }

    #[test]
    fn names_are_one_short_line() {
        let mut tally = Tally::default();
        tally.add(Severity::High, &"é".repeat(500), Some(&"b".repeat(201)));
        tally.add(Severity::High, " \n", Some("\u{1b}[31mred"));
        let findings = tally.into_findings();
        assert_eq!(findings[0].id, "unnamed");
        assert_eq!(findings[0].location.as_deref(), Some("[31mred"));
        assert_eq!(findings[1].id.chars().count(), 120);
        let location = findings[1].location.as_deref().unwrap();
        assert_eq!(location.chars().count(), 200);
        assert!(location.ends_with('…'));
    }

    #[test]
    fn what_fell_out_for_worse_ones_is_not_counted_short() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.add(Severity::High, "H-z", None);
            for number in 0..MAX_FINDINGS {
                tally.add(Severity::High, &format!("H-{number:05}"), None);
            }
        }
        let findings = tally.into_findings();
        assert_eq!(findings.len(), MAX_FINDINGS);
        assert!(findings.iter().all(|f| f.times == 3 && f.id != "H-z"));
    }

    #[test]
    fn what_one_place_has_more_often_counts_so_often() {
        let of = |ids: &[&str]| {
            let mut tally = Tally::default();
            ids.iter()
                .for_each(|id| tally.add(Severity::Critical, id, Some("p")));
            tally
        };
        let times = |tally: Tally| {
            let counted = tally.counts().critical;
            let named = tally.into_findings().into_iter().map(|f| (f.id, f.times));
            (counted, named.collect::<Vec<_>>())
        };
        let named = |pairs: &[(&str, u32)]| -> Vec<_> {
            pairs
                .iter()
                .map(|(id, times)| ((*id).to_owned(), *times))
                .collect()
        };
        let mut both = of(&["a", "a"]);
        both.absorb(of(&["a", "b"]), "");
        assert_eq!(times(both), (4, named(&[("a", 3), ("b", 1)])));
        // Two looks at the same are not two findings; what only one of them names is one more.
        let mut same = of(&["a", "a"]);
        same.raise_to(of(&["a", "b"]));
        assert_eq!(times(same), (3, named(&[("a", 2), ("b", 1)])));
    }

    #[test]
    fn a_count_stops_at_the_largest_number() {
        let mut tally = Tally::default();
        tally.add_unnamed(Severity::Low, u64::MAX);
        tally.add(Severity::Low, "x", None);
        assert_eq!(tally.counts().low, u32::MAX);
    }
}

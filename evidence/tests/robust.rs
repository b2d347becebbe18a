#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! Whatever comes, nothing panics, and what is cut off is never taken for whole.

mod common;

use common::{ALL, fixture, read};
use opstella_domain::evidence::{MAX_FINDINGS, ReportKind};
use opstella_evidence::{Encoding, Limits, decompress};
use proptest::prelude::*;

#[test]
fn every_prefix_of_a_report_is_refused() {
    for (kind, name) in ALL {
        let whole = fixture(name);
        let end = whole.trim_ascii_end().len();
        for cut in 0..end {
            assert!(read(kind, &whole[..cut]).is_err(), "{name} cut at {cut}");
        }
        assert!(read(kind, &whole[..end]).is_ok(), "{name}");
    }
}

fn check(kind: ReportKind, bytes: &[u8]) {
    match read(kind, bytes) {
        Ok(parsed) => {
            assert!(parsed.findings.len() <= MAX_FINDINGS);
            for finding in &parsed.findings {
                assert!(finding.id.chars().count() <= 120);
                assert!(finding.location.iter().all(|l| l.chars().count() <= 200));
            }
            assert!(
                parsed
                    .findings
                    .windows(2)
                    .all(|two| two[0].severity >= two[1].severity && two[0] != two[1])
            );
        }
        // A message is one that can be shown.
        Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for kind in ReportKind::all() {
            check(kind, &bytes);
        }
        let _ = decompress(&bytes, Encoding::Gzip, Limits::default());
    }

    #[test]
    fn what_looks_like_markup(text in "[<>/!?&;\\[\\]\"'=a-z \\{\\}:,0-9-]{0,200}") {
        for kind in ReportKind::all() {
            check(kind, text.as_bytes());
            check(kind, format!("<testsuite>{text}</testsuite>").as_bytes());
        }
    }

    #[test]
    fn fixtures_with_bytes_changed(
        which in 0..ALL.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (kind, name) = ALL[which];
        let mut bytes = fixture(name);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(kind, &bytes);
    }

    /// Pieces are taken out, doubled and moved: JSON that is well-formed and of other types than expected.
    #[test]
    fn fixtures_with_values_exchanged(
        which in 0..ALL.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
    ) {
        let (kind, name) = ALL[which];
        let text = common::text(name);
        let mut pieces: Vec<&str> = text.split_inclusive([',', ':', '>', '{', '}', '[', ']']).collect();
        for (from, to) in changes {
            let piece = pieces[from.index(pieces.len())];
            let to = to.index(pieces.len());
            pieces[to] = piece;
        }
        check(kind, pieces.concat().as_bytes());
    }

    #[test]
    fn values_of_other_types(which in 0..ALL.len(), at in any::<prop::sample::Index>(), value in "null|7|-1|1e999|true|\"\"|\\[\\]|\\{\\}|\\[\\{\\}\\]|\\[null\\]") {
        let (kind, name) = ALL[which];
        let text = common::text(name);
        // After a colon comes a value, of which a string or a number is exchanged.
        let colons: Vec<usize> = text.match_indices(": ").map(|(at, _)| at + 2).collect();
        prop_assume!(!colons.is_empty());
        let start = colons[at.index(colons.len())];
        let rest = &text[start..];
        let end = if let Some(inside) = rest.strip_prefix('"') {
            inside.find('"').map_or(rest.len(), |end| end + 2)
        } else {
            rest.find([',', '}', ']', '\n']).unwrap_or(rest.len())
        };
        check(kind, format!("{}{value}{}", &text[..start], &rest[end..]).as_bytes());
    }
}

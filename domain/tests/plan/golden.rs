//! The plan of a service, as it is written down.

use std::fmt::Write;
use std::path::Path;

use crate::given::provision;

#[test]
fn the_provision_plan_is_the_golden_one() {
    let mut text = String::new();
    for step in provision().steps() {
        let after: Vec<_> = step.depends_on.iter().map(|d| d.as_str()).collect();
        let line = if after.is_empty() {
            String::new()
        } else {
            format!(" <- {}", after.join(", "))
        };
        writeln!(text, "{}{line}", step.id).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/provision-plan.txt");
    if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, golden,
        "the plan changed; if that is meant, run with OPSTELLA_UPDATE_GOLDEN=1 and review the difference"
    );
}

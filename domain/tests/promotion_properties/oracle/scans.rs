//! The dynamic scan that counts: of which environment, and of the same images.

use std::collections::BTreeSet;

use opstella_domain::evidence::{Evidence, Severity};
use opstella_domain::{ComponentName, Environment};

use super::{Gate, Oracle, made};

impl Oracle<'_> {
    /// The environments to scan: what each of both policies asks for.
    pub(super) fn wanted(&self) -> BTreeSet<Environment> {
        let rules = self.counts.rules.iter();
        rules.filter_map(|rules| rules.dynamic_scan).collect()
    }

    pub(super) fn dynamically_scanned(&self, wanted: Environment) -> Gate {
        if self.counts.before.is_none() {
            return Gate::Passed;
        }
        let severities = [Severity::High, Severity::Critical];
        self.scan(wanted).map_or(Gate::Closed, |(_, e)| {
            self.weighed(e, "dynamic-scan", &severities, 0)
        })
    }

    /// The scan that counts, and the component whose image bears it.
    pub(super) fn scan(&self, wanted: Environment) -> Option<(&ComponentName, &Evidence)> {
        let (before, _) = self.counts.before?;
        let wanted = wanted.min(before);
        let chosen = self.counts.chosen.contains(&wanted);
        let mut of = Environment::all().filter(|e| *e == wanted || !chosen && *e > wanted && *e <= before);
        of.find_map(|environment| {
            let reports = |component| self.of(component).into_iter().map(move |e| (component, e));
            let all = self.asked.images.keys().flat_map(reports);
            let same = |(_, e): &(&ComponentName, &Evidence)| {
                let images = &self.asked.images;
                images
                    .iter()
                    .all(|(component, digest)| e.ran.get(component) == Some(digest))
            };
            all.filter(|(_, e)| e.environment == Some(environment))
                .filter(same)
                .max_by_key(|(_, e)| made(e))
        })
    }
}

//! People who work together: so that releases get far.

use chrono::TimeDelta;
use opstella_domain::evidence::ReportKind;
use opstella_domain::evidence::ReportKind::{DynamicScan, ImageScan, QualityGate, StaticAnalysis};
use opstella_domain::promotion::PromotionId;
use opstella_domain::run::{FailureClass, RunStatus};
use opstella_domain::{Environment, RunId};

use super::World;
use crate::acts::{COMPONENTS, Failing, Fate, PEOPLE, Report};
use crate::support::promotion::promotion_id;

impl World {
    /// Does all that people would do to get a release into an environment. It may still not get there.
    pub(super) fn push(&mut self, place: Environment, release: usize, by: usize, fails: Option<Failing>) {
        self.finish_service();
        let contents = [release % 3; COMPONENTS.len()];
        let _ = self.register(release, by, None, 0b111, contents);
        let _ = self.register(release, by, None, 0b011, contents);
        let _ = self.seal(release);
        let way: Vec<_> = self.chosen.range(..=place).copied().collect();
        for environment in way {
            for component in 0..COMPONENTS.len() {
                for kind in [QualityGate, ImageScan, StaticAnalysis] {
                    let _ = self.report(component, release % 3, &well(kind, environment));
                }
            }
            let _ = self.request(environment, release, false, by, true, true);
            self.evaluate(environment);
            self.now += TimeDelta::minutes(125);
            for person in 0..PEOPLE {
                let _ = self.approve(environment, self.flying(environment), person, true);
            }
            self.now += TimeDelta::hours(24);
            let _ = self.override_freeze(environment, self.flying(environment), 0);
            let _ = self.confirm_override(environment, self.flying(environment), 1);
            self.evaluate(environment);
            self.carry(environment, fails.filter(|_| environment == place));
            let _ = self.report(0, release % 3, &well(DynamicScan, environment));
        }
    }

    /// The one in flight; one that never was, where there is none.
    fn flying(&self, environment: Environment) -> PromotionId {
        let flying = self.places[&environment].ledger.flying.as_ref();
        flying.map_or(promotion_id(0), |asked| asked.id)
    }

    /// A run on its way back stops on it.
    fn get_stuck(&mut self, run: RunId, failing: Failing) {
        if let (Some(pieces), RunStatus::Unwinding) = (failing.stuck_after, self.runs[&run].state.status) {
            let mut fates = vec![Fate::Done; pieces];
            fates.push(Fate::Failed {
                class: FailureClass::Permanent,
                effect: failing.effect,
            });
            self.drive(run, &fates);
        }
    }

    /// The run in flight goes on to its end, or until it waits for an operator.
    fn carry(&mut self, environment: Environment, fails: Option<Failing>) {
        let flying = self.places[&environment].ledger.flying.as_ref();
        let Some(run) = flying.and_then(|asked| asked.run) else {
            return;
        };
        if let Some(failing) = fails {
            let Failing { class, effect, .. } = failing;
            let mut fates = vec![Fate::Done; failing.after];
            fates.push(Fate::Failed { class, effect });
            self.drive(run, &fates);
            self.get_stuck(run, failing);
        }
        self.finish(run);
    }
}

/// A report that says nothing bad.
fn well(kind: ReportKind, of: Environment) -> Report {
    Report {
        kind,
        found: vec![],
        passed: true,
        fetched: false,
        of,
        age: 0,
        suite: None,
    }
}

//! The tools, as far as a promotion changes them: what the repository of a component says of an environment, and what
//! Argo CD runs there. Each step does and undoes what its adapter would.

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::operation::Operation;
use opstella_domain::plan::PlannedStep;
use opstella_domain::release::Digest;
use opstella_domain::resource::Provenance;
use opstella_domain::{ComponentName, Environment, RunId};

type Spot = (Environment, ComponentName);

/// The newest commit of an overlay.
struct Commit {
    digest: Option<Digest>,
    by: RunId,
    /// What the one before said.
    before: Option<Digest>,
}

#[derive(Default)]
pub struct Tools {
    git: BTreeMap<Spot, Commit>,
    live: BTreeMap<Spot, Digest>,
    /// Runs that committed something.
    pub committed: BTreeSet<RunId>,
}

/// The component of a step of a promotion.
fn spot(environment: Environment, step: &PlannedStep) -> Spot {
    let (_, component) = step.id.as_str().split_once('/').unwrap();
    (environment, component.parse().unwrap())
}

impl Tools {
    /// What Argo CD runs.
    pub fn runs(&self, environment: Environment, component: &ComponentName) -> Option<&Digest> {
        self.live.get(&(environment, component.clone()))
    }

    pub fn does(&mut self, run: RunId, environment: Environment, step: &PlannedStep) -> Provenance {
        let spot = spot(environment, step);
        match &step.operation {
            Operation::GitlabImage { digest, .. } => {
                let there = self.git.get(&spot);
                if let Some(commit) = there.filter(|commit| commit.digest.as_ref() == Some(digest)) {
                    return match commit.by == run {
                        true => Provenance::Created,
                        false => Provenance::Existing,
                    };
                }
                let before = there.and_then(|commit| commit.digest.clone());
                let digest = Some(digest.clone());
                self.git.insert(
                    spot,
                    Commit {
                        digest,
                        by: run,
                        before,
                    },
                );
                self.committed.insert(run);
                Provenance::Created
            }
            Operation::ArgoSync { digest, .. } => {
                let already = self.live.get(&spot) == Some(digest);
                self.sync(&spot);
                match already {
                    true => Provenance::Existing,
                    false => Provenance::Created,
                }
            }
            Operation::ArgoHealthy { digest, .. } => {
                assert_eq!(self.live.get(&spot), Some(digest), "what was synced runs");
                Provenance::Existing
            }
            Operation::ArgoHold { .. } | Operation::HarborEnvironmentTag { .. } => Provenance::Created,
            _ => Provenance::Existing,
        }
    }

    /// Whether something was changed back.
    pub fn undoes(&mut self, run: RunId, environment: Environment, step: &PlannedStep) -> bool {
        let spot = spot(environment, step);
        match &step.operation {
            Operation::GitlabImage { digest, previous, .. } => {
                let ours = |commit: &&mut Commit| commit.by == run && commit.digest.as_ref() == Some(digest);
                let Some(commit) = self.git.get_mut(&spot).filter(ours) else {
                    return false;
                };
                commit.digest = previous.clone().or_else(|| commit.before.clone());
                true
            }
            Operation::ArgoHold { .. } => self.sync(&spot),
            _ => false,
        }
    }

    /// Argo CD runs what the repository says.
    fn sync(&mut self, spot: &Spot) -> bool {
        let says = self.git.get(spot).and_then(|commit| commit.digest.clone());
        let before = match says.clone() {
            Some(digest) => self.live.insert(spot.clone(), digest),
            None => self.live.remove(spot),
        };
        before != says
    }

    /// The service is gone, with all that it had.
    pub fn forget(&mut self) {
        self.git.clear();
        self.live.clear();
    }
}

//! What an observer writes down of an environment: from the events alone, in the observer's own way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use opstella_domain::policy::{ApproverRole, HeldFreeze};
use opstella_domain::promotion::{EnvironmentEvent, MAX_QUEUE, PromotionId, PromotionKind};
use opstella_domain::release::{Digest, ReleaseVersion};
use opstella_domain::{ComponentName, RunId, Subject};

use crate::oracle::Gate;

pub type Images = BTreeMap<ComponentName, Digest>;

/// What approvals rest on: versions of policies, images, the gates that do not change by themselves, and the reports that
/// failed among those that these looked at.
pub type Basis = (u32, u32, Images, BTreeMap<&'static str, Gate>, BTreeSet<String>);

/// A promotion that is not over.
pub struct Asked {
    pub id: PromotionId,
    pub kind: PromotionKind,
    pub release: ReleaseVersion,
    pub images: Images,
    pub requester: Subject,
    pub authors: BTreeSet<Subject>,
    pub change: bool,
    /// Who approved, in which roles, and resting on what.
    pub approvals: Vec<(Subject, BTreeSet<ApproverRole>, Basis)>,
    /// What the gates said when they were last looked at.
    pub seen: Option<Basis>,
    /// Who breaks the glass, and of which freezes.
    pub glass: Vec<Subject>,
    pub broken: Vec<HeldFreeze>,
    pub run: Option<RunId>,
}

/// A release that came.
pub struct Came {
    pub release: ReleaseVersion,
    /// All that ran then.
    pub images: Images,
    pub at: DateTime<Utc>,
}

#[derive(Default)]
pub struct Ledger {
    pub flying: Option<Asked>,
    pub queue: VecDeque<Asked>,
    pub came: Vec<Came>,
    pub healthy: bool,
    pub drifted: bool,
    /// When it recovered, or was put right, last.
    pub well_since: Option<DateTime<Utc>>,
    /// How many went back, well.
    pub went_back: usize,
}

impl Ledger {
    pub fn ran(&self, release: &ReleaseVersion) -> Option<&Came> {
        self.came.iter().rev().find(|came| &came.release == release)
    }

    /// Whether a release came here for the first time before the one did that runs.
    pub fn goes_back(&self, release: &ReleaseVersion) -> bool {
        let first = |release| self.came.iter().position(|came| &came.release == release);
        let runs = self.came.last().map(|came| &came.release);
        runs.is_some_and(|runs| first(release) < first(runs))
    }

    /// Since when all of these run here, by whichever releases.
    pub fn runs(&self, images: &Images) -> Option<DateTime<Utc>> {
        let has_all = |came: &Came| {
            images
                .iter()
                .all(|(c, digest)| came.images.get(c) == Some(digest))
        };
        let having = self.came.iter().rev().take_while(|came| has_all(came));
        having.last().map(|came| came.at)
    }

    fn find(&mut self, id: PromotionId) -> &mut Asked {
        let mut all = self.flying.iter_mut().chain(&mut self.queue);
        all.find(|asked| asked.id == id)
            .expect("a promotion that is not over")
    }

    fn over(&mut self, id: PromotionId) -> Asked {
        if self.flying.as_ref().is_some_and(|asked| asked.id == id) {
            return self.flying.take().unwrap();
        }
        let place = self.queue.iter().position(|asked| asked.id == id);
        self.queue
            .remove(place.expect("a promotion that is not over"))
            .unwrap()
    }

    /// Writes down an event, and looks whether it may follow what is written. `before`: the ledger of the environment
    /// before; `all_open`: whether the oracle has just found that everything is there for the one in flight.
    pub fn write(&mut self, event: &EnvironmentEvent, before: Option<&Ledger>, all_open: bool) {
        match event {
            EnvironmentEvent::PromotionRequested {
                promotion,
                kind,
                release,
                images,
                requester,
                authors,
                change_reference,
                queued,
                ..
            } => {
                assert_eq!(
                    *queued,
                    self.flying.is_some(),
                    "two in flight, or one that waits for nothing"
                );
                match kind {
                    PromotionKind::Promote => {
                        let reached = before.is_none_or(|before| before.ran(release).is_some());
                        assert!(reached, "an environment is skipped");
                    }
                    PromotionKind::Rollback => {
                        let ran = self.ran(release).expect("back to what ran here");
                        assert_eq!(images, &ran.images, "all of it");
                        assert!(self.goes_back(release), "forward by a rollback");
                    }
                }
                let asked = Asked {
                    id: *promotion,
                    kind: *kind,
                    release: release.clone(),
                    images: images.clone(),
                    requester: requester.clone(),
                    authors: authors.clone(),
                    change: change_reference.is_some(),
                    approvals: vec![],
                    seen: None,
                    glass: vec![],
                    broken: vec![],
                    run: None,
                };
                if *queued {
                    self.queue.push_back(asked);
                } else {
                    self.flying = Some(asked);
                }
                assert!(self.queue.len() <= MAX_QUEUE);
            }
            EnvironmentEvent::PromotionTakenUp { promotion } => {
                assert!(self.flying.is_none(), "two in flight");
                let first = self.queue.pop_front().expect("somebody waits");
                assert_eq!(first.id, *promotion, "out of turn");
                self.flying = Some(first);
            }
            EnvironmentEvent::GatesEvaluated { promotion, gates, .. } => {
                assert_eq!(self.flying.as_ref().map(|asked| asked.id), Some(*promotion));
                for gate in gates {
                    let told = gate.remedy.as_ref().is_some_and(|remedy| !remedy.is_empty());
                    assert!(!gate.reason.is_empty() && told != gate.verdict.open(), "{gate:?}");
                }
                let open = gates.iter().all(|gate| gate.verdict.open());
                assert_eq!(open, all_open, "the oracle disagrees: {gates:?}");
            }
            EnvironmentEvent::PromotionApproved { promotion, approval } => {
                let asked = self.find(*promotion);
                assert_ne!(approval.by, asked.requester, "a requester approves");
                assert_eq!(asked.run, None);
                let basis = asked
                    .seen
                    .clone()
                    .expect("an approval of something that was looked at");
                asked.approvals.retain(|(by, ..)| by != &approval.by);
                asked
                    .approvals
                    .push((approval.by.clone(), approval.roles.clone(), basis));
            }
            // The oracle strikes them out by itself: see `World::evaluate`.
            EnvironmentEvent::ApprovalsVoided { promotion, .. } => {
                assert!(
                    self.find(*promotion).approvals.is_empty(),
                    "voided although nothing changed"
                );
            }
            EnvironmentEvent::FreezeOverrideRequested {
                promotion,
                by,
                freezes,
                ..
            } => {
                let asked = self.find(*promotion);
                let before = std::mem::replace(&mut asked.broken, freezes.clone());
                assert!(!freezes.is_empty(), "nothing is frozen");
                assert!(
                    freezes.iter().any(|freeze| !before.contains(freeze)),
                    "asked for already"
                );
                asked.glass = vec![by.clone()];
            }
            EnvironmentEvent::FreezeOverridden { promotion, by } => {
                let asked = self.find(*promotion);
                assert!(
                    asked.glass.len() == 1 && &asked.glass[0] != by,
                    "one person breaks the glass"
                );
                asked.glass.push(by.clone());
            }
            EnvironmentEvent::DeploymentStarted { promotion, run, .. } => {
                assert!(all_open, "it starts although the oracle sees a closed gate");
                let asked = self.flying.as_ref().expect("one in flight");
                assert_eq!((asked.id, asked.run), (*promotion, None));
                let back = asked.kind == PromotionKind::Promote || self.goes_back(&asked.release);
                assert!(back, "forward by a rollback");
                self.find(*promotion).run = Some(*run);
            }
            EnvironmentEvent::PromotionCompleted { promotion, at } => {
                let asked = self.over(*promotion);
                assert!(asked.run.is_some(), "completed without a run");
                let mut images = self
                    .came
                    .last()
                    .map(|came| came.images.clone())
                    .unwrap_or_default();
                images.extend(asked.images);
                self.went_back += usize::from(asked.kind == PromotionKind::Rollback);
                self.came.push(Came {
                    release: asked.release,
                    images,
                    at: *at,
                });
                if (self.drifted || !self.healthy) && self.came.len() > 1 {
                    self.well_since = self.well_since.max(Some(*at));
                }
                self.healthy = true;
                self.drifted = false;
            }
            EnvironmentEvent::PromotionFailed { promotion, .. }
            | EnvironmentEvent::DeploymentRolledBack { promotion, .. } => {
                let asked = self.over(*promotion);
                let overtaken = asked.kind == PromotionKind::Rollback && !self.goes_back(&asked.release);
                assert!(asked.run.is_some() || overtaken, "failed without a run");
            }
            EnvironmentEvent::PromotionRejected { promotion, .. }
            | EnvironmentEvent::PromotionCancelled { promotion, .. } => {
                let asked = self.over(*promotion);
                assert_eq!(asked.run, None, "taken back while it deploys");
            }
            EnvironmentEvent::DriftDetected { found, .. } => {
                assert!(!found.is_empty());
                self.drifted = true;
            }
            EnvironmentEvent::DriftCleared { at } => {
                self.drifted = false;
                self.well_since = self.well_since.max(Some(*at));
            }
            EnvironmentEvent::HealthChanged { health, at } => {
                let healthy = *health == opstella_domain::promotion::Health::Healthy;
                assert_ne!(self.healthy, healthy, "a change that is none");
                self.healthy = healthy;
                if healthy {
                    self.well_since = self.well_since.max(Some(*at));
                }
            }
            EnvironmentEvent::EnvironmentRemoved { .. } => unreachable!("no service ends here"),
        }
    }
}

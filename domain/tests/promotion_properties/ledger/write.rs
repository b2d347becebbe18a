//! Each event, written down: may it follow what is written?

use chrono::{DateTime, Utc};
use opstella_domain::promotion::{EnvironmentEvent, Health, MAX_QUEUE, PromotionKind};

use super::{Asked, Came, Glass, Ledger, Yes};

/// What the observer knows beside the event.
pub struct Seen<'a> {
    /// The ledger of the environment before, in the service's choice.
    pub before: Option<&'a Ledger>,
    /// Whether the oracle has just found that everything is there for the one in flight.
    pub all_open: bool,
    /// Whether the service is being removed, or gone.
    pub ends: bool,
    pub now: DateTime<Utc>,
}

impl Ledger {
    /// Writes down an event.
    pub fn write(&mut self, event: &EnvironmentEvent, seen: &Seen<'_>) {
        match event {
            EnvironmentEvent::PromotionRequested { .. } => self.requested(event, seen),
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
                assert_eq!(open, seen.all_open, "the oracle disagrees: {gates:?}");
            }
            EnvironmentEvent::PromotionApproved { promotion, approval } => {
                let asked = self.find(*promotion);
                assert_ne!(approval.by, asked.requester, "a requester approves");
                assert_eq!(asked.run, None);
                let rests_on = asked.seen.clone();
                asked.approvals.retain(|yes| yes.by != approval.by);
                asked.approvals.push(Yes {
                    by: approval.by.clone(),
                    name: approval.name.clone(),
                    roles: approval.roles.clone(),
                    by_token: approval.by_token.clone(),
                    rests_on: rests_on.expect("an approval of something that was looked at"),
                });
            }
            // The oracle strikes them out by itself: see `World::ask_oracle`.
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
                let glass = Glass {
                    people: vec![by.clone()],
                    asked_at: Some(seen.now),
                    freezes: freezes.clone(),
                };
                let before = std::mem::replace(&mut self.find(*promotion).glass, glass);
                assert!(!freezes.is_empty(), "nothing is frozen");
                let new = freezes.iter().any(|freeze| !before.freezes.contains(freeze));
                assert!(new, "asked for already");
            }
            EnvironmentEvent::FreezeOverridden { promotion, by } => {
                let people = &mut self.find(*promotion).glass.people;
                assert!(
                    people.len() == 1 && &people[0] != by,
                    "one person breaks the glass"
                );
                people.push(by.clone());
            }
            EnvironmentEvent::DeploymentStarted { promotion, run, .. } => {
                assert!(seen.all_open, "it starts although the oracle sees a closed gate");
                assert!(!seen.ends, "into a service that ends");
                let asked = self.flying.as_ref().expect("one in flight");
                assert_eq!((asked.id, asked.run), (*promotion, None));
                self.may_come(asked, seen);
                self.find(*promotion).run = Some(*run);
            }
            EnvironmentEvent::PromotionCompleted { promotion, at } => {
                let asked = self.over(*promotion);
                assert!(asked.run.is_some(), "completed without a run");
                self.arrived(asked, *at);
            }
            EnvironmentEvent::PromotionFailed { promotion, .. }
            | EnvironmentEvent::DeploymentRolledBack { promotion, .. } => {
                let asked = self.over(*promotion);
                let overtaken = match asked.kind {
                    PromotionKind::Rollback => !self.goes_back(&asked.release),
                    PromotionKind::Promote => seen.before.is_some_and(|b| b.ran(&asked.release).is_none()),
                };
                assert!(asked.run.is_some() || overtaken, "failed without a run");
                if let EnvironmentEvent::PromotionFailed {
                    left_behind: true, ..
                } = event
                {
                    self.torn.extend(asked.images.into_keys());
                }
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
                assert!(self.drifted, "an end of no drift");
                self.drifted = false;
                self.well_since = self.well_since.max(Some(*at));
            }
            EnvironmentEvent::HealthChanged { health, at } => {
                let healthy = *health == Health::Healthy;
                assert_ne!(self.healthy, healthy, "a change that is none");
                self.healthy = healthy;
                if healthy {
                    self.well_since = self.well_since.max(Some(*at));
                }
            }
            EnvironmentEvent::EnvironmentRemoved { .. } => {
                assert!(seen.ends, "removed although the service is there");
                assert_eq!(self.asked().count(), 0, "somebody counts on it");
                let went_back = self.went_back;
                *self = Self {
                    went_back,
                    ..Self::default()
                };
            }
        }
    }

    /// No environment is skipped, and nothing goes forward by a rollback.
    fn may_come(&self, asked: &Asked, seen: &Seen<'_>) {
        match asked.kind {
            PromotionKind::Promote => {
                let reached = seen.before.is_none_or(|b| b.ran(&asked.release).is_some());
                assert!(reached, "an environment is skipped");
            }
            PromotionKind::Rollback => assert!(self.goes_back(&asked.release), "forward by a rollback"),
        }
    }

    fn requested(&mut self, event: &EnvironmentEvent, seen: &Seen<'_>) {
        let EnvironmentEvent::PromotionRequested {
            promotion,
            kind,
            release,
            images,
            requester,
            authors,
            change_reference,
            queued,
            ..
        } = event
        else {
            unreachable!()
        };
        let busy = self.flying.is_some();
        assert_eq!(*queued, busy, "two in flight, or one that waits for nothing");
        assert!(!seen.ends, "into a service that ends");
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
            glass: Glass::default(),
            run: None,
        };
        self.may_come(&asked, seen);
        if *kind == PromotionKind::Rollback {
            let ran = self.ran(release).expect("back to what ran here");
            assert_eq!(images, &ran.images, "all of it");
        }
        if *queued {
            self.queue.push_back(asked);
        } else {
            self.flying = Some(asked);
        }
        assert!(self.queue.len() <= MAX_QUEUE);
    }

    fn arrived(&mut self, asked: Asked, at: DateTime<Utc>) {
        let mut images = self
            .came
            .last()
            .map(|came| came.images.clone())
            .unwrap_or_default();
        for component in asked.images.keys() {
            self.torn.remove(component);
        }
        images.extend(asked.images);
        self.went_back += usize::from(asked.kind == PromotionKind::Rollback);
        self.came.push(Came {
            release: asked.release,
            images,
            at,
        });
        if (self.drifted || !self.healthy) && self.came.len() > 1 {
            self.well_since = self.well_since.max(Some(at));
        }
        self.healthy = true;
        self.drifted = false;
    }
}

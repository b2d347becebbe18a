//! Looking at gates: by the code under test, and by the oracle. Both have to agree.

use std::collections::BTreeSet;

use opstella_domain::policy::{
    GateInput, GateResult, GateVerdict, HeldFreeze, ImageEvidence, Policy, PolicyEvent, PolicyRules,
    PolicyVersions, Predecessor, evaluate,
};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentEvent, Members, Promotion, PromotionId, PromotionKind,
};
use opstella_domain::release::{ReleaseEvent, Waiver};
use opstella_domain::service::Lifecycle;
use opstella_domain::{Environment, Subject};

use super::policies::approves_as;
use super::{Place, Stream, World};
use crate::ledger::Asked;
use crate::oracle::{Counts, Oracle};
use crate::support::promotion::gate;
use crate::support::{key, run_id};

fn number(version: &impl ToString) -> usize {
    version.to_string().parse().unwrap()
}

/// The rules that somebody has set.
fn set(stream: &Stream<Policy>) -> Option<PolicyRules> {
    let PolicyEvent::PolicySet { rules, .. } = stream.events.last()?;
    Some((**rules).clone())
}

impl World {
    fn gate_input(&self, place: Environment, promotion: &Promotion) -> GateInput {
        let images = promotion.images.iter().map(|(component, digest)| {
            let of = |(k, _): &(&opstella_domain::evidence::ArtifactKey, _)| {
                &k.component == component && &k.digest == digest
            };
            let artifact = self.artifacts.iter().find(of);
            let evidence = artifact
                .map(|(_, a)| a.state.evidence.clone())
                .unwrap_or_default();
            let digest = digest.clone();
            (component.clone(), ImageEvidence { digest, evidence })
        });
        let predecessor = self.before(place).map(|environment| Predecessor {
            environment,
            running: self.places[&environment].stream.state.running(),
        });
        GateInput {
            service: key(),
            environments: self.chosen.clone(),
            environment: place,
            release: promotion.release.clone(),
            images: images.collect(),
            waivers: self.releases[number(&promotion.release)].state.waivers.clone(),
            predecessor,
            change_reference: promotion.change_reference.as_ref().map(|c| c.as_str().to_owned()),
            overridden_freezes: promotion.overridden_freezes().to_vec(),
            policy: PolicyVersions {
                platform: self.places[&place].platform.state.version,
                project: self.places[&place].project.state.version,
            },
            at: self.now,
        }
    }

    /// What the gates in Rego say that these rules have, of those that could be looked at.
    fn custom_gates(&self, rules: &PolicyRules) -> Vec<GateResult> {
        let asked = self.custom.iter().filter(|(name, _)| {
            let named = |custom: &opstella_domain::policy::CustomGate| name.ends_with(&custom.name);
            rules.custom.iter().any(named)
        });
        let say = |(name, open): (&&'static str, &bool)| match open {
            true => gate(name, GateVerdict::Passed),
            false => gate(name, GateVerdict::Failed),
        };
        asked.map(say).collect()
    }

    fn rules_for(&self, place: Environment, kind: PromotionKind) -> PolicyRules {
        let policies = &self.places[&place];
        let effective = match kind {
            PromotionKind::Promote => Policy::effective,
            PromotionKind::Rollback => Policy::effective_for_rollback,
        };
        effective(place, &policies.platform.state, &policies.project.state)
    }

    pub(super) fn freezes_held(&self, place: Environment, promotion: PromotionId) -> Vec<HeldFreeze> {
        let promotion = self.places[&place].stream.state.promotion(promotion);
        let rules = promotion.map(|promotion| self.rules_for(place, promotion.kind));
        rules
            .map(|rules| rules.freezes_held(self.now))
            .unwrap_or_default()
    }

    /// In which roles those who approved are members now, as the project says.
    fn members_among(&self, promotion: &Promotion) -> Members {
        let members = &self.project.state.members;
        let roles = |by: &Subject| -> BTreeSet<_> {
            let held = members.get(by).into_iter().flatten();
            held.filter_map(|role| approves_as(*role)).collect()
        };
        let by = promotion.approvals.iter().map(|approval| &approval.by);
        by.map(|by| (by.clone(), roles(by))).collect()
    }

    pub(super) fn evaluate(&mut self, place: Environment) {
        // Of a service that is on its way out nothing is deployed any more.
        if self.service.state.lifecycle != Lifecycle::Active {
            return;
        }
        let Some(promotion) = self.places[&place].stream.state.in_flight.clone() else {
            return;
        };
        let rules = self.rules_for(place, promotion.kind);
        let input = self.gate_input(place, &promotion);
        let command = EnvironmentCommand::Evaluate {
            promotion: promotion.id,
            evaluation: Box::new(evaluate(&rules, &input, self.custom_gates(&rules))),
            members: self.members_among(&promotion),
            came_from: self.came_from(place, number(&promotion.release)),
            run: run_id(self.next()),
            at: self.now,
        };
        let open = self.ask_oracle(place);
        let events = self.environment(place, command, open).unwrap();
        let starts = |event: &EnvironmentEvent| matches!(event, EnvironmentEvent::DeploymentStarted { .. });
        let started = events.iter().any(starts);
        assert_eq!(started, open, "the oracle disagrees: {promotion:?} {events:?}");
    }

    /// What the oracle says of the one in flight: what its approvals rest on, and whether all is open. Approvals that
    /// rest on something else are struck out first.
    fn ask_oracle(&mut self, place: Environment) -> bool {
        let flying = self
            .places
            .get_mut(&place)
            .and_then(|place| place.ledger.flying.take());
        let Some(mut asked) = flying else {
            return false;
        };
        let there = &self.places[&place];
        let before = self.before(place).map(|b| (b, &self.places[&b].ledger));
        let platform = set(&there.platform).unwrap_or_else(|| PolicyRules::default_for(place));
        let length = |stream: &Stream<Policy>| u32::try_from(stream.events.len()).unwrap();
        let counts = Counts {
            rules: std::iter::once(platform).chain(set(&there.project)).collect(),
            versions: (length(&there.platform), length(&there.project)),
            chosen: &self.chosen,
            before,
            reports: &self.reports,
            waivers: self.waivers(&asked),
            custom: &self.custom,
            members: &self.members,
            now: self.now,
        };
        let basis = Oracle {
            asked: &asked,
            counts: &counts,
        }
        .basis();
        asked.approvals.retain(|yes| yes.rests_on == basis);
        let goes = match asked.kind {
            PromotionKind::Promote => before.is_none_or(|(_, b)| b.ran(&asked.release).is_some()),
            PromotionKind::Rollback => there.ledger.goes_back(&asked.release),
        };
        let open = asked.run.is_none()
            && goes
            && Oracle {
                asked: &asked,
                counts: &counts,
            }
            .open();
        // Said once more for what matters most.
        if open && place == Environment::Prd && there.by_default() && asked.kind == PromotionKind::Promote {
            let people: BTreeSet<_> = asked.approvals.iter().map(|yes| &yes.by).collect();
            let others = people
                .iter()
                .filter(|by| **by != &asked.requester && !asked.authors.contains(**by));
            assert!(others.count() >= 2, "production without approvals");
        }
        if asked.run.is_none() {
            asked.seen = Some(basis);
        }
        self.places.get_mut(&place).unwrap().ledger.flying = Some(asked);
        open
    }

    /// The waivers of its release that were granted and not revoked.
    fn waivers(&self, asked: &Asked) -> Vec<&Waiver> {
        let mut waivers: Vec<&Waiver> = vec![];
        for event in &self.releases[number(&asked.release)].events {
            match event {
                ReleaseEvent::WaiverGranted { waiver } => waivers.push(waiver),
                ReleaseEvent::WaiverRevoked { waiver, .. } => waivers.retain(|w| w.id != *waiver),
                _ => {}
            }
        }
        waivers
    }
}

impl Place {
    /// Whether the rules that come along hold.
    fn by_default(&self) -> bool {
        self.platform.events.is_empty()
    }
}

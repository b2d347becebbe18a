//! Looking at gates: what they look at, read from the table.

use std::collections::{BTreeMap, VecDeque};

use chrono::Utc;
use opstella_domain::Decide;
use opstella_domain::policy::{
    Evaluation, GateInput, GateResult, HeldFreeze, ImageEvidence, Policy, PolicyKey, PolicyRules,
    PolicyVersions, Predecessor, approval_gate, evaluate,
};
use opstella_domain::promotion::{
    EnvironmentCommand, EnvironmentKey, Promotion, PromotionId, PromotionKind, ServiceEnvironment,
};
use opstella_domain::release::ReleaseKey;

use crate::{CommandError, Commands};

/// How often gates are looked at again because something changed while they were looked at.
const MOST_LOOKS: usize = 4;

/// The answer to "could this be promoted now?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Whether every gate is open, approvals included, and nothing else is in flight.
    pub now: bool,
    /// Every gate.
    pub gates: Vec<GateResult>,
    /// By which versions of the policies.
    pub policy: PolicyVersions,
    /// The promotion that is in flight already.
    pub in_flight: Option<PromotionId>,
}

impl Commands {
    /// The rules that hold for an environment of a project, and their versions.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn policy_of(
        &self,
        key: &EnvironmentKey,
    ) -> Result<(PolicyRules, PolicyVersions), CommandError> {
        self.rules_for(key, PromotionKind::Promote).await
    }

    /// The same, as they hold for a promotion.
    async fn rules_for(
        &self,
        key: &EnvironmentKey,
        kind: PromotionKind,
    ) -> Result<(PolicyRules, PolicyVersions), CommandError> {
        let of = |project| PolicyKey {
            project,
            environment: key.environment,
        };
        let platform = self.load::<Policy>(&of(None).to_string()).await?;
        let project = of(Some(key.service.project.clone()));
        let project = self.load::<Policy>(&project.to_string()).await?;
        let versions = PolicyVersions {
            platform: platform.state.version,
            project: project.state.version,
        };
        let effective = match kind {
            PromotionKind::Promote => Policy::effective,
            PromotionKind::Rollback => Policy::effective_for_rollback,
        };
        Ok((
            effective(key.environment, &platform.state, &project.state),
            versions,
        ))
    }

    /// The freezes that hold a promotion back now.
    pub(super) async fn freezes_held(
        &self,
        key: &EnvironmentKey,
        promotion: Option<&Promotion>,
    ) -> Result<Vec<HeldFreeze>, CommandError> {
        let Some(promotion) = promotion else {
            return Ok(vec![]);
        };
        let (rules, _) = self.rules_for(key, promotion.kind).await?;
        Ok(rules.freezes_held(Utc::now()))
    }

    /// Looks at all gates of a promotion but the approvals'.
    pub(super) async fn look_at_gates(
        &self,
        key: &EnvironmentKey,
        promotion: &Promotion,
    ) -> Result<Evaluation, CommandError> {
        for _ in 0..MOST_LOOKS {
            let (rules, policy) = self.rules_for(key, promotion.kind).await?;
            let input = self.gate_input(key, promotion, policy).await?;
            if rules.custom.is_empty() {
                return Ok(evaluate(&rules, &input, vec![]));
            }
            // These take their time. A policy that got stricter or a report that came meanwhile must not be missed: the
            // append that follows expects a version of the environment alone, and would go through.
            let custom = self.look_at_custom(&rules.custom, &input).await?;
            let (_, policy) = self.rules_for(key, promotion.kind).await?;
            let now = self.gate_input(key, promotion, policy).await?;
            if input == (GateInput { at: input.at, ..now }) {
                return Ok(evaluate(&rules, &input, custom));
            }
        }
        Err(CommandError::Unavailable {
            what: format!("what the gates of {key} look at changes faster than they look"),
            remedy: "try again in a few seconds",
        })
    }

    /// What the gates say of a promotion that nobody asked for. Whether the environment is busy is no question of the
    /// gates: they are looked at as if it were not.
    pub(super) async fn checked(
        &self,
        key: &EnvironmentKey,
        environment: &ServiceEnvironment,
        command: EnvironmentCommand,
    ) -> Result<Checked, CommandError> {
        let in_flight = environment.in_flight.as_ref().map(|p| p.id);
        let mut asked = ServiceEnvironment {
            in_flight: None,
            queue: VecDeque::new(),
            ..environment.clone()
        };
        for event in asked.decide(command)? {
            asked.evolve(event);
        }
        let Some(promotion) = &asked.in_flight else {
            return Err(CommandError::UnreadableAnswer);
        };
        let evaluation = self.look_at_gates(key, promotion).await?;
        let mut gates = evaluation.gates;
        gates.extend(approval_gate(
            &evaluation.approvals,
            &[],
            evaluation.independent_approvers,
        ));
        Ok(Checked {
            now: in_flight.is_none() && gates.iter().all(|gate| gate.verdict.open()),
            gates,
            policy: evaluation.policy,
            in_flight,
        })
    }

    async fn gate_input(
        &self,
        key: &EnvironmentKey,
        promotion: &Promotion,
        policy: PolicyVersions,
    ) -> Result<GateInput, CommandError> {
        let release = ReleaseKey {
            service: key.service.clone(),
            version: promotion.release.clone(),
        };
        let waivers = self.release(&release).await?.state.waivers.clone();
        let mut images = BTreeMap::new();
        for (component, digest) in &promotion.images {
            let (_, artifact) = self.artifact(&key.service, component, digest).await?;
            let image = ImageEvidence {
                digest: digest.clone(),
                evidence: artifact.state.evidence.clone(),
            };
            images.insert(component.clone(), image);
        }
        let service = self.existing_service(&key.service).await?.state;
        let environments = service.environments.as_ref();
        let before = self.predecessor(&service, key).await?;
        Ok(GateInput {
            service: key.service.clone(),
            environments: environments.map(|all| all.iter().collect()).unwrap_or_default(),
            environment: key.environment,
            release: promotion.release.clone(),
            images,
            waivers,
            predecessor: before.map(|(environment, there)| Predecessor {
                environment,
                running: there.running(),
            }),
            change_reference: promotion.change_reference.as_ref().map(|c| c.as_str().to_owned()),
            overridden_freezes: promotion.overridden_freezes().to_vec(),
            policy,
            at: Utc::now(),
        })
    }
}

//! Loading what a batch concerns, and writing what follows from it. Times are reckoned by PostgreSQL, from what the
//! tables hold: they are cut to microseconds, whichever batch they came with.

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, PromotionId};
use opstella_domain::release::ReleaseKey;
use opstella_domain::{Environment, ServiceKey};
use opstella_journal::RecordedEvent;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Fact;
use super::fold::State;
use super::rows::{EnvironmentRow, PromotionRow, ReachedRow, Registered, ReleaseRow};
use crate::ApplyError;
use crate::models::place;
use crate::models::rows::{self, unslug};

const LOAD_ENVIRONMENTS: &str = "
SELECT to_jsonb(e) FROM delivery_environments e JOIN jsonb_to_recordset($1) AS k(project text, service text)
    ON e.project = k.project AND e.service = k.service";

const LOAD_REACHED: &str = "
SELECT to_jsonb(r) FROM delivery_reached r JOIN jsonb_to_recordset($1) AS k(project text, service text)
    ON r.project = k.project AND r.service = k.service";

const LOAD_PROMOTIONS: &str = "SELECT to_jsonb(p) FROM delivery_promotions p WHERE p.promotion_id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

const LOAD_RELEASES: &str = "
SELECT to_jsonb(r) FROM delivery_releases r JOIN jsonb_to_recordset($1) AS k(project text, service text, version text)
    ON r.project = k.project AND r.service = k.service AND r.version = k.version";

const RELEASES: &str = "
INSERT INTO delivery_releases
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, version text, registered_at timestamptz,
    transaction_id bigint, position bigint)
ON CONFLICT (project, service, version) DO NOTHING";

const CHANGES: &str = "
INSERT INTO delivery_changes
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, component text, commit text, version text,
    committed_at timestamptz, transaction_id bigint, position bigint)
ON CONFLICT (project, service, component, commit) DO NOTHING";

const PROMOTIONS: &str = "
INSERT INTO delivery_promotions
SELECT * FROM jsonb_to_recordset($1) AS r(promotion_id uuid, release text, kind text, started_at timestamptz,
    components text[])
ON CONFLICT (promotion_id) DO UPDATE SET started_at = excluded.started_at";

const OVER: &str = "DELETE FROM delivery_promotions WHERE promotion_id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

const ENVIRONMENTS: &str = "
INSERT INTO delivery_environments
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, environment text, promotion_id uuid,
    brought_at timestamptz, down_since timestamptz, gone_transaction_id bigint, gone_position bigint)
ON CONFLICT (project, service, environment) DO UPDATE SET promotion_id = excluded.promotion_id,
    brought_at = excluded.brought_at, down_since = excluded.down_since,
    gone_transaction_id = excluded.gone_transaction_id, gone_position = excluded.gone_position";

/// Most of what was loaded has not moved.
const REACHED: &str = "
INSERT INTO delivery_reached AS r
SELECT * FROM jsonb_to_recordset($1) AS n(project text, service text, environment text, component text,
    transaction_id bigint, position bigint)
ON CONFLICT (project, service, environment, component) DO UPDATE SET transaction_id = excluded.transaction_id,
    position = excluded.position
WHERE (r.transaction_id, r.position) < (excluded.transaction_id, excluded.position)";

const DEPLOYMENTS: &str = "
INSERT INTO deployments
SELECT d.promotion_id, d.project, d.service, d.environment, d.release, d.kind, d.outcome, false, d.finished_at,
    date_trunc('week', d.finished_at AT TIME ZONE 'UTC')::date, d.transaction_id, d.position
FROM jsonb_to_recordset($1) AS d(promotion_id uuid, project text, service text, environment text, release text,
    kind text, outcome text, finished_at timestamptz, transaction_id bigint, position bigint)";

/// The changes of a component in all releases that were registered after the one that had brought it there before, up to
/// the one that came. Of what is registered later, nothing came with it, also if the batch has it already.
const DELIVERED: &str = "
INSERT INTO delivered_changes
SELECT d.project, d.service, d.environment, c.component, c.commit, c.version, d.promotion_id, c.committed_at,
    r.registered_at, d.finished_at, date_trunc('week', d.finished_at AT TIME ZONE 'UTC')::date,
    greatest(extract(epoch FROM d.finished_at - coalesce(c.committed_at, r.registered_at)), 0)
FROM jsonb_to_recordset($1) AS d(promotion_id uuid, project text, service text, environment text, component text,
    finished_at timestamptz, transaction_id bigint, position bigint, after jsonb, up_to jsonb)
JOIN delivery_releases r ON r.project = d.project AND r.service = d.service
    AND (r.transaction_id, r.position) > ((d.after->>0)::bigint, (d.after->>1)::bigint)
    AND (r.transaction_id, r.position) <= ((d.up_to->>0)::bigint, (d.up_to->>1)::bigint)
JOIN delivery_changes c ON c.project = r.project AND c.service = r.service AND c.version = r.version
    AND c.component = d.component AND (c.transaction_id, c.position) < (d.transaction_id, d.position)";

const TROUBLED: &str = "
UPDATE deployments SET troubled = true
WHERE outcome = 'completed' AND promotion_id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

/// Where a rollback had brought back what another one takes back now, that is the release which once came forward, too.
const TAKEN_BACK: &str = "
UPDATE deployments SET troubled = true
WHERE outcome = 'completed' AND promotion_id IN (
    SELECT k::uuid FROM jsonb_array_elements_text($1) AS k
    UNION ALL
    SELECT f.promotion_id FROM jsonb_array_elements_text($1) AS k
    JOIN deployments d ON d.promotion_id = k::uuid AND d.kind = 'rollback' AND d.outcome = 'completed'
    CROSS JOIN LATERAL (SELECT f.promotion_id FROM deployments f
        WHERE f.project = d.project AND f.service = d.service AND f.environment = d.environment
        AND f.release = d.release AND f.kind = 'promote' AND f.outcome = 'completed'
        AND (f.transaction_id, f.position) < (d.transaction_id, d.position)
        ORDER BY f.transaction_id DESC, f.position DESC LIMIT 1) f)";

const RECOVERIES: &str = "
INSERT INTO recoveries
SELECT r.transaction_id, r.position, r.project, r.service, r.environment, r.down_since, r.recovered_at,
    date_trunc('week', r.recovered_at AT TIME ZONE 'UTC')::date,
    greatest(extract(epoch FROM r.recovered_at - r.down_since), 0)
FROM jsonb_to_recordset($1) AS r(transaction_id bigint, position bigint, project text, service text,
    environment text, down_since timestamptz, recovered_at timestamptz)";

pub(super) async fn load(
    tx: &mut PgConnection,
    facts: &[(&RecordedEvent, Fact)],
) -> Result<State, ApplyError> {
    let (mut services, mut promotions) = (BTreeSet::new(), BTreeSet::new());
    for (_, fact) in facts {
        match fact {
            Fact::Registered(..) => {}
            Fact::Gone(service) => {
                services.insert(service);
            }
            Fact::Environment(key, event) => {
                services.insert(&key.service);
                promotions.extend(moved(event));
            }
        }
    }
    let services: Vec<&ServiceKey> = services.into_iter().collect();
    let promotions: Vec<PromotionId> = promotions.into_iter().collect();
    let mut environments = BTreeMap::new();
    for row in rows::read::<_, EnvironmentRow>(tx, LOAD_ENVIRONMENTS, &services).await? {
        let key = key_of(&row.project, &row.service, &row.environment)?;
        environments.insert(key, row);
    }
    let mut reached = BTreeMap::new();
    for row in rows::read::<_, ReachedRow>(tx, LOAD_REACHED, &services).await? {
        let key = key_of(&row.project, &row.service, &row.environment)?;
        reached.insert((key, row.component.clone()), row);
    }
    let promotions = rows::read::<_, PromotionRow>(tx, LOAD_PROMOTIONS, &promotions).await?;
    let promotions: BTreeMap<_, _> = promotions
        .into_iter()
        .map(|row| (PromotionId(row.promotion_id), row))
        .collect();
    Ok(State {
        environments,
        reached,
        registered: load_registered(tx, facts, &promotions).await?,
        promotions,
        ..State::default()
    })
}

/// When the releases that may arrive in this batch were registered, of those that earlier batches saw.
async fn load_registered(
    tx: &mut PgConnection,
    facts: &[(&RecordedEvent, Fact)],
    promotions: &BTreeMap<PromotionId, PromotionRow>,
) -> Result<BTreeMap<ReleaseKey, Registered>, ApplyError> {
    let mut releases = BTreeSet::new();
    for (_, fact) in facts {
        let Fact::Environment(key, event) = fact else {
            continue;
        };
        let version = match event {
            EnvironmentEvent::PromotionRequested { release, .. } => Some(release.to_string()),
            _ => moved(event)
                .and_then(|promotion| promotions.get(&promotion))
                .map(|row| row.release.clone()),
        };
        let (project, service) = place::halves(&key.service);
        releases.extend(version.map(|version| (project, service, version)));
    }
    let key = |(project, service, version)| ReleaseName {
        project,
        service,
        version,
    };
    let releases: Vec<_> = releases.into_iter().map(key).collect();
    let mut registered = BTreeMap::new();
    for row in rows::read::<_, ReleaseRow>(tx, LOAD_RELEASES, &releases).await? {
        let release = ReleaseKey {
            service: ServiceKey {
                project: unslug(&row.project)?,
                service: unslug(&row.service)?,
            },
            version: unslug(&row.version)?,
        };
        registered.insert(release, (row.transaction_id, row.position));
    }
    Ok(registered)
}

#[derive(Serialize)]
struct ReleaseName {
    project: String,
    service: String,
    version: String,
}

fn key_of(project: &str, service: &str, environment: &str) -> Result<EnvironmentKey, ApplyError> {
    Ok(EnvironmentKey {
        service: ServiceKey {
            project: unslug(project)?,
            service: unslug(service)?,
        },
        environment: unslug::<Environment>(environment)?,
    })
}

/// The promotion that an event starts to deploy, or ends.
fn moved(event: &EnvironmentEvent) -> Option<PromotionId> {
    match event {
        EnvironmentEvent::DeploymentStarted { promotion, .. }
        | EnvironmentEvent::PromotionRejected { promotion, .. }
        | EnvironmentEvent::PromotionCancelled { promotion, .. }
        | EnvironmentEvent::PromotionCompleted { promotion, .. }
        | EnvironmentEvent::PromotionFailed { promotion, .. }
        | EnvironmentEvent::DeploymentRolledBack { promotion, .. } => Some(*promotion),
        _ => None,
    }
}

pub(super) async fn write(tx: &mut PgConnection, state: State) -> Result<(), ApplyError> {
    let releases: Vec<_> = state.releases.into_values().collect();
    let changes: Vec<_> = state.changes.into_values().collect();
    let promotions: Vec<_> = state.promotions.into_values().collect();
    let over: Vec<PromotionId> = state.over.into_iter().collect();
    let environments: Vec<_> = state.environments.into_values().collect();
    let reached: Vec<_> = state.reached.into_values().collect();
    let troubled: Vec<Uuid> = state.troubled.into_iter().collect();
    let taken_back: Vec<Uuid> = state.taken_back.into_iter().collect();
    rows::write(tx, RELEASES, &releases).await?;
    rows::write(tx, CHANGES, &changes).await?;
    rows::write(tx, PROMOTIONS, &promotions).await?;
    rows::write(tx, OVER, &over).await?;
    rows::write(tx, ENVIRONMENTS, &environments).await?;
    rows::write(tx, REACHED, &reached).await?;
    rows::write(tx, DEPLOYMENTS, &state.deployments).await?;
    rows::write(tx, DELIVERED, &state.shipments).await?;
    rows::write(tx, TROUBLED, &troubled).await?;
    rows::write(tx, TAKEN_BACK, &taken_back).await?;
    rows::write(tx, RECOVERIES, &state.recoveries).await
}

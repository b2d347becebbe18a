//! Follows the journal and queues what each subscription is to be told of.
//!
//! All read together (the lead), but for those whose backlog is full: they stay behind, and catch up on their own.

use opstella_domain::Decide;
use opstella_domain::subscription::Subscription;
use opstella_journal::{Batch, JournalError, Position};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use super::Parts;
use super::known::{Addressed, AllKnown, Behind, Change, Queued, note, wanting};
use super::notes;
use crate::background::keep_following;

const BATCH: usize = 200;

/// Follows the journal until it is time to stop.
pub(super) async fn run(parts: &Parts) {
    keep_following("notifier", &parts.stop, || follow(parts)).await;
}

async fn follow(parts: &Parts) -> Result<(), JournalError> {
    let journal = parts.commands.journal();
    let lead = notes::lead(journal.pool()).await?;
    let mut feed = Feed {
        parts,
        all: notes::all(journal, lead).await?,
        lead,
    };
    let mut events = journal.subscribe(feed.lead);
    loop {
        // A read under way is not given up: where the database is slow, none would ever end.
        let mut next = pin!(events.next(BATCH));
        let batch = loop {
            tokio::select! {
                batch = &mut next => break batch?,
                // None came in time: those behind may have room by now.
                () = tokio::time::sleep(parts.options.poll_interval) => feed.catch_up().await?,
                () = parts.stop.cancelled() => return Ok(()),
            }
        };
        feed.take(&batch).await?;
        feed.catch_up().await?;
    }
}

struct Feed<'a> {
    parts: &'a Parts,
    all: AllKnown,
    /// Everything up to here was looked at for all that are not behind.
    lead: Position,
}

/// What a batch leads to, in order.
enum Step {
    Change(String, Change),
    Queue(Vec<Queued>),
}

impl Feed<'_> {
    /// Takes the next events of all, in one transaction with the checkpoint.
    async fn take(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let journal = self.parts.commands.journal();
        let mut steps: Vec<Step> = Vec::new();
        // Where those stand that began within the batch.
        let mut since: BTreeMap<String, Position> = BTreeMap::new();
        for event in &batch.events {
            if event.aggregate_type == <Subscription as Decide>::TYPE
                && let Some(change) = note(&mut self.all, event)
            {
                let id = event.aggregate_id.clone();
                if matches!(change, Change::Created | Change::Enabled) {
                    since.insert(id.clone(), event.position);
                }
                steps.push(Step::Change(id, change));
            }
            let wanting = wanting(journal, &self.all, event).await?;
            match steps.last_mut() {
                Some(Step::Queue(queued)) => queued.extend(wanting),
                _ if wanting.is_empty() => {}
                _ => steps.push(Step::Queue(wanting)),
            }
        }
        let mut behind = BTreeMap::new();
        for id in self.full(&steps).await? {
            let at = since.get(&id).copied().unwrap_or(self.lead);
            let stands = Behind::load(journal, &id, at).await?;
            behind.insert(id, stands);
        }
        let mut tx = journal.pool().begin().await?;
        for step in &mut steps {
            match step {
                Step::Change(id, change) => notes::change(&mut tx, id, change).await?,
                Step::Queue(queued) => {
                    queued.retain(|q| !behind.contains_key(&q.subscription) || is_ping(q));
                    notes::queue(&mut tx, queued).await?;
                }
            }
        }
        for (id, behind) in behind {
            notes::note_behind(&mut tx, &id, Some(behind.at)).await?;
            if let Some(known) = self.all.get_mut(&id) {
                known.behind = Some(behind);
            }
        }
        notes::note_lead(&mut tx, batch.position).await?;
        tx.commit().await?;
        self.lead = batch.position;
        self.all.retain(|_, known| known.state.settings.is_some());
        if !steps.is_empty() {
            self.parts.queued.notify_one();
        }
        Ok(())
    }

    /// Those whose backlog what is to be queued would overflow.
    async fn full(&self, steps: &[Step]) -> Result<BTreeSet<String>, JournalError> {
        let mut more: BTreeMap<String, u64> = BTreeMap::new();
        for step in steps {
            let Step::Queue(queued) = step else { continue };
            for queued in queued.iter().filter(|queued| !is_ping(queued)) {
                *more.entry(queued.subscription.clone()).or_default() += 1;
            }
        }
        let ids: Vec<String> = more.keys().cloned().collect();
        let waiting = notes::waiting(self.parts.commands.journal().pool(), &ids).await?;
        let most = u64::from(self.parts.options.backlog);
        let overflows = |(id, more): (String, u64)| {
            let all = waiting.get(&id).copied().unwrap_or_default() + more;
            (all > most).then_some(id)
        };
        Ok(more.into_iter().filter_map(overflows).collect())
    }

    /// Brings those on that stand behind and have room again.
    async fn catch_up(&mut self) -> Result<(), JournalError> {
        let ids: Vec<String> = self
            .all
            .iter()
            .filter(|(_, known)| known.behind.is_some() && known.state.is_active())
            .map(|(id, _)| id.clone())
            .collect();
        let waiting = notes::waiting(self.parts.commands.journal().pool(), &ids).await?;
        for id in ids {
            let half = u64::from(self.parts.options.backlog / 2);
            if waiting.get(&id).copied().unwrap_or_default() > half {
                continue;
            }
            self.bring_on(&id).await?;
        }
        Ok(())
    }

    /// Queues one batch, or part of it, for one that stands behind: what it wanted when that happened.
    async fn bring_on(&mut self, id: &str) -> Result<(), JournalError> {
        let Some(known) = self.all.get_mut(id) else {
            return Ok(());
        };
        let Some(mut stands) = known.behind.clone() else {
            return Ok(());
        };
        let journal = self.parts.commands.journal();
        let batch = journal.subscribe(stands.at).try_next(BATCH).await?;
        let room = self.parts.options.backlog.max(2) as usize / 2;
        let (mut queued, mut to) = (Vec::new(), self.lead);
        for event in batch.events.iter().filter(|event| event.position <= self.lead) {
            if queued.len() >= room {
                break;
            }
            stands.pass(id, event);
            if Addressed::new(journal, event)
                .is_for(&known.key, &stands.state)
                .await?
            {
                queued.push(Queued::new(id, event));
            }
            to = event.position;
        }
        stands.at = to;
        let ended = batch.events.is_empty() || to >= self.lead;
        let behind = (!ended).then_some(stands);
        let mut tx = journal.pool().begin().await?;
        notes::queue(&mut tx, &queued).await?;
        notes::note_behind(&mut tx, id, behind.as_ref().map(|stands| stands.at)).await?;
        tx.commit().await?;
        known.behind = behind;
        if !queued.is_empty() {
            self.parts.queued.notify_one();
        }
        Ok(())
    }
}

/// Pings are few, and asked for by people who wait for them.
fn is_ping(queued: &Queued) -> bool {
    queued.event_type.ends_with(".SubscriptionPinged")
}

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use moka::ops::compute::Op;
use moka::sync::Cache;

/// A stream's name: its type and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StreamKey {
    pub aggregate_type: &'static str,
    pub id: Arc<str>,
}

/// An aggregate's state, whatever its type.
pub(crate) type AnyState = Arc<dyn Any + Send + Sync>;

/// A state and the version that it stands for.
#[derive(Clone)]
pub(crate) struct Warm {
    pub state: AnyState,
    pub version: u64,
    pub weight: u64,
}

#[derive(Clone)]
enum Entry {
    Warm(Warm),
    /// No state, and one older than this version is not to be put here: what was read before the news is old.
    AtLeast(u64),
}

impl Entry {
    fn refuses(&self, version: u64) -> bool {
        match self {
            Self::Warm(warm) => warm.version >= version,
            Self::AtLeast(least) => *least > version,
        }
    }
}

/// Aggregates that were in use lately. An entry may be old for as long as it takes until a
/// subscription of this process reads what another one appended; an append that is decided on it finds out.
#[derive(Clone)]
pub(crate) struct WarmCache {
    cache: Cache<StreamKey, Entry>,
    /// Every type that was ever kept here.
    types: Arc<RwLock<BTreeSet<&'static str>>>,
}

/// What an entry takes besides its state.
const OVERHEAD: u64 = 256;

impl WarmCache {
    /// Bounded by both: each entry weighs its bytes, and at least the share that `entries` of them leave it.
    pub fn new(entries: u64, bytes: u64) -> Self {
        let least = bytes.checked_div(entries).unwrap_or(u64::MAX);
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(move |_: &StreamKey, entry: &Entry| {
                let weight = match entry {
                    Entry::Warm(warm) => warm.weight,
                    Entry::AtLeast(_) => 0,
                };
                u32::try_from((weight + OVERHEAD).max(least)).unwrap_or(u32::MAX)
            })
            .support_invalidation_closures()
            .build();
        Self {
            cache,
            types: Arc::default(),
        }
    }

    pub fn get(&self, key: &StreamKey) -> Option<Warm> {
        match self.cache.get(key)? {
            Entry::Warm(warm) => Some(warm),
            Entry::AtLeast(_) => None,
        }
    }

    /// Says that a load of it begins: from now on what is learned of it is kept in mind, so that the load, if slow,
    /// puts no old state here.
    pub fn expect(&self, key: &StreamKey) {
        self.know_type(key.aggregate_type);
        let present = |present: Option<moka::Entry<StreamKey, Entry>>| match present {
            Some(_) => Op::Nop,
            None => Op::Put(Entry::AtLeast(0)),
        };
        self.cache.entry_by_ref(key).and_compute_with(present);
    }

    /// Keeps the newer of the two: a slow load must not undo what an append put here, or a subscription learned,
    /// meanwhile.
    pub fn put(&self, key: StreamKey, warm: Warm) {
        self.know_type(key.aggregate_type);
        self.cache.entry(key).and_compute_with(|present| match present {
            Some(present) if present.value().refuses(warm.version) => Op::Nop,
            _ => Op::Put(Entry::Warm(warm)),
        });
    }

    /// Forgets an aggregate that has events after the version that is kept: another process appended them.
    pub fn learn(&self, aggregate_type: &str, id: &str, sequence: u64) {
        let Some(aggregate_type) = self.known_type(aggregate_type) else {
            return;
        };
        let key = StreamKey {
            aggregate_type,
            id: id.into(),
        };
        self.cache.entry(key).and_compute_with(|present| match present {
            Some(present) if !present.value().refuses(sequence) => Op::Put(Entry::AtLeast(sequence)),
            _ => Op::Nop,
        });
    }

    fn know_type(&self, aggregate_type: &'static str) {
        if self.known_type(aggregate_type).is_none() {
            let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
            types.insert(aggregate_type);
        }
    }

    fn known_type(&self, aggregate_type: &str) -> Option<&'static str> {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        types.get(aggregate_type).copied()
    }

    pub fn evict(&self, key: &StreamKey) {
        self.cache.invalidate(key);
    }

    /// Forgets everything: after a lost connection the server may be another one, and behind.
    pub fn clear(&self) {
        self.cache.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> StreamKey {
        StreamKey {
            aggregate_type: "t",
            id: id.into(),
        }
    }

    fn warm(version: u64, weight: u64) -> Warm {
        Warm {
            state: Arc::new(version),
            version,
            weight,
        }
    }

    #[test]
    fn keeps_the_newer_and_forgets_on_demand() {
        let cache = WarmCache::new(10, 10_000);
        cache.put(key("a"), warm(2, 1));
        cache.put(key("a"), warm(1, 1));
        assert_eq!(cache.get(&key("a")).map(|warm| warm.version), Some(2));
        cache.learn("t", "a", 2);
        assert!(cache.get(&key("a")).is_some(), "that is what is kept");
        cache.learn("t", "a", 3);
        assert!(cache.get(&key("a")).is_none(), "there is more by now");
        cache.put(key("a"), warm(3, 1));
        cache.evict(&key("a"));
        assert!(cache.get(&key("a")).is_none());
    }

    #[test]
    fn a_slow_load_brings_no_old_state_back() {
        let cache = WarmCache::new(10, 10_000);
        cache.put(key("a"), warm(2, 1));
        cache.learn("t", "a", 3);
        cache.put(key("a"), warm(2, 1));
        assert!(cache.get(&key("a")).is_none(), "read before the third event");
        cache.put(key("a"), warm(3, 1));
        assert!(cache.get(&key("a")).is_some());
        cache.expect(&key("b"));
        assert!(cache.get(&key("b")).is_none());
        cache.learn("t", "b", 1);
        cache.learn("t", "b", 3);
        cache.put(key("b"), warm(2, 1));
        assert!(
            cache.get(&key("b")).is_none(),
            "nothing was kept when the load began"
        );
        cache.put(key("b"), warm(4, 1));
        assert_eq!(cache.get(&key("b")).map(|warm| warm.version), Some(4));
    }

    #[test]
    fn is_bounded_by_count_and_by_bytes() {
        let cache = WarmCache::new(10, 100_000);
        for n in 0..1000 {
            cache.put(key(&n.to_string()), warm(1, 1));
        }
        cache.cache.run_pending_tasks();
        assert!(cache.cache.entry_count() <= 10);
        for n in 0..10 {
            cache.put(key(&n.to_string()), warm(2, 50_000));
        }
        cache.cache.run_pending_tasks();
        assert!(
            cache.cache.weighted_size() <= 100_000,
            "{}",
            cache.cache.weighted_size()
        );
    }
}

//! Places for open streams: so many in all, and so many of one subject.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::LimitsConfig;

/// All places. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StreamPlaces {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<String, usize>>>,
    each: usize,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are taken.
    Full,
    /// The subject has as many as one may have.
    TooMany,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: StreamPlaces,
    subject: String,
    _permit: OwnedSemaphorePermit,
}

impl StreamPlaces {
    /// As many as the configuration says.
    pub fn new(limits: &LimitsConfig) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.streams)),
            taken: Arc::default(),
            each: limits.streams_per_subject,
        }
    }

    /// Takes a place, if there is one.
    pub(crate) fn take(&self, subject: &str) -> Result<Place, NoPlace> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = taken.get(subject).copied().unwrap_or_default();
        if theirs >= self.each {
            return Err(NoPlace::TooMany);
        }
        let permit = Arc::clone(&self.all)
            .try_acquire_owned()
            .map_err(|_| NoPlace::Full)?;
        taken.insert(subject.to_owned(), theirs + 1);
        Ok(Place {
            places: self.clone(),
            subject: subject.to_owned(),
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.subject) {
            Some(theirs) if *theirs > 1 => *theirs -= 1,
            _ => {
                taken.remove(&self.subject);
            }
        }
    }
}

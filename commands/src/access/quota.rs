//! How many denials of one subject are recorded in a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Denials of one subject that are recorded in a minute.
const MOST: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// Subjects remembered at once. Beyond them, nothing is recorded until a minute is over.
const MOST_SUBJECTS: usize = 10_000;

/// Counts by subject.
#[derive(Debug, Default)]
pub(super) struct Quota {
    subjects: HashMap<String, (Instant, u32)>,
}

impl Quota {
    /// Counts one denial; whether it is to be recorded.
    pub fn take(&mut self, subject: &str, now: Instant) -> bool {
        if let Some((since, count)) = self.subjects.get_mut(subject) {
            if now.duration_since(*since) >= MINUTE {
                (*since, *count) = (now, 0);
            }
            *count = count.saturating_add(1);
            return *count <= MOST;
        }
        if self.subjects.len() >= MOST_SUBJECTS {
            self.subjects
                .retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
            if self.subjects.len() >= MOST_SUBJECTS {
                return false;
            }
        }
        self.subjects.insert(subject.to_owned(), (now, 1));
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_its_own_minute() {
        let (mut quota, start) = (Quota::default(), Instant::now());
        let taken = |quota: &mut Quota, who: &str, at| (0..50).filter(|_| quota.take(who, at)).count();
        assert_eq!(taken(&mut quota, "a", start), 30);
        assert_eq!(taken(&mut quota, "b", start), 30);
        assert_eq!(taken(&mut quota, "a", start + MINUTE / 2), 0);
        assert_eq!(taken(&mut quota, "a", start + MINUTE), 30);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut quota, start) = (Quota::default(), Instant::now());
        for index in 0..MOST_SUBJECTS {
            assert!(quota.take(&index.to_string(), start));
        }
        assert!(!quota.take("one more", start));
        assert!(quota.take("one more", start + MINUTE));
        assert_eq!(quota.subjects.len(), 1);
    }
}

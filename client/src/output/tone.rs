//! What a word means for whoever reads it.

/// What a word means for whoever reads it; a colour on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be.
    Good,
    /// Something waits for time or for people.
    Waiting,
    /// Something is wrong.
    Bad,
}

impl Tone {
    /// The tone of a state, a verdict or a health.
    pub fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "active" | "completed" | "succeeded" | "passed" | "healthy" | "synced" | "present"
            | "approved" => Self::Good,
            "blocked" | "waiting" | "queued" | "waived" | "deploying" | "running" | "provisioning"
            | "progressing" | "unwinding" | "stuck" | "decommissioning" => Self::Waiting,
            "failed"
            | "rejected"
            | "rolled-back"
            | "cancelled"
            | "degraded"
            | "missing"
            | "abandoned"
            | "provisioning-failed"
            | "left-behind"
            | "drifted" => Self::Bad,
            _ => Self::Plain,
        }
    }
}

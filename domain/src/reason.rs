//! Reasons that people give: they are read by auditors, so there is one.

use crate::DomainError;

/// Longest reason, in characters.
pub const LONGEST: usize = 500;

/// Checks that there is a reason, and that it is no novel.
///
/// # Errors
/// [`DomainError::Invalid`], naming the field.
pub fn check(field: &str, reason: &str) -> Result<(), DomainError> {
    if reason.trim().is_empty() || reason.chars().count() > LONGEST {
        return Err(DomainError::invalid(field, format!("1 to {LONGEST} characters")));
    }
    Ok(())
}

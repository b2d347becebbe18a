//! What an analysis token is called: `opstella:<key>:<run>`.

use opstella_domain::RunId;
use opstella_domain::naming::QualityKey;
use sha2::{Digest, Sha256};

/// Longest key that stays as it is: SonarQube takes names of 100 characters, 46 of them are prefix and run.
const KEY: usize = 54;

/// What the names of all tokens of a key start with; no other key's do.
pub(super) fn prefix(key: &QualityKey) -> String {
    let key = key.as_str();
    if key.len() <= KEY {
        return format!("opstella:{key}:");
    }
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    let head: String = key.chars().take(KEY - 17).collect();
    let tail: String = digest.chars().take(16).collect();
    format!("opstella:{head}~{tail}:")
}

/// The name of the token that a run makes.
pub(super) fn of(key: &QualityKey, run: RunId) -> String {
    format!("{}{run}", prefix(key))
}

/// Which run made the token of this name; none if it is not a token of the key.
pub(super) fn run(key: &QualityKey, name: &str) -> Option<RunId> {
    name.strip_prefix(&prefix(key))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use opstella_domain::ServiceKey;

    use super::*;

    #[test]
    fn names_fit_and_stay_apart() {
        let run_id = RunId(uuid::Uuid::from_u128(7));
        let long = "a".repeat(40);
        let service: ServiceKey = format!("{long}/{long}").parse().unwrap();
        let key = |component: &str| QualityKey::of(&service, &component.parse().unwrap());
        let (api, web) = (key("api"), key("web"));
        let name = of(&api, run_id);
        assert!(name.len() <= 100, "{name}");
        assert_eq!(run(&api, &name), Some(run_id));
        assert_eq!(run(&web, &name), None);
    }
}

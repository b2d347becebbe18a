//! What an analysis token is called: `opstella:<installation>:<key>:<run>`, the installation [shortened](short).
//!
//! Two Opstellas may use one account of SonarQube, whose tokens these are.

use opstella_domain::naming::QualityKey;
use opstella_domain::operation::Owner;
use opstella_domain::{InstallationId, RunId};
use sha2::{Digest, Sha256};

use super::short;

/// Longest key that stays as it is: SonarQube takes names of 100 characters, 55 of them are prefix and run.
const KEY: usize = 45;

/// What the names of all tokens of an installation's key start with; no other's do.
pub(super) fn prefix(key: &QualityKey, installation: InstallationId) -> String {
    let (key, installation) = (key.as_str(), short(installation));
    if key.len() <= KEY {
        return format!("opstella:{installation}:{key}:");
    }
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    let head: String = key.chars().take(KEY - 17).collect();
    let tail: String = digest.chars().take(16).collect();
    format!("opstella:{installation}:{head}~{tail}:")
}

/// The name of the token that a run makes.
pub(super) fn of(key: &QualityKey, owner: &Owner) -> String {
    format!("{}{}", prefix(key, owner.installation), owner.run)
}

/// Which run made the token of this name; none if it is not a token of the installation's key.
pub(super) fn run(key: &QualityKey, installation: InstallationId, name: &str) -> Option<RunId> {
    name.strip_prefix(&prefix(key, installation))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use opstella_domain::ServiceKey;

    use super::*;

    #[test]
    fn names_fit_and_stay_apart() {
        let long = "a".repeat(40);
        let service: ServiceKey = format!("{long}/{long}").parse().unwrap();
        let [owner, another] = [1, 2].map(|number| Owner {
            installation: InstallationId(uuid::Uuid::from_u128(number)),
            service: service.clone(),
            run: RunId(uuid::Uuid::from_u128(7)),
        });
        let key = |component: &str| QualityKey::of(&service, &component.parse().unwrap());
        let (api, web) = (key("api"), key("web"));
        let name = of(&api, &owner);
        assert!(name.len() <= 100, "{name}");
        assert_eq!(run(&api, owner.installation, &name), Some(owner.run));
        assert_eq!(run(&web, owner.installation, &name), None);
        assert_eq!(run(&api, another.installation, &name), None);
    }
}

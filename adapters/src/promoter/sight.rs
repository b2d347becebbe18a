//! What was seen of an environment, component by component, and what that says of all of it.

use std::collections::BTreeMap;

use opstella_domain::ComponentName;
use opstella_domain::promotion::Health;

use crate::Observed;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The image of each component that was seen, and whether it is the one that should run.
    pub found: BTreeMap<ComponentName, (String, bool)>,
    /// Whether one of them is ill.
    ill: bool,
    /// Whether of one it cannot be told how it is: it was not seen, or it rolls out, or is suspended.
    unclear: bool,
}

impl Sight {
    /// Takes in what runs of a component, which should be this image: repository and digest.
    /// No other version of it may run beside it, unless it came a moment ago: what it took the place of may not be gone yet.
    pub fn take(&mut self, component: ComponentName, wanted: &str, observed: &Observed, fresh: bool) {
        let images = || observed.images.iter().map(String::as_str);
        let another = Observed::another_than(wanted, images()).filter(|_| !fresh);
        let right = images().any(|image| image == wanted) && another.is_none();
        self.found.insert(component, (observed.images.join(", "), right));
        match observed.health.as_str() {
            "Healthy" => {}
            "Degraded" | "Missing" => self.ill = true,
            _ => self.unclear = true,
        }
    }

    /// Of one component nothing was seen.
    pub fn miss(&mut self) {
        self.unclear = true;
    }

    /// How all of them are: ill where one is; healthy where all are; else that cannot be told.
    pub fn health(&self) -> Option<Health> {
        match (self.ill, self.unclear) {
            (true, _) => Some(Health::Degraded),
            (false, false) => Some(Health::Healthy),
            (false, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "harbor.example/payments_checkout/api@sha256:1";

    fn seen(images: &[&str], health: &str) -> Sight {
        seen_when(images, health, false)
    }

    fn seen_when(images: &[&str], health: &str, fresh: bool) -> Sight {
        let mut sight = Sight::default();
        let observed = Observed {
            images: images.iter().map(|image| (*image).to_owned()).collect(),
            synced: true,
            health: health.to_owned(),
        };
        sight.take("api".parse().unwrap(), WANTED, &observed, fresh);
        sight
    }

    #[test]
    fn only_the_image_of_our_repository_is_right() {
        let right = |images: &[&str]| {
            let sight = seen(images, "Healthy");
            sight.found.values().all(|(_, right)| *right)
        };
        assert!(right(&[WANTED]));
        assert!(right(&["harbor.example/proxy:1", WANTED]), "a sidecar");
        assert!(!right(&["elsewhere.example/payments_checkout/api@sha256:1"]));
        assert!(!right(&["harbor.example/payments_other/api@sha256:1"]));
        assert!(!right(&["harbor.example/payments_checkout/api@sha256:2"]));
        assert!(!right(&["harbor.example/payments_checkout/api:1.0.0"]));
        assert!(!right(&[]));
    }

    /// Somebody runs a release of their own beside ours, by hand.
    #[test]
    fn another_version_beside_the_right_one_is_wrong() {
        let right = |beside: &str, fresh: bool| {
            let sight = seen_when(&[WANTED, beside], "Healthy", fresh);
            sight.found.values().all(|(_, right)| *right)
        };
        for another in ["@sha256:2", ":1.0.0", ":1.0.0@sha256:2"] {
            let another = format!("harbor.example/payments_checkout/api{another}");
            assert!(!right(&another, false), "{another}");
            assert!(
                right(&another, true),
                "{another}: a pod of the release before that ends"
            );
        }
        for theirs in [
            "harbor.example/payments_checkout/api:1.0.0@sha256:1",
            "harbor.example/payments_checkout/api-proxy@sha256:2",
            "harbor.example/payments_checkout/worker@sha256:2",
        ] {
            assert!(right(theirs, false), "{theirs}");
        }
    }

    #[test]
    fn all_are_well_only_where_all_were_seen_to_be() {
        assert_eq!(seen(&[WANTED], "Healthy").health(), Some(Health::Healthy));
        assert_eq!(seen(&[WANTED], "Degraded").health(), Some(Health::Degraded));
        assert_eq!(seen(&[], "Missing").health(), Some(Health::Degraded));
        assert_eq!(seen(&[WANTED], "Progressing").health(), None);
        let mut partly = seen(&[WANTED], "Healthy");
        partly.miss();
        assert_eq!(partly.health(), None);
        let mut ill = seen(&[WANTED], "Degraded");
        ill.miss();
        assert_eq!(ill.health(), Some(Health::Degraded));
    }
}

//! What a report should be of.

use opstella_domain::release::{Commit, Digest};

use crate::ReportError;
use crate::json::{Fold, Text};

/// What a report should be of. A report that names something else for certain is refused; most reports name nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The image, by the digest of its manifest or index, as the release registers it.
    pub digest: Option<Digest>,
    /// The digests of the image's configurations, one a platform, where the registry was asked for them. With these,
    /// a scan of an image in a tar file, which only knows its configuration, can be told from another image's.
    pub configs: Vec<Digest>,
    /// The release's commit.
    pub commit: Option<Commit>,
}

/// What a report says it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Digests of manifests or indexes; an image that was pushed to several places may have several.
    pub(crate) manifests: Vec<Digest>,
    /// The digest of the configuration, which tools call the image's ID.
    pub(crate) config: Option<Digest>,
    /// The commit.
    pub(crate) commit: Option<Commit>,
}

/// Most digests of manifests that are kept; a report names one or a few.
const MOST_MANIFESTS: usize = 64;

impl Named {
    /// Takes what may be `repository@sha256:…`, or the digest alone; anything else is no digest and proves nothing.
    pub(crate) fn add_reference(&mut self, reference: &str) {
        let digest = reference.rsplit_once('@').map_or(reference, |(_, digest)| digest);
        // In a package URL the colon is written as %3A.
        let digest = digest.replacen("%3A", ":", 1).replacen("%3a", ":", 1);
        if let Ok(digest) = digest.parse()
            && self.manifests.len() < MOST_MANIFESTS
            && !self.manifests.contains(&digest)
        {
            self.manifests.push(digest);
        }
    }

    /// Takes the digest of a configuration.
    pub(crate) fn set_config(&mut self, digest: &str) {
        self.config = digest.parse().ok();
    }

    /// Takes a commit; something shorter proves nothing.
    pub(crate) fn set_commit(&mut self, commit: &str) {
        self.commit = commit.parse().ok();
    }
}

/// A reference with a digest, in a report's list of them.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Reference<'a>(#[serde(borrow)] Text<'a>);

impl Fold for Reference<'_> {
    type Into = Named;
    fn fold(self, named: &mut Named) {
        named.add_reference(self.0.as_str());
    }
}

impl Expected {
    /// Refuses a report that is certainly of something else.
    pub(crate) fn check(&self, named: &Named) -> Result<(), ReportError> {
        if let (Some(expected), Some(found)) = (&self.commit, &named.commit)
            && expected != found
        {
            return Err(ReportError::WrongCommit {
                found: found.to_string(),
                expected: expected.to_string(),
            });
        }
        self.check_image(named)
    }

    fn check_image(&self, named: &Named) -> Result<(), ReportError> {
        let Some(expected) = &self.digest else {
            return Ok(());
        };
        // Some stores call the manifest's digest the image's ID.
        let config = named.config.as_ref();
        let same_config = config.is_some_and(|c| c == expected || self.configs.contains(c));
        if same_config || named.manifests.contains(expected) {
            return Ok(());
        }
        // Another configuration proves something only if we know ours.
        let other_config = config.filter(|_| !self.configs.is_empty());
        match named.manifests.first().or(other_config) {
            Some(found) => Err(ReportError::WrongDigest {
                found: found.to_string(),
                expected: expected.to_string(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: &str) -> Digest {
        format!("sha256:{}", letter.repeat(64)).parse().unwrap()
    }

    fn named(manifests: &[&str], config: Option<&str>) -> Named {
        let mut named = Named::default();
        for letter in manifests {
            named.add_reference(&format!("harbor.example/payments/api@{}", digest(letter)));
        }
        if let Some(letter) = config {
            named.set_config(digest(letter).as_str());
        }
        named
    }

    fn accepted(configs: &[&str], named: &Named) -> bool {
        let expected = Expected {
            digest: Some(digest("a")),
            configs: configs.iter().map(|letter| digest(letter)).collect(),
            commit: None,
        };
        expected.check(named).is_ok()
    }

    #[test]
    fn only_what_is_certainly_another_image_is_refused() {
        assert!(accepted(&[], &named(&[], None)), "names nothing");
        assert!(accepted(&[], &named(&["a"], Some("c"))), "the same manifest");
        assert!(accepted(&[], &named(&["b", "a"], None)), "one of its manifests");
        assert!(
            accepted(&[], &named(&[], Some("c"))),
            "a tar; its configuration says nothing"
        );
        assert!(
            accepted(&[], &named(&[], Some("a"))),
            "a store that calls the manifest the ID"
        );
        assert!(
            accepted(&["c"], &named(&["b"], Some("c"))),
            "the same contents, compressed otherwise"
        );
        assert!(!accepted(&[], &named(&["b"], None)), "another manifest");
        assert!(
            !accepted(&["c"], &named(&[], Some("d"))),
            "a tar of another image"
        );
        assert!(!accepted(&["c"], &named(&["b"], Some("d"))));
    }

    #[test]
    fn a_package_url_names_a_digest_too() {
        let mut named = Named::default();
        named.add_reference(&format!("api@{}", digest("a").as_str().replace(':', "%3A")));
        assert_eq!(named.manifests, [digest("a")]);
        named.add_reference("api@1.0");
        named.add_reference("");
        assert_eq!(named.manifests.len(), 1);
    }

    #[test]
    fn another_commit_is_refused() {
        let expected = Expected {
            commit: "a".repeat(40).parse().ok(),
            ..Expected::default()
        };
        let mut named = Named::default();
        assert!(expected.check(&named).is_ok());
        named.set_commit(&"a".repeat(7));
        assert!(expected.check(&named).is_ok(), "short ones prove nothing");
        named.set_commit(&"b".repeat(40));
        assert!(matches!(
            expected.check(&named),
            Err(ReportError::WrongCommit { .. })
        ));
    }
}

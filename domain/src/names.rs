//! Names that every target system accepts at once.
//!
//! One rule for all: a DNS label (RFC 1123) of at most 40 characters, without consecutive hyphens (GitLab refuses
//! consecutive special characters in paths, and `--` is our separator in derived names, see [`crate::naming`]),
//! and none of the words that GitLab or Kubernetes reserve.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InvalidValue;

/// Longest name, in characters.
pub const MAX_NAME: usize = 40;

/// Words that cannot be the name of a project or a service, as far as they fit the other rules:
/// - top-level groups and project paths that GitLab reserves for its routes (docs.gitlab.com/user/reserved_names;
///   `path_regex.rb`: `TOP_LEVEL_ROUTES`, `PROJECT_WILDCARD_ROUTES`);
/// - `default`, the initial namespace of Kubernetes and the built-in project of Argo CD; the other initial
///   namespaces start with `kube-`, which Kubernetes reserves as a prefix;
/// - `xn`, because namespaces are named `<project>--…` and `xn--` marks an internationalised DNS label;
/// - `opstella`, the platform's own.
const RESERVED: &[&str] = &[
    "admin",
    "api",
    "assets",
    "badges",
    "blame",
    "blob",
    "builds",
    "commits",
    "create",
    "dashboard",
    "default",
    "edit",
    "explore",
    "files",
    "groups",
    "help",
    "import",
    "jwt",
    "login",
    "new",
    "oauth",
    "opstella",
    "preview",
    "profile",
    "projects",
    "public",
    "raw",
    "refs",
    "s",
    "search",
    "sitemap",
    "snippets",
    "tree",
    "unsubscribes",
    "update",
    "uploads",
    "users",
    "v2",
    "wikis",
    "xn",
];

fn check(what: &'static str, value: &str, reserved: bool) -> Result<(), InvalidValue> {
    let broken = |rule: String| Err(InvalidValue::new(what, value, rule));
    let length = value.chars().count();
    if length == 0 || length > MAX_NAME {
        return broken(format!("1 to {MAX_NAME} characters, this one has {length}"));
    }
    if !value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return broken("only lower-case letters a-z, digits and hyphens".into());
    }
    if !value.starts_with(|c: char| c.is_ascii_lowercase()) {
        return broken("must start with a letter".into());
    }
    if value.ends_with('-') {
        return broken("must end with a letter or a digit".into());
    }
    if value.contains("--") {
        return broken("must not contain two hyphens in a row".into());
    }
    if reserved && (RESERVED.contains(&value) || value.starts_with("kube-")) {
        return broken("is reserved by GitLab, Kubernetes, DNS or Opstella; choose another".into());
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, reserved: $reserved:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(
            #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"))] String,
        );

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidValue;
            fn from_str(value: &str) -> Result<Self, InvalidValue> {
                check($what, value, $reserved)?;
                Ok(Self(value.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidValue;
            fn try_from(value: String) -> Result<Self, InvalidValue> {
                check($what, &value, $reserved)?;
                Ok(Self(value))
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A project: GitLab group, Argo CD project, prefix of namespaces.
    ProjectSlug, "project slug", reserved: true
);
name!(
    /// A service within its project.
    ServiceName, "service name", reserved: true
);
name!(
    /// A component within its service. It never stands alone in a tool, so the words reserved there are free.
    ComponentName, "component name", reserved: false
);
name!(
    /// A template.
    TemplateName, "template name", reserved: false
);
name!(
    /// A connection to a tool: `main`.
    ConnectionName, "connection name", reserved: false
);
name!(
    /// The name of a credential in the server's configuration; never the credential itself.
    CredentialName, "credential name", reserved: false
);
name!(
    /// A subscription within its project, or within the platform.
    SubscriptionName, "subscription name", reserved: false
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        let rule = |text: &str| text.parse::<ServiceName>().unwrap_err().rule;
        assert!(
            rule(&"ü".repeat(30)).starts_with("only"),
            "{}",
            rule(&"ü".repeat(30))
        );
        assert!(rule(&"ü".repeat(41)).ends_with("this one has 41"));
    }

    #[test]
    fn good_names_parse() {
        for name in ["a", "payments", "checkout-2", &"a".repeat(40)] {
            assert_eq!(name.parse::<ServiceName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn bad_names_say_which_rule_they_break() {
        for (name, rule) in [
            ("", "1 to 40"),
            (&*"a".repeat(41), "this one has 41"),
            ("Payments", "lower-case"),
            ("1st", "start with a letter"),
            ("-a", "start with a letter"),
            ("a-", "end with"),
            ("a--b", "two hyphens"),
            ("kube-system", "reserved"),
            ("groups", "reserved"),
            ("s", "reserved"),
            ("xn", "reserved"),
            ("default", "reserved"),
            ("zahlungß", "lower-case"),
        ] {
            let error = name.parse::<ServiceName>().unwrap_err();
            assert!(error.rule.contains(rule), "{name}: {error}");
        }
    }

    #[test]
    fn components_may_use_reserved_words_of_top_level_paths() {
        assert!("api".parse::<ComponentName>().is_ok());
        assert!("api".parse::<ServiceName>().is_err());
    }

    proptest! {
        #[test]
        fn whatever_parses_is_a_dns_label_and_round_trips(text in "\\PC{0,60}|[a-z0-9-]{0,45}") {
            if let Ok(name) = text.parse::<ProjectSlug>() {
                prop_assert!(text.len() <= MAX_NAME && !text.is_empty());
                prop_assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
                prop_assert!(!text.starts_with('-') && !text.ends_with('-'));
                let json = serde_json::to_string(&name).unwrap();
                prop_assert_eq!(serde_json::from_str::<ProjectSlug>(&json).unwrap(), name);
            }
        }
    }
}

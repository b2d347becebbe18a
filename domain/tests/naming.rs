//! Derived names fit the rules of the tool that they are for, for every name that parses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;

use opstella_domain::naming::{
    KubernetesName, QualityKey, RegistryProject, RepositoryPath, SecretPath, VaultName,
};
use opstella_domain::{ComponentName, Environment, ProjectSlug, ServiceKey, ServiceName};
use proptest::prelude::*;

fn lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Parts of letters and digits with a single separator between them.
fn separated(text: &str, separators: &str) -> bool {
    text.split(|c| separators.contains(c))
        .all(|part| !part.is_empty() && part.chars().all(lower_or_digit))
}

/// GitLab, a path's segment: starts and ends with a letter or digit, no special characters in a row, at most 255,
/// not ending in .git or .atom (docs.gitlab.com/user/reserved_names).
fn gitlab_segment(text: &str) -> bool {
    text.len() <= 255 && separated(text, "-_.") && !text.ends_with(".git") && !text.ends_with(".atom")
}

/// Harbor, a project: `^[a-z0-9]+(?:[._-][a-z0-9]+)*$`, at most 255.
fn harbor_project(text: &str) -> bool {
    text.len() <= 255 && separated(text, "-_.")
}

/// `SonarQube`, a project key: at most 400 of letters, digits, `-`, `_`, `.`, `:`, not digits only.
fn sonar_key(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    text.len() <= 400 && text.chars().all(fits) && !text.chars().all(|c| c.is_ascii_digit())
}

/// Kubernetes, a namespace, an object's name and a label's value at once: a DNS label (RFC 1123); and not one that
/// says that it is internationalised (RFC 5890). Argo CD puts an application's name into such a label.
fn dns_label(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(lower_or_digit);
    let inside = text.chars().all(|c| lower_or_digit(c) || c == '-');
    let whole = (1..=63).contains(&text.len()) && ends(text.chars().next()) && ends(text.chars().last());
    whole && inside && !text.starts_with("xn--")
}

/// Vault, policies and roles: `\w`, `-` and `.` inside; lower case, as policies are folded to it; not its own two.
fn vault_name(text: &str) -> bool {
    text.chars().all(|c| lower_or_digit(c) || "-_.".contains(c)) && text != "root" && text != "default"
}

/// Vault, a KV v2 path: printable segments, none empty, none relative.
fn vault_path(text: &str) -> bool {
    text.split('/')
        .all(|s| !s.is_empty() && s != "." && s != ".." && s.chars().all(|c| lower_or_digit(c) || c == '-'))
}

/// Names that parse, with a liking for short ones and for the longest.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]",
        "[a-z][a-z0-9]",
        "[a-z](-?[a-z0-9]){0,12}",
        "[a-z](-?[a-z0-9]){19}",
        "[a-z][a-z0-9]{39}",
        "(a|b|a-b|b-c|a-b-c|xn|git|atom|default|root)",
    ]
}

fn keys() -> impl Strategy<Value = ServiceKey> {
    (names(), names()).prop_filter_map("reserved", |(project, service)| {
        let (project, service) = (
            project.parse::<ProjectSlug>().ok()?,
            service.parse::<ServiceName>().ok()?,
        );
        Some(ServiceKey { project, service })
    })
}

fn components() -> impl Strategy<Value = ComponentName> {
    names().prop_filter_map("reserved", |name| name.parse().ok())
}

fn environments() -> impl Strategy<Value = Environment> {
    prop::sample::select(Environment::all().collect::<Vec<_>>())
}

/// A name of a component in an environment of a service, in each tool.
fn all(key: &ServiceKey, component: &ComponentName, environment: Environment) -> [String; 8] {
    [
        RepositoryPath::of(key, component).to_string(),
        RegistryProject::of(key).to_string(),
        QualityKey::of(key, component).to_string(),
        SecretPath::environment(key, environment).to_string(),
        SecretPath::analysis_token(key, component).to_string(),
        VaultName::environment(key, environment).to_string(),
        KubernetesName::namespace(key, environment).to_string(),
        KubernetesName::application(key, component, environment).to_string(),
    ]
}

proptest! {
    #[test]
    fn derived_names_fit(key in keys(), component in components(), environment in environments()) {
        let repository = RepositoryPath::of(&key, &component);
        prop_assert!(gitlab_segment(repository.group()), "{}", repository);
        prop_assert!(gitlab_segment(repository.name()), "{}", repository);
        prop_assert!(harbor_project(RegistryProject::of(&key).as_str()));
        prop_assert!(harbor_project(component.as_str()), "an image repository takes the same");
        prop_assert!(sonar_key(QualityKey::of(&key, &component).as_str()));
        for path in [
            SecretPath::environment(&key, environment),
            SecretPath::robot(&key),
            SecretPath::analysis_token(&key, &component),
            SecretPath::webhook(&key, &component, "gitlab"),
        ] {
            prop_assert!(vault_path(path.as_str()), "{}", path);
        }
        prop_assert!(vault_name(VaultName::environment(&key, environment).as_str()));
        let namespace = KubernetesName::namespace(&key, environment);
        let application = KubernetesName::application(&key, &component, environment);
        for name in [&namespace, &application] {
            prop_assert!(dns_label(name.as_str()), "{}", name);
        }
        // The glob of the project, `<project>--*`, takes in every namespace of it.
        let pattern = KubernetesName::namespace_pattern(&key.project);
        prop_assert!(namespace.as_str().starts_with(pattern.trim_end_matches('*')), "{namespace} and {pattern}");
    }

    #[test]
    fn two_services_never_meet(
        (left, right) in (keys(), keys()),
        (one, other) in (components(), components()),
        environment in environments(),
    ) {
        prop_assume!(left != right);
        for (l, r) in all(&left, &one, environment).iter().zip(&all(&right, &other, environment)) {
            prop_assert_ne!(l, r);
        }
        if left.project != right.project {
            let foreign = KubernetesName::namespace_pattern(&right.project);
            let mine = KubernetesName::namespace(&left, environment);
            prop_assert!(!mine.as_str().starts_with(foreign.trim_end_matches('*')), "{mine} and {foreign}");
        }
    }

    #[test]
    fn secrets_of_one_service_never_meet(key in keys(), (one, other) in (components(), components())) {
        let mut paths: Vec<_> = Environment::all().map(|e| SecretPath::environment(&key, e)).collect();
        paths.push(SecretPath::robot(&key));
        let both: BTreeSet<_> = [one, other].into_iter().collect();
        for component in &both {
            paths.push(SecretPath::analysis_token(&key, component));
            paths.push(SecretPath::webhook(&key, component, "gitlab"));
            paths.push(SecretPath::webhook(&key, component, "sonarqube"));
        }
        let unique: BTreeSet<_> = paths.iter().collect();
        prop_assert_eq!(unique.len(), paths.len());
    }
}

#[test]
fn words_that_a_tool_keeps_for_itself_are_no_projects() {
    // docs.gitlab.com/user/reserved_names, as far as they fit our grammar; Kubernetes; Argo CD; DNS; ours.
    let top_level = "admin api assets dashboard explore files groups help import jwt login oauth profile projects \
                     public s search sitemap snippets unsubscribes uploads users v2";
    let projects =
        "badges blame blob builds commits create edit files new preview raw refs tree update wikis";
    let others = "default kube-system kube-public kube-node-lease kube-anything xn opstella";
    for word in [top_level, projects, others]
        .iter()
        .flat_map(|words| words.split_whitespace())
    {
        assert!(word.parse::<ProjectSlug>().is_err(), "{word}");
        assert!(word.parse::<ServiceName>().is_err(), "{word}");
    }
    // What GitLab once reserved, or reserves only with characters that we do not take, is free.
    for word in ["git", "atom", "robots", "ci", "health-check", "find-file", "kube"] {
        assert!(word.parse::<ProjectSlug>().is_ok(), "{word}");
    }
}

//! The kinds of objects that the stand-in knows.

/// How an object's name must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameRule {
    /// RFC 1123 label, at most 63 characters.
    Label,
    /// RFC 1123 subdomain, at most 253 characters.
    Subdomain,
    /// Anything that fits into one path segment.
    PathSegment,
}

/// One kind.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) singular: &'static str,
    pub(super) kind: &'static str,
    pub(super) short: &'static [&'static str],
    pub(super) namespaced: bool,
    pub(super) name: NameRule,
    /// A deletion answers with the object instead of a `Status`.
    pub(super) deletion_shows_object: bool,
}

const RBAC: &str = "rbac.authorization.k8s.io";

const fn core(
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
    short: &'static [&'static str],
) -> Kind {
    Kind {
        group: "",
        version: "v1",
        plural,
        singular,
        kind,
        short,
        namespaced: true,
        name: NameRule::Subdomain,
        deletion_shows_object: false,
    }
}

const fn rbac(plural: &'static str, singular: &'static str, kind: &'static str, namespaced: bool) -> Kind {
    Kind {
        group: RBAC,
        namespaced,
        name: NameRule::PathSegment,
        ..core(plural, singular, kind, &[])
    }
}

/// All of them; a namespace's deletion shows the object, Terminating.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        namespaced: false,
        name: NameRule::Label,
        deletion_shows_object: true,
        ..core("namespaces", "namespace", "Namespace", &["ns"])
    },
    Kind {
        deletion_shows_object: true,
        ..core("resourcequotas", "resourcequota", "ResourceQuota", &["quota"])
    },
    core("limitranges", "limitrange", "LimitRange", &["limits"]),
    Kind {
        deletion_shows_object: true,
        ..core("serviceaccounts", "serviceaccount", "ServiceAccount", &["sa"])
    },
    core("secrets", "secret", "Secret", &[]),
    core("configmaps", "configmap", "ConfigMap", &["cm"]),
    Kind {
        group: "networking.k8s.io",
        ..core("networkpolicies", "networkpolicy", "NetworkPolicy", &["netpol"])
    },
    rbac("roles", "role", "Role", true),
    rbac("rolebindings", "rolebinding", "RoleBinding", true),
    rbac("clusterroles", "clusterrole", "ClusterRole", false),
    rbac(
        "clusterrolebindings",
        "clusterrolebinding",
        "ClusterRoleBinding",
        false,
    ),
];

impl Kind {
    pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        KINDS
            .iter()
            .find(|k| k.group == group && k.version == version && k.plural == plural)
    }

    /// `v1`, or `GROUP/VERSION`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `networkpolicies.networking.k8s.io`, as messages name it.
    pub(super) fn resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `NetworkPolicy.networking.k8s.io`, as validation messages name it.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.kind.to_owned()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    /// Why a name is not allowed.
    pub(super) fn refuses(&self, name: &str) -> Option<String> {
        let label = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let too_long =
            |most: usize| (name.len() > most).then(|| format!("must be no more than {most} characters"));
        match self.name {
            NameRule::Label => too_long(63).or_else(|| {
                (!label(name)).then(|| {
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
                     must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used \
                     for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                        .to_owned()
                })
            }),
            NameRule::Subdomain => too_long(253).or_else(|| {
                (!name.split('.').all(label)).then(|| {
                    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                     '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used \
                     for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                        .to_owned()
                })
            }),
            NameRule::PathSegment if name == "." || name == ".." => Some(format!("may not be '{name}'")),
            NameRule::PathSegment => {
                let bad = name.chars().find(|c| ['/', '%'].contains(c));
                bad.map(|c| format!("may not contain '{c}'"))
            }
        }
    }
}

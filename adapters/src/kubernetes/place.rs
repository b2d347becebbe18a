//! Where an object is.

use std::fmt;

/// Where an object is: in a namespace, or the cluster's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// In which namespace; none for what is the cluster's.
    pub namespace: Option<&'a str>,
    /// Its name there.
    pub name: &'a str,
}

impl<'a> Place<'a> {
    /// An object of the cluster.
    pub(super) fn cluster(name: &'a str) -> Self {
        Self {
            namespace: None,
            name,
        }
    }

    /// An object in a namespace.
    pub(super) fn within(namespace: &'a str, name: &'a str) -> Self {
        Self {
            namespace: Some(namespace),
            name,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(self.name),
        }
    }
}

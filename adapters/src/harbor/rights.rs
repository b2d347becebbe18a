//! What a robot account may do.

use serde::{Deserialize, Serialize};

const REPOSITORY: &str = "repository";
const ACTIONS: [&str; 2] = ["push", "pull"];

/// Rights in one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Permission {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    access: Vec<Access>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Access {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effect: Option<String>,
}

impl Access {
    fn allows(&self, action: &str) -> bool {
        let denies = self.effect.as_deref() == Some("deny");
        self.resource == REPOSITORY && self.action == action && !denies
    }
}

/// Pushing and pulling in a project.
pub(super) fn push_and_pull(project: &str) -> Vec<Permission> {
    let access = ACTIONS.map(|action| Access {
        resource: REPOSITORY.to_owned(),
        action: action.to_owned(),
        effect: None,
    });
    vec![Permission {
        kind: "project".to_owned(),
        namespace: project.to_owned(),
        access: access.into(),
    }]
}

/// Whether these are the rights to push and pull, and no others.
pub(super) fn just_push_and_pull(permissions: &[Permission]) -> bool {
    let [permission] = permissions else {
        return false;
    };
    let known = |access: &Access| ACTIONS.iter().any(|action| access.allows(action));
    let given = |action: &&str| permission.access.iter().any(|access| access.allows(action));
    permission.access.iter().all(known) && ACTIONS.iter().all(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_and_less_are_both_noticed() {
        let exact = push_and_pull("payments_checkout");
        assert!(just_push_and_pull(&exact));
        let mut less = exact.clone();
        less[0].access.pop();
        assert!(!just_push_and_pull(&less));
        let mut more = exact.clone();
        more[0].access[0].effect = Some("allow".into());
        assert!(just_push_and_pull(&more));
        let mut delete = more[0].access[0].clone();
        delete.action = "delete".into();
        more[0].access.push(delete);
        assert!(!just_push_and_pull(&more));
        assert!(!just_push_and_pull(&[]));
    }
}

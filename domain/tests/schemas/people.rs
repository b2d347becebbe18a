//! Projects, and who signs in.

use opstella_domain::access::ProjectRole;
use opstella_domain::access::log::AccessEvent;
use opstella_domain::project::ProjectEvent;

use crate::fits::check;

#[test]
fn project_events_fit() {
    let created = |description| ProjectEvent::ProjectCreated {
        slug: "payments".parse().unwrap(),
        name: "Payments".into(),
        description,
        owner: "alice".parse().unwrap(),
    };
    check(
        "Project",
        vec![
            created(None),
            created(Some("Money in and out".into())),
            ProjectEvent::RoleGranted {
                member: "bob".parse().unwrap(),
                role: ProjectRole::Tester,
            },
            ProjectEvent::RoleRevoked {
                member: "bob".parse().unwrap(),
                role: ProjectRole::Tester,
            },
        ],
    );
}

#[test]
fn access_events_fit() {
    let (client, reason) = (|| "opstella-portal".to_owned(), || "by themselves".to_owned());
    let denied = |project| AccessEvent::AccessDenied {
        operation: "CreateService".into(),
        project,
        hidden: true,
    };
    let subject = || "alice".parse().unwrap();
    check(
        "Access",
        vec![
            denied(None),
            denied(Some("payments".parse().unwrap())),
            AccessEvent::SignedIn {
                subject: subject(),
                client: client(),
            },
            AccessEvent::SignInFailed {
                client: client(),
                reason: reason(),
            },
            AccessEvent::SignedOut {
                subject: subject(),
                client: client(),
                reason: reason(),
            },
        ],
    );
}

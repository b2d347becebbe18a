//! Who there is in the realm: demo users, and the clients that ask for tokens.

use crate::credentials;

/// A demo user. The password is well known: it opens nothing but the sandbox.
#[derive(Debug, Clone, Copy)]
pub struct DemoUser {
    /// `preferred_username`.
    pub username: &'static str,
    /// First and last name.
    pub name: (&'static str, &'static str),
    /// Password.
    pub password: &'static str,
    /// `realm_access.roles`.
    pub roles: &'static [&'static str],
    /// `groups`.
    pub groups: &'static [&'static str],
}

/// At least one user for each of the platform's roles, and one without any. Roles in projects come from groups; the realm
/// roles of the same names mean nothing to Opstella, as a realm of a real company has such roles too.
pub const DEMO_USERS: &[DemoUser] = &[
    DemoUser {
        username: "root",
        name: ("Robin", "Root"),
        password: "root-demo",
        roles: &["platform-admin"],
        groups: &["/opstella/platform-admin"],
    },
    DemoUser {
        username: "alice",
        name: ("Alice", "Owner"),
        password: "alice-demo",
        roles: &["owner", "developer"],
        groups: &["/opstella/payments/owner", "/opstella/payments/developer"],
    },
    DemoUser {
        username: "bob",
        name: ("Bob", "Tester"),
        password: "bob-demo",
        roles: &["tester"],
        groups: &["/opstella/payments/tester"],
    },
    DemoUser {
        username: "carol",
        name: ("Carol", "Security"),
        password: "carol-demo",
        roles: &["security"],
        groups: &["/opstella/security"],
    },
    DemoUser {
        username: "dave",
        name: ("Dave", "Approver"),
        password: "dave-demo",
        roles: &["approver"],
        groups: &["/opstella/payments/approver"],
    },
    DemoUser {
        username: "erin",
        name: ("Erin", "Auditor"),
        password: "erin-demo",
        roles: &["auditor"],
        groups: &["/opstella/auditor"],
    },
    DemoUser {
        username: "frank",
        name: ("Frank", "Viewer"),
        password: "frank-demo",
        roles: &["viewer"],
        groups: &["project:payments:viewer"],
    },
    DemoUser {
        username: "grace",
        name: ("Grace", "Developer"),
        password: "grace-demo",
        roles: &["developer"],
        groups: &["project:payments:developer"],
    },
    DemoUser {
        username: "heidi",
        name: ("Heidi", "Tester"),
        password: "heidi-demo",
        roles: &["tester"],
        groups: &["project:payments:tester"],
    },
    DemoUser {
        username: "ivan",
        name: ("Ivan", "Approver"),
        password: "ivan-demo",
        roles: &["approver"],
        groups: &["project:payments:approver"],
    },
    DemoUser {
        username: "judy",
        name: ("Judy", "Elsewhere"),
        password: "judy-demo",
        roles: &[],
        groups: &["/staff"],
    },
];

/// Something that asks for tokens.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `None` makes it public.
    pub secret: Option<String>,
    /// `realm_access.roles` of its service account.
    pub roles: Vec<String>,
    /// `groups` of its service account.
    pub groups: Vec<String>,
}

impl Client {
    /// The clients of a default sandbox.
    pub fn demo() -> Vec<Self> {
        vec![
            Self {
                id: credentials::KEYCLOAK_CLIENT.to_owned(),
                secret: Some(credentials::KEYCLOAK_CLIENT_SECRET.to_owned()),
                roles: vec!["platform-admin".to_owned()],
                groups: Vec::new(),
            },
            Self {
                id: credentials::KEYCLOAK_CI_CLIENT.to_owned(),
                secret: Some(credentials::KEYCLOAK_CI_CLIENT_SECRET.to_owned()),
                roles: Vec::new(),
                // Limited to this project: it registers what was built there.
                groups: vec!["project:payments:ci".to_owned()],
            },
            Self {
                id: credentials::KEYCLOAK_PUBLIC_CLIENT.to_owned(),
                secret: None,
                roles: Vec::new(),
                groups: Vec::new(),
            },
        ]
    }
}

/// The demo user of this name.
pub(crate) fn user(username: &str) -> Option<&'static DemoUser> {
    DEMO_USERS
        .iter()
        .find(|u| u.username.eq_ignore_ascii_case(username))
}

/// A stable `sub`, so that a restarted sandbox knows people by the same id.
pub(crate) fn subject(name: &str) -> String {
    let name = format!("keycloak.opstella.sandbox/{name}");
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, name.as_bytes()).to_string()
}

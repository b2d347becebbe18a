//! What goes on beside promotions: tools are connected, templates registered, people subscribe and sign in.

use std::collections::BTreeMap;

use opstella_domain::DomainError;
use opstella_domain::access::log::{Access, AccessCommand};
use opstella_domain::subscription::{
    Settings, Subscription, SubscriptionCommand, SubscriptionEvent, SubscriptionKey,
};
use opstella_domain::template::{Template, TemplateCommand, TemplateEvent, TemplateFiles, TemplateRef};
use opstella_domain::tool_connection::{Connection, ToolConnection, ToolConnectionCommand, ToolSettings};

use super::person;
use super::stream::Stream;
use super::told::Tally;
use crate::acts::PEOPLE;
use crate::support::at;

#[derive(Default)]
pub struct Beside {
    access: Stream<Access>,
    template: Stream<Template>,
    tool: Stream<ToolConnection>,
    subscription: Stream<Subscription>,
}

impl Beside {
    /// A few commands of one kind, one after the other.
    pub fn act(&mut self, tally: &mut Tally, what: usize, how: &[usize]) {
        for how in how {
            // Refusals are no matter here.
            let _ = match what % 4 {
                0 => self.access.take(tally, access(*how)).map(drop),
                1 => self.register(tally, *how),
                2 => self.tool.take(tally, connect(*how)).map(drop),
                _ => self.subscribe(tally, *how),
            };
        }
    }

    /// A version that was registered never changes.
    fn register(&mut self, tally: &mut Tally, how: usize) -> Result<(), DomainError> {
        let text = format!("{}", how % 2);
        let files: BTreeMap<String, String> = [("README.md".to_owned(), text)].into();
        let command = TemplateCommand::Register {
            template: TemplateRef {
                name: "http-service".parse().unwrap(),
                version: format!("1.{}.0", how % 3).parse().unwrap(),
            },
            description: "A service.".into(),
            files: TemplateFiles::try_from(files).unwrap(),
        };
        for TemplateEvent::TemplateVersionRegistered { template, .. } in self.template.take(tally, command)? {
            let same = self.template.events.iter().filter(|event| {
                let TemplateEvent::TemplateVersionRegistered { template: other, .. } = event;
                other == &template
            });
            assert_eq!(same.count(), 1, "a version changes");
        }
        Ok(())
    }

    /// No secret has the number of one before.
    fn subscribe(&mut self, tally: &mut Tally, how: usize) -> Result<(), DomainError> {
        let before = self.subscription.state.secret;
        for event in self.subscription.take(tally, subscription(how))? {
            let (SubscriptionEvent::SubscriptionCreated { secret, .. }
            | SubscriptionEvent::SubscriptionSecretRotated { secret, .. }) = event
            else {
                continue;
            };
            assert!(secret > before, "a secret twice");
        }
        Ok(())
    }

    pub fn check_replay(&self) {
        self.access.check_replay();
        self.template.check_replay();
        self.tool.check_replay();
        self.subscription.check_replay();
    }
}

fn access(how: usize) -> AccessCommand {
    let (subject, client, reason) = (person(how % PEOPLE), "portal".to_owned(), "because".to_owned());
    match how / PEOPLE % 4 {
        0 => AccessCommand::Deny {
            operation: "Approve".into(),
            project: None,
            hidden: false,
        },
        1 => AccessCommand::SignIn { subject, client },
        2 => AccessCommand::FailSignIn { client, reason },
        _ => AccessCommand::SignOut {
            subject,
            client,
            reason,
        },
    }
}

fn connect(how: usize) -> ToolConnectionCommand {
    ToolConnectionCommand::Connect {
        key: "gitlab/main".parse().unwrap(),
        connection: Connection {
            url: format!("https://gitlab-{}.example", how % 3).try_into().unwrap(),
            credential: "gitlab".parse().unwrap(),
            settings: ToolSettings::default(),
        },
    }
}

fn subscription(how: usize) -> SubscriptionCommand {
    let key: SubscriptionKey = "payments/chat".parse().unwrap();
    let settings = Settings {
        url: format!("https://chat-{}.example/hook", how / 16 % 2)
            .parse()
            .unwrap(),
        events: ["Environment.*".parse().unwrap()].into(),
    };
    match how % 16 {
        0..4 => SubscriptionCommand::Create {
            key,
            settings,
            plain_http: false,
        },
        4 | 5 => SubscriptionCommand::Change {
            key,
            settings,
            plain_http: false,
        },
        6 | 7 => SubscriptionCommand::Enable { key },
        8 => SubscriptionCommand::Disable {
            key,
            reason: "moving".into(),
        },
        9 | 10 => SubscriptionCommand::RotateSecret {
            key,
            at: at(),
            overlap_hours: 1,
        },
        11 | 12 => SubscriptionCommand::Ping { key },
        13 => SubscriptionCommand::Replay { key, delivery: None },
        14 => SubscriptionCommand::Replay {
            key,
            delivery: Some("12-3".parse().unwrap()),
        },
        _ => SubscriptionCommand::Delete { key },
    }
}

//! Connections to tools: where a tool is, and under which configured credential Opstella works in it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::decide::aggregate;
use crate::{ConnectionName, CredentialName, Decide, DomainError, InvalidValue, Tool};

/// The natural key of a connection: `gitlab/main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionKey {
    /// To which tool.
    pub tool: Tool,
    /// Which of them.
    pub name: ConnectionName,
}

impl fmt::Display for ConnectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tool, self.name)
    }
}

impl FromStr for ConnectionKey {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let (tool, name) = value
            .split_once('/')
            .ok_or_else(|| InvalidValue::new("connection", value, "written as tool/name"))?;
        Ok(Self {
            tool: tool.parse()?,
            name: name.parse()?,
        })
    }
}

/// Base URL of a tool: http or https, without credentials, query or fragment; kept without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ToolUrl(String);

impl ToolUrl {
    /// The URL as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and, if it is not the scheme's own, port; and the path, if there is one: what image names start with.
    pub fn authority_and_path(&self) -> &str {
        self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest)
    }
}

impl TryFrom<String> for ToolUrl {
    type Error = InvalidValue;
    fn try_from(value: String) -> Result<Self, InvalidValue> {
        let rule = "an http or https URL of at most 2048 bytes without user, password, query and fragment";
        let wrong = || InvalidValue::new("tool URL", &without_secrets(&value), rule);
        let url = Url::parse(&value).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !plain || !bare || value.len() > 2048 {
            return Err(wrong());
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// A refused URL as it may be shown: what is before an `@` or after a `?` or `#` may be a credential.
pub(crate) fn without_secrets(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match (bare.rsplit_once('@'), bare.len() == url.len()) {
        (Some((_, host)), _) => format!("…@{host}"),
        (None, true) => bare.to_owned(),
        (None, false) => format!("{bare}…"),
    }
}

impl From<ToolUrl> for String {
    fn from(url: ToolUrl) -> Self {
        url.0
    }
}

/// What a tool needs to be told beyond URL and credential. Absent fields take the documented default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ToolSettings {
    /// Vault: mount of the KV v2 engine. Default `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_mount: Option<String>,
    /// Vault: mount of the Kubernetes auth method. Default `kubernetes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes_auth_mount: Option<String>,
    /// Vault: mount of the AppRole auth method. Default `approle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approle_mount: Option<String>,
    /// SonarQube: the quality gate of new projects. Default `Sonar way`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality_gate: Option<String>,
    /// Argo CD: the cluster it deploys to. Default `https://kubernetes.default.svc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Harbor: artifacts that a repository keeps. Default 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_artifacts: Option<u32>,
}

impl ToolSettings {
    fn check(&self) -> Result<(), DomainError> {
        let texts = [
            ("settings.kv_mount", &self.kv_mount),
            ("settings.kubernetes_auth_mount", &self.kubernetes_auth_mount),
            ("settings.approle_mount", &self.approle_mount),
        ];
        for (field, text) in texts {
            let fits = |t: &String| {
                (1..=100).contains(&t.len())
                    && t.split('/').all(|s| !s.is_empty() && s != "..")
                    && t.bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_/".contains(&b))
            };
            if !text.as_ref().is_none_or(fits) {
                return Err(DomainError::invalid(
                    field,
                    "1 to 100 letters, digits, `-`, `_`, parts separated by `/`",
                ));
            }
        }
        for (field, text) in [
            ("settings.quality_gate", &self.quality_gate),
            ("settings.destination", &self.destination),
        ] {
            if text
                .as_ref()
                .is_some_and(|t| t.is_empty() || t.len() > 255 || t.chars().any(char::is_control))
            {
                return Err(DomainError::invalid(field, "1 to 255 bytes of printable text"));
            }
        }
        if self.keep_artifacts.is_some_and(|n| !(1..=1000).contains(&n)) {
            return Err(DomainError::invalid("settings.keep_artifacts", "1 to 1000"));
        }
        Ok(())
    }
}

/// Where a tool is and how Opstella works in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connection {
    /// Base URL.
    pub url: ToolUrl,
    /// Name of the configured credential.
    pub credential: CredentialName,
    /// The rest.
    pub settings: ToolSettings,
}

/// What can be asked of a connection.
#[derive(Debug, Clone)]
pub enum ToolConnectionCommand {
    /// `ConnectTool`: makes the connection, or changes it. The same again changes nothing.
    Connect {
        /// Which.
        key: ConnectionKey,
        /// Where and how.
        connection: Connection,
    },
}

/// What happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum ToolConnectionEvent {
    /// The tool was connected, or its connection changed.
    ToolConnected {
        /// Which.
        key: ConnectionKey,
        /// Where and how.
        connection: Connection,
    },
}

/// The aggregate; its stream's id is the connection's key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ToolConnection {
    /// The connection, once there is one.
    pub connection: Option<Connection>,
}

impl Decide for ToolConnection {
    const TYPE: &'static str = "ToolConnection";
    type Command = ToolConnectionCommand;
    type Event = ToolConnectionEvent;

    fn decide(&self, command: ToolConnectionCommand) -> Result<Vec<ToolConnectionEvent>, DomainError> {
        let ToolConnectionCommand::Connect { key, connection } = command;
        connection.settings.check()?;
        if self.connection.as_ref() == Some(&connection) {
            return Ok(vec![]);
        }
        Ok(vec![ToolConnectionEvent::ToolConnected { key, connection }])
    }

    fn evolve(&mut self, event: ToolConnectionEvent) {
        let ToolConnectionEvent::ToolConnected { connection, .. } = event;
        self.connection = Some(connection);
    }
}

aggregate!(ToolConnection, ToolConnectionEvent);

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    fn connect(url: &str) -> ToolConnectionCommand {
        ToolConnectionCommand::Connect {
            key: "gitlab/main".parse().unwrap(),
            connection: Connection {
                url: url.to_owned().try_into().unwrap(),
                credential: "gitlab".parse().unwrap(),
                settings: ToolSettings::default(),
            },
        }
    }

    #[test]
    fn connecting_twice_the_same_way_changes_nothing() {
        let first = ToolConnection::default()
            .decide(connect("https://gitlab.example/"))
            .unwrap();
        TestFramework::<ToolConnection>::with(())
            .given(first)
            .when(connect("https://gitlab.example"))
            .then_expect_events(vec![]);
    }

    #[test]
    fn urls_carry_no_credentials() {
        for wrong in ["ftp://x", "https://u:p@x", "https://x?token=1", "x", ""] {
            assert!(ToolUrl::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refused_url_is_shown_without_what_may_be_a_credential() {
        for (wrong, shown) in [
            ("https://user:hunter2@x/y", "…@x/y"),
            ("https://user:hun@ter2@x", "…@x"),
            ("https://x?token=hunter2", "https://x…"),
            ("https://x#hunter2@y", "https://x…"),
            ("ftp://x", "ftp://x"),
        ] {
            let error = ToolUrl::try_from(wrong.to_owned()).unwrap_err();
            assert_eq!(error.value, shown);
        }
    }

    #[test]
    fn settings_are_checked() {
        let mut command = connect("https://vault.example");
        let ToolConnectionCommand::Connect { connection, .. } = &mut command;
        connection.settings.kv_mount = Some("../sys".into());
        assert!(matches!(
            ToolConnection::default().decide(command),
            Err(DomainError::Invalid { .. })
        ));
    }
}

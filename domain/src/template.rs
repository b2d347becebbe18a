//! Templates: the golden paths that components are made from.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::decide::aggregate;
use crate::{Decide, DomainError, InvalidValue, TemplateName};

/// Most files in a template.
pub const MAX_FILES: usize = 100;
/// Largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 64 * 1024;
/// All files together, in bytes.
pub const MAX_TOTAL_BYTES: usize = 512 * 1024;
/// Most versions of one template: all of them are loaded with it.
pub const MAX_VERSIONS: usize = 100;

/// A version of a template: three numbers, as in `1.0.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TemplateVersion(u32, u32, u32);

impl fmt::Display for TemplateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for TemplateVersion {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new("template version", value, "three numbers below 2^32, as in 1.0.0");
        let mut parts = value.split('.').map(|p| {
            let plain =
                !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) && (p == "0" || !p.starts_with('0'));
            if plain {
                p.parse::<u32>().map_err(|_| wrong())
            } else {
                Err(wrong())
            }
        });
        let mut next = || parts.next().unwrap_or_else(|| Err(wrong()));
        let version = Self(next()?, next()?, next()?);
        if parts.next().is_some() {
            Err(wrong())
        } else {
            Ok(version)
        }
    }
}

impl TryFrom<String> for TemplateVersion {
    type Error = InvalidValue;
    fn try_from(value: String) -> Result<Self, InvalidValue> {
        value.parse()
    }
}

impl From<TemplateVersion> for String {
    fn from(version: TemplateVersion) -> Self {
        version.to_string()
    }
}

/// One immutable version of one template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TemplateRef {
    /// Which template.
    pub name: TemplateName,
    /// At which version.
    pub version: TemplateVersion,
}

impl fmt::Display for TemplateRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A template's files: relative path to text. Paths are themselves rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
#[schemars(with = "BTreeMap<String, String>")]
pub struct TemplateFiles(BTreeMap<String, String>);

impl TemplateFiles {
    /// Path and text, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// SHA-256 over paths and texts, in hexadecimal.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, text) in &self.0 {
            hash.update((path.len() as u64).to_be_bytes());
            hash.update(path);
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hex::encode(hash.finalize())
    }
}

impl TryFrom<BTreeMap<String, String>> for TemplateFiles {
    type Error = InvalidValue;
    fn try_from(files: BTreeMap<String, String>) -> Result<Self, InvalidValue> {
        let broken = |path: &str, rule: String| Err(InvalidValue::new("template file", path, rule));
        if files.is_empty() || files.len() > MAX_FILES {
            return broken(
                "",
                format!("1 to {MAX_FILES} files, this template has {}", files.len()),
            );
        }
        for (path, text) in &files {
            let segments_fit = path
                .split('/')
                .all(|s| !s.is_empty() && s != "." && s != ".." && s != ".git");
            if path.len() > 255 || !segments_fit || path.contains('\\') || path.chars().any(char::is_control)
            {
                return broken(
                    path,
                    "a relative path of at most 255 bytes, without `.`, `..`, `.git`, `\\`".into(),
                );
            }
            if text.len() > MAX_FILE_BYTES {
                return broken(
                    path,
                    format!("at most {MAX_FILE_BYTES} bytes, this one has {}", text.len()),
                );
            }
        }
        let total: usize = files.values().map(String::len).sum();
        if total > MAX_TOTAL_BYTES {
            return broken(
                "",
                format!("at most {MAX_TOTAL_BYTES} bytes in all, these are {total}"),
            );
        }
        Ok(Self(files))
    }
}

impl From<TemplateFiles> for BTreeMap<String, String> {
    fn from(files: TemplateFiles) -> Self {
        files.0
    }
}

/// What can be asked of a template.
#[derive(Debug, Clone)]
pub enum TemplateCommand {
    /// `RegisterTemplate`: adds a version. The same files under the same version change nothing.
    Register {
        /// Which version of which template.
        template: TemplateRef,
        /// One line for people.
        description: String,
        /// The files.
        files: TemplateFiles,
    },
}

/// What happened to a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum TemplateEvent {
    /// A version was registered. It never changes.
    TemplateVersionRegistered {
        /// Which version of which template.
        template: TemplateRef,
        /// One line for people.
        description: String,
        /// SHA-256 of the files.
        digest: String,
        /// The files.
        files: TemplateFiles,
    },
}

/// One version, as kept in the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisteredVersion {
    /// One line for people.
    pub description: String,
    /// SHA-256 of the files.
    pub digest: String,
    /// The files.
    pub files: std::sync::Arc<TemplateFiles>,
}

/// The aggregate; its stream's id is the template's name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Template {
    /// Every version ever registered.
    pub versions: BTreeMap<TemplateVersion, RegisteredVersion>,
}

impl Template {
    /// The newest version's number.
    pub fn latest(&self) -> Option<TemplateVersion> {
        self.versions.keys().next_back().copied()
    }
}

impl Decide for Template {
    const TYPE: &'static str = "Template";
    type Command = TemplateCommand;
    type Event = TemplateEvent;

    fn decide(&self, command: TemplateCommand) -> Result<Vec<TemplateEvent>, DomainError> {
        let TemplateCommand::Register {
            template,
            description,
            files,
        } = command;
        if description.is_empty() || description.len() > 500 {
            return Err(DomainError::invalid("description", "1 to 500 bytes"));
        }
        let digest = files.digest();
        match self.versions.get(&template.version) {
            Some(there) if there.digest == digest => Ok(vec![]),
            Some(_) => Err(DomainError::AlreadyExists {
                kind: "template version",
                id: template.to_string(),
            }),
            None if self.versions.len() >= MAX_VERSIONS => Err(DomainError::invalid(
                "version",
                format!(
                    "a template has at most {MAX_VERSIONS} versions, this one has them all: register it under a new name"
                ),
            )),
            None => Ok(vec![TemplateEvent::TemplateVersionRegistered {
                template,
                description,
                digest,
                files,
            }]),
        }
    }

    fn evolve(&mut self, event: TemplateEvent) {
        let TemplateEvent::TemplateVersionRegistered {
            template,
            description,
            digest,
            files,
        } = event;
        let version = RegisteredVersion {
            description,
            digest,
            files: files.into(),
        };
        self.versions.insert(template.version, version);
    }
}

aggregate!(Template, TemplateEvent);

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    fn files(text: &str) -> TemplateFiles {
        BTreeMap::from([("README.md".to_owned(), text.to_owned())])
            .try_into()
            .unwrap()
    }

    fn register(text: &str) -> TemplateCommand {
        TemplateCommand::Register {
            template: TemplateRef {
                name: "http-service".parse().unwrap(),
                version: "1.0.0".parse().unwrap(),
            },
            description: "A small HTTP service".into(),
            files: files(text),
        }
    }

    fn registered(text: &str) -> TemplateEvent {
        Template::default().decide(register(text)).unwrap().remove(0)
    }

    #[test]
    fn a_version_is_registered_once_and_never_changes() {
        let given = || TestFramework::<Template>::with(()).given(vec![registered("one")]);
        given().when(register("one")).then_expect_events(vec![]);
        given()
            .when(register("two"))
            .then_expect_error(DomainError::AlreadyExists {
                kind: "template version",
                id: "http-service@1.0.0".into(),
            });
    }

    #[test]
    fn a_template_has_a_bounded_number_of_versions() {
        let mut template = Template::default();
        let command = |patch: usize, text: &str| TemplateCommand::Register {
            template: TemplateRef {
                name: "http-service".parse().unwrap(),
                version: format!("1.0.{patch}").parse().unwrap(),
            },
            description: "A small HTTP service".into(),
            files: files(text),
        };
        for patch in 0..MAX_VERSIONS {
            for event in template.decide(command(patch, "one")).unwrap() {
                template.evolve(event);
            }
        }
        assert_eq!(template.versions.len(), MAX_VERSIONS);
        let more = template.decide(command(MAX_VERSIONS, "one"));
        assert!(matches!(more, Err(DomainError::Invalid { .. })), "{more:?}");
        assert_eq!(template.decide(command(0, "one")), Ok(vec![]));
    }

    #[test]
    fn paths_stay_inside_the_repository() {
        for path in ["../x", "/etc/passwd", "a//b", ".git/config", "a/./b", "a\\b", ""] {
            let files = BTreeMap::from([(path.to_owned(), String::new())]);
            assert!(TemplateFiles::try_from(files).is_err(), "{path}");
        }
    }

    #[test]
    fn versions_are_three_numbers() {
        assert!("1.20.3".parse::<TemplateVersion>().is_ok());
        for wrong in [
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "01.2.3",
            "1..2",
            "",
            "1.2.99999999999",
        ] {
            assert!(wrong.parse::<TemplateVersion>().is_err(), "{wrong}");
        }
        assert!("1.10.0".parse::<TemplateVersion>().unwrap() > "1.9.0".parse().unwrap());
    }
}

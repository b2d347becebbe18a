//! The templates that come with Opstella: the folders of `templates/`, in the binary.

use std::collections::BTreeMap;

use opstella_domain::InvalidValue;
use opstella_domain::template::{TemplateFiles, TemplateRef};
use rust_embed::RustEmbed;
use serde::Deserialize;
use thiserror::Error;

/// Describes a template; it is none of its files.
const MANIFEST: &str = "template.toml";

#[derive(RustEmbed)]
#[folder = "../templates/"]
struct Embedded;

/// A template that comes with Opstella.
#[derive(Debug, Clone)]
pub struct BuiltinTemplate {
    /// Which version of which template.
    pub template: TemplateRef,
    /// One line for people.
    pub description: String,
    /// The files.
    pub files: TemplateFiles,
}

/// Why a built-in template is none. Only a mistake in `templates/` makes one; a test finds it.
#[derive(Debug, Error)]
pub enum BuiltinError {
    /// A folder without a manifest.
    #[error("templates/{0}: there is no {MANIFEST}; it says the template's name, version and description")]
    NoManifest(String),
    /// A manifest that does not say what it must.
    #[error("templates/{folder}/{MANIFEST}: {reason}")]
    Manifest {
        /// Where.
        folder: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that is not text.
    #[error("templates/{0}: not UTF-8; a template holds text only")]
    NotText(String),
    /// Files that a template cannot have.
    #[error("templates/{folder}: {reason}")]
    Files {
        /// Where.
        folder: String,
        /// What is wrong.
        reason: InvalidValue,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    version: String,
    description: String,
}

/// The templates that come with Opstella, sorted by name.
///
/// # Errors
/// [`BuiltinError`], where `templates/` holds a mistake.
pub fn templates() -> Result<Vec<BuiltinTemplate>, BuiltinError> {
    let mut folders: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for name in Embedded::iter() {
        let Some((folder, path)) = name.split_once('/') else {
            continue;
        };
        // What running the tests inside templates/ leaves behind.
        if path.contains("__pycache__/") {
            continue;
        }
        let Some(file) = Embedded::get(&name) else {
            continue;
        };
        let text =
            String::from_utf8(file.data.into_owned()).map_err(|_| BuiltinError::NotText(name.to_string()))?;
        folders
            .entry(folder.to_owned())
            .or_default()
            .insert(path.to_owned(), text);
    }
    folders
        .into_iter()
        .map(|(folder, files)| template(folder, files))
        .collect()
}

fn template(folder: String, mut files: BTreeMap<String, String>) -> Result<BuiltinTemplate, BuiltinError> {
    let Some(manifest) = files.remove(MANIFEST) else {
        return Err(BuiltinError::NoManifest(folder));
    };
    let wrong = |reason: String| BuiltinError::Manifest {
        folder: folder.clone(),
        reason,
    };
    let manifest: Manifest = toml::from_str(&manifest).map_err(|error| wrong(error.to_string()))?;
    let template = TemplateRef {
        name: manifest
            .name
            .parse()
            .map_err(|error: InvalidValue| wrong(error.to_string()))?,
        version: manifest
            .version
            .parse()
            .map_err(|error: InvalidValue| wrong(error.to_string()))?,
    };
    Ok(BuiltinTemplate {
        template,
        description: manifest.description,
        files: files
            .try_into()
            .map_err(|reason| BuiltinError::Files { folder, reason })?,
    })
}

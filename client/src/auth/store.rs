//! The file that keeps tokens: `$XDG_CONFIG_HOME/opstella/credentials.json`, for its owner only.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use tokio::time::Instant;
use url::Url;

use crate::error::ClientError;

/// Longest that another process is waited for that renews a token.
const PATIENCE: Duration = Duration::from_secs(40);

/// Being signed in to a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    /// Whose tokens.
    pub issuer: String,
    /// Where the next ones come from.
    pub token_endpoint: Url,
    /// Where they are given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<Url>,
    /// As which client.
    pub client_id: String,
    /// The token.
    #[serde(serialize_with = "exposed")]
    pub access_token: SecretString,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// What gets the next one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "exposed_if_any"
    )]
    pub refresh_token: Option<SecretString>,
    /// Which scopes a machine asked for; absent of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_scope: Option<String>,
}

/// The file's content.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Logins {
    /// The server of commands that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// By server.
    #[serde(default)]
    pub servers: BTreeMap<String, Login>,
}

// The only place where tokens are written out; the file's mode keeps others from it.
fn exposed<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

fn exposed_if_any<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => exposed(secret, to),
        None => to.serialize_none(),
    }
}

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// Held while the file is read and written again.
pub(crate) struct Held {
    _lock: File,
}

impl Store {
    /// The file of whoever runs this.
    pub fn of_user() -> Result<Self, ClientError> {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
        let base = base.ok_or_else(|| {
            ClientError::Usage(
                "there is no place for credentials: set XDG_CONFIG_HOME or HOME, or give OPSTELLA_API_URL and \
                 OPSTELLA_TOKEN"
                    .to_owned(),
            )
        })?;
        Ok(Self {
            folder: base.join("opstella"),
        })
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.join("credentials.json")
    }

    /// Reads it; nothing where it is not there.
    pub fn read(&self) -> Result<Logins, ClientError> {
        let path = self.path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Logins::default()),
            Err(error) => return Err(wrong(&path, &error.to_string())),
        };
        let mode = fs::metadata(&path).map_or(0, |found| found.permissions().mode());
        if mode & 0o077 != 0 {
            return Err(wrong(
                &path,
                "others may read or write it; chmod 600 it, or log in again if they may have",
            ));
        }
        serde_json::from_slice(&text)
            .map_err(|_| wrong(&path, "it is not as it was written; remove it and log in again"))
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, _held: &Held, logins: &Logins) -> Result<(), ClientError> {
        let path = self.path();
        let new = self
            .folder
            .join(format!("credentials.{}.new", std::process::id()));
        let written = (|| {
            let mut text = serde_json::to_vec_pretty(logins).map_err(io::Error::other)?;
            text.push(b'\n');
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        })();
        written.map_err(|error: io::Error| {
            let _ = fs::remove_file(&new);
            wrong(&path, &error.to_string())
        })
    }

    /// Waits until no other process changes it. A refresh token may work once only: two may not use it.
    pub async fn hold(&self) -> Result<Held, ClientError> {
        let path = self.folder.join("credentials.lock");
        let opened = (|| {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.folder)?;
            OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(&path)
        })();
        let lock = opened.map_err(|error: io::Error| wrong(&path, &error.to_string()))?;
        let deadline = Instant::now() + PATIENCE;
        while lock.try_lock().is_err() {
            if Instant::now() > deadline {
                return Err(wrong(&path, "another opstella holds it for too long"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Held { _lock: lock })
    }
}

fn wrong(path: &Path, why: &str) -> ClientError {
    ClientError::Usage(format!("{}: {why}", path.display()))
}

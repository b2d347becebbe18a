//! The account that a server runs under when we are root.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Uid, User, chown, geteuid};

use crate::error::DevServerError;

/// An unprivileged account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

impl Account {
    /// The account to run under: none unless we are root; else the owner of what is already at `data`, else
    /// `postgres`, else `nobody`.
    ///
    /// # Errors
    /// When we are root and none of them exists.
    pub fn needed_for(data: Option<&Path>) -> Result<Option<Self>, DevServerError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        if let Some(found) = data.and_then(|path| std::fs::metadata(path).ok())
            && found.uid() != 0
        {
            return Ok(Some(Self {
                uid: found.uid(),
                gid: found.gid(),
            }));
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| {
                Some(Self {
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                })
            })
            .ok_or(DevServerError::NoAccount)
    }

    /// Makes `command` run under this account, in `folder`.
    pub fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Hands a file or folder to this account.
    ///
    /// # Errors
    /// When the owner cannot be changed.
    pub fn own(self, path: &Path) -> Result<(), DevServerError> {
        chown(path, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))
            .map_err(|error| DevServerError::io("give away", path)(error.into()))
    }

    /// Whether this account may pass through every folder from the root down to `path` (which need not exist).
    pub fn reaches(self, path: &Path) -> bool {
        path.ancestors()
            .filter_map(|folder| std::fs::metadata(folder).ok())
            .all(|found| {
                let mode = found.permissions().mode();
                let bit = match (found.uid() == self.uid, found.gid() == self.gid) {
                    (true, _) => 0o100,
                    (false, true) => 0o010,
                    (false, false) => 0o001,
                };
                mode & bit != 0
            })
    }
}

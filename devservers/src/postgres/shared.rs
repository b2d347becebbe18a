//! One server for all test processes.
//!
//! `cargo xtask test` starts one and announces it in [`TEST_POSTGRES`]. Without that, the first test process starts
//! one that outlives it, the others join, and it ends by itself two minutes after the last of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

use crate::error::DevServerError;
use crate::home::Home;
use crate::postgres::cluster::write_private;
use crate::postgres::{Postgres, PostgresOptions};
use crate::scratch::{Scratch, open_lock};
use crate::watchdog::{Idle, StopBy, start_idle};

/// The environment variable with the administrative address of the server that tests are to use.
pub const TEST_POSTGRES: &str = "OPSTELLA_TEST_POSTGRES";

/// How often a process says that it still uses the server.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a joiner needs to know.
#[derive(Serialize, Deserialize)]
struct Announcement {
    admin_url: String,
    heartbeat: PathBuf,
}

/// The administrative address of the shared server, which is started if need be.
pub(crate) async fn admin_url() -> Result<&'static str, DevServerError> {
    static URL: OnceCell<String> = OnceCell::const_new();
    let url = URL.get_or_try_init(|| async {
        match std::env::var(TEST_POSTGRES) {
            Ok(url) if !url.is_empty() => Ok(url),
            _ => join_or_start().await,
        }
    });
    Ok(url.await?.as_str())
}

async fn join_or_start() -> Result<String, DevServerError> {
    let home = Home::find()?;
    let folder = home.join(&format!("test-postgres-{}", nix::unistd::geteuid()));
    std::fs::create_dir_all(&folder).map_err(DevServerError::io("create", &folder))?;
    let lock_path = folder.join("lock");
    let lock = open_lock(&lock_path)?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
        .await?
        .map_err(DevServerError::io("lock", &lock_path))?;

    let file = folder.join("server.json");
    let announced = std::fs::read(&file)
        .ok()
        .and_then(|text| serde_json::from_slice::<Announcement>(&text).ok());
    if let Some(found) = announced
        && touch(&found.heartbeat)
        && answers(&found.admin_url).await
    {
        keep_touching(found.heartbeat);
        return Ok(found.admin_url);
    }
    let server = Postgres::start(PostgresOptions::throwaway()).await?;
    let announcement = Announcement {
        admin_url: server.url("postgres"),
        heartbeat: server.folder().join("heartbeat"),
    };
    File::create(&announcement.heartbeat).map_err(DevServerError::io("create", &announcement.heartbeat))?;
    let text = serde_json::to_string(&announcement).unwrap_or_default();
    let next = folder.join("server.json.next");
    write_private(&next, &text)?;
    detach(server, &announcement.heartbeat, &lock_path)?;
    std::fs::rename(&next, &file).map_err(DevServerError::io("rename", &next))?;
    keep_touching(announcement.heartbeat);
    drop(lock);
    Ok(announcement.admin_url)
}

fn detach(server: Postgres, heartbeat: &Path, lock: &Path) -> Result<(), DevServerError> {
    let Some((mut cluster, pid)) = server.into_parts() else {
        return Ok(());
    };
    let data = cluster.data();
    let Some((folder, held)) = cluster.scratch.take().and_then(Scratch::release) else {
        return Ok(());
    };
    let marker = data.to_string_lossy().into_owned();
    start_idle(
        Idle {
            marker: &marker,
            pid,
            heartbeat,
            lock,
            remove: &folder,
        },
        StopBy::Quit,
        held,
    )
}

async fn answers(url: &str) -> bool {
    let connecting = tokio::time::timeout(Duration::from_secs(10), PgConnection::connect(url)).await;
    match connecting {
        Ok(Ok(connection)) => connection.close().await.is_ok(),
        _ => false,
    }
}

/// Sets the file's time to now; `false` when it is gone.
fn touch(path: &Path) -> bool {
    File::options()
        .write(true)
        .open(path)
        .is_ok_and(|file| file.set_modified(SystemTime::now()).is_ok())
}

/// Says so for as long as this process lives.
fn keep_touching(heartbeat: PathBuf) {
    std::thread::spawn(move || {
        while touch(&heartbeat) {
            std::thread::sleep(HEARTBEAT);
        }
    });
}

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! Private PostgreSQL servers: start, crash, restart, stop, share.

use std::time::{Duration, Instant};

use opstella_devservers::postgres::{Postgres, PostgresOptions, test_database};
use sqlx::{Connection, PgConnection};

async fn ask(url: &str, statement: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    answer
}

async fn run(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn starts_twice_in_a_row_and_leaves_nothing() {
    for _ in 0..2 {
        let server = Postgres::start(PostgresOptions::throwaway().set("work_mem", "3MB"))
            .await
            .unwrap();
        let (folder, pid) = (server.folder().to_path_buf(), server.pid().unwrap());
        let url = server.create_database("with \"quotes\"").await.unwrap();
        assert!(url.contains(&server.port().to_string()));
        assert_eq!(ask(&server.url("postgres"), "SHOW work_mem").await, "3MB");
        assert_eq!(ask(&server.url("postgres"), "SHOW fsync").await, "off");
        server.stop().await.unwrap();
        assert!(!folder.exists(), "{} is left", folder.display());
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[tokio::test]
async fn refuses_a_wrong_password() {
    let server = Postgres::start(PostgresOptions::throwaway()).await.unwrap();
    let wrong = server.url("postgres").replace(server.password(), "guess");
    assert!(PgConnection::connect(&wrong).await.is_err());
}

#[tokio::test]
async fn a_crash_keeps_committed_rows_and_the_port() {
    let mut server = Postgres::start(PostgresOptions::durable()).await.unwrap();
    let (url, port) = (server.url("postgres"), server.port());
    assert_eq!(ask(&url, "SHOW synchronous_commit").await, "on");
    run(
        &url,
        "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')",
    )
    .await;
    let mut idle = PgConnection::connect(&url).await.unwrap();
    server.kill().await.unwrap();
    assert!(
        sqlx::query("SELECT 1").execute(&mut idle).await.is_err(),
        "the connection survived a crash"
    );
    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(ask(&url, "SELECT word FROM kept").await, "here");
    server.restart().await.unwrap();
    assert_eq!(ask(&url, "SELECT word FROM kept").await, "here");
}

#[tokio::test]
async fn a_persistent_server_is_there_again() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let options = PostgresOptions {
        data_dir: Some(folder.path().join("db")),
        durable: true,
        persistent: true,
        settings: vec![],
    };
    let first = Postgres::start(options.clone()).await.unwrap();
    run(
        &first.url("postgres"),
        "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')",
    )
    .await;
    drop(first);
    let second = Postgres::start(options).await.unwrap();
    assert_eq!(
        ask(&second.url("postgres"), "SELECT word FROM kept").await,
        "here"
    );
}

#[tokio::test]
async fn a_folder_that_the_account_cannot_reach_is_replaced() {
    // tempfile makes it 0700 for us; as root, PostgreSQL's account cannot enter.
    let private = tempfile::tempdir_in("/var/tmp").unwrap();
    let options = PostgresOptions {
        data_dir: Some(private.path().join("db")),
        ..PostgresOptions::throwaway()
    };
    let server = Postgres::start(options).await.unwrap();
    let folder = server.folder().to_path_buf();
    assert_eq!(ask(&server.url("postgres"), "SELECT 'yes'").await, "yes");
    drop(server);
    assert!(!folder.exists(), "{} is left", folder.display());
}

#[tokio::test]
async fn two_users_of_the_shared_server_do_not_meet() {
    let (one, two) = tokio::join!(test_database(), test_database());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.name, two.name);
    run(&one.url, "CREATE TABLE mine (n int)").await;
    assert_eq!(
        ask(&two.url, "SELECT coalesce(to_regclass('mine')::text, 'none')").await,
        "none"
    );
    let (admin, name) = (two.admin_url().to_owned(), two.name.clone());
    let mut connected = PgConnection::connect(&two.url).await.unwrap();
    drop(two);
    assert!(
        sqlx::query("SELECT 1").execute(&mut connected).await.is_err(),
        "a connection must not keep it"
    );
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// Runs itself again, in the process that is killed.
#[tokio::test]
async fn kill_minus_nine_of_the_holder_stops_the_server() {
    const NOTE: &str = "OPSTELLA_TEST_HOLD";
    if let Some(note) = std::env::var_os(NOTE) {
        let server = Postgres::start(PostgresOptions::throwaway()).await.unwrap();
        std::fs::write(
            note,
            format!("{} {}\n", server.pid().unwrap(), server.folder().display()),
        )
        .unwrap();
        return std::future::pending().await;
    }
    let place = tempfile::tempdir().unwrap();
    let note = place.path().join("note");
    let mut holder = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_minus_nine_of_the_holder_stops_the_server"])
        .env(NOTE, &note)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let told = until("the holder's server", || {
        std::fs::read_to_string(&note)
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    let (pid, folder) = told.trim().split_once(' ').unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    holder.kill().unwrap();
    holder.wait().unwrap();
    until("the end of the server", || {
        let gone = std::fs::read(format!("/proc/{pid}/cmdline")).map_or(true, |line| line.is_empty());
        (gone && !std::path::Path::new(folder).exists()).then_some(())
    });
}

fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Some(found) = condition() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} did not come");
}

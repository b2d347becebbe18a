//! A database that another version of Opstella migrated.

use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_journal::{SchemaState, migrate, schema_state};
use sqlx::{Executor, PgPool};

use crate::support::process::run;

fn refused(database: &TestDatabase) -> String {
    let output = run(database, &["projections", "status"]);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_another_version_is_told_from_ours() {
    let database = test_database().await.unwrap();
    let pool = PgPool::connect(&database.url).await.unwrap();
    let state = async || schema_state(&pool).await.unwrap();
    assert_eq!(state().await, SchemaState::Older);
    migrate(&pool).await.unwrap();
    assert_eq!(state().await, SchemaState::Current);
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (99999, 'later', true, '', 0)";
    pool.execute(later).await.unwrap();
    assert_eq!(state().await, SchemaState::Newer);
    let said = refused(&database);
    assert!(said.contains("a later version of Opstella"), "{said}");
    pool.execute("DELETE FROM _sqlx_migrations WHERE version >= (SELECT max(version) - 1 FROM _sqlx_migrations WHERE version < 99999)")
        .await
        .unwrap();
    assert_eq!(state().await, SchemaState::Older);
    let said = refused(&database);
    assert!(said.contains("run `opstella migrate`"), "{said}");
}

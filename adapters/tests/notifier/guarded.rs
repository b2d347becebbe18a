//! What must not happen: calls into our own network, and secrets where they do not belong.

use std::io;
use std::sync::{Arc, Mutex};

use sqlx::Row;

use crate::receiver::{Receiver, Reply};
use crate::world::{KEY, World, secret};

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_connected_to() {
    let mut world = World::new().await;
    world.options.allow_private = false;
    world.options.max_rejections = 2;
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let process = world.process().await;
    for (name, host) in [
        ("literal", "127.0.0.1"),
        ("number", "2130706433"),
        ("mapped", "[::ffff:127.0.0.1]"),
        ("name", "localhost"),
    ] {
        world
            .subscribe(name, &format!("http://{host}:{port}/hook"), &["Project.*"])
            .await;
    }
    world.grant("bob").await;
    for name in ["literal", "number", "mapped", "name"] {
        let all = world.until(name, &["dead"]).await;
        let error = all[0].last_error.as_ref().unwrap();
        assert!(error.contains("notifications.allow_private"), "{name}: {error}");
    }
    assert_eq!(receiver.connections(), 0);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_without_tls_have_to_be_allowed() {
    let mut world = World::new().await;
    world.options.allow_http = false;
    world.options.max_rejections = 1;
    let receiver = Receiver::start().await;
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    let all = world.until("chat", &["dead"]).await;
    assert!(all[0].last_error.as_ref().unwrap().contains("without TLS"));
    assert_eq!(receiver.connections(), 0);
    process.end().await;
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_log_or_in_any_table() {
    let log = Log::default();
    let writer = log.clone();
    let logging = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .try_init();
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::Status(500), Reply::Status(422)]);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    world.until("chat", &["delivered"]).await;
    process.end().await;

    let secret = secret("chat", 1);
    let mut shown = String::new();
    for table in [
        "events",
        "snapshots",
        "idempotency_keys",
        "notification_key",
        "notification_subscriptions",
        "notification_deliveries",
    ] {
        let sql = format!("SELECT t::text FROM {table} t");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&world.pool)
            .await
            .unwrap();
        rows.iter().for_each(|row| shown.push_str(row.get(0)));
    }
    assert!(shown.contains("SubscriptionCreated"));
    if logging.is_ok() {
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("not delivered"), "{log}");
        shown.push_str(&log);
    }
    let bare = secret.strip_prefix("whsec_").unwrap();
    for hidden in [KEY, bare] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
}

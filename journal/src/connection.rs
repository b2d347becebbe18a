//! What every connection to PostgreSQL asks of it.

use sqlx::postgres::PgConnectOptions;

/// So that a host which vanishes without a word (power, network) holds neither locks nor a transaction for long: PostgreSQL
/// asks after a silent client from ten seconds on, and ends a connection that does not answer within about half a minute, or
/// leaves a transaction idle for a minute. By itself it would find out after two hours, and until then no other process
/// could take over, nor any follower of the journal read on. Times are in seconds, or in the unit that they name:
/// <https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP>,
/// <https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT>.
const SETTINGS: [(&str, &str); 5] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "60s"),
];

/// The same options, for connections that do not outlive their host. Whoever opens the pool asks for this; all that
/// connect beside the pool take its options.
#[must_use]
pub fn mortal(options: PgConnectOptions) -> PgConnectOptions {
    options.options(SETTINGS)
}

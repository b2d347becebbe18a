//! Ctrl-C and requests to terminate.

use tokio::signal::unix::{SignalKind, signal};

/// Comes back when we are asked to end. Servers that are started must then be dropped, not abandoned.
pub async fn requested() {
    tokio::select! {
        () = wait_for(SignalKind::interrupt()) => {}
        () = wait_for(SignalKind::terminate()) => {}
        () = wait_for(SignalKind::hangup()) => {}
    }
}

async fn wait_for(kind: SignalKind) {
    match signal(kind) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        // Without a handler the signal ends us, and the watchdogs end the servers.
        Err(_) => std::future::pending().await,
    }
}

//! Ctrl-C and requests to terminate.

use tokio::signal::unix::{SignalKind, signal};

/// Who was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Everybody in the terminal's foreground: Ctrl-C.
    Everybody,
    /// This process alone, presumably.
    Us,
}

/// Comes back when we are asked to end. Servers that are started must then be dropped, not abandoned.
pub async fn requested() -> Request {
    tokio::select! {
        () = wait_for(SignalKind::interrupt()) => Request::Everybody,
        () = wait_for(SignalKind::terminate()) => Request::Us,
        () = wait_for(SignalKind::hangup()) => Request::Us,
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

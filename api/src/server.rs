//! The HTTP server.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use crate::http::observe::observe;
use crate::routes;
use crate::state::AppState;

/// A bound server.
pub struct Http {
    /// Resolves when it has stopped.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Http {
    /// Binds the configured address; port 0 takes a free one.
    ///
    /// # Errors
    /// Where the address is not to be had.
    pub fn bind(state: &Data<AppState>) -> std::io::Result<Self> {
        let config = &state.config.server;
        let listener = TcpListener::bind(config.listen)?;
        let address = listener.local_addr()?;
        let app_state = state.clone();
        let mut server = HttpServer::new(move || {
            App::new()
                .app_data(app_state.clone())
                .configure(routes::configure)
                .wrap(from_fn(observe))
        })
        .disable_signals()
        .client_request_timeout(Duration::from_secs(10))
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(config.shutdown_grace_seconds)
        .max_connections(10_000);
        if config.workers > 0 {
            server = server.workers(config.workers);
        }
        Ok(Self {
            server: server.listen(listener)?.run(),
            address,
        })
    }

    /// What stops it.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }
}

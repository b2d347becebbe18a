//! Free ports.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::DevServerError;

/// A port on loopback that was free a moment ago. Whoever uses it must cope with another process being faster.
///
/// # Errors
/// When the system gives none.
pub fn free() -> Result<u16, DevServerError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(DevServerError::io("take a free port on", "127.0.0.1"))
}

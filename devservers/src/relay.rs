//! A relay in front of a server, which can fall silent as the host of a server does that vanishes: clients' connections stay
//! open, and nothing comes.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::DevServerError;

/// A relay; what goes through it is closed when it is dropped.
pub struct Relay {
    address: SocketAddr,
    silences: watch::Sender<u32>,
    relaying: JoinHandle<()>,
}

impl Relay {
    /// A relay to that server, on a free port of loopback.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start(to: SocketAddr) -> Result<Self, DevServerError> {
        let failed = DevServerError::io("listen on", "127.0.0.1");
        let listening = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = listening.await.map_err(failed)?;
        let silences = watch::Sender::new(0);
        let relaying = tokio::spawn(relay(listener, to, silences.clone()));
        Ok(Self {
            address,
            silences,
            relaying,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing goes through the connections that there are, and the server's ends of them are closed; new ones
    /// work.
    pub fn fall_silent(&self) {
        self.silences.send_modify(|times| *times += 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.relaying.abort();
    }
}

async fn relay(listener: TcpListener, to: SocketAddr, silences: watch::Sender<u32>) {
    let mut connections = JoinSet::new();
    while let Ok((mut here, _)) = listener.accept().await {
        let mut silence = silences.subscribe();
        connections.spawn(async move {
            let Ok(mut there) = TcpStream::connect(to).await else {
                return;
            };
            tokio::select! {
                _ = copy_bidirectional(&mut here, &mut there) => return,
                _ = silence.changed() => {}
            }
            drop(there);
            // Held open until the relay goes.
            std::future::pending::<()>().await;
        });
    }
}

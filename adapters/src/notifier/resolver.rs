//! Names of receivers, resolved to addresses that may be sent to.
//!
//! What is checked here is what is connected to: a name that answers differently the next time gains nothing by it.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

use super::address::is_public;

/// A receiver that may not be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the receiver's address is private, loopback, link-local or otherwise not of the internet; an operator can allow \
     such with notifications.allow_private"
)]
pub(super) struct NotPublic;

/// Resolves by the system, and keeps public addresses only.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Refuses a URL with a literal address that is not public: those are not resolved.
///
/// # Errors
/// [`NotPublic`].
pub(super) fn check_literal(url: &Url) -> Result<(), NotPublic> {
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    if public { Ok(()) } else { Err(NotPublic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_host_is_refused() {
        let refused = PublicOnly.resolve("localhost".parse().unwrap()).await;
        let error = refused.err().unwrap();
        assert_eq!(error.downcast_ref::<NotPublic>(), Some(&NotPublic));
    }

    #[test]
    fn addresses_are_checked_however_they_are_written() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert_eq!(check_literal(&url.parse().unwrap()), Err(NotPublic), "{url}");
        }
        for url in ["https://chat.example/", "https://1.1.1.1/"] {
            assert_eq!(check_literal(&url.parse().unwrap()), Ok(()), "{url}");
        }
    }
}

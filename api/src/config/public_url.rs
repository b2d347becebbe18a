//! What follows from where people reach Opstella.

use url::{Host, Url};

/// Whether people reach it by plain HTTP on their own machine: browsers take no `Secure` cookie there.
pub(crate) fn is_plain_loopback(public_url: &Url) -> bool {
    let loopback = match public_url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    loopback && public_url.scheme() == "http"
}

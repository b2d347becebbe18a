//! Where a request comes from: the peer, or what a proxy says that we trust. Worked out once a request.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;
use actix_web::{HttpMessage, HttpRequest};
use opstella_commands::address_block;

use crate::config::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Hops that are looked at.
const MOST_HOPS: usize = 32;

/// Where a request comes from, as the outermost layer found.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The peer, if it is not trusted; else the right-most hop that is not, as each hop appends whom it was asked by,
    /// and what is left of it anybody may have written. Where a hop is no address, the one that said so.
    pub fn find(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[Network]) -> Option<Self> {
        let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
        let mut last = peer?.ip().to_canonical();
        if !is_trusted(last) {
            return Some(Self(last));
        }
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops.take(MOST_HOPS) {
            let Some(address) = parse(hop.trim()) else {
                break;
            };
            last = address;
            if !is_trusted(last) {
                break;
            }
        }
        Some(Self(last))
    }
}

/// An address, perhaps with a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let address = bare.unwrap_or(hop).parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// Where a request comes from, for the record.
pub fn of(request: &HttpRequest) -> Option<String> {
    let address = request.extensions().get::<ClientAddress>().copied();
    address.map(|ClientAddress(address)| address.to_string())
}

/// Whom a request counts against where it is not known who asks: a bucket for each purpose, and each address.
pub fn bucket(request: &HttpRequest, purpose: &str) -> String {
    let address = of(request).unwrap_or_default();
    format!("{purpose}:{}", address_block(&address))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn found(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"].map(|text| text.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                HeaderName::from_static(FORWARDED_FOR),
                HeaderValue::from_str(line).unwrap(),
            );
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        let found = ClientAddress::find(Some(peer), &headers, &trusted);
        found.unwrap().0.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        for (peer, lines, address) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.1.2.3", &["198.51.100.7"], "198.51.100.7"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            // What the browser wrote itself is left of what the proxy appended.
            ("10.1.2.3", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            ("10.1.2.3", &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            ("10.1.2.3", &["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
            (
                "10.1.2.3",
                &["203.0.113.9, 198.51.100.7, 10.9.9.9"],
                "198.51.100.7",
            ),
            ("10.1.2.3", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.1.2.3", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.1.2.3", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.1.2.3", &["::ffff:198.51.100.7"], "198.51.100.7"),
            // Who is no address is not followed.
            ("10.1.2.3", &["198.51.100.7, unknown"], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.7, unknown, 10.4.4.4"], "10.4.4.4"),
            ("10.1.2.3", &[""], "10.1.2.3"),
            ("10.1.2.3", &["10.5.5.5, 10.4.4.4"], "10.5.5.5"),
        ] {
            assert_eq!(found(peer, lines), address, "{peer} {lines:?}");
        }
    }
}

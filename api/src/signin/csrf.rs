//! Telling our own pages' requests from those that other sites make a browser send.

use actix_web::http::header::{HeaderMap, ORIGIN};
use subtle::ConstantTimeEq;
use url::Url;

use super::SignInError;
use super::secret::Secret;

const TOKEN: &str = "x-csrf-token";

/// The token of a session: it follows from the session's id, which no page can read.
pub(super) fn token(session: &Secret) -> String {
    session.derive("csrf")
}

/// Takes a request only with the session's token, and not from another site.
pub(super) fn check(headers: &HeaderMap, public_url: &Url, expected: &str) -> Result<(), SignInError> {
    check_origin(headers, public_url)?;
    let mut given = headers.get_all(TOKEN);
    let same = match (given.next(), given.next()) {
        (Some(one), None) => bool::from(one.as_bytes().ct_eq(expected.as_bytes())),
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(SignInError::CrossSite(
        "X-CSRF-Token is missing or is not this session's",
    ))
}

/// What the browser itself says of where a request comes from.
pub(super) fn check_origin(headers: &HeaderMap, public_url: &Url) -> Result<(), SignInError> {
    if headers
        .get_all("sec-fetch-site")
        .any(|site| site != "same-origin")
    {
        return Err(SignInError::CrossSite("the request comes from another site"));
    }
    let ours = public_url.origin().ascii_serialization();
    if headers.get_all(ORIGIN).any(|origin| origin != ours.as_str()) {
        return Err(SignInError::CrossSite(
            "the request's Origin is not that of server.public_url",
        ));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn taken(headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        check(&map, &"https://opstella.example.com/x".parse().unwrap(), "t").is_ok()
    }

    #[test]
    fn both_the_token_and_the_origin_count() {
        let token = (TOKEN, "t");
        assert!(taken(&[token]));
        assert!(taken(&[token, ("sec-fetch-site", "same-origin")]));
        assert!(taken(&[token, ("origin", "https://opstella.example.com")]));
        for wrong in [
            &[][..],
            &[(TOKEN, "")],
            &[(TOKEN, "T")],
            &[(TOKEN, "t"), (TOKEN, "t")],
            &[token, ("sec-fetch-site", "cross-site")],
            &[token, ("sec-fetch-site", "same-site")],
            &[token, ("sec-fetch-site", "none")],
            &[token, ("origin", "null")],
            &[token, ("origin", "http://opstella.example.com")],
            &[token, ("origin", "https://opstella.example.com.evil.example")],
            &[("origin", "https://opstella.example.com")],
        ] {
            assert!(!taken(wrong), "{wrong:?}");
        }
    }
}

//! Signatures and shared secrets, compared in a time that says nothing of them.

use actix_web::HttpRequest;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Hashed where there is no secret.
const NOBODYS: &str = "nobody signs with this";

/// A header that is there exactly once.
pub(super) fn only<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut all = request.headers().get_all(name);
    let value = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(value)
}

/// Whether this is the HMAC-SHA256 of the body, in hexadecimal. Without a secret nothing is; that takes as long.
pub(super) fn signs(secret: Option<&SecretString>, body: &[u8], signature: &str) -> bool {
    let Ok(signature) = hex::decode(signature.trim()) else {
        return false;
    };
    let key = secret.map_or(NOBODYS, |secret| secret.expose_secret());
    let Ok(mut hash) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return false;
    };
    hash.update(body);
    hash.verify_slice(&signature).is_ok() & secret.is_some()
}

/// Whether this is the secret. Digests are compared, so that not even its length is told.
pub(super) fn is(secret: Option<&SecretString>, given: &str) -> bool {
    let key = secret.map_or(NOBODYS, |secret| secret.expose_secret());
    let (kept, given) = (Sha256::digest(key), Sha256::digest(given));
    bool::from(kept.as_slice().ct_eq(given.as_slice())) & secret.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_signature_signs() {
        // RFC 4231, test case 2.
        let (secret, body) = (SecretString::from("Jefe"), b"what do ya want for nothing?");
        let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(signs(Some(&secret), body, right));
        assert!(signs(Some(&secret), body, &right.to_uppercase()));
        assert!(!signs(Some(&secret), b"something else", right));
        assert!(!signs(Some(&SecretString::from("jefe")), body, right));
        for wrong in ["", "5b", "zz", &right[..62], &format!("{right}00")] {
            assert!(!signs(Some(&secret), body, wrong), "{wrong}");
        }
    }

    #[test]
    fn nobody_signs_where_there_is_no_secret() {
        let nobody = SecretString::from(NOBODYS);
        let mut hash = Hmac::<Sha256>::new_from_slice(NOBODYS.as_bytes()).unwrap();
        hash.update(b"body");
        let signature = hex::encode(hash.finalize().into_bytes());
        assert!(signs(Some(&nobody), b"body", &signature));
        assert!(!signs(None, b"body", &signature));
        assert!(!is(None, NOBODYS) && !is(None, ""));
    }

    #[test]
    fn only_the_secret_is_the_secret() {
        let secret = SecretString::from("abc");
        assert!(is(Some(&secret), "abc"));
        assert!(!is(Some(&secret), "abcd") && !is(Some(&secret), "ab") && !is(Some(&secret), ""));
    }
}

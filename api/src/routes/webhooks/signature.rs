//! Signatures and shared secrets, compared in a time that says nothing of them.

use actix_web::HttpRequest;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A header that is there exactly once.
pub(super) fn only<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut all = request.headers().get_all(name);
    let value = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(value)
}

/// Whether this is the HMAC-SHA256 of the body, in hexadecimal.
pub(super) fn signs(secret: &SecretString, body: &[u8], signature: &str) -> bool {
    let Ok(signature) = hex::decode(signature.trim()) else {
        return false;
    };
    let Ok(mut hash) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return false;
    };
    hash.update(body);
    hash.verify_slice(&signature).is_ok()
}

/// Whether this is the secret. Digests are compared, so that not even its length is told.
pub(super) fn is(secret: &SecretString, given: &str) -> bool {
    let (secret, given) = (Sha256::digest(secret.expose_secret()), Sha256::digest(given));
    secret.as_slice().ct_eq(given.as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_signature_signs() {
        // RFC 4231, test case 2.
        let (secret, body) = (SecretString::from("Jefe"), b"what do ya want for nothing?");
        let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(signs(&secret, body, right));
        assert!(signs(&secret, body, &right.to_uppercase()));
        assert!(!signs(&secret, b"something else", right));
        assert!(!signs(&SecretString::from("jefe"), body, right));
        for wrong in ["", "5b", "zz", &right[..62], &format!("{right}00")] {
            assert!(!signs(&secret, body, wrong), "{wrong}");
        }
    }

    #[test]
    fn only_the_secret_is_the_secret() {
        let secret = SecretString::from("abc");
        assert!(is(&secret, "abc"));
        assert!(!is(&secret, "abcd") && !is(&secret, "ab") && !is(&secret, ""));
    }
}

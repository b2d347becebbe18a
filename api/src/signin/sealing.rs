//! Encryption of what is stored: XChaCha20-Poly1305 with `session.key`.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::{ConfigError, session_key};

const NONCE: usize = 24;

/// Seals and opens.
pub(super) struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// With this key; without one, with a random one that ends with the process.
    pub fn new(key: Option<&SecretString>) -> Result<Self, ConfigError> {
        let key = match key {
            Some(key) => session_key(key)?,
            None => rand::random(),
        };
        Ok(Self(XChaCha20Poly1305::new(&Key::from(key))))
    }

    /// Seals a value. It opens only together with `about`, the row that it belongs to.
    pub fn seal(&self, value: &impl Serialize, about: &[u8]) -> Option<Vec<u8>> {
        let plain = serde_json::to_vec(value).ok()?;
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload {
            msg: &plain,
            aad: about,
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Opens; `None` where it was sealed with another key, belongs to another row, or was changed.
    pub fn open<T: DeserializeOwned>(&self, sealed: &[u8], about: &[u8]) -> Option<T> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: about,
        };
        let plain = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_row_open() {
        let (ours, other) = (Sealer::new(None).unwrap(), Sealer::new(None).unwrap());
        let sealed = ours.seal(&"token", b"row").unwrap();
        assert_eq!(ours.open::<String>(&sealed, b"row").as_deref(), Some("token"));
        assert_eq!(ours.open::<String>(&sealed, b"another"), None);
        assert_eq!(other.open::<String>(&sealed, b"row"), None);
        let mut changed = sealed.clone();
        changed[30] ^= 1;
        assert_eq!(ours.open::<String>(&changed, b"row"), None);
        assert_eq!(ours.open::<String>(b"short", b"row"), None);
        assert!(!String::from_utf8_lossy(&sealed).contains("token"));
        assert_ne!(sealed, ours.seal(&"token", b"row").unwrap());
    }
}

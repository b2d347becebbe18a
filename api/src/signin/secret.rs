//! Random values that a browser holds, of which we keep a digest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Characters of 256 bits in base64url.
const LENGTH: usize = 43;

/// 256 random bits, as text.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    /// A new one.
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// What a browser sent; `None` where it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == LENGTH && URL_SAFE_NO_PAD.decode(text).is_ok();
        fits.then(|| Self(text.to_owned()))
    }

    /// The text: for the browser only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored.
    pub fn digest(&self) -> [u8; 32] {
        digest(self.0.as_bytes())
    }

    /// Another value that follows from this one, and from which this one does not follow.
    pub fn derive(&self, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(digest(format!("{purpose}:{}", self.0).as_bytes()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// SHA-256.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

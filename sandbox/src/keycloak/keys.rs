//! The realm's signing key, made when it is first needed.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::EncodePublicKey;
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const BITS: usize = 2048;

/// An RSA key pair.
pub(crate) struct Keys {
    id: String,
    encoding: EncodingKey,
    public_der: Vec<u8>,
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
}

// One key a process, not one a sandbox: making it costs a noticeable part of a second in a debug build.
static REALM: LazyLock<Keys> = LazyLock::new(Keys::make);
static FOREIGN: LazyLock<Keys> = LazyLock::new(Keys::make);

/// The realm's key.
pub(crate) fn realm() -> &'static Keys {
    &REALM
}

/// A key that no JWKS lists.
pub(crate) fn foreign() -> &'static Keys {
    &FOREIGN
}

impl Keys {
    fn make() -> Self {
        let mut rng = rand::rng();
        loop {
            // Neither step fails with this size and the system's randomness; there is nothing to report to.
            let Ok(private) = rsa::PrivateKey::new(&mut rng, BITS) else {
                continue;
            };
            let public = private.to_public_key();
            let (Ok(private_der), Ok(public_der)) = (private.to_pkcs1_der(), public.to_public_key_der())
            else {
                continue;
            };
            let modulus = public.n_bytes();
            let id = URL_SAFE_NO_PAD.encode(Sha256::digest(&modulus));
            return Self {
                id,
                encoding: EncodingKey::from_rsa_der(private_der.as_bytes()),
                public_der: public_der.as_bytes().to_vec(),
                exponent: public.e_bytes(),
                modulus,
            };
        }
    }

    /// `kid`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(crate) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_rsa_raw_components(&self.modulus, &self.exponent)
    }

    /// The public key as Keycloak's realm page shows it: base64 of its DER form.
    pub(crate) fn public_key_base64(&self) -> String {
        STANDARD.encode(&self.public_der)
    }

    /// The set with this key alone, under this id.
    pub(crate) fn jwks(&self, kid: &str) -> Value {
        json!({"keys": [{
            "kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig",
            "n": URL_SAFE_NO_PAD.encode(&self.modulus), "e": URL_SAFE_NO_PAD.encode(&self.exponent),
        }]})
    }
}

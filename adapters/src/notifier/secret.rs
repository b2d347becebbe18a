//! Secrets that sign notifications: derived from one key, the subscription and a number. None is stored.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use opstella_domain::subscription::SubscriptionKey;
use rand::RngExt;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use thiserror::Error;

/// Fewest bytes of a configured key.
const SHORTEST: usize = 32;
/// In front of every secret, as Standard Webhooks writes them.
const PREFIX: &str = "whsec_";

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The configured one is too short.
    #[error("has to be at least {SHORTEST} bytes long; `openssl rand -base64 48` makes one")]
    Short,
    /// The table of the kept one cannot be read.
    #[error("the key that signs notifications cannot be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// What all secrets are derived from. Cheap to clone, and never shown.
#[derive(Debug, Clone)]
pub struct SigningKey(Arc<SecretBox<Vec<u8>>>);

impl SigningKey {
    /// The configured key.
    ///
    /// # Errors
    /// [`KeyError::Short`].
    pub fn configured(key: &SecretString) -> Result<Self, KeyError> {
        let bytes = key.expose_secret().as_bytes();
        if bytes.len() < SHORTEST {
            return Err(KeyError::Short);
        }
        Ok(Self::of(bytes.to_vec()))
    }

    /// The key that is kept in the database; made now where there is none.
    ///
    /// # Errors
    /// [`KeyError::Database`].
    pub async fn kept(pool: &PgPool) -> Result<Self, KeyError> {
        let new: [u8; 32] = rand::rng().random();
        sqlx::query("INSERT INTO notification_key (key) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(new.as_slice())
            .execute(pool)
            .await?;
        let key: Vec<u8> = sqlx::query_scalar("SELECT key FROM notification_key")
            .fetch_one(pool)
            .await?;
        Ok(Self::of(key))
    }

    fn of(key: Vec<u8>) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(key))))
    }

    /// A subscription's secret of that number, as its receiver is told it: `whsec_…`.
    pub fn secret(&self, key: &SubscriptionKey, number: u32) -> SecretString {
        let secret = self.bytes(key, number);
        format!("{PREFIX}{}", STANDARD.encode(secret.expose_secret())).into()
    }

    fn bytes(&self, key: &SubscriptionKey, number: u32) -> SecretBox<[u8; 32]> {
        let what = format!("opstella webhook secret 1\n{key}\n{number}");
        SecretBox::new(Box::new(mac(self.0.expose_secret(), &[what.as_bytes()])))
    }

    /// `webhook-signature` of a message: one signature for each of these secrets.
    pub(super) fn sign(
        &self,
        key: &SubscriptionKey,
        numbers: &[u32],
        id: &str,
        timestamp: i64,
        body: &[u8],
    ) -> String {
        let head = format!("{id}.{timestamp}.");
        let one = |number: &u32| signature(self.bytes(key, *number).expose_secret(), &head, body);
        numbers.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

fn signature(secret: &[u8], head: &str, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(mac(secret, &[head.as_bytes(), body])))
}

/// HMAC-SHA256. The key is brought to the hash's block here (RFC 2104, section 2), which leaves nothing that can fail.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    let digest = Sha256::digest(key);
    let key = if key.len() > block.len() {
        digest.as_slice()
    } else {
        key
    };
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::configured(&SecretString::from("k".repeat(32))).unwrap()
    }

    /// The example in the tests of the Standard Webhooks libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.",
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// RFC 4231, test cases 2 and 6 (a key longer than a block).
    #[test]
    fn macs_are_those_of_the_rfc() {
        assert_eq!(
            hex::encode(mac(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex::encode(mac(&[0xaa; 131], &[text])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn each_subscription_and_number_has_its_own_secret() {
        let secret = |name: &str, number| {
            key()
                .secret(&name.parse().unwrap(), number)
                .expose_secret()
                .to_owned()
        };
        let all = [
            secret("chat", 1),
            secret("chat", 2),
            secret("payments/chat", 1),
            secret("chat", 11),
        ];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(
                STANDARD.decode(one.strip_prefix(PREFIX).unwrap()).unwrap().len(),
                32
            );
            assert!(!all.iter().skip(index + 1).any(|other| other == one));
        }
        assert_eq!(all[0], secret("chat", 1));
        assert!(!format!("{:?}", key()).contains("107"));
    }

    #[test]
    fn a_short_key_is_refused() {
        let short = SigningKey::configured(&SecretString::from("k".repeat(31)));
        assert!(matches!(short, Err(KeyError::Short)));
    }
}

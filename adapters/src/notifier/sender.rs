//! One attempt to deliver one event.

use std::error::Error;
use std::time::Duration;

use chrono::Utc;
use opstella_domain::subscription::{ReceiverUrl, Subscription, SubscriptionKey};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, header};
use url::Url;

use super::cloud_event::MEDIA_TYPE;
use super::resolver::{NotPublic, PublicOnly, check_literal};
use super::{NotifierOptions, SigningKey};
use crate::http::{innermost, install_tls, retry_after};

const CONNECT: Duration = Duration::from_secs(5);
/// How long an idle connection to a receiver is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Why there is no sender.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for notifications: {0}")]
pub struct SenderError(#[from] reqwest::Error);

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver has it: any 2xx, whatever the body.
    Delivered(u16),
    /// 410: the receiver wants no more.
    Gone,
    /// The receiver is away, slow or busy. It will be, one hopes, not for ever.
    Away {
        status: Option<u16>,
        reason: String,
        retry_after: Option<Duration>,
    },
    /// The receiver is there and says no, or may not be sent to.
    Rejected { status: Option<u16>, reason: String },
}

/// Sends. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sender {
    client: Client,
    options: NotifierOptions,
}

/// What is sent.
pub(super) struct Message<'a> {
    /// Of which subscription.
    pub key: &'a SubscriptionKey,
    /// That subscription, as it is now.
    pub subscription: &'a Subscription,
    /// Where to.
    pub url: &'a ReceiverUrl,
    /// The event's id.
    pub id: String,
    /// The CloudEvent.
    pub body: Vec<u8>,
}

impl Sender {
    /// A client that follows no redirects, uses no proxy, and connects to public addresses only unless told otherwise.
    pub fn new(options: &NotifierOptions) -> Result<Self, SenderError> {
        install_tls();
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(options.timeout)
            .redirect(Policy::none())
            .no_proxy()
            .https_only(!options.allow_http)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("opstella/", env!("CARGO_PKG_VERSION")));
        if !options.allow_private {
            builder = builder.dns_resolver(PublicOnly);
        }
        Ok(Self {
            client: builder.build()?,
            options: options.clone(),
        })
    }

    /// Sends it once. The answer's body is not read: nothing in it counts, and nobody is shown it.
    pub async fn send(&self, signing: &SigningKey, message: Message<'_>) -> Outcome {
        if let Err(reason) = self.check(message.url) {
            return Outcome::Rejected { status: None, reason };
        }
        let now = Utc::now();
        let numbers = message.subscription.secrets_at(now);
        let (id, timestamp) = (&message.id, now.timestamp());
        let signature = signing.sign(message.key, &numbers, id, timestamp, &message.body);
        let answer = self
            .client
            .post(message.url.as_str())
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(message.body)
            .send()
            .await;
        match answer {
            Ok(answer) => answered(answer.status(), retry_after(answer.headers(), now)),
            Err(error) => failed(&error),
        }
    }

    fn check(&self, url: &ReceiverUrl) -> Result<(), String> {
        if !url.is_https() && !self.options.allow_http {
            return Err("the receiver is without TLS; use https".to_owned());
        }
        if self.options.allow_private {
            return Ok(());
        }
        let url: Url = url
            .as_str()
            .parse()
            .map_err(|error| format!("the receiver's URL: {error}"))?;
        check_literal(&url).map_err(|error| error.to_string())
    }
}

fn answered(status: StatusCode, retry_after: Option<Duration>) -> Outcome {
    let code = status.as_u16();
    let busy = matches!(code, 408 | 425 | 429);
    if status.is_success() {
        Outcome::Delivered(code)
    } else if status == StatusCode::GONE {
        Outcome::Gone
    } else if busy || status.is_server_error() {
        Outcome::Away {
            status: Some(code),
            reason: format!("the receiver answered {status}"),
            retry_after,
        }
    } else {
        let hint = if status.is_redirection() {
            "; redirects are not followed: subscribe with the URL that it leads to"
        } else {
            ""
        };
        Outcome::Rejected {
            status: Some(code),
            reason: format!("the receiver answered {status}{hint}"),
        }
    }
}

fn failed(error: &reqwest::Error) -> Outcome {
    if let Some(refused) = not_public(error) {
        return Outcome::Rejected {
            status: None,
            reason: refused.to_string(),
        };
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    Outcome::Away {
        status: None,
        reason: format!("{what} ({})", innermost(error)),
        retry_after: None,
    }
}

fn not_public(error: &reqwest::Error) -> Option<NotPublic> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(*refused);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_mean_what_standard_webhooks_says() {
        let of = |code| answered(StatusCode::from_u16(code).unwrap(), None);
        for code in [200, 201, 202, 204, 299] {
            assert_eq!(of(code), Outcome::Delivered(code));
        }
        assert_eq!(of(410), Outcome::Gone);
        for code in [408, 425, 429, 500, 502, 503, 504] {
            assert!(
                matches!(of(code), Outcome::Away { status, .. } if status == Some(code)),
                "{code}"
            );
        }
        for code in [301, 302, 304, 307, 400, 401, 403, 404, 405, 413, 422] {
            assert!(
                matches!(of(code), Outcome::Rejected { status, .. } if status == Some(code)),
                "{code}"
            );
        }
    }
}

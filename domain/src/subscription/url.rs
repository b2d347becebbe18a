//! Where a receiver is.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::InvalidValue;
use crate::tool_connection::without_secrets;
use crate::values::text_value;

/// The URL of a receiver: http or https, without user, password, query and fragment. It is in events, and so no secret:
/// that a notification is genuine, its signature says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ReceiverUrl(#[schemars(length(min = 1, max = 2048))] String);

impl ReceiverUrl {
    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is sent there is encrypted on its way.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for ReceiverUrl {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let rule = "an https URL of at most 2048 bytes without user, password, query and fragment";
        let wrong = || InvalidValue::new("receiver URL", &without_secrets(value), rule);
        let url = Url::parse(value).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
        let bare = url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !plain || !bare || url.as_str().len() > 2048 {
            return Err(wrong());
        }
        Ok(Self(url.into()))
    }
}

text_value!(ReceiverUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_carry_no_credentials() {
        for fine in [
            "https://chat.example/hooks/1",
            "http://127.0.0.1:9000/",
            "https://[::1]/x",
        ] {
            let url: ReceiverUrl = fine.parse().unwrap();
            assert_eq!((url.as_str(), url.is_https()), (fine, fine.starts_with("https")));
        }
        for (wrong, shown) in [
            ("https://user:hunter2@x/y", "…@x/y"),
            ("https://x?token=hunter2", "https://x…"),
            ("https://x#hunter2", "https://x…"),
            ("ftp://x", "ftp://x"),
            ("x", "x"),
            ("", ""),
        ] {
            assert_eq!(wrong.parse::<ReceiverUrl>().unwrap_err().value, shown);
        }
        let long = format!("https://x/{}", "y".repeat(2048));
        assert!(long.parse::<ReceiverUrl>().is_err());
    }
}

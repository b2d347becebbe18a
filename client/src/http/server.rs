//! Where a server is.

use std::fmt;

use url::Url;

use crate::error::ClientError;

/// Where a server is: scheme, host, and the path that it is below, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl(Url);

impl ServerUrl {
    /// Parses what somebody typed.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let wrong = |why: &str| {
            ClientError::Usage(format!(
                "--server {text}: {why}; it is like https://opstella.example.com"
            ))
        };
        let mut url: Url = text.parse().map_err(|_| wrong("this is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("this is no HTTP address"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ClientError::Usage(
                "--server takes no user and password; log in with `opstella login`".to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has no query and no fragment"));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/api/v1").unwrap_or(path).to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The URL of an absolute path, which may have a query.
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_written_in_many_ways() {
        let read = |text: &str| ServerUrl::parse(text).map(|url| url.join("/api/v1/projects"));
        for text in [
            "https://o.example",
            "https://o.example/",
            "https://o.example/api/v1/",
        ] {
            assert_eq!(read(text).unwrap(), "https://o.example/api/v1/projects", "{text}");
        }
        assert_eq!(
            read("http://gate:8080/opstella").unwrap(),
            "http://gate:8080/opstella/api/v1/projects"
        );
        for wrong in [
            "o.example",
            "ftp://o.example",
            "https://a:b@o.example",
            "https://o.example?x=1",
            "",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

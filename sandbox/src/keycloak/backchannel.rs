//! Telling a client of a logout, by itself: the one thing that this stand-in sends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(5);

/// Posts a logout token to a URL on this machine. Whether that went well is only logged, as with Keycloak.
pub(super) fn call(url: String, token: String) {
    // Where a test asks the stand-in without a runtime, nobody listens either.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        match timeout(PATIENCE, post(&url, &token)).await {
            Ok(Ok(status)) => tracing::debug!(url, status, "a client was told of a logout"),
            Ok(Err(error)) => tracing::warn!(url, %error, "a client could not be told of a logout"),
            Err(_) => tracing::warn!(url, "a client took too long to be told of a logout"),
        }
    });
}

async fn post(url: &str, token: &str) -> std::io::Result<String> {
    let wrong = || std::io::Error::other("not an http URL");
    let url = Url::parse(url).map_err(|_| wrong())?;
    let (Some(host), Some(port), "http") = (url.host_str(), url.port_or_known_default(), url.scheme()) else {
        return Err(wrong());
    };
    let body = format!("logout_token={token}");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        url.path(),
        body.len()
    );
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

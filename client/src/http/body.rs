//! Reading answers in bounded memory.

use reqwest::Response;

/// Largest answer that is read.
const LARGEST: usize = 32 << 20;

/// The bytes of an answer.
pub(crate) async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| super::causes(&error.without_url()))?
    {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(format!("the answer has more than {LARGEST} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

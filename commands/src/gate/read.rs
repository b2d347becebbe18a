//! Reading what a child prints, up to a bound; what is beyond it is read and dropped, so that the child is not held up.

use tokio::io::{AsyncRead, AsyncReadExt};

/// The first `most` bytes.
pub(super) async fn bounded(mut from: impl AsyncRead + Unpin, most: usize) -> Vec<u8> {
    let (mut kept, mut part) = (Vec::new(), [0_u8; 4096]);
    while let Ok(count @ 1..) = from.read(&mut part).await {
        let room = most.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(part.get(..room).unwrap_or_default());
    }
    kept
}

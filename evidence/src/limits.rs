//! How much is taken.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::MultiGzDecoder;

use crate::ReportError;

/// Most bytes that a body may have as it is sent: 8 MiB.
pub const MAX_SENT: usize = 8 * 1024 * 1024;

/// Most bytes that a report may have once it is decompressed: 32 MiB.
pub const MAX_REPORT: usize = 32 * 1024 * 1024;

/// Most elements of XML in each other.
pub const MAX_DEPTH: usize = 64;

/// Most objects or arrays of JSON in each other, as serde_json bounds them.
pub(crate) const MAX_JSON_DEPTH: usize = 128;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// `Content-Encoding: gzip`.
    Gzip,
}

/// How many bytes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// As sent.
    pub sent: usize,
    /// Once decompressed.
    pub report: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sent: MAX_SENT,
            report: MAX_REPORT,
        }
    }
}

/// The report in a body. No more memory is taken than twice the limit, however much the data would unfold to.
///
/// # Errors
/// When the body or what comes out of it is larger than the limits, or is not whole gzip data.
pub fn decompress(bytes: &[u8], encoding: Encoding, limits: Limits) -> Result<Cow<'_, [u8]>, ReportError> {
    if bytes.len() > limits.sent {
        return Err(ReportError::TooLarge { limit: limits.sent });
    }
    let too_large = ReportError::TooLarge { limit: limits.report };
    match encoding {
        Encoding::Identity if bytes.len() > limits.report => Err(too_large),
        Encoding::Identity => Ok(Cow::Borrowed(bytes)),
        Encoding::Gzip => {
            let most = u64::try_from(limits.report).unwrap_or(u64::MAX);
            let mut report = Vec::new();
            // One byte more tells a report of exactly the limit from a larger one.
            MultiGzDecoder::new(bytes)
                .take(most.saturating_add(1))
                .read_to_end(&mut report)
                .map_err(|_| ReportError::BadGzip)?;
            if report.len() > limits.report {
                return Err(too_large);
            }
            Ok(Cow::Owned(report))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_compressed_comes_out() {
        let limits = Limits::default();
        assert_eq!(
            *decompress(&gzip(b"report"), Encoding::Gzip, limits).unwrap(),
            *b"report"
        );
        assert_eq!(
            *decompress(b"report", Encoding::Identity, limits).unwrap(),
            *b"report"
        );
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(*decompress(&two, Encoding::Gzip, limits).unwrap(), *b"one two");
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit_and_not_a_byte_before() {
        let limits = Limits {
            sent: 10_000,
            report: 100_000,
        };
        let fits = gzip(&vec![b' '; 100_000]);
        let bomb = gzip(&vec![b' '; 100_001]);
        assert_eq!(decompress(&fits, Encoding::Gzip, limits).unwrap().len(), 100_000);
        assert_eq!(
            decompress(&bomb, Encoding::Gzip, limits),
            Err(ReportError::TooLarge { limit: 100_000 })
        );
    }

    #[test]
    fn a_large_body_is_not_even_looked_at() {
        let limits = Limits {
            sent: 10,
            report: 100,
        };
        for encoding in [Encoding::Identity, Encoding::Gzip] {
            assert_eq!(
                decompress(&[0; 11], encoding, limits),
                Err(ReportError::TooLarge { limit: 10 })
            );
        }
    }

    #[test]
    fn damaged_or_cut_data_is_refused() {
        let whole = gzip(b"a report that is long enough to be cut");
        for cut in 0..whole.len() {
            let found = decompress(&whole[..cut], Encoding::Gzip, Limits::default());
            assert_eq!(found, Err(ReportError::BadGzip), "cut at {cut}");
        }
        let found = decompress(b"{}", Encoding::Gzip, Limits::default());
        assert_eq!(found, Err(ReportError::BadGzip));
        let mut damaged = whole;
        let last = damaged.len() - 5;
        damaged[last] ^= 1;
        assert_eq!(
            decompress(&damaged, Encoding::Gzip, Limits::default()),
            Err(ReportError::BadGzip)
        );
    }
}

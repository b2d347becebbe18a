//! Why a report was refused.

use opstella_domain::evidence::ReportKind;
use thiserror::Error;

/// Why a report was refused. Every message says what to do; none repeats what is in the report, except short names
/// and digests, for reports quote secrets and source code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    /// More bytes than are taken.
    #[error(
        "the report is larger than {limit} bytes; send it with Content-Encoding gzip, or leave out what is not needed (packages without findings, passed checks)"
    )]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The compressed bytes are damaged or end too early.
    #[error(
        "the body is not whole gzip data; send it again, or leave out Content-Encoding if it is not compressed"
    )]
    BadGzip,
    /// The text ends in the middle.
    #[error(
        "the report ends too early, at line {line}, column {column}; send the whole file, after the tool has finished writing it"
    )]
    Truncated {
        /// Line of the end, from 1.
        line: usize,
        /// Column of the end.
        column: usize,
    },
    /// The text is not JSON.
    #[error("not JSON at line {line}, column {column}; send the file as the tool wrote it")]
    NotJson {
        /// Line of the first wrong character, from 1.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// The text is not well-formed XML.
    #[error(
        "not well-formed XML at line {line}, column {column}; send the file as the tool wrote it, in UTF-8"
    )]
    NotXml {
        /// Line of the first wrong place, from 1.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// A field is of another type than the tool writes.
    #[error(
        "a field is not as in {format}, at line {line}, column {column}; send the file as the tool wrote it, of a version that docs/evidence.md names"
    )]
    Malformed {
        /// The format it should have.
        format: &'static str,
        /// Line, from 1.
        line: usize,
        /// Column.
        column: usize,
    },
    /// Another tool's report, or another kind of the same tool's.
    #[error("this is {found}, not a report of kind {expected}; {hint}")]
    WrongTool {
        /// What it looks like.
        found: String,
        /// What was asked for.
        expected: ReportKind,
        /// What to do.
        hint: String,
    },
    /// It names another image.
    #[error(
        "the report is of image {found}, not of {expected}; scan the image by the digest that the release registers, and send that report"
    )]
    WrongDigest {
        /// What the report names.
        found: String,
        /// What it should be of.
        expected: String,
    },
    /// It names another commit.
    #[error(
        "the report is of commit {found}, not of {expected}; send the report of the release's own commit"
    )]
    WrongCommit {
        /// What the report names.
        found: String,
        /// What it should be of.
        expected: String,
    },
    /// The tool has not finished, or has failed.
    #[error("the tool has no result: {why}; let it finish, or run it again, and send its report then")]
    Unfinished {
        /// What is missing.
        why: String,
    },
    /// It speaks of nothing at all.
    #[error("{what}; check what the tool was pointed at, and send a report that has something to say")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// A version of the format that we do not read.
    #[error("{format} of version {found} is not read; make the report in version {supported}")]
    UnsupportedVersion {
        /// The format.
        format: &'static str,
        /// The version found, shortened.
        found: String,
        /// Those that are read.
        supported: &'static str,
    },
    /// A document type or an entity of its own.
    #[error(
        "the XML has a document type or refers to entities, which are refused; have the tool write plain JUnit XML without DOCTYPE"
    )]
    Entities,
    /// Elements or objects in each other beyond the limit.
    #[error("the report is nested deeper than {limit} levels; send the file as the tool wrote it")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More entries than are taken.
    #[error("the report has more than {limit} {what}; split it, or leave out what is not needed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

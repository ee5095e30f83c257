//! Trace files and standard input.
//!
//! Place in the flow: arguments -> files (`directory`) -> decompressed bytes (`compression`, `feed`) -> one request at a
//! time (`reader`) -> [`decode`](crate::decode). What a file holds is decided by its content (`detect`, `shape`), never by
//! its name. Memory is bounded by one request, not by the file. Whatever cannot be read is an error that says where and
//! why, or, for a stray file in a directory, a reported skip.

pub(crate) mod compression;
mod dated;
pub(crate) mod detect;
pub(crate) mod directory;
mod feed;
mod json_text;
pub(crate) mod reader;
mod shape;

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::decode::quote;

/// Where traces are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file that must hold traces, or a directory to search for them.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// `-` is standard input, anything else a path.
    #[must_use]
    pub fn from_argument(argument: &OsStr) -> Self {
        if argument == "-" {
            Self::Stdin
        } else {
            Self::Path(PathBuf::from(argument))
        }
    }
}

/// How requests are laid out in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// OTLP/JSON: one request, an array of them, JSON lines, or objects one after another.
    Json,
    /// Zipkin v2 JSON: a list of spans, a list of traces that are such lists, or one span per line.
    Zipkin,
    /// Jaeger JSON: traces as its query service gives them, one trace, or one span per line.
    Jaeger,
    /// One protobuf export request.
    Protobuf,
    /// Protobuf requests, each behind its length as a varint.
    VarintDelimited,
    /// Requests, each behind its length in 4 big-endian bytes; what the Collector's file exporter writes.
    FixedDelimited,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "OTLP JSON",
            Self::Zipkin => "Zipkin JSON",
            Self::Jaeger => "Jaeger JSON",
            Self::Protobuf => "OTLP protobuf",
            Self::VarintDelimited => "OTLP protobuf, varint-delimited",
            Self::FixedDelimited => "OTLP, 4-byte-delimited",
        })
    }
}

/// How a file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Bounds on the memory that one request of a file may take, in bytes after decompression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Longest protobuf request, or `ResourceSpans` of a file that is one single request.
    pub max_protobuf_bytes: usize,
    /// Longest JSON request.
    pub max_json_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_protobuf_bytes: 64 << 20,
            max_json_bytes: 1 << 30,
        }
    }
}

/// Undoes the compression of any stream: gzip and zstd are recognised by content, anything else stays as it is.
///
/// # Errors
/// When the first bytes cannot be read; corrupt data is an error of the reader.
pub fn decompressed<'r>(raw: Box<dyn Read + 'r>) -> io::Result<Box<dyn Read + 'r>> {
    compression::open(raw).map(|opened| opened.reader)
}

/// A path as it appears in messages: control characters escaped, bytes that are not UTF-8 replaced.
pub(crate) fn display_name(path: &Path) -> String {
    let mut name = String::new();
    for character in path.to_string_lossy().chars() {
        if character.is_control() {
            name.extend(character.escape_default());
        } else {
            name.push(character);
        }
    }
    name
}

/// Foreign text in a message.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", quote(text))
}

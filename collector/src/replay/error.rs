//! What went wrong with which file, where in it, and what to do.

use std::fmt;
use std::io;

use crate::input::reader::{Fault, Portion};

/// An input that cannot be read to its end.
#[derive(Debug)]
pub struct ReadError {
    /// Path as given or found, or `standard input`.
    pub name: String,
    /// Where and why.
    pub cause: ReadCause,
    /// Requests read from this input before the fault; they are not used.
    pub requests: u64,
    /// Spans read from this input before the fault; they are not used.
    pub spans: u64,
}

/// Why an input cannot be read.
#[derive(Debug)]
pub enum ReadCause {
    /// The file, pipe or directory itself failed.
    Io(io::Error),
    /// The content is no trace file; the phrase completes "found ...".
    NotTraces(String),
    /// A trace file that is damaged.
    Broken {
        /// Byte offset, after decompression.
        offset: u64,
        /// Line from 1, for JSON.
        line: Option<u64>,
        /// What is wrong there.
        cause: String,
    },
    /// A directory without any trace file.
    EmptyDirectory {
        /// Entries that were looked at and passed over.
        skipped: usize,
    },
}

impl ReadError {
    pub(super) const fn new(name: String, cause: ReadCause, done: Portion) -> Self {
        Self {
            name,
            cause,
            requests: done.requests,
            spans: done.spans,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match &self.cause {
            ReadCause::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => Some("check the path"),
                io::ErrorKind::PermissionDenied => Some("check the permissions of the file"),
                _ => None,
            },
            ReadCause::NotTraces(_) | ReadCause::EmptyDirectory { .. } => Some(
                "trace files hold OTLP (JSON, JSON lines, protobuf or length-delimited protobuf), Zipkin v2 JSON or Jaeger JSON, each plain, gzip or zstd",
            ),
            ReadCause::Broken { .. } => Some(
                "export or copy the file again; it was probably cut off or is still being written",
            ),
        }
    }
}

impl From<Fault> for ReadCause {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Io(error) => Self::Io(error),
            Fault::NotTraces(found) => Self::NotTraces(found),
            Fault::Broken {
                offset,
                line,
                cause,
            } => Self::Broken {
                offset,
                line,
                cause,
            },
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: ", self.name)?;
        match &self.cause {
            ReadCause::Io(_) => f.write_str("cannot be read")?,
            ReadCause::NotTraces(found) => write!(f, "no trace file: found {found}")?,
            ReadCause::Broken {
                offset,
                line,
                cause,
            } => {
                if let Some(line) = line {
                    write!(f, "line {line}, ")?;
                }
                write!(f, "byte {offset}: {cause}")?;
            }
            ReadCause::EmptyDirectory { skipped } => {
                write!(f, "no trace file in this directory ({skipped} passed over)")?;
            }
        }
        if self.requests > 0 {
            write!(
                f,
                " (after {} requests with {} spans)",
                self.requests, self.spans
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            ReadCause::Io(error) => Some(error),
            _ => None,
        }
    }
}

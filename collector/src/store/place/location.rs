//! How users name a place.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::Place;
use super::local::Local;

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(PathBuf);

/// Text that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no store: {reason}")]
pub struct LocationError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Location {
    /// The place itself; nothing is touched yet.
    pub(in crate::store) fn place(&self) -> Arc<dyn Place> {
        Arc::new(Local::new(&self.0))
    }

    /// True when something is there, store or not.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.0.exists()
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = |reason| LocationError {
            text: crate::decode::quote(text),
            reason,
        };
        match text.split_once("://") {
            _ if text.is_empty() => Err(fault("it is empty")),
            Some(_) => Err(fault("give a directory")),
            None => Ok(Self(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

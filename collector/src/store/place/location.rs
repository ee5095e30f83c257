//! How users name a place: a directory, or a URL of an object store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::Place;
use super::local::Local;
#[cfg(feature = "object-store")]
use super::object::Objects;
use crate::store::StoreError;

/// Schemes of URLs that are understood.
const SCHEMES: [&str; 4] = ["s3", "gs", "az", "abfss"];

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Directory(PathBuf),
    Url(String),
}

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
    ///
    /// # Errors
    /// When an object store is not configured, or not built in.
    pub(in crate::store) fn place(&self) -> Result<Arc<dyn Place>, StoreError> {
        match &self.0 {
            Kind::Directory(path) => Ok(Arc::new(Local::new(path))),
            #[cfg(feature = "object-store")]
            Kind::Url(url) => Ok(Arc::new(Objects::open(url)?)),
            #[cfg(not(feature = "object-store"))]
            Kind::Url(url) => Err(StoreError::NotBuiltIn(url.clone())),
        }
    }

    /// The directory; `None` for an object store.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Directory(path) => Some(path),
            Kind::Url(_) => None,
        }
    }

    /// False when there is a directory to be and none is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.directory().is_none_or(Path::exists)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self(Kind::Directory(path.to_owned()))
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
            None => Ok(Self(Kind::Directory(PathBuf::from(text)))),
            Some((scheme, rest)) if SCHEMES.contains(&scheme) => {
                match rest.contains('@') && scheme != "abfss" {
                    true => Err(fault("credentials belong into the environment")),
                    false => Ok(Self(Kind::Url(text.to_owned()))),
                }
            }
            Some(_) => Err(fault("give a directory, or a URL of s3://, gs:// or az://")),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Directory(path) => write!(f, "{}", path.display()),
            Kind::Url(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_urls_are_told_apart() {
        let is_directory = |text: &str| text.parse().map(|l: Location| l.directory().is_some());
        assert_eq!(is_directory("./data"), Ok(true));
        assert_eq!(is_directory("s3://bucket/traces"), Ok(false));
        for text in ["", "ftp://host/data", "s3://key:secret@bucket/x"] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }
}

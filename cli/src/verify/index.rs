//! `index.json`: which directory belongs to which service.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::field::ReadFault;
use super::resources::read_text;
use crate::output_dir::RelativePath;

const INDEX: &str = "index.json";
const SCHEMA: &str = "tracemesh.envoy-index/v1";

/// Service node id -> its directory, relative to the root.
pub type ServiceDirectories = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Index {
    schema: Option<String>,
    #[serde(default)]
    services: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    directory: String,
}

/// Reads the index of a generated directory.
///
/// # Errors
/// When it cannot be read, is no index, or names a directory that the generator would not write.
pub fn read_index(root: &Path) -> Result<ServiceDirectories, ReadFault> {
    let text = read_text(&root.join(INDEX), INDEX)?;
    let index: Index = serde_json::from_str(&text)
        .map_err(|error| ReadFault::file(INDEX, format!("it is no index: {error}")))?;
    if index.schema.as_deref() != Some(SCHEMA) {
        let found = index.schema.as_deref().unwrap_or("none");
        return Err(ReadFault::file(
            INDEX,
            format!("its schema is {found:?}, not `{SCHEMA}`"),
        ));
    }
    let mut directories = BTreeMap::new();
    for (id, entry) in index.services {
        if RelativePath::new(&entry.directory).is_err() {
            return Err(ReadFault {
                file: INDEX.to_owned(),
                field: format!("services.{id}.directory"),
                fault: format!("{:?} is no directory below the root", entry.directory),
            });
        }
        directories.insert(id, entry.directory);
    }
    Ok(directories)
}

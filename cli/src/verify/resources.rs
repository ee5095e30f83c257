//! The files that one sidecar reads: from its bootstrap on, below its own directory.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::field::{Field, NOT_UNDERSTOOD, ReadFault};
use super::yaml;
use crate::output_dir::RelativePath;

/// Several times the largest file that the caps on a graph allow.
const MAX_BYTES: u64 = 64 << 20;

const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
const LISTENER: &str = "envoy.config.listener.v3.Listener";

/// Reads a file as text.
pub(super) fn read_text(place: &Path, name: &str) -> Result<String, ReadFault> {
    let unreadable =
        |error: std::io::Error| ReadFault::file(name, format!("cannot read it: {error}"));
    let file = File::open(place).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if crate::text::count_of(bytes.len()) > MAX_BYTES {
        let fault = format!("it is larger than {} MiB", MAX_BYTES >> 20);
        return Err(ReadFault::file(name, fault));
    }
    String::from_utf8(bytes)
        .map_err(|error| ReadFault::file(name, format!("it is no text: {error}")))
}

/// The files that a sidecar starts with: bootstrap, clusters, listeners.
#[derive(Debug)]
pub(super) struct Sources {
    place: PathBuf,
    /// Directory of the service, for messages.
    directory: String,
    bootstrap: Document,
    clusters: Document,
    listeners: Document,
}

/// A file, read.
#[derive(Debug)]
pub(super) struct Document {
    /// Name for messages.
    name: String,
    value: Value,
}

impl Document {
    /// The whole of it.
    pub(super) const fn field(&self) -> Field<'_> {
        Field::root(self.name.as_str(), &self.value)
    }
}

impl Sources {
    /// Reads the bootstrap, and the files of clusters and listeners that it names.
    pub(super) fn open(root: &Path, directory: &str) -> Result<Self, ReadFault> {
        RelativePath::new(directory)
            .map_err(|error| ReadFault::file(directory, error.to_string()))?;
        let place = root.join(directory);
        let bootstrap = load(&place, directory, "bootstrap.yaml")?;
        let dynamic = bootstrap.field().need("dynamic_resources")?;
        dynamic.only(&["cds_config", "lds_config"], &[])?;
        let clusters = watched_path(&dynamic.need("cds_config")?)?;
        let listeners = watched_path(&dynamic.need("lds_config")?)?;
        Ok(Self {
            clusters: load(&place, directory, &clusters)?,
            listeners: load(&place, directory, &listeners)?,
            directory: directory.to_owned(),
            bootstrap,
            place,
        })
    }

    /// Reads a further file; its path is relative to the directory of the service.
    pub(super) fn load(&self, path: &str) -> Result<Document, ReadFault> {
        load(&self.place, &self.directory, path)
    }

    /// The clusters: those of the bootstrap too.
    pub(super) fn clusters(&self) -> Result<Vec<Field<'_>>, ReadFault> {
        let mut all = resources(&self.clusters.field(), CLUSTER)?;
        if let Some(fixed) = self.bootstrap.field().get("static_resources") {
            fixed.only(&["clusters"], &[])?;
            all.extend(fixed.list_of("clusters")?);
        }
        Ok(all)
    }

    /// The file of the listeners as a whole.
    pub(super) const fn listener_file(&self) -> Field<'_> {
        self.listeners.field()
    }

    /// The listeners.
    pub(super) fn listeners(&self) -> Result<Vec<Field<'_>>, ReadFault> {
        resources(&self.listeners.field(), LISTENER)
    }
}

/// Envoy tells the format of a file by its extension.
fn load(place: &Path, directory: &str, path: &str) -> Result<Document, ReadFault> {
    let name = format!("{directory}/{path}");
    if RelativePath::new(path).is_err() {
        return Err(ReadFault::file(
            &name,
            "it is no path below the directory of the service",
        ));
    }
    let text = read_text(&place.join(path), &name)?;
    let value = match path.rsplit_once('.') {
        Some((_, "yaml" | "yml")) => yaml::parse(&text),
        Some((_, "json")) => serde_json::from_str(&text).map_err(|error| error.to_string()),
        _ => Err("Envoy reads files ending in `.yaml`, `.yml` or `.json`".to_owned()),
    };
    let value = value.map_err(|fault| ReadFault::file(&name, fault))?;
    Ok(Document { name, value })
}

/// The resources of a discovery response, all of one type.
pub(super) fn resources<'v>(file: &Field<'v>, kind: &str) -> Result<Vec<Field<'v>>, ReadFault> {
    file.only(&["resources"], &["version_info"])?;
    let all = file.list_of("resources")?;
    for resource in &all {
        let found = resource.kind()?;
        if found != kind {
            return Err(resource.fault(format!("its type is {found:?}, not `{kind}`")));
        }
    }
    Ok(all)
}

/// The path of a resource file, relative to the directory of the service.
pub(super) fn watched_path(source: &Field<'_>) -> Result<String, ReadFault> {
    source.only(
        &["path_config_source"],
        &["resource_api_version", "initial_fetch_timeout"],
    )?;
    let file = source
        .get("path_config_source")
        .ok_or_else(|| source.fault(NOT_UNDERSTOOD))?;
    file.only(&["path"], &["watched_directory"])?;
    Ok(file.need("path")?.text()?.to_owned())
}

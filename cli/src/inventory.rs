//! Reads what `kubectl get services,endpointslices,deployments,pods -A -o json` says of a cluster.
//!
//! Place in the flow: file -> lists, one object at a time (`list`) -> the few fields that count (`object`) ->
//! [`KubeObjects`] -> [`Inventory`]. Memory is bounded by what is kept and by the largest object, not by the file. Lists may
//! follow each other in one file. Objects of other kinds are counted; an object of a known kind that cannot be read is
//! an error, because half an inventory gives wrong answers.

mod containers;
mod list;
mod object;
mod sniff;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use tracemesh_graph::inventory::{Inventory, InventoryCounts, KubeObjects};

use crate::error::CliError;
use crate::text::printable;
use list::{Document, Reading};

/// What to do when a file is no inventory.
const HOW_TO: &str = "make it with `kubectl get services,endpointslices,deployments,statefulsets,daemonsets,pods,nodes -A -o json`";
/// Room for the beginning of the file, which tells what it is.
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads an inventory file.
///
/// # Errors
/// When it cannot be read, or is no list of Kubernetes objects, or has objects that cannot be understood.
pub fn load(path: &Path) -> Result<Inventory, CliError> {
    let file = File::open(path).map_err(|error| CliError::file("cannot read", path, error))?;
    let reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let shown = path.display().to_string();
    read(reader, &shown).map(Inventory::new)
}

/// What was read, in a sentence; what was passed over, in another.
#[must_use]
pub fn told(counts: &InventoryCounts) -> Vec<String> {
    let list = |kinds: &std::collections::BTreeMap<String, u64>| {
        let each = kinds.iter();
        let each = each.map(|(kind, count)| format!("{count} {}", printable(kind)));
        each.collect::<Vec<_>>().join(", ")
    };
    let mut told = vec![format!("inventory: {}", list(&counts.read))];
    if !counts.passed_over.is_empty() {
        told.push(format!(
            "inventory: passed over {}",
            list(&counts.passed_over)
        ));
    }
    told
}

fn read(mut reader: impl BufRead, shown: &str) -> Result<KubeObjects, CliError> {
    let start = reader
        .fill_buf()
        .map_err(|error| CliError::new(format!("cannot read `{shown}`")).because(error))?;
    if let Some(what) = sniff::other_than_json(start) {
        return Err(CliError::new(format!("`{shown}` {what}")).hint(HOW_TO));
    }
    if start.starts_with(sniff::UTF8_MARK) {
        reader.consume(sniff::UTF8_MARK.len());
    }
    let mut reading = Reading::default();
    for document in serde_json::Deserializer::from_reader(reader).into_iter::<Document>() {
        let document = document.map_err(|error| malformed(shown, error))?;
        reading.merge(document);
    }
    reading
        .finish()
        .map_err(|fault| CliError::new(format!("`{shown}` {fault}")).hint(HOW_TO))
}

fn malformed(shown: &str, error: serde_json::Error) -> CliError {
    let hint = if error.is_eof() {
        "the file ends in the middle: was `kubectl` interrupted? make it again"
    } else {
        HOW_TO
    };
    CliError::new(format!("`{shown}` is no list of Kubernetes objects"))
        .because(error)
        .hint(hint)
}

#[cfg(test)]
mod tests;

//! A generated directory, read back as the sidecars read it.
//!
//! ```text
//! index.json -> directory of a service -> bootstrap.yaml -> cds.yaml, lds.yaml -> rds/*.yaml
//!                                                                   \-> SidecarTables (graph crate)
//! ```
//! Nothing here knows what the generator meant: whatever was edited, lost or added on the way is read as it stands. Files are
//! read below the directory of their service only. It refuses what it does not understand: a field that may change where
//! calls go, and that the tables cannot hold, is an error that names the file and the field.

mod clusters;
pub mod drift;
mod field;
mod filters;
mod index;
mod listeners;
mod resources;
mod routes;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;

use tracemesh_graph::verify::SidecarTables;

use resources::Sources;

pub use field::ReadFault;
pub use index::{ServiceDirectories, read_index};

/// Reads the tables of one service. `directory` is relative to `root`, as the index has it.
///
/// # Errors
/// When a file cannot be read, is no resource file, or has a field that is not understood.
pub fn read_tables(root: &Path, directory: &str) -> Result<SidecarTables, ReadFault> {
    let sources = Sources::open(root, directory)?;
    let clusters = clusters::read(&sources)?;
    let read = listeners::read(&sources)?;
    Ok(SidecarTables {
        capture: read.capture,
        listeners: read.listeners,
        routes: read.routes,
        clusters,
    })
}

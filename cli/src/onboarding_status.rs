//! Reads the status file: what people say about where services stand (`tracemesh onboard --status FILE`).
//!
//! ```text
//! bytes -> text -> entries with lines, every fault at once (policy::status) -> StatusFile -> statuses
//! ```
//! YAML or JSON, written by hand or by a tracker. What an entry means is known only where a graph is, so names that fit no service are no
//! fault here. The format: `docs/schemas/onboarding-status.json`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use tracemesh_graph::onboarding::StatusFile;

use crate::error::CliError;
use crate::policy::{located, status};
use crate::text::{count_of, counted};

pub use crate::policy::status::SCHEMA;

/// Bytes of a status file.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a status file, YAML or JSON.
///
/// # Errors
/// When it cannot be read, is too large, or has faults: all of them, each with its line.
pub fn load(path: &Path) -> Result<StatusFile, CliError> {
    let failed = |error| {
        CliError::file("cannot read", path, error)
            .hint("give the path of a status file, such as `status.yaml`")
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let shown = path.display();
    if count_of(bytes.len()) > MAX_BYTES {
        return Err(CliError::new(format!("`{shown}` is larger than 16 MiB"))
            .hint("a status file names services and where they stand: is this the right file?"));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(CliError::new(format!("`{shown}` is no UTF-8 text")).hint("save it as UTF-8"));
    };
    let (file, faults) = status::read(&text);
    if faults.is_empty() {
        return Ok(file);
    }
    let count = counted(count_of(faults.len()), "fault", "faults");
    let lines = faults.iter().map(|fault| located(path, fault)).collect();
    Err(CliError::new(format!("`{shown}` has {count}"))
        .details(lines)
        .hint(format!(
            "a status file begins with `schema: {SCHEMA}` and has `services`"
        )))
}

#[cfg(test)]
mod tests;

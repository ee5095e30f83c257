//! Plan files: read, bounded, checked for their schema.
//!
//! A plan may have been edited, or written by another version. What is checked here is its shape; what it claims is checked by
//! `onboard check`, and nobody else trusts more of it than its waves and its promised shares.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use tracemesh_graph::onboarding::{Plan, SCHEMA};

use crate::error::CliError;
use crate::text::count_of;

/// Largest plan file read. The plan of 5,000 services and 20,000 edges has about 50 MiB.
const MAX_BYTES: u64 = 256 << 20;

/// Where plans come from, for hints.
const ORIGIN: &str =
    "plans are written by `tracemesh onboard --format json`, or by `--out` as plan.json";

/// The part of any plan that tells its version.
#[derive(Deserialize)]
struct Header {
    schema: Option<String>,
}

/// Reads a plan.
pub(super) fn read(path: &Path) -> Result<Plan, CliError> {
    let unreadable =
        |error: std::io::Error| CliError::file("cannot read", path, error).hint(ORIGIN);
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if count_of(bytes.len()) > MAX_BYTES {
        let mebibytes = MAX_BYTES >> 20;
        let message = format!("`{}` is larger than {mebibytes} MiB", path.display());
        return Err(CliError::new(message).hint("no plan is that large: check the path"));
    }
    parse(&bytes, path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Plan, CliError> {
    let name = path.display();
    let header = serde_json::from_slice::<Header>(bytes);
    let schema = match header {
        Ok(header) => header.schema,
        Err(error) if error.is_data() => None,
        Err(error) => {
            return Err(CliError::new(format!("`{name}` is no JSON"))
                .because(error)
                .hint(ORIGIN));
        }
    };
    match schema.as_deref() {
        Some(SCHEMA) => {}
        Some(other) => {
            let hint = if other.starts_with("tracemesh.onboarding/") {
                "it was written by another version of tracemesh: make the plan again with this one"
            } else {
                ORIGIN
            };
            let message = format!("`{name}` has the schema `{other}`, not `{SCHEMA}`");
            return Err(CliError::new(message).hint(hint));
        }
        None => {
            let message = format!("`{name}` names no schema, so it is no plan");
            return Err(CliError::new(message).hint(ORIGIN));
        }
    }
    serde_json::from_slice(bytes).map_err(|error| {
        CliError::new(format!("`{name}` is no valid `{SCHEMA}`"))
            .because(error)
            .hint("to edit a plan, move whole entries of `services` from wave to wave and keep the rest; or make it again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plan_is_refused_with_the_reason_and_a_way_out() {
        let cases: [(&[u8], &str, &str); 7] = [
            (b"", "is no JSON", "onboard --format json"),
            (b"\x0a\xff", "is no JSON", "onboard --format json"),
            (b"[]", "names no schema", "onboard --format json"),
            (b"{}", "names no schema", "onboard --format json"),
            (
                b"{\"schema\":\"tracemesh.graph/v1\"}",
                "has the schema `tracemesh.graph/v1`",
                "onboard --format json",
            ),
            (
                b"{\"schema\":\"tracemesh.onboarding/v0\"}",
                "has the schema `tracemesh.onboarding/v0`",
                "another version",
            ),
            (
                b"{\"schema\":\"tracemesh.onboarding/v1\"}",
                "missing field",
                "make it again",
            ),
        ];
        for (bytes, message, hint) in cases {
            let told = parse(bytes, Path::new("p.json")).unwrap_err().lines();
            let told = told.join("\n");
            assert!(told.contains(message), "{told}");
            let (_, way_out) = told.split_once("\nhint: ").expect("a hint");
            assert!(way_out.contains(hint), "{told}");
        }
    }
}

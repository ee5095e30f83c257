//! Both sides of a comparison: found out by content, read, and told.
//!
//! How long a side was observed comes from the store where it is one, whose segments know it, else from the first and the last
//! span.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tracemesh_collector::store::{self, Location, Wanted};
use tracemesh_graph::diff::{Side, seconds};
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::{GraphSnapshot, SCHEMA, Window};

use crate::args::{DiffArgs, Stretch};
use crate::commands::source::{now, read_snapshot, read_traces, told, unusable};
use crate::error::CliError;
use crate::output::Output;
use crate::selection::require_whole;
use crate::text::{count_of, counted};

/// Enough of a file to see what it begins with.
const HEAD_BYTES: u64 = 4096;

/// A side with what is known of it.
#[derive(Debug)]
pub(super) struct Loaded {
    snapshot: GraphSnapshot,
    seconds: Option<f64>,
    told: String,
    pub(super) is_from_traces: bool,
}

impl Loaded {
    /// What is compared.
    pub(super) const fn side(&self) -> Side<'_> {
        Side {
            snapshot: &self.snapshot,
            seconds: self.seconds,
        }
    }

    /// `what` names it; `observed` is the time in which it was seen.
    fn new(snapshot: GraphSnapshot, what: &str, observed: Window) -> Self {
        let ends = observed.start.zip(observed.end);
        Self {
            seconds: ends.map(|(start, end)| seconds(start, end)),
            told: format!(
                "{what}, {}, {}",
                counted(count_of(snapshot.edges.len()), "edge", "edges"),
                told(observed),
            ),
            is_from_traces: false,
            snapshot,
        }
    }
}

/// Reads before and after; what they are is told once both are there.
pub(super) fn load(arguments: &DiffArgs, output: &mut Output<'_>) -> Result<[Loaded; 2], CliError> {
    let sides = match (&arguments.first, &arguments.second) {
        (Some(first), Some(second)) => {
            if [first, second].iter().all(|path| path.as_os_str() == "-") {
                return Err(CliError::new("both sides are standard input")
                    .hint("give a file for one of them"));
            }
            let kinds = (kind_of(first)?, kind_of(second)?);
            [
                named(arguments, first, kinds.0, output)?,
                named(arguments, second, kinds.1, output)?,
            ]
        }
        _ => {
            let windows = (
                window(arguments.before.as_ref())?,
                window(arguments.after.as_ref())?,
            );
            [
                stored(&arguments.store, windows.0, output)?,
                stored(&arguments.store, windows.1, output)?,
            ]
        }
    };
    for side in &sides {
        require_whole(&side.snapshot, "to compare")?;
    }
    sides.iter().for_each(|side| output.note(&side.told));
    Ok(sides)
}

fn window(stretch: Option<&Stretch>) -> Result<Window, CliError> {
    let Some(stretch) = stretch else {
        return Ok(Window::default());
    };
    let now = now();
    let start = stretch.since.as_ref().map(|since| since.at(now));
    // An open end is now: both windows then end where they say.
    let end = stretch.until.as_ref().map_or(now, |until| until.at(now));
    if start.is_some_and(|start| start >= end) {
        return Err(
            CliError::new(format!("the window `{stretch}` ends before it begins"))
                .hint("give the earlier time first, such as `14d..7d`"),
        );
    }
    Ok(Window {
        start,
        end: Some(end),
    })
}

/// What a file or directory is.
enum Kind {
    Snapshot,
    Store(Location),
    Traces,
}

fn named(
    arguments: &DiffArgs,
    path: &Path,
    kind: Kind,
    output: &mut Output<'_>,
) -> Result<Loaded, CliError> {
    let name = path.display();
    match kind {
        Kind::Store(location) => stored(&location, Window::default(), output),
        Kind::Snapshot => {
            let snapshot = read_snapshot(path)?;
            let window = snapshot.window;
            Ok(Loaded::new(
                snapshot,
                &format!("`{name}`: a snapshot"),
                window,
            ))
        }
        Kind::Traces => {
            let traces = read_traces(&[PathBuf::from(path)], &arguments.reading, output)?;
            if let Some(note) = traces.skipped_note() {
                output.note(&note);
            }
            let window = traces.snapshot.window;
            Ok(Loaded {
                is_from_traces: true,
                ..Loaded::new(traces.snapshot, &format!("`{name}`: traces"), window)
            })
        }
    }
}

fn kind_of(path: &Path) -> Result<Kind, CliError> {
    if let Some(text) = path.to_str().filter(|text| text.contains("://")) {
        let location = text.parse::<Location>();
        return location.map(Kind::Store).map_err(|error| {
            CliError::from_cause(error).hint("give a file, a directory, or the URL of a store")
        });
    }
    if path.as_os_str() == "-" {
        return Ok(Kind::Traces);
    }
    let unreadable = |error| {
        CliError::file("cannot read", path, error)
            .hint("give a snapshot, a store, or trace files; see `tracemesh help diff`")
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_file() {
        return kind_of_file(path, schema_of(path).map_err(unreadable)?);
    }
    // What is no file and no directory, such as a pipe, can be read only once.
    if !metadata.is_dir() {
        return Ok(Kind::Traces);
    }
    if path.join("segments").is_dir() {
        return Ok(Kind::Store(Location::from(path)));
    }
    if path.join("egress.json").is_file() {
        let message = format!("`{}` is a directory of generated egress", path.display());
        return Err(CliError::new(message).hint(
            "`tracemesh egress` writes what changed since its last run into the `diff.md` of each service",
        ));
    }
    Ok(Kind::Traces)
}

/// The part of any document of tracemesh that tells what it is.
#[derive(Deserialize)]
struct Header {
    schema: Option<String>,
}

/// The schema of a JSON document; `None` for everything else. The fields of a document may have any order, so only a file that
/// looks like traces from its beginning is not read to its end.
fn schema_of(path: &Path) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    if !head.trim_start().starts_with('{') || head.contains("\"resourceSpans\"") {
        return Ok(None);
    }
    let document = serde_json::from_reader(BufReader::new(File::open(path)?));
    Ok(document.ok().and_then(|header: Header| header.schema))
}

/// Traces have no schema; what has one of ours and is no snapshot cannot be compared.
fn kind_of_file(path: &Path, schema: Option<String>) -> Result<Kind, CliError> {
    let schema = schema.filter(|schema| schema.starts_with("tracemesh."));
    match schema.as_deref() {
        None => Ok(Kind::Traces),
        Some(SCHEMA) => Ok(Kind::Snapshot),
        Some(schema) => {
            let message = format!("`{}` is a document `{schema}`", path.display());
            let hint = match schema.starts_with("tracemesh.onboarding/") {
                true => "`tracemesh onboard diff` compares plans",
                false => {
                    "give a snapshot of `tracemesh graph --format json`, a store, or trace files"
                }
            };
            Err(CliError::new(message).hint(hint))
        }
    }
}

/// The segments of a window; their own time is what was observed.
fn stored(
    location: &Location,
    window: Window,
    output: &mut Output<'_>,
) -> Result<Loaded, CliError> {
    output.progress("reading the store");
    let wanted = Wanted {
        window,
        // Load over time, instances and example traces are not compared.
        detail: Detail::Topology,
    };
    let contents = store::read(location, &wanted).map_err(unusable)?;
    if let Some(example) = contents.skipped.first() {
        output.note(&format!(
            "passed over {} in `{location}`, such as `{}`: {}",
            counted(count_of(contents.skipped.len()), "file", "files"),
            example.name,
            example.reason,
        ));
    }
    if contents.segments == 0 {
        let message = format!("the store `{location}` has nothing of {}", told(window));
        return Err(CliError::new(message).hint(format!(
            "it covers {}: choose windows within",
            told(contents.covered)
        )));
    }
    let snapshot = contents.segment.snapshot(&Settings::default());
    let segments = counted(count_of(contents.segments), "segment", "segments");
    let what = format!("`{location}`: a store, {segments}");
    Ok(Loaded::new(snapshot, &what, contents.window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_schema_wherever_it_stands() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.json");
        let kind = |content: &str| {
            std::fs::write(&path, content).unwrap();
            kind_of(&path)
        };
        let last = format!("{{\"nodes\": [{{}}], \"schema\": \"{SCHEMA}\"}}");
        assert!(matches!(kind(&last), Ok(Kind::Snapshot)));
        for traces in [
            "{\"resourceSpans\":[]}",
            "",
            "[1]",
            "{\"schema\": \"tracemesh.graph/v1\"} {}",
            "{\"nodes\": {\"schema\": \"tracemesh.graph/v1\"}}",
        ] {
            assert!(matches!(kind(traces), Ok(Kind::Traces)), "{traces}");
        }
        let plan = kind("{\"schema\":\"tracemesh.onboarding/v1\"}");
        let lines = plan.err().expect("a plan is no graph").lines();
        assert!(lines[1].contains("tracemesh onboard diff"), "{lines:?}");
    }
}

//! Trace files and standard input, read into one snapshot in memory.

use std::path::PathBuf;

use tracemesh_collector::input::Input;
use tracemesh_collector::replay::{Progress, ReadError, SkippedFile, replay};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::ReadingArgs;
use crate::commands::sampling;
use crate::error::CliError;
use crate::output::Output;
use crate::text::{count_of, counted, percent, printable, thousands};

/// What the trace files held.
#[derive(Debug)]
pub(crate) struct Traces {
    /// The graph inferred from all of them.
    pub(crate) snapshot: GraphSnapshot,
    /// Files that held traces.
    pub(crate) files: u64,
    /// Files of directories that held none.
    skipped: Vec<SkippedFile>,
}

impl Traces {
    /// How many files were passed over, with an example; `None` when none was.
    pub(crate) fn skipped_note(&self) -> Option<String> {
        skipped_note(&self.skipped)
    }
}

/// Likewise, of files that were passed over.
pub(crate) fn skipped_note(skipped: &[SkippedFile]) -> Option<String> {
    let example = skipped.first()?;
    let count = count_of(skipped.len());
    Some(format!(
        "passed over {} without traces, such as `{}`: {}",
        counted(count, "file", "files"),
        printable(&example.name),
        printable(&example.reason),
    ))
}

/// What the arguments name; `-` is standard input.
pub(crate) fn inputs(paths: &[PathBuf]) -> Vec<Input> {
    let inputs = paths.iter();
    inputs
        .map(|path| Input::from_argument(path.as_os_str()))
        .collect()
}

/// Parameters of inference for files.
pub(crate) fn settings(reading: &ReadingArgs) -> Result<Settings, CliError> {
    Ok(Settings {
        sampling: sampling::rules(&reading.sampling)?,
        max_open_records: reading.max_open_spans.get(),
        // Files have no arrival times: traces stay open instead.
        max_waiting_records: 0,
        // Whoever asks for more open spans has the memory.
        max_buffered_bytes: usize::MAX,
        max_open_halves: Settings::FILE_OPEN_HALVES,
        ..Settings::default()
    })
}

/// Reads files and directories; `-` is standard input.
pub(crate) fn read(
    paths: &[PathBuf],
    reading: &ReadingArgs,
    output: &mut Output<'_>,
) -> Result<Traces, CliError> {
    let inputs = inputs(paths);
    let settings = settings(reading)?;
    let replayed = replay(&inputs, &settings, &mut |progress| {
        output.progress(&progress_line(progress));
    });
    let replay = replayed.map_err(|error| into_error(&error))?;
    let snapshot = replay.segment.snapshot(&settings);
    sampling::note_unused(&settings.sampling, &snapshot, output);
    Ok(Traces {
        snapshot,
        files: count_of(replay.files.len()),
        skipped: replay.skipped,
    })
}

/// How far reading is.
pub(crate) fn progress_line(progress: &Progress) -> String {
    let done = match progress.total_bytes {
        Some(total) if total > 0 => format!("{} %", percent(progress.bytes.min(total), total)),
        _ => format!("{} bytes", thousands(progress.bytes)),
    };
    format!(
        "reading {} of {}: {}, {}",
        progress.files_done + 1,
        progress.files,
        done,
        counted(progress.spans, "span", "spans"),
    )
}

/// A file that cannot be read.
pub(crate) fn into_error(error: &ReadError) -> CliError {
    let hint = error.hint().unwrap_or(
        "trace files hold OTLP as JSON or protobuf, plain, gzip or zstd; see `tracemesh help analyze`",
    );
    CliError::new(error.to_string()).hint(hint)
}

//! `tracemesh import`: trace files into the store, window by window of span time.

use tracemesh_collector::store::{Import, ImportError, ImportProgress, Imported, import};

use crate::args::{ImportArgs, SamplingArgs};
use crate::commands::source::{self, told};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::text::{count_of, counted, shell_word, thousands};

/// Imports, and tells what was added.
pub(super) fn run(arguments: &ImportArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let inputs = source::inputs(&arguments.traces);
    let settings = source::settings(&arguments.reading)?;
    let wanted = Import {
        inputs: &inputs,
        store: &arguments.store,
        instance: &arguments.instance,
        settings: &settings,
        options: &spelled(&arguments.reading.sampling),
    };
    let imported = import(&wanted, &mut |progress| match progress {
        ImportProgress::Reading(read) => output.progress(&source::progress_line(read)),
        ImportProgress::Writing { done, of } => {
            output.progress(&format!("writing window {} of {of}", done + 1));
        }
    });
    let imported = imported.map_err(|error| into_error(error, arguments))?;
    if let Some(note) = source::skipped_note(&imported.skipped) {
        output.note(&note);
    }
    output.data(&summary(&imported, arguments))?;
    Ok(Outcome::Done)
}

/// The options that change what spans mean. How many are held open is none of them: files that were imported are imported.
fn spelled(sampling: &SamplingArgs) -> Vec<String> {
    let mut options = Vec::new();
    for (name, values) in [
        ("ratio", &sampling.sampling_ratio_attribute),
        ("rate", &sampling.sampling_rate_attribute),
        ("service", &sampling.service_sampling),
    ] {
        options.extend(values.iter().map(|value| format!("{name}={value}")));
    }
    options.sort_unstable();
    options.dedup();
    options
}

fn summary(imported: &Imported, arguments: &ImportArgs) -> String {
    let spans: u64 = imported.files.iter().map(|file| file.spans).sum();
    let rejected: u64 = imported.rejected.values().sum();
    let read = format!(
        "read {} with {}, {} rejected\n",
        counted(count_of(imported.files.len()), "file", "files"),
        counted(spans, "span", "spans"),
        thousands(rejected),
    );
    let windows = counted(count_of(imported.windows), "window", "windows");
    let store = &arguments.store;
    let known = imported.windows - imported.written;
    let added = match (imported.windows, imported.written) {
        (0, _) => return format!("{read}no spans, so nothing was added to `{store}`\n"),
        (_, 0) => format!("all of it was in `{store}` already: {windows}, nothing was added\n"),
        (_, written) if known > 0 => format!(
            "added {} to `{store}`; {} of {windows} were there already\n",
            counted(count_of(written), "segment", "segments"),
            thousands(count_of(known)),
        ),
        (_, written) => format!(
            "added {} to `{store}`, one for each window with traces\n",
            counted(count_of(written), "segment", "segments"),
        ),
    };
    let mut text = format!("{read}{added}time: {}\n", told(imported.window));
    if let Some(store) = shell_word(&store.to_string()) {
        text.push_str(&format!("next: tracemesh graph --store {store}\n"));
    }
    text
}

fn into_error(error: ImportError, arguments: &ImportArgs) -> CliError {
    match error {
        ImportError::Read(error) => source::unreadable(&error),
        ImportError::Store(error) => source::unusable(error),
        ImportError::OtherOptions(_) => {
            let store = arguments.store.to_string();
            CliError::from_cause(error).hint(format!(
                "they would count twice: import them into another store than `{store}`, or with the options of the first time"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_options_is_no_other_option() {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let options = |services: &[&str]| {
            spelled(&SamplingArgs {
                service_sampling: owned(services),
                ..SamplingArgs::default()
            })
        };
        assert_eq!(options(&["a=0.1", "b=1"]), options(&["b=1", "a=0.1"]));
        assert_ne!(options(&["a=0.1"]), options(&["b=0.1"]));
        assert_eq!(options(&[]), [""; 0]);
    }
}

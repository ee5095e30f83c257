//! Options of `tracemesh collect` from three places: flags, environment, file. One set of names, one set of checks.
//!
//! ```text
//! --config FILE, TRACEMESH_* --sources--> settings --each checked alone--> arguments of clap --> CollectArgs
//! ```
//! A setting is the long flag: `--flush-interval 60s` is `TRACEMESH_FLUSH_INTERVAL=60s` is `flush-interval: 60s`. A flag beats
//! the environment, the environment the file, the file the default. What clap knows of a flag is all that is known
//! here, so that a new flag is a new setting at once. Every fault is told, not only the first.

mod effective;
mod sources;

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser as _};

use crate::args::Cli;
use crate::error::CliError;
pub use effective::Effective;
use sources::{Origin, Setting};

/// The only command that is configured like this: the others run for a moment, by hand or in scripts.
const COMMAND: &str = "collect";

/// Why there are no arguments to run with.
#[derive(Debug)]
pub enum Stop {
    /// Clap says why, or was asked for help.
    Usage(clap::Error),
    /// Faults of environment and file.
    Faults(CliError),
}

/// Arguments, and for `collect` where each of them comes from.
#[derive(Debug)]
pub struct Parsed {
    /// What to do.
    pub cli: Cli,
    /// Every option with its value; `None` for other commands.
    pub effective: Option<Effective>,
}

/// Parses arguments; those of `collect` are completed from the environment and from the file that `--config` names.
///
/// # Errors
/// When something cannot be used, with everything that is wrong.
pub fn parse(
    arguments: Vec<OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Parsed, Stop> {
    let Some(given) = flags_of_collect(&arguments) else {
        let cli = Cli::try_parse_from(arguments).map_err(Stop::Usage)?;
        return Ok(Parsed {
            cli,
            effective: None,
        });
    };
    let command = collect_command();
    let mut faults = Vec::new();
    let mut settings = sources::environment(&command, environment, &mut faults);
    if let Some((path, origin)) = config_path(&arguments, &settings) {
        let file = sources::file(&command, &path, &origin, &mut faults).map_err(Stop::Faults)?;
        let known: BTreeSet<String> = settings.iter().map(|it| it.name.clone()).collect();
        settings.extend(file.into_iter().filter(|it| !known.contains(&it.name)));
    }
    faults.extend(settings.iter().filter_map(|it| fault_of(&command, it)));
    settings.retain(|setting| !given.contains(&setting.name));
    if !faults.is_empty() {
        let wrong = clap::Error::to_string;
        let usage = Cli::command().try_get_matches_from(&arguments).err();
        faults.extend(
            usage
                .as_ref()
                .map(wrong)
                .iter()
                .filter_map(|text| first_line(text)),
        );
        return Err(Stop::Faults(told(faults)));
    }
    let mut all = arguments;
    all.extend(settings.iter().flat_map(|it| it.arguments(&command)));
    let matches = Cli::command().try_get_matches_from(all);
    let matches = matches.map_err(Stop::Usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(Stop::Usage)?;
    let effective = matches
        .subcommand_matches(COMMAND)
        .map(|matches| Effective::of(&command, matches, &given, &settings));
    Ok(Parsed { cli, effective })
}

fn told(faults: Vec<String>) -> CliError {
    let message = match faults.len() {
        1 => "the configuration cannot be used".to_owned(),
        count => format!("the configuration cannot be used: {count} faults"),
    };
    CliError::new(message).details(faults).hint(
        "`tracemesh collect --help` lists all options; `--print-config` shows what is in force",
    )
}

fn collect_command() -> Command {
    let mut all = Cli::command();
    all.build();
    let found = all.find_subcommand(COMMAND).cloned();
    found.unwrap_or_else(|| Command::new(COMMAND))
}

/// Long flags that the user typed, if the command is `collect`. No value begins with two dashes, so looking at the words
/// is enough.
fn flags_of_collect(arguments: &[OsString]) -> Option<BTreeSet<String>> {
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_str().unwrap_or(""))
        .collect();
    let mut globals = words.iter().copied().enumerate().filter(|(at, word)| {
        let follows_color = at.checked_sub(1).is_some_and(|at| words[at] == "--color");
        !word.starts_with('-') && !follows_color
    });
    let (at, command) = globals.next()?;
    (command == COMMAND).then(|| {
        let words = words[at..].iter().copied();
        words.filter_map(flag_name).map(str::to_owned).collect()
    })
}

/// `flag` of `--flag` and of `--flag=value`.
fn flag_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix("--")?;
    Some(name.split_once('=').map_or(name, |(name, _)| name))
}

/// The value of `--config` on the command line, else that of the environment, and which it is.
fn config_path(arguments: &[OsString], settings: &[Setting]) -> Option<(OsString, Origin)> {
    let typed = arguments.iter().enumerate().find_map(|(at, word)| {
        let word = word.to_str()?;
        match word.strip_prefix("--config=") {
            Some(path) => Some(OsString::from(path)),
            None if word == "--config" => arguments.get(at + 1).cloned(),
            None => None,
        }
    });
    let of_environment = || {
        let setting = settings.iter().find(|it| it.name == "config")?;
        Some((
            OsString::from(setting.values.first()?),
            setting.origin.clone(),
        ))
    };
    typed
        .map(|path| (path, Origin::Flag))
        .or_else(of_environment)
}

/// What clap says against a setting, taken alone.
fn fault_of(command: &Command, setting: &Setting) -> Option<String> {
    let mut words = vec![OsString::from(COMMAND)];
    words.extend(setting.arguments(command));
    let outcome = command
        .clone()
        .no_binary_name(false)
        .try_get_matches_from(words);
    match outcome {
        Ok(_) => None,
        // Another flag may be missing, or in the way: only all together can tell.
        Err(error) if is_about_others(error.kind()) => None,
        Err(error) => {
            let text = error.to_string();
            let line = first_line(&text).unwrap_or_default();
            Some(format!("{}: {line}", setting.origin.of(&setting.name)))
        }
    }
}

fn is_about_others(kind: clap::error::ErrorKind) -> bool {
    use clap::error::ErrorKind;
    matches!(
        kind,
        ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict
    )
}

/// The first line of what clap says, without its prefix.
fn first_line(text: &str) -> Option<String> {
    let line = text.lines().next()?;
    Some(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}

/// True for flags that take no value.
fn is_switch(command: &Command, name: &str) -> bool {
    let found = command
        .get_arguments()
        .find(|it| it.get_long() == Some(name));
    found.is_some_and(|it| matches!(it.get_action(), ArgAction::SetTrue))
}

/// The raw values of an option.
fn raw_values(matches: &ArgMatches, id: &str) -> Vec<String> {
    let raw = matches.get_raw(id).into_iter().flatten();
    raw.map(|value| value.to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests;

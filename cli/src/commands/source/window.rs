//! Which time of the store is read: what the user said, checked against the clock before anything is opened.

use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use crate::args::{SourceArgs, WindowArgs};
use crate::error::CliError;

/// The window that the arguments ask for; all time when they say nothing.
pub(super) fn wanted(arguments: &WindowArgs, now: Timestamp) -> Result<Window, CliError> {
    let start = arguments.since.as_ref().map(|since| since.at(now));
    let end = arguments.until.as_ref().map(|until| until.at(now));
    if let (Some(since), Some(start)) = (&arguments.since, start)
        && start > now
    {
        return Err(CliError::new(format!(
            "`--since {since}` lies in the future: it is {} now",
            minutes(now)
        ))
        .hint("give a time that is over, such as `--since 14d`"));
    }
    if let (Some(since), Some(until)) = (&arguments.since, &arguments.until)
        && start >= end
    {
        return Err(
            CliError::new(format!("`--since {since}` is not before `--until {until}`"))
                .hint("the window begins at `--since` and ends before `--until`; a day is its first moment in UTC"),
        );
    }
    Ok(Window { start, end })
}

/// Refuses a window where there is only one.
pub(super) fn refuse(arguments: &SourceArgs) -> Result<(), CliError> {
    if arguments.window.is_empty() {
        return Ok(());
    }
    let (what, hint) = match arguments.graph {
        Some(_) => (
            "a snapshot, which is one window",
            "make the snapshot of that time: `tracemesh graph --since .. --until .. --format json`",
        ),
        None => (
            "trace files, which are read as a whole",
            "`tracemesh import` puts them into a store, of which any time can be read",
        ),
    };
    let message = format!("`--since` and `--until` do not apply to {what}");
    Err(CliError::new(message).hint(hint))
}

/// A window for people: `2026-11-08 08:00 to 2026-11-22 08:00`, in UTC.
pub(in crate::commands) fn told(window: Window) -> String {
    match (window.start.map(minutes), window.end.map(minutes)) {
        (Some(start), Some(end)) => format!("{start} to {end} UTC"),
        (Some(start), None) => format!("{start} UTC and later"),
        (None, Some(end)) => format!("before {end} UTC"),
        (None, None) => "all time".to_owned(),
    }
}

/// To the minute, or to the second where that says more.
fn minutes(time: Timestamp) -> String {
    let text = time.to_string().replacen('T', " ", 1);
    let seconds = text.get(16..19).unwrap_or_default();
    let width = if seconds == ":00" { 16 } else { 19 };
    text.get(..width).unwrap_or(&text).to_owned()
}

/// What time it is.
pub(in crate::commands) fn now() -> Timestamp {
    let ns = jiff::Timestamp::now().as_nanosecond();
    Timestamp(u64::try_from(ns).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

    fn arguments(since: &str, until: &str) -> WindowArgs {
        let moment = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        WindowArgs {
            since: moment(since),
            until: moment(until),
        }
    }

    fn fault(since: &str, until: &str) -> String {
        let error = wanted(&arguments(since, until), NOW).unwrap_err();
        error.lines().join("\n")
    }

    #[test]
    fn windows_are_told_to_the_minute() {
        let told = |since, until| told(wanted(&arguments(since, until), NOW).unwrap());
        assert_eq!(told("", ""), "all time");
        assert_eq!(told("2w", "1d"), "2027-01-01 08:00 to 2027-01-14 08:00 UTC");
        assert_eq!(told("1s", ""), "2027-01-15 07:59:59 UTC and later");
        assert_eq!(told("", "2026-11-08"), "before 2026-11-08 00:00 UTC");
    }

    #[test]
    fn windows_without_time_are_refused() {
        for (since, until) in [("1d", "2d"), ("2026-11-08", "2026-11-08")] {
            let told = fault(since, until);
            assert!(told.contains("is not before `--until"), "{told}");
            assert!(told.contains("hint:"), "{told}");
        }
        let told = fault("2028-01-01", "");
        assert!(
            told.contains("in the future: it is 2027-01-15 08:00"),
            "{told}"
        );
    }
}

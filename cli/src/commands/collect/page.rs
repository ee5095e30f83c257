//! The graph that a running collector shows: that of `tracemesh graph --format json`, of a window of its store.

use std::collections::BTreeMap;

use tracemesh_collector::serve::GraphRefusal;
use tracemesh_collector::store::{Location, Wanted, read};
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use crate::args::Moment;
use crate::commands::graph::json;
use crate::commands::source::now;
use crate::text::printable;

/// What is shown when nobody says what.
const DEFAULT_SINCE: &str = "1h";

/// Reads the window that `since` and `until` name, and writes its snapshot.
pub(super) fn graph(
    store: &Location,
    parameters: &BTreeMap<String, String>,
) -> Result<String, GraphRefusal> {
    let unknown = parameters
        .keys()
        .find(|name| !["since", "until"].contains(&name.as_str()));
    if let Some(unknown) = unknown {
        let told = format!(
            "unknown parameter `{}`: there are `since` and `until`",
            printable(unknown)
        );
        return Err(GraphRefusal::Question(told));
    }
    let now = now();
    let since = parameters
        .get("since")
        .map_or(DEFAULT_SINCE, String::as_str);
    let window = Window {
        start: Some(moment("since", since, now)?),
        end: match parameters.get("until") {
            Some(until) => Some(moment("until", until, now)?),
            None => None,
        },
    };
    let wanted = Wanted {
        window,
        detail: Detail::Everything,
    };
    let unreadable = |error: &dyn std::fmt::Display| GraphRefusal::Unreadable(error.to_string());
    let contents = read(store, &wanted).map_err(|error| unreadable(&error))?;
    if contents.segments == 0 {
        let told = "the store has nothing of that window: after a start, wait for the first flush";
        return Err(GraphRefusal::Nothing(told.to_owned()));
    }
    let snapshot = contents.segment.snapshot(&Settings::default());
    json(&snapshot).map_err(|error| GraphRefusal::Unreadable(error.lines().join(" ")))
}

fn moment(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, GraphRefusal> {
    let moment: Result<Moment, String> = text.parse();
    let moment = moment
        .map_err(|way_out| GraphRefusal::Question(format!("`{name}` is no time: {way_out}")))?;
    Ok(moment.at(now))
}

//! What was seen from or to a service and made no edge, and why.

use std::collections::BTreeMap;

use tracemesh_graph::doctor::About;
use tracemesh_graph::explain::Missing;
use tracemesh_graph::snapshot::{SampledOut, ServiceDiagnostics};

use super::NAME;
use super::edge::push_more;
use crate::render::page::Page;
use crate::text::{clip, counted, thousands};

/// Values listed per line; the JSON has all.
const SHOWN: usize = 8;

/// Every gap with its reason; a gap that is not there is not told.
pub(super) fn tell(page: &mut Page, missing: &Missing) {
    page.heading(&format!(
        "Seen from or to {}, but no edge",
        clip(&missing.service, 40)
    ));
    let mut is_whole = true;
    let mut say = |text: &str| {
        page.wrapped("  - ", text);
        is_whole = false;
    };
    match &missing.diagnostics {
        None => {
            say("it sends no spans: what it calls, and what became of calls to it, cannot be known")
        }
        Some(diagnostics) => gaps(diagnostics, &mut say),
    }
    if missing.entry_calls > 0 {
        say(&format!(
            "{} without a caller in the traces, dialled at {}: from outside, or their context was lost on the way",
            counted(missing.entry_calls, "call to it is", "calls to it are"),
            names(&missing.entered_at)
        ));
    }
    if !missing.unanswered.is_empty() {
        say(&format!(
            "its calls to these made edges, but no span of theirs was seen, so nothing is known behind them: {}",
            names(&missing.unanswered)
        ));
    }
    for perhaps in missing.perhaps.iter().take(SHOWN) {
        say(&format!(
            "{} of {} to {} dialled an address under which this service was called: they may be its own",
            counted(perhaps.calls, "call", "calls"),
            clip(&perhaps.caller, NAME),
            clip(&perhaps.callee, NAME)
        ));
    }
    if let Some(more @ 1..) = missing.perhaps.len().checked_sub(SHOWN) {
        say(&format!(
            "and {more} more such edges; `--format json` has all"
        ));
    }
    if is_whole {
        page.wrapped("  ", "nothing was seen; what left no span cannot be told");
    }
}

fn gaps(diagnostics: &ServiceDiagnostics, say: &mut impl FnMut(&str)) {
    if diagnostics.unresolved > 0 {
        say(&format!(
            "{} no destination (by protocol: {}); the spans say: {}",
            counted(
                diagnostics.unresolved,
                "outgoing call names",
                "outgoing calls name"
            ),
            counts(&diagnostics.unresolved_by_protocol),
            counts(&diagnostics.unresolved_by_evidence),
        ));
        for trace in diagnostics.unresolved_exemplars.iter().take(SHOWN) {
            say(&format!("such as in trace {}", clip(trace, NAME)));
        }
    }
    if diagnostics.orphans > 0 {
        say(&format!(
            "{} of {} a parent that was never seen: whoever called is unknown{}",
            thousands(diagnostics.orphans),
            counted(diagnostics.spans, "span has", "spans have"),
            sampled_out(diagnostics.orphans_sampled_out)
        ));
        for trace in diagnostics.orphan_exemplars.iter().take(SHOWN) {
            say(&format!("such as in trace {}", clip(trace, NAME)));
        }
    }
    if diagnostics.unresolved_links > 0 {
        say(&format!(
            "{} to a message that was never seen: its producer is unknown",
            counted(
                diagnostics.unresolved_links,
                "span link leads",
                "span links lead"
            )
        ));
    }
    if diagnostics.without_server_half > 0 {
        say(&format!(
            "{} answered by any server span{}",
            counted(
                diagnostics.without_server_half,
                "outgoing attempt was not",
                "outgoing attempts were not"
            ),
            sampled_out(diagnostics.without_server_half_sampled_out)
        ));
    }
    if diagnostics.duplicates > 0 {
        say(&format!(
            "{} sent again, and counted once",
            counted(diagnostics.duplicates, "span was", "spans were")
        ));
    }
}

/// How much of a gap sampling explains.
fn sampled_out(explained: SampledOut) -> String {
    match explained.count {
        0 => String::new(),
        count => format!(
            " ({} +/- {} of them because the other half was sampled out)",
            thousands(count),
            thousands(explained.standard_error)
        ),
    }
}

fn names(about: &[About]) -> String {
    listed(about.iter().map(|one| (one.name.as_str(), one.count)))
}

fn counts(values: &BTreeMap<String, u64>) -> String {
    listed(values.iter().map(|(name, count)| (name.as_str(), *count)))
}

/// Names with counts; `nothing` when there is none.
fn listed<'a>(values: impl Iterator<Item = (&'a str, u64)> + Clone) -> String {
    let shown = values.clone().take(SHOWN);
    let mut shown: Vec<String> = shown
        .map(|(name, count)| format!("{} ({})", clip(name, NAME), thousands(count)))
        .collect();
    push_more(&mut shown, values.count());
    match shown.as_slice() {
        [] => "nothing".to_owned(),
        shown => shown.join(", "),
    }
}

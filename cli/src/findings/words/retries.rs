//! Sentences about load that grows when a callee is weakest.

use tracemesh_graph::findings::{RetriedEdge, RetryPath, SyncCycle};

use super::{Others, Words, list, times, words};
use crate::text::{count_of, counted, printable};

/// Steps of a path that are told.
const STEPS: usize = 5;

pub(super) fn retried_edge(edge: &RetriedEdge, others: Others) -> Words {
    let failing = edge.attempts_while_failing;
    let failing = failing.filter(|attempts| *attempts > edge.attempts_per_call);
    let at_worst = failing.map_or_else(String::new, |attempts| {
        format!(", up to {} while it fails", times(attempts))
    });
    words(
        format!(
            "{} turns {} to {} into {} ({} each{at_worst}){}",
            printable(&edge.caller),
            counted(edge.calls, "call", "calls"),
            printable(&edge.callee),
            counted(edge.attempts, "attempt", "attempts"),
            times(edge.attempts_per_call),
            others.of("more edge", "more edges"),
        ),
        "retries of the mesh would multiply with these: move retries to one place first",
    )
}

pub(super) fn retry_path(path: &RetryPath, others: Others) -> Words {
    words(
        format!(
            "one call can become {}{} attempts at {} while it fails: {}{}",
            times(path.attempts),
            if path.may_be_more { " or more" } else { "" },
            printable(&path.destination),
            steps(path),
            others.of("more destination", "more destinations"),
        ),
        "retry in one layer only, and let the others pass the failure on; a retry budget in the mesh bounds what is left",
    )
}

/// `a -> b (2.00) -> c (3.00)`, the end of it.
fn steps(path: &RetryPath) -> String {
    let steps = &path.steps.listed;
    let shown = &steps[steps.len().saturating_sub(STEPS)..];
    let cut = shown.len() < steps.len() || path.steps.more > 0;
    let mut text = if cut { ".. " } else { "" }.to_owned();
    if let Some(first) = shown.first() {
        text.push_str(&printable(&first.caller));
    }
    for step in shown {
        text.push_str(&format!(
            " -> {} ({})",
            printable(&step.callee),
            times(step.attempts)
        ));
    }
    text
}

pub(super) fn sync_cycle(cycle: &SyncCycle, others: Others) -> Words {
    let services = cycle.services.listed.iter().map(String::as_str);
    let all = cycle
        .services
        .more
        .saturating_add(count_of(cycle.services.listed.len()));
    let text = format!(
        "{} wait for each other in a circle of {}: {}{}",
        counted(all, "service", "services"),
        counted(cycle.calls, "call", "calls"),
        list(services, cycle.services.more),
        others.of("more circle", "more circles"),
    );
    let weakest = cycle.weakest.listed.iter();
    let edges = weakest.len();
    let weakest: Vec<String> = weakest
        .take(1)
        .map(|edge| {
            format!(
                "from {} to {} ({})",
                printable(&edge.caller),
                printable(&edge.callee),
                counted(edge.calls, "call", "calls")
            )
        })
        .collect();
    let more = cycle
        .weakest
        .more
        .saturating_add(count_of(edges.saturating_sub(1)));
    let and = match more {
        0 => String::new(),
        more => format!(" and {}", counted(more, "more edge", "more edges")),
    };
    Words {
        text,
        advice: format!(
            "a failure can go around even where no request does: a message instead of the call {}{and} would break it",
            weakest.concat(),
        ),
    }
}

//! What stays on the passthrough although it was dialled, and who lost a name to whom: the first of them, and how many more.

use std::collections::BTreeSet;

use tracemesh_graph::egress::{Conflict, EgressModel, ServiceEgress, Unresolved};

use super::wanted_of;
use crate::render::pack::words;
use crate::render::page::Page;
use crate::text::{count_of, counted, printable};

/// Cases that are told; the rest is in `egress.json`.
const MOST: usize = 8;

/// Adds both lists to a page; nothing where there is nothing.
pub(super) fn add(page: &mut Page, model: &EgressModel, wanted: Option<&BTreeSet<String>>) {
    let left: Vec<String> = wanted_of(model, wanted).flat_map(unresolved).collect();
    list(page, "left to the passthrough", &left);
    let lost: Vec<String> = wanted_of(model, wanted).flat_map(conflicts).collect();
    list(page, "claimed twice", &lost);
}

fn list(page: &mut Page, title: &str, cases: &[String]) {
    if cases.is_empty() {
        return;
    }
    let count = counted(count_of(cases.len()), "case", "cases");
    page.heading(&format!("{title}: {count}"));
    for case in cases.iter().take(MOST) {
        page.wrapped("  - ", case);
    }
    if let Some(more) = cases.len().checked_sub(MOST).filter(|more| *more > 0) {
        let more = counted(count_of(more), "more", "more");
        page.wrapped("  - ", &format!("{more}: `egress.json` has all"));
    }
}

fn unresolved(service: &ServiceEgress) -> impl Iterator<Item = String> {
    let case = |left: &Unresolved| {
        let (service, node) = (printable(&service.id), printable(&left.node));
        format!("{service} -> {node}: {}", words::unresolved(left.reason))
    };
    service.unresolved.iter().map(case)
}

fn conflicts(service: &ServiceEgress) -> impl Iterator<Item = String> {
    let case = |conflict: &Conflict| {
        format!(
            "{}, {} on port {} ({}): {} keeps it, {} goes without",
            printable(&service.id),
            printable(&conflict.value),
            conflict.port,
            words::conflict(conflict.reason),
            printable(&conflict.kept),
            printable(&conflict.lost),
        )
    };
    service.conflicts.iter().map(case)
}

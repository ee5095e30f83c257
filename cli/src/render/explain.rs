//! What `tracemesh explain` prints: an [`Explanation`] in words, for people and for programs.
//!
//! Place in the flow: snapshot -> [`Explanation`] of the graph crate -> text. One edge is told in full, the edges of a caller
//! in one line each.

use tracemesh_graph::explain::{ExplainedEdge, Explanation, Raise};

use crate::render::evidence_classes;
use crate::render::page::Page;
use crate::render::table::layout::{Align, Column, Grid};
use crate::render::table::{WIDTH, arrow};
use crate::terminal::Palette;
use crate::text::{clip, count_of, counted, printable, thousands};

mod edge;
mod missing;

/// Characters of a name inside a sentence.
const NAME: usize = 60;

/// The explanation for a terminal of 80 columns.
#[must_use]
pub fn table(explanation: &Explanation, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let caller = clip(&explanation.caller, NAME);
    match (&explanation.callee, explanation.edges.as_slice()) {
        (None, []) => page.heading(&format!("No edge leaves {caller}")),
        (Some(callee), []) => {
            page.heading(&format!("No edge from {caller} to {}", clip(callee, NAME)));
        }
        (None, edges) => {
            if explanation.missing.is_empty() {
                of_caller(&mut page, &caller, edges);
            }
        }
        (Some(_), edges) => edges.iter().for_each(|one| edge::tell(&mut page, one)),
    }
    for one in &explanation.missing {
        missing::tell(&mut page, one);
    }
    page.finish()
}

/// All edges of a caller, one line each.
fn of_caller(page: &mut Page, caller: &str, edges: &[ExplainedEdge]) {
    let title = counted(count_of(edges.len()), "edge", "edges");
    page.heading(&format!("{title} from {caller}"));
    let mut grid = Grid::new(vec![
        Column::new("CALLEE", Align::Left).shrinking(),
        Column::new("CALLS", Align::Right),
        Column::new("EVIDENCE", Align::Left).shrinking(),
        Column::new("SURE %", Align::Right),
    ]);
    for ExplainedEdge { edge, .. } in edges {
        let classes = evidence_classes(edge.evidence);
        let classes: Vec<String> = classes
            .iter()
            .filter(|(_, calls)| *calls > 0)
            .map(|(class, calls)| format!("{} {class}", thousands(*calls)))
            .collect();
        grid.row(vec![
            format!("{} {}", arrow(edge.relation), printable(&edge.callee)),
            thousands(edge.calls),
            classes.join(", "),
            format!("{:.0}", edge.confidence * 100.0),
        ]);
    }
    let (text, _) = grid.finish(WIDTH);
    page.raw(&text);
    page.raw("\n");
    page.wrapped(
        "",
        "Name a callee to see its addresses, example traces and what would raise the confidence; `--missing` tells what made no edge.",
    );
}

/// What to do about a weak edge.
const fn way(raise: Raise) -> &'static str {
    match raise {
        Raise::PropagateContext => {
            "propagate trace context (`traceparent`) from caller to callee, through any proxy between them: both send spans, but \
             these calls were not joined"
        }
        Raise::InstrumentCallee => {
            "instrument the callee, or send its spans here: it was never seen to answer"
        }
        Raise::SetKinds => "set CLIENT on the calling and SERVER on the called span",
        Raise::SetAddress => {
            "set `server.address` and `server.port` on the client spans: only a name is known"
        }
    }
}

/// The explanation as JSON of the schema `tracemesh.explain/v1`:
///
/// ```text
/// { "schema": "tracemesh.explain/v1", "window": {"start": RFC3339, "end": RFC3339},
///   "caller": "<node id>", "callee": "<node id>" or null,
///   "edges": [ {"edge": {an edge of tracemesh.graph/v1, verbatim},
///               "raise": ["propagate_context|instrument_callee|set_kinds|set_address"]} ],
///   "missing": [ {"service": "<node id>", "diagnostics": {per_service of tracemesh.graph/v1} or null,
///                 "entry_calls": 3, "entered_at": [{"name": "shop.example:443", "count": 3}],
///                 "unanswered": [{"name": "<node id>", "count": 9}],
///                 "perhaps": [{"caller": "<node id>", "callee": "<node id>", "calls": 2}]} ] }
/// ```
/// `missing` is there with `--missing`, and when there is no edge. Fields may be added.
///
/// # Errors
/// When a value cannot be written as JSON, which none of these can.
pub fn json(explanation: &Explanation) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(explanation)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests;

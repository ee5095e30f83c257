//! What sidecars saw and traces did not, in words.

use serde::Serialize;
use tracemesh_graph::verify::drift::{
    DriftEdge, DriftInput, DriftKind, DriftReport, NamedBy, PinAdvice,
};

use crate::render::page::Page;
use crate::terminal::Palette;
use crate::text::{bracketed, clip, count_of, counted, printable, thousands};

/// Edges told per kind; the JSON has all.
const SHOWN: usize = 25;

/// Candidates named for one edge.
const NODES: usize = 3;

const KINDS: [(DriftKind, &str); 5] = [
    (DriftKind::Request, "Requests that nothing defines"),
    (DriftKind::Connection, "Connections that nothing defines"),
    (
        DriftKind::Refused,
        "Connections to the sidecar itself, refused",
    ),
    (
        DriftKind::AttributedByPort,
        "Connections counted by their port alone",
    ),
    (
        DriftKind::Inbound,
        "Connections in, to ports that no span names",
    ),
];

/// The report for a terminal of 80 columns.
#[must_use]
pub fn drift_table(report: &DriftReport, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let missing = count_of(report.missing().count());
    page.heading(&match missing {
        0 => "No edge is missing".to_owned(),
        missing => counted(missing, "edge is missing", "edges are missing"),
    });
    page.wrapped("  ", &read(&report.input));
    for (kind, title) in KINDS {
        let edges: Vec<&DriftEdge> = report
            .edges
            .iter()
            .filter(|edge| edge.kind == kind)
            .collect();
        if edges.is_empty() {
            continue;
        }
        page.heading(title);
        for edge in edges.iter().take(SHOWN) {
            page.wrapped("  -  ", &says(edge));
            page.wrapped("     do: ", &advice(edge));
        }
        if let Some(more @ 1..) = edges.len().checked_sub(SHOWN) {
            let more = counted(count_of(more), "more", "more");
            page.wrapped("     ", &format!("and {more}; `--format json` has all"));
        }
    }
    page.finish()
}

fn read(input: &DriftInput) -> String {
    let mut parts = vec![format!("{} about drift", thousands(input.drift))];
    for (count, what) in [
        (input.other, "of other content"),
        (input.damaged, "damaged"),
        (input.too_long, "too long"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", thousands(count)));
        }
    }
    let folded = if input.folded > 0 {
        format!(
            "; {} about too many different places are left out below",
            counted(input.folded, "line", "lines")
        )
    } else {
        String::new()
    };
    format!(
        "{} read: {}{folded}",
        counted(input.lines, "line", "lines"),
        parts.join(", ")
    )
}

fn says(edge: &DriftEdge) -> String {
    let caller = match edge.service.as_str() {
        "" => "somebody".to_owned(),
        service => clip(service, 60),
    };
    let mut text = format!(
        "{}: {caller} to {}",
        thousands(edge.count),
        clip(&edge.destination, 60)
    );
    for (what, value) in [
        ("host", &edge.authority),
        ("server name", &edge.server_name),
    ] {
        if !value.is_empty() {
            text.push_str(&format!(", {what} {}", clip(value, 80)));
        }
    }
    if matches!(edge.kind, DriftKind::Inbound | DriftKind::Refused) {
        return text;
    }
    text.push_str(&who(edge));
    text
}

fn who(edge: &DriftEdge) -> String {
    let by = match edge.named_by {
        None => return "; nobody in the traces is known there".to_owned(),
        Some(NamedBy::Authority) => "others dial it by this host",
        Some(NamedBy::ServerName) => "others dial it by this server name",
        Some(NamedBy::Address) => "spans name this address for it",
    };
    let mut nodes: Vec<String> = edge
        .nodes
        .iter()
        .take(NODES)
        .map(|node| clip(node, 60))
        .collect();
    if let Some(more @ 1..) = edge.nodes.len().checked_sub(NODES) {
        nodes.push(format!("{more} more"));
    }
    match nodes.as_slice() {
        [node] => format!("; most likely {node}: {by}"),
        several => format!("; one of {}: {by}", several.join(", ")),
    }
}

/// What to do about it.
fn advice(edge: &DriftEdge) -> String {
    match (edge.kind, &edge.pin) {
        (DriftKind::Inbound, _) => {
            "nothing breaks: it is passed on; instrument what serves there, or leave it".to_owned()
        }
        (DriftKind::Refused, _) => {
            "find out who dials the sidecar's own port: it never worked".to_owned()
        }
        (_, Some(pin)) if edge.named_by.is_some() => format!(
            "traces know the callee, but not this caller: instrument the call, or pin {}",
            pinned(pin)
        ),
        (_, Some(pin)) => format!(
            "find out what is there; if it belongs to the service, pin {} in tracemesh.yaml",
            pinned(pin)
        ),
        (_, None) => "find out what is there".to_owned(),
    }
}

fn pinned(pin: &PinAdvice) -> String {
    let host = printable(&pin.host);
    format!("{}:{} ({})", bracketed(&host), pin.port, pin.protocol)
}

/// The report as JSON of the schema `tracemesh.drift/v1`, described in `docs/schemas/drift.json`: the fields of
/// [`DriftReport`], with two sentences for each edge, whose wording may change.
///
/// # Errors
/// When a value cannot be written as JSON, which none of these can.
pub fn drift_json(report: &DriftReport) -> Result<String, serde_json::Error> {
    let shown = Shown {
        schema: &report.schema,
        missing: count_of(report.missing().count()),
        input: report.input,
        edges: report.edges.iter().map(shown).collect(),
    };
    let mut text = serde_json::to_string_pretty(&shown)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'a str,
    missing: u64,
    input: DriftInput,
    edges: Vec<ShownEdge<'a>>,
}

#[derive(Serialize)]
struct ShownEdge<'a> {
    #[serde(flatten)]
    edge: &'a DriftEdge,
    says: String,
    advice: String,
}

fn shown(edge: &DriftEdge) -> ShownEdge<'_> {
    ShownEdge {
        edge,
        says: says(edge),
        advice: advice(edge),
    }
}

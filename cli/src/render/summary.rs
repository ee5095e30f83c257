//! What `analyze` prints: what was read, what it became, what deserves a look, and where the files are.
//!
//! Place in the flow: snapshot, findings, waves and written files -> text of 80 columns on standard output. Every number
//! comes with its base. Names are printable; styles are added only by the palette.

use tracemesh_graph::egress::Conservation;
use tracemesh_graph::snapshot::{Diagnostics, Edge, GraphSnapshot, NodeKind};

use crate::findings::Told;
use crate::render::{estimate, evidence_classes, seconds, whole};
use crate::terminal::{Palette, Role};
use crate::text::{clip, count_of, counted, printable, shell_word, thousands};

pub(super) mod wrap;

use wrap::wrap;

/// Columns of the summary.
const WIDTH: usize = 80;

/// Waves shown; the plan has all.
const WAVES: usize = 3;

/// Services shown per wave; the plan has all.
const WAVE_SERVICES: usize = 6;

/// Findings shown.
const FINDINGS: usize = 3;

/// Everything that the summary tells.
#[derive(Debug)]
pub struct Summary<'a> {
    /// Trace files read.
    pub files: u64,
    /// What was passed over in directories, in words.
    pub skipped: Option<String>,
    /// The graph.
    pub snapshot: &'a GraphSnapshot,
    /// What became of the edges on the way to egress definitions.
    pub egress: Conservation,
    /// Findings, most important first.
    pub findings: &'a [Told],
    /// Waves in order: what to call them, and the node ids of their services.
    pub waves: &'a [(String, Vec<String>)],
    /// The snapshot file, for commands that look further; `None` when its path is no text that can be pasted.
    pub graph_path: Option<&'a str>,
    /// What was written: path and what it is.
    pub written: &'a [(String, String)],
}

/// The summary as text.
#[must_use]
pub fn render(summary: &Summary<'_>, palette: Palette) -> String {
    let mut page = Page {
        text: String::new(),
        palette,
    };
    page.heading("Read");
    read(&mut page, summary);
    page.heading("Graph");
    graph(&mut page, summary.snapshot);
    page.fact("egress", &conserved(&summary.egress));
    if !summary.waves.is_empty() {
        page.heading("First waves of onboarding");
        waves(&mut page, summary.waves);
    }
    page.heading("Look at");
    findings(&mut page, summary);
    page.heading("Files");
    files(&mut page, summary.written);
    page.text
}

/// Text under construction.
struct Page {
    text: String,
    palette: Palette,
}

impl Page {
    fn heading(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let title = self.palette.paint(Role::Heading, title);
        self.text.push_str(&title);
        self.text.push('\n');
    }

    /// A name and a value, wrapped under each other.
    fn fact(&mut self, name: &str, value: &str) {
        self.wrapped(&format!("  {name:<12} "), value);
    }

    fn wrapped(&mut self, first: &str, value: &str) {
        let indent = first.chars().count();
        for (number, line) in wrap(value, WIDTH.saturating_sub(indent)).iter().enumerate() {
            if number == 0 {
                self.text.push_str(first);
            } else {
                self.text.push_str(&" ".repeat(indent));
            }
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// A line that must stay whole to be pasted, however long.
    fn pointer(&mut self, indent: usize, line: &str) {
        let line = self.palette.paint(Role::Pointer, line);
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(&line);
        self.text.push('\n');
    }
}

fn read(page: &mut Page, summary: &Summary<'_>) {
    let snapshot = summary.snapshot;
    let diagnostics = &snapshot.diagnostics;
    page.fact("files", &thousands(summary.files));
    if let Some(skipped) = &summary.skipped {
        page.fact("", skipped);
    }
    page.fact("spans", &spans(diagnostics));
    for (title, reasons) in [
        ("rejected", &diagnostics.rejected),
        ("dropped", &diagnostics.dropped),
    ] {
        if !reasons.is_empty() {
            let list: Vec<String> = reasons
                .iter()
                .map(|(reason, count)| format!("{} {}", thousands(*count), printable(reason)))
                .collect();
            page.fact(title, &list.join(", "));
        }
    }
    if let (Some(start), Some(end)) = (snapshot.window.start, snapshot.window.end) {
        page.fact("window", &format!("{} to {}", seconds(start), seconds(end)));
    }
}

fn spans(diagnostics: &Diagnostics) -> String {
    let sum = |reasons: &std::collections::BTreeMap<String, u64>| -> u64 { reasons.values().sum() };
    format!(
        "{}: {} used, {} rejected, {} dropped, {}",
        thousands(diagnostics.spans),
        thousands(diagnostics.used),
        thousands(sum(&diagnostics.rejected)),
        thousands(sum(&diagnostics.dropped)),
        counted(diagnostics.duplicates, "duplicate", "duplicates"),
    )
}

fn graph(page: &mut Page, snapshot: &GraphSnapshot) {
    let of_kind = |kind: NodeKind| {
        let nodes = snapshot.nodes.iter();
        count_of(nodes.filter(|node| node.kind == kind).count())
    };
    page.fact("services", &thousands(of_kind(NodeKind::Service)));
    let others: Vec<String> = [
        NodeKind::Database,
        NodeKind::Broker,
        NodeKind::External,
        NodeKind::Function,
        NodeKind::Genai,
        NodeKind::ObjectStore,
        NodeKind::SharedHost,
        NodeKind::Metadata,
        NodeKind::Unidentified,
        NodeKind::Group,
    ]
    .into_iter()
    .filter(|&kind| of_kind(kind) > 0)
    .map(|kind| {
        format!(
            "{} {}",
            thousands(of_kind(kind)),
            kind.as_str().replace('_', " ")
        )
    })
    .collect();
    if !others.is_empty() {
        page.fact("other nodes", &others.join(", "));
    }
    page.fact("edges", &edges(&snapshot.edges));
    if let Some(sampled) = sampled(&snapshot.edges) {
        page.fact("sampled", &sampled);
    }
    page.fact("unresolved", &unresolved(&snapshot.diagnostics));
}

/// Edges by the strongest evidence that any of their calls has.
fn edges(edges: &[Edge]) -> String {
    let mut by_class: Vec<(&str, u64)> = evidence_classes(Default::default()).to_vec();
    let mut none = 0;
    for edge in edges {
        let classes = evidence_classes(edge.evidence);
        match classes.iter().position(|(_, count)| *count > 0) {
            Some(strongest) => by_class[strongest].1 += 1,
            None => none += 1,
        }
    }
    by_class.push(("without calls", none));
    let list: Vec<String> = by_class
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{} {name}", thousands(*count)))
        .collect();
    let total = thousands(count_of(edges.len()));
    if list.is_empty() {
        total
    } else {
        format!("{total} by best evidence: {}", list.join(", "))
    }
}

/// What the calls stand for, when they were sampled. Errors of edges are added up: calls of one trace are no separate draws.
fn sampled(edges: &[Edge]) -> Option<String> {
    let sampled = || edges.iter().filter(|edge| estimate(edge).is_some());
    let calls = sampled().fold(0, |sum: u64, edge| sum.saturating_add(edge.calls));
    let stand_for: f64 = sampled().map(|edge| edge.weighted_calls).sum();
    let errors = sampled().map(|edge| edge.facts.sampling?.standard_error);
    let error = errors.sum::<Option<f64>>().map_or_else(
        || ", with an unknown error".to_owned(),
        |error| format!(" +/- {} at most (standard error)", whole(error.ceil())),
    );
    (calls > 0).then(|| {
        format!(
            "{} of {} stand for {}{error}",
            counted(calls, "call", "calls"),
            counted(count_of(sampled().count()), "edge", "edges"),
            whole(stand_for),
        )
    })
}

/// Where every edge went; the parts add up to all edges.
#[must_use]
fn conserved(edges: &Conservation) -> String {
    let parts = [
        (edges.infra, "defined as infrastructure of the policy"),
        (edges.pinned_out, "pinned out by the policy"),
        (edges.expired, "expired"),
        (edges.asynchronous, "of messages"),
        (edges.proxied, "through a proxy"),
        (edges.unresolved, "to a known callee at no usable address"),
        (edges.suspect, "never answered"),
        (
            edges.lost_conflict,
            "with an address that belongs to another",
        ),
        (edges.caller_is_no_service, "not from a service"),
    ];
    let mut text = format!(
        "{} of {} defined",
        thousands(edges.emitted),
        counted(edges.edges, "edge", "edges"),
    );
    for (count, what) in parts.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {} {what}", thousands(*count)));
    }
    text
}

fn unresolved(diagnostics: &Diagnostics) -> String {
    let with_gaps = diagnostics
        .per_service
        .iter()
        .filter(|service| service.unresolved > 0);
    let services = count_of(with_gaps.clone().count());
    let calls: u64 = with_gaps.map(|service| service.unresolved).sum();
    if calls == 0 {
        return "none: of every outgoing call it is known whom it calls".to_owned();
    }
    format!(
        "{} without destination, in {}",
        counted(calls, "outgoing call", "outgoing calls"),
        counted(services, "service", "services"),
    )
}

fn waves(page: &mut Page, waves: &[(String, Vec<String>)]) {
    for (wave, services) in waves.iter().take(WAVES) {
        let mut names: Vec<String> = services
            .iter()
            .take(WAVE_SERVICES)
            .map(|id| clip(id.strip_prefix("service/").unwrap_or(id), 40))
            .collect();
        if let Some(more @ 1..) = services.len().checked_sub(WAVE_SERVICES) {
            names.push(format!("{} more", thousands(count_of(more))));
        }
        page.fact(&clip(wave, 12), &names.join(", "));
    }
    if let Some(more @ 1..) = waves.len().checked_sub(WAVES) {
        page.fact("then", &counted(count_of(more), "more wave", "more waves"));
    }
}

fn findings(page: &mut Page, summary: &Summary<'_>) {
    if summary.findings.is_empty() {
        page.wrapped("  ", "nothing stands out");
    }
    for (number, finding) in summary.findings.iter().take(FINDINGS).enumerate() {
        page.wrapped(&format!("  {}. ", number + 1), &finding.text);
        page.wrapped("     ", &finding.advice);
        let path = summary.graph_path;
        if let Some(command) = path.and_then(|path| command(finding, path)) {
            page.pointer(5, &command);
        }
    }
    if let Some(more @ 1..) = summary.findings.len().checked_sub(FINDINGS) {
        let of = &summary.findings[FINDINGS..];
        let rules: Vec<String> = of
            .iter()
            .map(|finding| finding.rule.replace('_', " "))
            .collect();
        page.wrapped(
            "     ",
            &format!(
                "and {}: {}",
                counted(count_of(more), "more kind", "more kinds"),
                rules.join(", ")
            ),
        );
    }
}

/// A command that shows more; none when a name or path cannot be pasted safely.
fn command(finding: &Told, graph_path: &str) -> Option<String> {
    let path = shell_word(graph_path)?;
    let base = format!("tracemesh graph --graph {path}");
    match &finding.node {
        None => Some(format!("{base} --format json")),
        Some(id) => Some(format!("{base} --service {}", shell_word(id)?)),
    }
}

fn files(page: &mut Page, written: &[(String, String)]) {
    let width = written
        .iter()
        .map(|(path, _)| printable(path).chars().count())
        .max()
        .unwrap_or(0);
    for (path, what) in written {
        let path = format!("{:<width$}", printable(path));
        let painted = page.palette.paint(Role::Pointer, &path);
        page.text.push_str(&format!("  {painted}  {what}\n"));
    }
}

#[cfg(test)]
mod tests;

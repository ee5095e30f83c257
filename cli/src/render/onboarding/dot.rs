//! The graph of a plan for Graphviz: services in columns by wave, coloured from the first wave to the last.
//!
//! Place in the flow: [`Plan`] + [`PlanInput`] -> DOT text. Strings go through the escapes of the whole graph's renderer. Only calls
//! between services are drawn, each pair of ends once; nodes that cannot join are counted in the title. Colour is never alone: the
//! box around a column and the label of a node say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tracemesh_graph::onboarding::{Plan, PlanInput};

use super::words::{counted, short};
use crate::render::dot::escape::{id, label};
use crate::text::clip;

#[cfg(test)]
mod tests;

/// Longest name drawn; the tooltip has the whole one.
const NAME: usize = 32;

const FONT: &str = "fontname=\"Helvetica,Arial,sans-serif\"";

/// From the first wave to the last, light to dark, and the ink that is read on each.
const PALETTE: [(&str, &str); 8] = [
    ("#fff3b0", "#1b1b1b"),
    ("#d4eeb1", "#1b1b1b"),
    ("#9fdcb8", "#1b1b1b"),
    ("#63c5c1", "#1b1b1b"),
    ("#3ba3c4", "#1b1b1b"),
    ("#2a79b5", "#ffffff"),
    ("#28529a", "#ffffff"),
    ("#182a62", "#ffffff"),
];

/// Calls from which on lines are straight and pale, and stand behind the names: curves around thousands of boxes show nothing.
const MANY_CALLS: usize = 80;

/// A column of the drawing, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Done,
    Wave(u32),
    HeldBack,
    Excluded,
}

/// How a call is drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Call {
    rate: f64,
    is_inverted: bool,
    is_cut: bool,
}

/// The graph by wave. The input is the one that the plan was made from; same plan and input, same bytes.
#[must_use]
pub fn dot(plan: &Plan, input: &PlanInput) -> String {
    let columns = columns(plan, input);
    let calls = calls(plan, input);
    let version = env!("CARGO_PKG_VERSION");
    let mut dot =
        format!("// Made by tracemesh {version} from observed traces.\ndigraph onboarding {{\n");
    header(&mut dot, plan, input, columns.len());
    defaults(&mut dot, calls.len() > MANY_CALLS);
    let mut by_column: BTreeMap<Column, Vec<&str>> = BTreeMap::new();
    for (service, column) in &columns {
        by_column.entry(*column).or_default().push(service);
    }
    for (number, (column, services)) in by_column.iter().enumerate() {
        subgraph(&mut dot, plan, number, (*column, services));
    }
    spine(&mut dot, &by_column);
    let most = calls.values().map(|call| call.rate).fold(0.0, f64::max);
    for ((caller, callee), call) in &calls {
        line(&mut dot, &edge(caller, callee, *call, most));
    }
    dot.push_str("}\n");
    dot
}

fn line(dot: &mut String, statement: &str) {
    writeln!(dot, "  {statement};").expect("writing to a string cannot fail");
}

/// Where each service stands: those of the plan, and those of the input, which are excluded when the plan knows nothing of them.
fn columns<'a>(plan: &'a Plan, input: &'a PlanInput) -> BTreeMap<&'a str, Column> {
    let mut columns: BTreeMap<&str, Column> = input
        .services
        .keys()
        .map(|service| (service.as_str(), Column::Excluded))
        .collect();
    for service in &plan.unplanned {
        let column = if service.blockers.is_empty() {
            Column::Excluded
        } else {
            Column::HeldBack
        };
        columns.insert(&service.service, column);
    }
    columns.extend(plan.done.iter().map(|id| (id.as_str(), Column::Done)));
    for wave in &plan.waves {
        let services = wave.services.iter();
        columns.extend(services.map(|s| (s.service.as_str(), Column::Wave(wave.wave))));
    }
    columns
}

/// Calls between different services, by caller and callee.
fn calls<'a>(plan: &'a Plan, input: &'a PlanInput) -> BTreeMap<(&'a str, &'a str), Call> {
    let is_service = |id: &str| input.services.contains_key(id);
    let mut calls: BTreeMap<(&str, &str), Call> = BTreeMap::new();
    for edge in &input.edges {
        let is_inside = is_service(&edge.caller) && is_service(&edge.callee);
        if is_inside && edge.caller != edge.callee {
            let call = calls.entry((&edge.caller, &edge.callee)).or_default();
            if edge.rate.is_finite() && edge.rate > 0.0 {
                call.rate += edge.rate;
            }
        }
    }
    for edge in &plan.inverted {
        if let Some(call) = calls.get_mut(&(edge.caller.as_str(), edge.callee.as_str())) {
            call.is_inverted = true;
        }
    }
    for edge in &plan.cut_arcs {
        if let Some(call) = calls.get_mut(&(edge.caller.as_str(), edge.callee.as_str())) {
            call.is_cut = true;
        }
    }
    calls
}

fn header(dot: &mut String, plan: &Plan, input: &PlanInput, services: usize) {
    let ends = input
        .edges
        .iter()
        .flat_map(|edge| [&edge.caller, &edge.callee]);
    let outside: BTreeSet<&String> = ends
        .filter(|id| !input.services.contains_key(*id))
        .collect();
    let mut title = vec![format!(
        "{} by wave, {}",
        counted(services, "service"),
        counted(plan.waves.len(), "wave")
    )];
    if let Some(mesh) = &plan.mesh {
        title.push(format!("mesh {}", clip(mesh, NAME)));
    }
    title.push(
        "orange: caller joins before its callee, dashed: left out of the estimates to break a cycle"
            .to_owned(),
    );
    if !outside.is_empty() {
        title.push(format!(
            "{} that cannot join not drawn (databases, brokers, hosts outside)",
            counted(outside.len(), "node")
        ));
    }
    let title = label(title.iter().map(String::as_str));
    line(
        dot,
        &format!(
            "graph [label={title}, labelloc=t, labeljust=l, fontsize=13, fontcolor=\"#555555\", {FONT}]"
        ),
    );
}

fn defaults(dot: &mut String, is_crowded: bool) {
    let (splines, color) = if is_crowded {
        ("splines=line, outputorder=edgesfirst", "#8a93a090")
    } else {
        ("splines=true", "#8a93a0")
    };
    for statement in [
        format!("graph [rankdir=LR, ranksep=1.1, nodesep=0.16, newrank=true, {splines}]"),
        format!("node [{FONT}, fontsize=12, shape=box, margin=\"0.14,0.06\", color=\"#4a5568\"]"),
        format!("edge [{FONT}, arrowsize=0.6, color=\"{color}\", constraint=false]"),
    ] {
        line(dot, &statement);
    }
}

fn subgraph(dot: &mut String, plan: &Plan, number: usize, (column, services): (Column, &[&str])) {
    let title = match column {
        Column::Done => "in already".to_owned(),
        Column::Wave(wave) => wave_title(plan, wave),
        Column::HeldBack => "held back by a hazard".to_owned(),
        Column::Excluded => "not planned".to_owned(),
    };
    let opening = format!(
        "  subgraph cluster_{number} {{\n    graph [label={}, labeljust=c, style=\"rounded\", color=\"#c8ccd4\", fontsize=13]",
        label(title.split('\n'))
    );
    writeln!(dot, "{opening};\n    {{ rank=same;").expect("writing to a string cannot fail");
    for service in services {
        dot.push_str("    ");
        line(dot, &node(plan, service, column));
    }
    dot.push_str("    }\n  }\n");
}

/// `wave 3`, with the day of its canary when there is one.
fn wave_title(plan: &Plan, wave: u32) -> String {
    let calendar = plan.calendar.as_ref();
    let dates =
        calendar.and_then(|calendar| calendar.waves.iter().find(|dates| dates.wave == wave));
    dates.map_or_else(
        || format!("wave {wave}"),
        |dates| format!("wave {wave}\n{}", dates.canary),
    )
}

fn node(plan: &Plan, service: &str, column: Column) -> String {
    let name = clip(short(service), NAME);
    let (second, look) = match column {
        Column::Done => (
            "in already",
            "style=\"filled\", peripheries=2, fillcolor=\"#ffffff\", fontcolor=\"#1b1b1b\""
                .to_owned(),
        ),
        Column::Wave(wave) => ("", planned(plan, wave)),
        Column::HeldBack => (
            "fix its hazard first",
            "shape=octagon, style=\"filled\", fillcolor=\"#f7d6cf\", fontcolor=\"#1b1b1b\""
                .to_owned(),
        ),
        Column::Excluded => (
            "not planned",
            "style=\"filled,dashed\", fillcolor=\"#e9ebee\", fontcolor=\"#4a5568\"".to_owned(),
        ),
    };
    let lines = [name.as_str(), second];
    let lines = lines.into_iter().filter(|line| !line.is_empty());
    format!(
        "{} [label={}, tooltip={}, {look}]",
        id(service),
        label(lines),
        label([service])
    )
}

fn planned(plan: &Plan, wave: u32) -> String {
    let numbers: Vec<u32> = plan.waves.iter().map(|wave| wave.wave).collect();
    let at = numbers
        .iter()
        .position(|number| *number == wave)
        .unwrap_or(0);
    let last = numbers.len().saturating_sub(1).max(1);
    let (fill, ink) = PALETTE[(at * (PALETTE.len() - 1) + last / 2) / last];
    format!("style=\"filled,rounded\", fillcolor=\"{fill}\", fontcolor=\"{ink}\"")
}

/// Unseen edges that keep the columns in order; calls do not move them.
fn spine(dot: &mut String, columns: &BTreeMap<Column, Vec<&str>>) {
    let firsts: Vec<&str> = columns
        .values()
        .filter_map(|c| c.first().copied())
        .collect();
    for pair in firsts.windows(2) {
        let (from, to) = (id(pair[0]), id(pair[1]));
        line(
            dot,
            &format!("{from} -> {to} [style=invis, constraint=true, weight=100]"),
        );
    }
}

fn edge(caller: &str, callee: &str, call: Call, most: f64) -> String {
    // Thicker for more calls, on a log scale of four decades.
    let share = if most > 0.0 { call.rate / most } else { 0.0 };
    let width = (4.0 + share.max(1e-4).log10()).mul_add(0.6, 0.6);
    let mut look = format!("penwidth={width:.1}");
    let mut words = Vec::new();
    if call.is_inverted {
        look.push_str(", color=\"#d55e00\"");
        words.push("caller joins before callee");
    }
    if call.is_cut {
        look.push_str(", style=dashed");
        words.push("left out to break a cycle");
    }
    let names = format!("{caller} -> {callee}");
    let lines = std::iter::once(names.as_str()).chain(words);
    format!(
        "{} -> {} [{look}, tooltip={}]",
        id(caller),
        id(callee),
        label(lines)
    )
}

//! Votes, messages, halves, example traces and load over time.

use std::collections::HashMap;

use super::super::sheets::{Sheets, refused};
use super::Indices;
use super::graph::{Side, sides, sign};
use super::index::{Index, port, trace, word};
use crate::hazards::Sign;
use crate::segment::MessageId;
use crate::segment::trail::STEPS;
use crate::slice::Found;
use crate::tabular::TableError;

/// What load, lifetimes and example traces belong to: a row of `edges` or `destinations`, or a node.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Owner {
    Route(u32),
    Node(u32),
}

/// Of what a trace is an example.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Example {
    Evidence(Found),
    Hazard(Sign),
    Orphan,
}

/// The ends of a vote.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct VoteEnds {
    pub(in super::super) caller: u32,
    pub(in super::super) callee: u32,
    pub(in super::super) port: Option<u16>,
}

/// A send or consume.
#[derive(Debug)]
pub(in super::super) struct Message {
    pub(in super::super) id: MessageId,
    pub(in super::super) node: u32,
    pub(in super::super) target: u32,
    pub(in super::super) weight: Option<f32>,
    /// Inner spans of a send.
    pub(in super::super) also: Vec<u64>,
    /// What a consume names; true for links.
    pub(in super::super) refs: Vec<(MessageId, bool)>,
}

/// A server span whose caller was not seen.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Server {
    pub(in super::super) id: MessageId,
    pub(in super::super) callee: u32,
    pub(in super::super) caller: MessageId,
}

/// Where the rows of each table belong, in the order of their rows.
#[derive(Debug)]
pub(in super::super) struct Details {
    pub(in super::super) votes: Vec<VoteEnds>,
    pub(in super::super) messages: Vec<Message>,
    pub(in super::super) servers: Vec<Server>,
    pub(in super::super) owed: Vec<u32>,
    pub(in super::super) folds: Vec<(u32, u32)>,
    pub(in super::super) skews: Vec<(u32, u32)>,
    pub(in super::super) exemplars: Vec<(Owner, Example, u128)>,
    pub(in super::super) days: Vec<Owner>,
    pub(in super::super) seconds: Vec<Owner>,
    pub(in super::super) lifetimes: Vec<(Owner, Side)>,
}

impl Details {
    pub(super) fn of(sheets: &Sheets, indices: &Indices) -> Result<Self, TableError> {
        check_totals(sheets)?;
        check_diagnostics(sheets)?;
        let (nodes, destinations) = (&indices.nodes, &indices.destinations);
        let pairs = |table, left: &[u64], right: &[u64]| {
            let right = nodes.all(table, right)?;
            Ok(nodes.all(table, left)?.into_iter().zip(right).collect())
        };
        let owners = |table, of: &[Option<u64>], node: &[Option<u64>]| {
            let rows = of.iter().zip(node);
            rows.map(|(of, node)| owner(table, (destinations, *of), (nodes, *node)))
                .collect::<Result<Vec<_>, _>>()
        };
        let lifetimes = &sheets.lifetimes;
        let owned = owners("lifetimes", &lifetimes.destination, &lifetimes.node)?;
        let lifetimes = owned.into_iter().zip(sides("lifetimes", &lifetimes.side));
        Ok(Self {
            votes: votes(sheets, nodes)?,
            messages: messages(sheets, indices)?,
            servers: servers(sheets, nodes)?,
            owed: nodes.all("owed", &sheets.owed.node)?,
            folds: pairs("folds", &sheets.folds.sidecar, &sheets.folds.application)?,
            skews: pairs("skews", &sheets.skews.caller, &sheets.skews.callee)?,
            exemplars: exemplars(sheets, indices)?,
            days: owners("days", &sheets.days.destination, &sheets.days.node)?,
            seconds: owners("seconds", &sheets.seconds.destination, &sheets.seconds.node)?,
            lifetimes: lifetimes
                .map(|(owner, side)| Ok((owner, side?)))
                .collect::<Result<_, TableError>>()?,
        })
    }
}

fn owner(
    table: &'static str,
    (routes, route): (&Index, Option<u64>),
    (nodes, node): (&Index, Option<u64>),
) -> Result<Owner, TableError> {
    match (route, node) {
        (Some(id), None) => Ok(Owner::Route(routes.one(table, id)?)),
        (None, Some(id)) => Ok(Owner::Node(nodes.one(table, id)?)),
        _ => Err(refused(table, "a row belongs to none, or to two")),
    }
}

fn check_totals(sheets: &Sheets) -> Result<(), TableError> {
    let steps = &sheets.totals.step_min;
    match steps.iter().all(|step| STEPS.contains(step)) {
        true => Ok(()),
        false => Err(refused("totals", "`step_min` is no step of time")),
    }
}

fn check_diagnostics(sheets: &Sheets) -> Result<(), TableError> {
    let is_known = |kind| matches!(kind, Some("rejected" | "dropped" | "counter"));
    match sheets.diagnostics.kind.iter().all(is_known) {
        true => Ok(()),
        false => Err(refused("diagnostics", "a kind is not known")),
    }
}

fn votes(sheets: &Sheets, nodes: &Index) -> Result<Vec<VoteEnds>, TableError> {
    let rows = &sheets.votes;
    let callers = nodes.all("votes", &rows.caller)?;
    let callees = nodes.all("votes", &rows.callee)?;
    let mut names = rows.peer_namespace.iter().zip(rows.peer_name.iter());
    if names.any(|(namespace, name)| namespace.is_some() != name.is_some()) {
        return Err(refused("votes", "a peer has half a name"));
    }
    let ends = callers.into_iter().zip(callees).zip(&rows.port);
    ends.map(|((caller, callee), number)| {
        Ok(VoteEnds {
            caller,
            callee,
            port: port("votes", *number)?,
        })
    })
    .collect()
}

fn messages(sheets: &Sheets, indices: &Indices) -> Result<Vec<Message>, TableError> {
    let rows = &sheets.messages;
    let nodes = indices.nodes.all("messages", &rows.node)?;
    let targets = indices.targets.all("messages", &rows.target)?;
    let mut messages: Vec<Message> = Vec::with_capacity(nodes.len());
    let mut places = HashMap::new();
    for (row, (node, target)) in nodes.into_iter().zip(targets).enumerate() {
        let id = (trace("messages", &rows.trace[row])?, rows.span[row]);
        if places.insert((id, rows.is_send[row]), row).is_some() {
            return Err(refused("messages", "a span is there twice"));
        }
        messages.push(Message {
            id,
            node,
            target,
            weight: weight(rows.weight[row])?,
            also: Vec::new(),
            refs: Vec::new(),
        });
    }
    for (place, position, to) in references(sheets, &places)? {
        let message = &mut messages[place];
        match position.1 {
            Reference::Also => message.also.push(to.1),
            Reference::Parent => message.refs.push((to, false)),
            Reference::Link => message.refs.push((to, true)),
        }
    }
    Ok(messages)
}

/// How a message refers to a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reference {
    Also,
    Parent,
    Link,
}

/// Row of the message, place of the reference and its kind, and what it refers to; sorted.
type References = Vec<(usize, (u32, Reference), MessageId)>;

fn references(
    sheets: &Sheets,
    places: &HashMap<(MessageId, bool), usize>,
) -> Result<References, TableError> {
    const TABLE: &str = "message_refs";
    let kinds = [
        ("also", Reference::Also),
        ("parent", Reference::Parent),
        ("link", Reference::Link),
    ];
    let rows = &sheets.message_refs;
    let mut references = Vec::with_capacity(rows.span.len());
    for row in 0..rows.span.len() {
        let id = (trace(TABLE, &rows.trace[row])?, rows.span[row]);
        let kind = word(TABLE, "kind", &rows.kind[row], kinds)?;
        let Some(place) = places.get(&(id, kind == Reference::Also)) else {
            return Err(refused(TABLE, "a message is not there"));
        };
        let to = (trace(TABLE, &rows.to_trace[row])?, rows.to_span[row]);
        references.push((*place, (rows.position[row], kind), to));
    }
    references.sort_unstable();
    Ok(references)
}

/// Weights lie in 1..1e9, and are kept in single precision.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn weight(weight: Option<f64>) -> Result<Option<f32>, TableError> {
    match weight {
        Some(weight) if !(1.0..=1e9).contains(&weight) => {
            Err(refused("messages", "a weight is out of range"))
        }
        weight => Ok(weight.map(|weight| weight as f32)),
    }
}

fn servers(sheets: &Sheets, nodes: &Index) -> Result<Vec<Server>, TableError> {
    const TABLE: &str = "open_servers";
    let rows = &sheets.open_servers;
    let callees = nodes.all(TABLE, &rows.callee)?;
    let mut servers = Vec::with_capacity(callees.len());
    for (row, callee) in callees.into_iter().enumerate() {
        servers.push(Server {
            id: (trace(TABLE, &rows.trace[row])?, rows.span[row]),
            callee,
            caller: (
                trace(TABLE, &rows.caller_trace[row])?,
                rows.caller_span[row],
            ),
        });
    }
    Ok(servers)
}

fn exemplars(
    sheets: &Sheets,
    indices: &Indices,
) -> Result<Vec<(Owner, Example, u128)>, TableError> {
    const TABLE: &str = "exemplars";
    let rows = &sheets.exemplars;
    let mut exemplars = Vec::with_capacity(rows.trace.len());
    for row in 0..rows.trace.len() {
        let (edge, node) = (
            (&indices.edges, rows.edge[row]),
            (&indices.nodes, rows.node[row]),
        );
        let owner = owner(TABLE, edge, node)?;
        let name = &rows.name[row];
        let example = match (&rows.group[row], owner) {
            ("evidence", Owner::Route(_)) => {
                let known = Found::ALL.map(|found| (found.column(), found));
                Example::Evidence(word(TABLE, "name", name, known)?)
            }
            ("hazard", _) => Example::Hazard(sign(TABLE, name)?),
            ("orphan", Owner::Node(_)) => Example::Orphan,
            _ => return Err(refused(TABLE, "a group is not known")),
        };
        exemplars.push((owner, example, trace(TABLE, &rows.trace[row])?));
    }
    Ok(exemplars)
}

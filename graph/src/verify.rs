//! Would this egress have served that traffic? Calls of traces, routed through the tables of a sidecar.
//!
//! ```text
//! GraphSnapshot of held-out traces -> Verification -- per caller, its SidecarTables --> Report
//! ```
//! The tables come from the files that a sidecar reads, not from the model that they were made of: what was dropped, edited or
//! added by hand on the way is seen. Every call of the traces is in one class of the [`Report`]; what the traces do not tell
//! (an address, a protocol) makes a call undecided, never covered.
//!
//! It refuses to say that a configuration is complete: [`UnseenByTraces`] estimates what these traces do not show either.

mod chains;
pub mod drift;
mod hosts;
mod judge;
mod known;
mod matcher;
mod probe;
mod report;
mod share;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::doctor::Unseen;
use crate::snapshot::{Edge, GraphSnapshot, NodeKind, Relation, Target};
use judge::{Fate, Intent};
use known::Known;
use probe::Dial;

pub use matcher::{Connection, Delivery, End, Request, Speech, deliver};
pub use report::{
    Basis, CallerReport, Conservation, Counts, Finding, Reason, Report, SCHEMA, UnseenByTraces,
    Verdict,
};
pub use tables::{
    ChainAction, ChainMatch, Cluster, Endpoints, FilterChain, HttpAction, Inspectors, Listener,
    MethodMatch, PathMatch, Route, RouteTable, SidecarTables, VirtualHost,
};

/// Traces under verification.
#[derive(Debug)]
pub struct Verification<'a> {
    snapshot: &'a GraphSnapshot,
    known: Known<'a>,
    /// Calls of services by caller.
    dials: BTreeMap<&'a str, Vec<&'a Edge>>,
    conservation: Conservation,
    accept_loopback: bool,
    callers: BTreeMap<String, CallerReport>,
}

impl<'a> Verification<'a> {
    /// Sorts out who dials whom. `accept_loopback` is for tests on one machine, where loopback is redirected too.
    #[must_use]
    pub fn new(snapshot: &'a GraphSnapshot, accept_loopback: bool) -> Self {
        let mut conservation = Conservation::default();
        let mut dials: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
        for edge in &snapshot.edges {
            let class = match edge.relation {
                Relation::Async => &mut conservation.asynchronous,
                Relation::Proxied => &mut conservation.proxied,
                Relation::Sync if !is_service(snapshot, &edge.caller) => {
                    &mut conservation.caller_is_no_service
                }
                Relation::Sync => {
                    dials.entry(&edge.caller).or_default().push(edge);
                    &mut conservation.judged
                }
            };
            *class = class.saturating_add(edge.calls);
            conservation.calls = conservation.calls.saturating_add(edge.calls);
        }
        Self {
            snapshot,
            known: Known::new(snapshot),
            dials,
            conservation,
            accept_loopback,
            callers: BTreeMap::new(),
        }
    }

    /// Node ids of the services that dial, sorted.
    #[must_use]
    pub fn callers(&self) -> Vec<&'a str> {
        self.dials.keys().copied().collect()
    }

    /// Leaves the calls of a caller out of the report.
    pub fn leave_out(&mut self, caller: &str) {
        if let Some(edges) = self.dials.remove(caller) {
            let calls = edges.iter().map(|edge| edge.calls);
            let calls = calls.fold(0, u64::saturating_add);
            let Conservation {
                judged, left_out, ..
            } = &mut self.conservation;
            *judged = judged.saturating_sub(calls);
            *left_out = left_out.saturating_add(calls);
        }
    }

    /// Judges the calls of one caller; `None` means that it has no configuration. Anything but a caller is passed over.
    pub fn judge(&mut self, caller: &str, tables: Option<&SidecarTables>) {
        let Some((id, edges)) = self.dials.get_key_value(caller) else {
            return;
        };
        let mut report = CallerReport {
            service: (*id).to_owned(),
            calls: Counts::default(),
            edges: Counts::default(),
            unseen: self.unseen(id, edges),
            findings: Vec::new(),
        };
        for edge in edges {
            let findings = self.edge(edge, tables);
            let worst = findings
                .iter()
                .max_by_key(|found| (found.verdict, found.reason));
            if let Some(worst) = worst {
                report.edges.add(worst.verdict, worst.never_answered, 1);
            }
            for found in &findings {
                report
                    .calls
                    .add(found.verdict, found.never_answered, found.calls);
            }
            report.findings.extend(findings);
        }
        report.findings.sort_by(|a, b| {
            let key = |found: &Finding| (found.harm, found.verdict, found.reason, found.calls);
            key(b)
                .cmp(&key(a))
                .then_with(|| (&a.callee, &a.host, a.port).cmp(&(&b.callee, &b.host, b.port)))
                .then_with(|| (&a.scheme, &a.address).cmp(&(&b.scheme, &b.address)))
        });
        self.callers.insert(report.service.clone(), report);
    }

    /// The report. Callers that were not judged count as having no configuration.
    #[must_use]
    pub fn report(mut self) -> Report {
        for caller in self.callers() {
            if !self.callers.contains_key(caller) {
                self.judge(caller, None);
            }
        }
        let (mut calls, mut edges) = (Counts::default(), Counts::default());
        for caller in self.callers.values() {
            calls.merge(&caller.calls);
            edges.merge(&caller.edges);
        }
        let callers: Vec<CallerReport> = self.callers.into_values().collect();
        let estimates = callers.iter().filter_map(|caller| caller.unseen);
        let (traces, seen_once) = estimates.fold((0_u64, 0_u64), |(traces, once), unseen| {
            (
                traces.saturating_add(unseen.traces),
                once.saturating_add(unseen.seen_once),
            )
        });
        Report {
            schema: SCHEMA.to_owned(),
            window: self.snapshot.window,
            traces: self.snapshot.traces,
            conservation: self.conservation,
            calls,
            edges,
            unseen: estimate(traces, seen_once),
            callers,
        }
    }

    fn unseen(&self, caller: &str, edges: &[&Edge]) -> Option<UnseenByTraces> {
        let node = self.snapshot.node(caller)?;
        let once = |edge: &&&Edge| edge.facts.caller_requests == Some(1) || edge.calls == 1;
        let seen_once = edges.iter().filter(once).count();
        estimate(
            node.traces.seen,
            u64::try_from(seen_once).unwrap_or(u64::MAX),
        )
    }

    /// The fate of every call of an edge.
    fn edge(&self, edge: &Edge, tables: Option<&SidecarTables>) -> Vec<Finding> {
        let Some(tables) = tables else {
            let all = finding(edge, None, edge.calls, Fate::unrouted(Reason::NoDirectory));
            return vec![all];
        };
        let mut findings: Vec<Finding> = Vec::new();
        let mut left = edge.calls;
        for target in &edge.targets {
            // Calls end at one target each; a snapshot from elsewhere may say otherwise, and must not make calls.
            let calls = target.calls.min(left);
            left = left.saturating_sub(calls);
            let mut own = Vec::new();
            for (fate, calls) in self.target(edge, target, calls, tables) {
                share::push(&mut own, finding(edge, Some(target), calls, fate));
            }
            findings.extend(own);
        }
        if left > 0 || findings.is_empty() {
            let mut fate = Fate::unrouted(Reason::NoAddress);
            fate.cluster = made_for(tables, &edge.callee);
            findings.push(finding(edge, None, left, fate));
        }
        findings
    }

    /// The fates of the calls to one target, by the addresses behind its name.
    fn target(
        &self,
        edge: &Edge,
        target: &Target,
        calls: u64,
        tables: &SidecarTables,
    ) -> Vec<(Fate, u64)> {
        let dial = match Dial::new(edge, target, self.accept_loopback) {
            Ok(dial) => dial,
            Err(reason) => return vec![(Fate::unrouted(reason), calls)],
        };
        let intent = Intent {
            callee: &edge.callee,
            known: &self.known,
        };
        let fates = share::addresses(&dial, target)
            .into_iter()
            .map(|(ip, weight)| (judge::worst(tables, &dial, ip, intent), weight))
            .collect();
        share::apportion(fates, calls)
    }
}

fn finding(edge: &Edge, target: Option<&Target>, calls: u64, fate: Fate) -> Finding {
    let mut finding = Finding {
        verdict: fate.reason.verdict(),
        reason: fate.reason,
        harm: false,
        callee: edge.callee.clone(),
        scheme: target.map_or_else(String::new, |target| target.scheme.clone()),
        host: target.map_or_else(String::new, |target| target.host.clone()),
        port: target.and_then(|target| target.port),
        calls,
        never_answered: edge.is_never_answered(),
        basis: Basis::None,
        sent: String::new(),
        address: None,
        listener: None,
        virtual_host: None,
        cluster: None,
        made_for: None,
    };
    fate.describe(&mut finding);
    finding
}

/// The first cluster that was made for a node.
fn made_for(tables: &SidecarTables, node: &str) -> Option<String> {
    let mut clusters = tables.clusters.iter();
    let made = clusters.find(|(_, cluster)| cluster.made_for.as_deref() == Some(node));
    made.map(|(name, _)| name.clone())
}

fn is_service(snapshot: &GraphSnapshot, id: &str) -> bool {
    let node = snapshot.node(id);
    node.is_some_and(|node| node.kind == NodeKind::Service)
}

fn estimate(traces: u64, seen_once: u64) -> Option<UnseenByTraces> {
    let unseen = Unseen::new(traces, seen_once)?;
    Some(UnseenByTraces {
        traces,
        seen_once,
        next_is_new: unseen.next_is_new.min(1.0),
        one_takes_at_most: unseen.one_takes_at_most,
    })
}

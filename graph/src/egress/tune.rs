//! Decides the settings of every destination and service: formulas, thresholds, policy, hysteresis.
//!
//! ```text
//! Edge, Node -> Facts -+-> gate (does evidence suffice?) -> formulas -> Draft (policy first, near values stay) -> Tuning
//! targets    -> Hosts -+                                                                                     \-> evidence
//! ```
//! It refuses to set what evidence does not carry: a timeout that is too short is an outage that nobody had before. What is
//! withheld is listed with what is missing, what would do nothing with the reason. `docs/settings.md` has every formula.

mod draft;
mod facts;
mod formulas;
mod gate;
mod given;
mod hosts;
mod inbound;
mod keepalive;
mod outbound;
mod rounding;
mod streams;

use std::collections::BTreeMap;

use super::EgressOptions;
use super::model::{AddressSource, Destination, EgressModel, ServiceEgress};
use super::settings::{Phase, SettingSource, Tuning};
use crate::snapshot::{Edge, Exposed, GraphSnapshot, Node, NodeKind, Relation};
use draft::Draft;
pub(crate) use facts::server_faults;
use facts::{CALLEE_INSTANCES, Facts, HOSTS, KEEPALIVE, VERSIONS};
use gate::{Deploys, judge};
use given::{Given, Party};
use hosts::Hosts;
use keepalive::Keepalive;
use outbound::Outbound;

/// Applies it to a whole model.
pub(super) fn tune(model: &mut EgressModel, snapshot: &GraphSnapshot, options: &EgressOptions) {
    let tuner = Tuner::new(snapshot, options);
    for service in &mut model.services {
        let evidence = model
            .evidence
            .services
            .entry(service.id.clone())
            .or_default();
        let party = Party {
            id: &service.id,
            namespace: &service.namespace,
            name: &service.name,
        };
        let given = Given::for_service(&options.policy, party);
        // A service that is not in the graph keeps what was decided when it was, as far as it may still be.
        let is_seen = tuner.nodes.contains_key(service.id.as_str());
        let furthest = given.phase.unwrap_or(Phase::Tuned).min(options.phase);
        if is_seen || service.inbound_tuning.phase > furthest {
            let (tuning, facts) = tuner.inbound(service, &given);
            service.inbound_tuning = tuning;
            evidence.inbound_facts = facts;
        }
        for index in 0..service.destinations.len() {
            let destination = &service.destinations[index];
            let (tuning, facts) = tuner.outbound((party, destination), &given);
            if let Some(edge) = evidence.destinations.get_mut(&destination.node)
                && !facts.is_empty()
            {
                edge.facts = facts;
            }
            service.destinations[index].tuning = tuning;
        }
    }
}

/// What every decision looks things up in.
struct Tuner<'a> {
    options: &'a EgressOptions,
    nodes: BTreeMap<&'a str, &'a Node>,
    edges: BTreeMap<(&'a str, &'a str), &'a Edge>,
    /// Spans by service.
    spans: BTreeMap<&'a str, u64>,
    /// The last run's, of inbound traffic by service and of destinations by both ends.
    inbound_before: BTreeMap<&'a str, &'a Tuning>,
    before: BTreeMap<(&'a str, &'a str), &'a Tuning>,
}

impl<'a> Tuner<'a> {
    fn new(snapshot: &'a GraphSnapshot, options: &'a EgressOptions) -> Self {
        let nodes = snapshot.nodes.iter().map(|node| (node.id.as_str(), node));
        let edges = snapshot.edges.iter();
        let edges = edges
            .filter(|edge| edge.relation == Relation::Sync)
            .map(|edge| ((edge.caller.as_str(), edge.callee.as_str()), edge));
        let spans = snapshot.diagnostics.per_service.iter();
        let before = || {
            let models = options.previous.iter();
            models.flat_map(|model| &model.services)
        };
        let inbound_before = before().map(|service| (service.id.as_str(), &service.inbound_tuning));
        let destinations_before = before().flat_map(|service| {
            let destinations = service.destinations.iter();
            destinations.map(|to| ((service.id.as_str(), to.node.as_str()), &to.tuning))
        });
        Self {
            options,
            nodes: nodes.collect(),
            edges: edges.collect(),
            spans: spans
                .map(|service| (service.service.as_str(), service.spans))
                .collect(),
            inbound_before: inbound_before.collect(),
            before: destinations_before.collect(),
        }
    }

    fn inbound(&self, service: &ServiceEgress, given: &Given) -> (Tuning, BTreeMap<String, f64>) {
        let given = given.clone().only(|name| name.is_inbound());
        let before = self.inbound_before.get(service.id.as_str()).copied();
        let node = self.nodes.get(service.id.as_str()).copied();
        let mut facts = node
            .and_then(|node| node.inbound.as_ref())
            .map(Facts::of_inbound);
        if let (Some(facts), Some(node)) = (&mut facts, node) {
            facts.count(VERSIONS, versions(node));
        }
        let thresholds = &self.options.policy.thresholds;
        let nothing = Facts::default();
        let seen = facts.as_ref().unwrap_or(&nothing);
        let gate = judge(
            self.options.phase,
            &given,
            seen,
            Deploys::Needed,
            (thresholds, before),
        );
        let draft = Draft::new(gate.phase, &given, before, thresholds.hysteresis_percent);
        let none = Exposed::new();
        let exposed = node.map_or(&none, |node| &node.hazards);
        inbound::decide(&service.inbound, (facts, exposed), &gate, draft)
    }

    fn outbound(
        &self,
        (caller, destination): (Party<'_>, &Destination),
        given: &Given,
    ) -> (Tuning, BTreeMap<String, f64>) {
        let ends = [caller.id, &destination.node].map(|id| self.nodes.get(id).copied());
        let callee = Party {
            id: &destination.node,
            namespace: ends[1].map_or("", |node| node.namespace.as_str()),
            name: &destination.name,
        };
        let given = given
            .to(&self.options.policy, caller, callee)
            .only(|name| !name.is_inbound());
        let edge = self
            .edges
            .get(&(caller.id, destination.node.as_str()))
            .copied();
        let before = self
            .before
            .get(&(caller.id, destination.node.as_str()))
            .copied();
        if let Some(carried) = self.carried(destination, edge, &given, before) {
            return (carried, BTreeMap::new());
        }
        let mut facts = edge.map(Facts::of_edge).unwrap_or_default();
        let callee_instances = self.callee(ends[1], callee, &mut facts);
        let hosts = edge.map_or(Hosts::Unknown, |edge| {
            hosts::hosts_of(destination, edge, callee_instances.alive)
        });
        match &hosts {
            Hosts::Many { count, .. } => facts.count(HOSTS, *count),
            Hosts::One(_) => facts.count(HOSTS, 1),
            Hosts::Unknown => {}
        }
        let thresholds = &self.options.policy.thresholds;
        let deploys = match ends[1].map(|node| node.kind) {
            Some(NodeKind::Service) => Deploys::Needed,
            _ => Deploys::Invisible,
        };
        let gate = judge(
            self.options.phase,
            &given,
            &facts,
            deploys,
            (thresholds, before),
        );
        let draft = Draft::new(gate.phase, &given, before, thresholds.hysteresis_percent);
        let spans = self.spans.get(caller.id).copied().unwrap_or_default();
        let outbound = Outbound {
            destination,
            edge,
            facts,
            hosts,
            client_zones: ends[0].and_then(|node| hosts::client_zones(node, spans)),
            keepalive: callee_instances.keepalive,
            gate,
            thresholds,
        };
        outbound.decide(draft)
    }

    /// A destination that is not seen any more keeps its settings as long as it is there at all.
    fn carried(
        &self,
        destination: &Destination,
        edge: Option<&Edge>,
        given: &Given,
        before: Option<&Tuning>,
    ) -> Option<Tuning> {
        let before = before?;
        let of_policy = destination.address_source == AddressSource::Policy;
        let may_be = match before.phase {
            Phase::Tuned => {
                self.options.phase == Phase::Tuned && given.phase != Some(Phase::Transparent)
            }
            // What the policy gives is decided anew: it may make the destination tuned, or wait.
            Phase::Transparent => given.phase != Some(Phase::Tuned) && !given.has_settings(),
        };
        if edge.is_some() || of_policy || !may_be {
            return None;
        }
        let mut tuning = before.clone();
        tuning.settings.retain(|name, setting| {
            setting.source != SettingSource::Policy && name.allows(setting.value)
        });
        for setting in tuning.settings.values_mut() {
            if setting.source == SettingSource::Observed {
                setting.source = SettingSource::Kept;
            }
        }
        let given = given
            .settings()
            .map(|(name, setting)| (name, setting.clone()));
        tuning.settings.extend(given);
        Some(tuning)
    }

    /// What is known about the callee alone.
    fn callee(&self, node: Option<&Node>, party: Party<'_>, facts: &mut Facts) -> Callee {
        if let Some(node) = node {
            facts.count(VERSIONS, versions(node));
        }
        let rules = self.options.policy.services.iter();
        let given = rules
            .filter(|rule| party.fits(&rule.service))
            .filter_map(|rule| rule.keepalive_ms)
            .next_back();
        let languages = node.and_then(|node| node.facets.get("language"));
        let keepalive = given
            .map(Keepalive::After)
            .or_else(|| keepalive::of_languages(languages?));
        if let Some(Keepalive::After(ms)) = keepalive {
            facts.count(KEEPALIVE, ms);
        }
        let alive = facts.get(CALLEE_INSTANCES).filter(|alive| *alive >= 1.0);
        Callee {
            alive: alive.map(rounding::up),
            keepalive,
        }
    }
}

/// What is known about a callee alone.
struct Callee {
    /// Instances alive together, if they have names.
    alive: Option<u64>,
    keepalive: Option<Keepalive>,
}

/// Versions of the node that its spans name.
fn versions(node: &Node) -> u64 {
    node.facets
        .get("version")
        .map_or(0, |versions| versions.len() as u64)
}

#[cfg(test)]
mod tests;

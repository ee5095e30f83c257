//! Addresses that nobody was seen to dial, because a person vouches for them or for the callee.

use std::collections::{BTreeMap, BTreeSet};

use super::{AddressBook, Addresses, Candidate};
use crate::egress::host::Host;
use crate::egress::model::{RawTarget, TargetProtocol, UnresolvedReason};
use crate::policy::PinnedAddress;
use crate::snapshot::{Edge, EdgeFacts, EvidenceCounts, Latency, Relation};
use crate::time::Timestamp;

impl AddressBook<'_> {
    /// An address of the policy in the words of a caller.
    ///
    /// # Errors
    /// With the reason why nothing may be generated for it.
    pub(in crate::egress) fn vouched(
        &self,
        address: &PinnedAddress,
        protocol: TargetProtocol,
        caller: &str,
    ) -> Result<Candidate, UnresolvedReason> {
        let host = Host::parse(&address.host, self.options.accept_loopback)?;
        if address.port == 0 {
            return Err(UnresolvedReason::NoPort);
        }
        if self.options.reserved_ports.contains(&address.port) {
            return Err(UnresolvedReason::ReservedPort);
        }
        let literal = Candidate {
            raw: vouched_target(address),
            port: address.port,
            protocol,
            dns: None,
            identity: host.to_string(),
            absolute: true,
            kubernetes: false,
            assumed: false,
            forms: vec![host.to_string()],
            sockets: BTreeSet::new(),
            calls: 0,
            supposed: true,
            earlier: false,
            kube: None,
            host,
        };
        let Host::Name(name) = &literal.host else {
            return Ok(self.located(literal));
        };
        let namespace = self.namespace(caller);
        let resolved = self.names.resolve(name, namespace.as_deref(), false);
        Ok(self.located(literal.understood(resolved)))
    }

    /// Whether a dialled address is one of the policy, in whatever form either is written.
    pub(in crate::egress) fn is_at(
        &self,
        candidate: &Candidate,
        address: &PinnedAddress,
        caller: &str,
    ) -> bool {
        if candidate.port != address.port {
            return false;
        }
        let is_form = candidate.forms.contains(&address.host);
        if is_form || candidate.identity == address.host || candidate.raw.host == address.host {
            return true;
        }
        let Ok(Host::Name(name)) = Host::parse(&address.host, self.options.accept_loopback) else {
            return false;
        };
        let namespace = self.namespace(caller);
        let resolved = self.names.resolve(&name, namespace.as_deref(), true);
        candidate.kubernetes && resolved.identity == candidate.identity
    }

    /// The addresses of a callee for a service that was not seen to call it.
    pub(in crate::egress) fn of_unseen(&self, caller: &str, callee: &str) -> Addresses {
        let mut edge = unseen(caller, callee);
        let others = self.dials.get(callee).into_iter().flatten();
        for other in others {
            edge.protocols.extend(other.protocols.clone());
        }
        self.find(&edge)
    }
}

/// An address of the policy, as lists show it.
pub(in crate::egress) fn vouched_target(address: &PinnedAddress) -> RawTarget {
    RawTarget {
        scheme: String::new(),
        host: address.host.clone(),
        port: Some(address.port),
    }
}

fn unseen(caller: &str, callee: &str) -> Edge {
    Edge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        relation: Relation::Sync,
        calls: 0,
        attempts: 0,
        failed: 0,
        failed_attempts: 0,
        retries: 0,
        weighted_calls: 0.0,
        evidence: EvidenceCounts::default(),
        confidence: 0.0,
        targets: Vec::new(),
        protocols: BTreeMap::new(),
        latency: Latency::default(),
        destination: BTreeMap::new(),
        first_seen: Timestamp::default(),
        last_seen: Timestamp::default(),
        exemplars: Vec::new(),
        exemplars_by_evidence: BTreeMap::new(),
        errors: BTreeMap::new(),
        flags: BTreeMap::new(),
        facts: EdgeFacts::default(),
    }
}

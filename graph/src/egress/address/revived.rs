//! Addresses of an earlier model, understood anew. The file that they come from may have been edited: nothing in it is
//! trusted to be a host.

use std::collections::BTreeSet;

use super::{AddressBook, Candidate, socket_address};
use crate::egress::host::Host;
use crate::egress::model::{EgressTarget, RawTarget, TargetMatch, UnresolvedReason};
use crate::egress::names::ResolvedName;
use crate::snapshot::Node;

impl AddressBook<'_> {
    /// An address that a caller was known to dial.
    ///
    /// # Errors
    /// With the reason why nothing may be generated for it.
    pub(in crate::egress) fn revived(
        &self,
        target: &EgressTarget,
        caller: &Node,
        callee: &str,
    ) -> Result<Candidate, UnresolvedReason> {
        let accept_loopback = self.options.accept_loopback;
        let host = Host::parse(&target.host, accept_loopback)?;
        if target.port == 0 {
            return Err(UnresolvedReason::NoPort);
        }
        if self.options.reserved_ports.contains(&target.port) {
            return Err(UnresolvedReason::ReservedPort);
        }
        let addresses = match &target.matches {
            TargetMatch::Addresses(addresses) => addresses.as_slice(),
            _ => &[],
        };
        let sockets = addresses.iter().map(ToString::to_string);
        let literal = Candidate {
            raw: RawTarget {
                scheme: target.scheme.clone(),
                host: target.host.clone(),
                port: Some(target.port),
            },
            port: target.port,
            protocol: target.protocol,
            dns: None,
            identity: host.to_string(),
            absolute: true,
            kubernetes: false,
            assumed: target.assumed,
            forms: vec![host.to_string()],
            sockets: sockets
                .filter_map(|socket| socket_address(&socket, accept_loopback))
                .collect(),
            calls: 0,
            supposed: true,
            earlier: true,
            kube: None,
            host,
        };
        let Host::Name(name) = &literal.host else {
            return Ok(self.located(literal));
        };
        let namespace = self.names.namespace_of(caller);
        let traced = self.is_service(callee) || callee.starts_with("service/");
        let resolved = self.names.resolve(name, namespace.as_deref(), traced);
        let understood = recorded(target, name, resolved);
        let assumed = literal.assumed;
        let mut candidate = literal.understood(understood);
        candidate.assumed |= assumed;
        Ok(self.located(candidate))
    }
}

/// What was known of a name, unless more is known now: a quiet caller must not make others forget what it dialled.
fn recorded(target: &EgressTarget, host: &str, resolved: ResolvedName) -> ResolvedName {
    let dns = target.dns.as_deref().map(|dns| Host::parse(dns, true));
    let Some(Ok(Host::Name(dns))) = dns else {
        return resolved;
    };
    if resolved.absolute || !target.kubernetes {
        return resolved;
    }
    let identity = match (target.dns_is_absolute, resolved.kubernetes) {
        (false, true) => resolved.identity.clone(),
        _ => dns.clone(),
    };
    let listed = match &target.matches {
        TargetMatch::Authority(names) | TargetMatch::Sni(names) => names.as_slice(),
        TargetMatch::Addresses(_) | TargetMatch::WholePort => &[],
    };
    let valid = listed
        .iter()
        .filter_map(|name| match Host::parse(name, true) {
            Ok(Host::Name(name)) => Some(name),
            _ => None,
        });
    let mut forms = vec![host.to_owned()];
    let mut seen = BTreeSet::from([host.to_owned()]);
    forms.extend(valid.filter(|name| seen.insert(name.clone())));
    ResolvedName {
        identity,
        absolute: target.dns_is_absolute,
        dns,
        kubernetes: true,
        assumed: target.assumed,
        forms,
        kube: resolved.kube,
    }
}

//! Which filter chain of a listener takes a connection.
//!
//! Conditions are looked at one kind after the other: port, longest network, server name, transport protocol, application
//! protocol. Each step keeps the chains with the best match of its kind and never comes back: a chain that fits worse in an
//! early step does not get a connection that a later step refuses. That goes to the default chain.

use std::net::IpAddr;

use super::tables::{FilterChain, Listener};

/// What a listener knows of a connection when it chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen<'a> {
    /// Original address; `None` when it is not known here, though the sidecar would know it.
    pub ip: Option<IpAddr>,
    pub port: u16,
    /// In lower case; empty when none was seen.
    pub server_name: String,
    /// `tls` or `raw_buffer`.
    pub transport: &'static str,
    pub applications: Vec<&'a str>,
}

/// Why no chain can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection is closed.
    NoChain,
    /// It depends on the address.
    AddressNeeded,
}

/// The chain that takes a connection.
pub(super) fn choose<'l>(
    listener: &'l Listener,
    seen: &Seen<'_>,
) -> Result<&'l FilterChain, Failure> {
    let mut left: Vec<&FilterChain> = listener.chains.iter().collect();
    by_port(&mut left, seen.port);
    match seen.ip {
        Some(ip) => by_network(&mut left, ip),
        None if left.iter().any(|chain| has_network(chain)) => return Err(Failure::AddressNeeded),
        None => {}
    }
    by_server_name(&mut left, &seen.server_name);
    by_transport(&mut left, seen.transport);
    by_application(&mut left, &seen.applications);
    left.first()
        .copied()
        .or(listener.default_chain.as_ref())
        .ok_or(Failure::NoChain)
}

/// Whether an address decides between the chains of a listener for some port.
pub(super) fn has_network(chain: &FilterChain) -> bool {
    !chain.matches.prefix_ranges.is_empty()
}

fn by_port(left: &mut Vec<&FilterChain>, port: u16) {
    let wanted = left
        .iter()
        .any(|chain| chain.matches.destination_port == Some(port));
    let wanted = wanted.then_some(port);
    left.retain(|chain| chain.matches.destination_port == wanted);
}

fn by_network(left: &mut Vec<&FilterChain>, ip: IpAddr) {
    let best = left.iter().filter_map(|chain| longest(chain, ip)).max();
    left.retain(|chain| best.is_some() && longest(chain, ip) == best);
}

/// Length of the longest network of a chain that holds an address; a chain without networks holds all.
fn longest(chain: &FilterChain, ip: IpAddr) -> Option<u8> {
    let ranges = &chain.matches.prefix_ranges;
    if ranges.is_empty() {
        return Some(0);
    }
    let holding = ranges.iter().filter(|(base, bits)| holds(*base, *bits, ip));
    holding.map(|(_, bits)| *bits).max()
}

fn holds(base: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let same_start = |base: u128, ip: u128, width: u32| {
        let rest = width.saturating_sub(u32::from(bits));
        base.checked_shr(rest).unwrap_or(0) == ip.checked_shr(rest).unwrap_or(0)
    };
    match (base, ip) {
        (IpAddr::V4(base), IpAddr::V4(ip)) => {
            same_start(base.to_bits().into(), ip.to_bits().into(), 32)
        }
        (IpAddr::V6(base), IpAddr::V6(ip)) => same_start(base.to_bits(), ip.to_bits(), 128),
        _ => false,
    }
}

fn by_server_name(left: &mut Vec<&FilterChain>, name: &str) {
    let lists = |chain: &&FilterChain, wanted: &str| {
        let mut names = chain.matches.server_names.iter();
        names.any(|listed| listed.eq_ignore_ascii_case(wanted))
    };
    let mut candidates = vec![name.to_owned()];
    // `www.example.com` is looked for as `*.example.com`, then as `*.com`; a leading dot is no border.
    let borders = name.match_indices('.').map(|(at, _)| at);
    let borders = borders.filter(|&at| at > 0 && at + 1 < name.len());
    candidates.extend(borders.filter_map(|at| Some(format!("*{}", name.get(at..)?))));
    let found = candidates
        .iter()
        .filter(|wanted| !wanted.is_empty())
        .find(|wanted| left.iter().any(|chain| lists(chain, wanted)));
    match found {
        Some(wanted) => left.retain(|chain| lists(chain, wanted)),
        None => left.retain(|chain| chain.matches.server_names.is_empty()),
    }
}

fn by_transport(left: &mut Vec<&FilterChain>, transport: &str) {
    let any = left
        .iter()
        .any(|chain| chain.matches.transport_protocol == transport);
    let wanted = if any { transport } else { "" };
    left.retain(|chain| chain.matches.transport_protocol == wanted);
}

fn by_application(left: &mut Vec<&FilterChain>, applications: &[&str]) {
    let lists = |chain: &&FilterChain, wanted: &str| {
        let mut listed = chain.matches.application_protocols.iter();
        listed.any(|protocol| protocol == wanted)
    };
    let found = applications
        .iter()
        .find(|wanted| left.iter().any(|chain| lists(chain, wanted)));
    match found {
        Some(wanted) => left.retain(|chain| lists(chain, wanted)),
        None => left.retain(|chain| chain.matches.application_protocols.is_empty()),
    }
}

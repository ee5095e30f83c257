//! What the model's terms mean to the owner of a service.

use tracemesh_graph::egress::{
    AddressSource, ConflictReason, Destination, DestinationKind, DestinationState, EvidenceClass,
    Feature, SettingName, TargetMatch, TargetProtocol, UnresolvedReason,
};
use tracemesh_graph::inventory::InventoryNoteKind;

pub(super) const fn kind(kind: DestinationKind) -> &'static str {
    match kind {
        DestinationKind::Mesh => "service",
        DestinationKind::External => "outside",
        DestinationKind::Infra => "infrastructure",
        DestinationKind::Unresolved => "unknown",
    }
}

pub(super) const fn protocol(protocol: TargetProtocol) -> &'static str {
    match protocol {
        TargetProtocol::Http1 => "HTTP/1",
        TargetProtocol::Http2 => "HTTP/2",
        TargetProtocol::Grpc => "gRPC",
        TargetProtocol::Http => "HTTP",
        TargetProtocol::Tls => "TLS",
        TargetProtocol::Tcp => "TCP",
    }
}

/// How a destination is known, by its best evidence.
pub(super) fn known_by(destination: &Destination) -> &'static str {
    let dialled = destination.address_source == AddressSource::DialledByCaller;
    match destination.evidence.first() {
        Some(EvidenceClass::Paired) => "both ends of calls",
        Some(EvidenceClass::Parent) => "a span of it inside your traces",
        Some(EvidenceClass::Address) if dialled => "the address that you dial",
        Some(EvidenceClass::Address) => "what your spans say about it",
        Some(EvidenceClass::Alias) => "an address that others reach it at",
        Some(EvidenceClass::Named) => "a name in your spans",
        Some(EvidenceClass::Link) => "a link between spans",
        None => "a decision",
    }
}

/// What may be wrong with a destination; nothing for one that is certain.
pub(super) fn doubts(destination: &Destination) -> Vec<&'static str> {
    let mut doubts = Vec::new();
    if destination.confidence == tracemesh_graph::egress::Confidence::Low {
        doubts.push("it was seen too rarely, or only from your side, to be sure who answers");
    }
    match destination.address_source {
        AddressSource::DialledByCaller => {}
        AddressSource::DialledByOthers => {
            doubts.push("your spans name no address: it is the one that other callers dial");
        }
        AddressSource::ServedByCallee => {
            doubts.push("your spans name no address: it is the one that its own spans name");
        }
        AddressSource::Policy => {}
        AddressSource::Inventory => {
            doubts.push("no span names an address: it is the one service that selects its pods");
        }
        AddressSource::Assumed => {
            doubts.push("no span names an address: it is built from the policy's template");
        }
        AddressSource::Unresolved => doubts.push("no address of it is known"),
    }
    match destination.state {
        DestinationState::Active => {}
        DestinationState::Quiet => doubts.push("it was not seen for longer than usual"),
        DestinationState::ProposedRemoval => {
            doubts.push("it was not seen for so long that its removal is proposed");
        }
    }
    let targets = &destination.targets;
    if targets.iter().any(|target| target.assumed) {
        doubts.push("its complete name rests on an assumption");
    }
    if targets
        .iter()
        .any(|target| target.matches == TargetMatch::WholePort)
    {
        doubts.push(
            "no IP address of it is known: whatever you dial on its port counts as calls to it",
        );
    }
    doubts
}

pub(super) fn feature(feature: Feature) -> &'static str {
    match feature {
        Feature::Timeouts => "timeouts",
        Feature::Retries => "retries",
        Feature::CircuitBreakers => "limits",
        Feature::OutlierDetection => "ejection of failing hosts",
        Feature::LeastRequest => "choice of the least loaded host",
        Feature::SlowStart => "slow start of new hosts",
        Feature::ZoneAware => "calls inside a zone",
        Feature::Connections => "life of connections",
        Feature::AdaptiveConcurrency => "load shedding",
    }
}

/// What a setting of the tuned phase means, with its value; settings that say nothing to an owner are left out.
pub(super) fn setting(name: SettingName, value: u64) -> Option<String> {
    let time = || milliseconds(value);
    let text = match name {
        SettingName::ConnectTimeout => format!("connecting fails after {}", time()),
        SettingName::RouteTimeout if value == 0 => return None,
        SettingName::RouteTimeout => format!("a call ends after {}", time()),
        SettingName::PerTryTimeout => format!("an attempt ends after {}", time()),
        SettingName::SafeRetries if value > 0 => {
            format!("a failed GET, HEAD or OPTIONS is sent again, {value} at most")
        }
        SettingName::UnsentRetries if value > 0 => {
            format!("a call that never reached the server is sent again, {value} at most")
        }
        SettingName::RetryBudget => format!("at most {value} % of the calls under way are retries"),
        SettingName::MaxRequests => format!("at most {value} calls at once from each of your pods"),
        SettingName::Consecutive5xx => {
            format!("a host is left out for a while after {value} failures in a row")
        }
        SettingName::SlowStart if value > 0 => {
            format!("a new host gets its share of calls over {}", time())
        }
        SettingName::MaxConnectionDuration if value > 0 => {
            format!("a connection is renewed after {}", time())
        }
        SettingName::MinConcurrency => {
            format!("at least {value} calls at once are let in to each of your pods")
        }
        _ => return None,
    };
    Some(text)
}

/// `250 ms`, `2.5 s`, `90 s`.
fn milliseconds(ms: u64) -> String {
    let (seconds, rest) = (ms / 1000, ms % 1000);
    match (seconds, rest) {
        (0, _) => format!("{ms} ms"),
        (_, 0) => format!("{seconds} s"),
        _ => {
            let fraction = format!("{rest:03}");
            format!("{seconds}.{} s", fraction.trim_end_matches('0'))
        }
    }
}

/// Why an address stays on the passthrough.
pub(in crate::render) fn unresolved(reason: UnresolvedReason) -> &'static str {
    match reason {
        UnresolvedReason::NoAddress => "nobody's spans name an address",
        UnresolvedReason::OnlyInstanceAddresses => "only addresses of single pods are known",
        UnresolvedReason::AmbiguousInventory => {
            "the inventory has several services or ports for it, and nothing tells which is dialled"
        }
        UnresolvedReason::Suspect => "every call failed and nobody was seen to answer",
        UnresolvedReason::EmptyHost => "the host is empty",
        UnresolvedReason::InvalidHost => "the host is no valid name",
        UnresolvedReason::Loopback => "only loopback addresses are known",
        UnresolvedReason::NotDialable => "no connection can be made to such an address",
        UnresolvedReason::NoPort => "no port is known",
        UnresolvedReason::ReservedPort => "the port belongs to the sidecar",
        UnresolvedReason::UnknownProtocol => "the protocol is unknown",
        UnresolvedReason::SharedPortWithoutAddresses => {
            "others use its port, and no address tells them apart"
        }
        UnresolvedReason::LostConflict => "another destination has its name or address",
        UnresolvedReason::PortNotInspected => {
            "a server on its port speaks first, so nothing there is looked into"
        }
    }
}

pub(in crate::render) const fn conflict(reason: ConflictReason) -> &'static str {
    match reason {
        ConflictReason::SameAuthority => "one name on one port",
        ConflictReason::SameServerName => "one TLS server name on one port",
        ConflictReason::SameAddress => "one address and port",
        ConflictReason::TwoProtocols => "one host and port with two protocols",
        ConflictReason::ServerSpeaksFirst => "a port on which a server speaks first",
    }
}

/// What does not fit between the traces and the inventory.
pub(super) const fn inventory(kind: InventoryNoteKind) -> &'static str {
    match kind {
        InventoryNoteKind::UnknownService => {
            "the inventory does not have a service that you dial; it is defined all the same"
        }
        InventoryNoteKind::UndeclaredPort => "a service does not declare a port that you dial",
        InventoryNoteKind::OtherProtocol => {
            "a port is declared with another protocol than was seen; what was seen is used"
        }
        InventoryNoteKind::InconsistentEndpoints => {
            "the pods of a service have other ports than the one that you dial"
        }
        InventoryNoteKind::NoReadyEndpoints => "no pod of a service was ready",
        InventoryNoteKind::UnknownWorkload => {
            "the inventory does not have the workload that your spans name"
        }
        InventoryNoteKind::AmbiguousWorkload => "several workloads bear your name",
        InventoryNoteKind::SelectorMatchesNothing => "no pod has the labels that select yours",
        InventoryNoteKind::SharedSelector => "pods of others have the labels that select yours",
        InventoryNoteKind::SelectorHasExpressions => {
            "your workload selects its pods by expressions, which are not looked at"
        }
        InventoryNoteKind::SeveralClusters => {
            "you run in several clusters and the inventory is of one"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        for (ms, shown) in [
            (0, "0 ms"),
            (250, "250 ms"),
            (2000, "2 s"),
            (2450, "2.45 s"),
            (90_000, "90 s"),
        ] {
            assert_eq!(milliseconds(ms), shown);
        }
    }
}

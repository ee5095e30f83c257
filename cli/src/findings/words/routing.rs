//! Sentences about calls that take the wrong way, or cross a border.

use tracemesh_graph::egress::{AddressSource, KnownName};
use tracemesh_graph::findings::{
    ClusterEdge, Counted, Dialled, Hairpin, IpEdge, Locality, SharedHost, Top, ZoneEdge,
};

use super::{Others, Words, address, callers, list, words};
use crate::text::{count_of, counted, percent, printable, thousands};

/// The first address of a list and how many more.
fn addresses(list: &Top<Dialled>) -> Option<String> {
    let first = list.listed.first()?;
    let shown = address(&first.host, first.port);
    let beside = count_of(list.listed.len().saturating_sub(1));
    Some(match list.more.saturating_add(beside) {
        0 => shown,
        more => format!("{shown} and {} more", thousands(more)),
    })
}

/// A name that leads to the callee, and how that is known.
fn known(names: &Top<KnownName>) -> Option<String> {
    let first = names.listed.first()?;
    let because = match first.source {
        AddressSource::DialledByCaller => "other calls of this caller reach it there",
        AddressSource::DialledByOthers => "other callers reach it there",
        AddressSource::Policy => "the policy vouches for it",
        AddressSource::ServedByCallee
        | AddressSource::Inventory
        | AddressSource::Assumed
        | AddressSource::Unresolved => "its own spans say that it is called there",
    };
    Some(format!(
        "dial `{}` instead: {because}",
        address(&first.host, first.port)
    ))
}

pub(super) fn hairpin(edge: &Hairpin, others: Others) -> Words {
    let by = addresses(&edge.public).map_or_else(String::new, |public| format!(" by {public}"));
    Words {
        text: format!(
            "{} of {} from {} to {} leave the cluster{by} and come back{}",
            thousands(edge.calls),
            counted(edge.of, "call", "calls"),
            printable(&edge.caller),
            printable(&edge.callee),
            others.of("more edge", "more edges"),
        ),
        advice: known(&edge.inside).unwrap_or_else(|| {
            "dial its cluster-local name, or the mesh sees an outside host; these traces show no such name".to_owned()
        }),
    }
}

pub(super) fn shared_host(host: &SharedHost, others: Others) -> Words {
    let behind = host
        .behind
        .listed
        .iter()
        .map(|service| service.name.as_str());
    let behind = match behind.len() {
        0 => String::new(),
        _ => format!(" ({})", list(behind, host.behind.more)),
    };
    words(
        format!(
            "{} of {} end at {}, where several services answer{behind}{}",
            counted(host.calls, "call", "calls"),
            callers(&host.callers),
            printable(&host.host),
            others.of("more address", "more addresses"),
        ),
        "instrument the callees or the load balancer: telling them apart would be a guess",
    )
}

pub(super) fn calls_by_ip(edge: &IpEdge, others: Others) -> Words {
    let dialled = addresses(&edge.addresses).unwrap_or_default();
    let advice = known(&edge.names).unwrap_or_else(|| {
        "dial a name, which outlives its address; these traces show none that leads there"
            .to_owned()
    });
    Words {
        text: format!(
            "{} of {} from {} to {} dial an IP address, {dialled}{}",
            thousands(edge.calls),
            counted(edge.of, "call", "calls"),
            printable(&edge.caller),
            printable(&edge.callee),
            others.of("more edge", "more edges"),
        ),
        advice: format!("{advice} (some clients report what a name resolved to)"),
    }
}

pub(super) fn cross_cluster(
    edge: &ClusterEdge,
    crossing: u64,
    known: u64,
    locality: Locality,
) -> Words {
    words(
        format!(
            "{} of {} between services go from one cluster to another ({} %), most from {} in {} to {} in {} ({}); \
             the clusters of {} are known",
            thousands(crossing),
            counted(known, "call", "calls"),
            percent(crossing, known),
            printable(&edge.caller),
            printable(&edge.from),
            printable(&edge.callee),
            printable(&edge.to),
            thousands(edge.calls),
            of_all(known, locality.clusters.total, "call", "calls"),
        ),
        "the clusters need a gateway between them, or the caller a copy of the callee in its own",
    )
}

pub(super) fn cross_zone(edge: &ZoneEdge, crossing: u64, known: u64, locality: Locality) -> Words {
    words(
        format!(
            "{} of {} between services go from one zone to another ({} %), most from {} to {} ({} of {}); \
             the zones of {} are known",
            thousands(crossing),
            counted(known, "attempt", "attempts"),
            percent(crossing, known),
            printable(&edge.caller),
            printable(&edge.callee),
            thousands(edge.crossing),
            thousands(edge.known),
            of_all(known, locality.zones.total, "attempt", "attempts"),
        ),
        "zone-aware routing keeps calls inside where both ends run in the zone: it saves money and time",
    )
}

fn of_all(known: u64, total: u64, one: &str, many: &str) -> String {
    format!("{} of {}", thousands(known), counted(total, one, many))
}

pub(super) fn self_calls(service: &Counted, others: Others) -> Words {
    words(
        format!(
            "{} of {} go to the service itself{}",
            counted(service.count, "call", "calls"),
            printable(&service.name),
            others.of("more service", "more services"),
        ),
        "fine between replicas; with a sidecar each passes it twice, and its retries come back to itself",
    )
}

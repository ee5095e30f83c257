//! What a cluster says about itself, for people who read `/config_dump`.
//!
//! No numbers and no reasons that change as evidence grows: a changed cluster opens its connections anew.

use std::collections::BTreeSet;

use tracemesh_graph::egress::ServiceEgress;

use crate::render::envoy::index::spelling;
use crate::render::envoy::inert;
use crate::render::envoy::plan::{ClusterPlan, Discovery, ServicePlan};
use crate::render::envoy::yaml::{Node, list, map};

/// Said where HTTP/2 may stay on one connection: behind a virtual address that is one pod.
const HEADLESS: &str = "HTTP/2 stays on one pod for the life of a connection while the name has one \
     address: ask for a headless service";

/// Said where a name could not be completed.
const AS_DIALLED: &str =
    "name as dialled, not completed: each lookup costs one query per entry of the search list";

/// The metadata of the cluster of a destination.
pub(super) fn metadata(
    service: &ServiceEgress,
    plan: &ServicePlan<'_>,
    cluster: &ClusterPlan<'_>,
) -> Node {
    let destination = cluster.destination;
    let mut notes = Vec::new();
    if cluster.is_as_dialled() {
        notes.push(AS_DIALLED);
    }
    if cluster.by_port_only {
        notes.push("attributed by port only: no address is known");
    }
    if cluster.pins_connections() {
        notes.push(HEADLESS);
    }
    let inert = inert::inert(plan, cluster);
    // `index.json` has the reasons.
    let withheld = destination.tuning.withheld.iter();
    let withheld: BTreeSet<String> = withheld.map(inert::word).collect();
    map([
        ("from", service.name.as_str().into()),
        ("to", destination.node.as_str().into()),
        ("phase", spelling(&destination.tuning.phase).into()),
        ("addresses", list(cluster.addresses.iter().cloned())),
        ("discovery", discovery_word(cluster).into()),
        ("assumed", cluster.assumed.into()),
        ("protocols", list(cluster.protocols.iter().map(spelling))),
        ("kind", spelling(&destination.kind).into()),
        (
            "address_source",
            spelling(&destination.address_source).into(),
        ),
        ("confidence", spelling(&destination.confidence).into()),
        ("evidence", list(destination.evidence.iter().map(spelling))),
        ("notes", list(notes)),
        ("inert", list(inert::sentences(&inert))),
        ("withheld", list(withheld)),
    ])
}

const fn discovery_word(cluster: &ClusterPlan<'_>) -> &'static str {
    match &cluster.discovery {
        Discovery::KubeDns { .. } => "kube_dns",
        Discovery::OtherDns { .. } => "dns",
        Discovery::Endpoints => "endpoint_file",
        Discovery::Static(_) => "static",
        Discovery::OriginalDst => "original_dst",
    }
}

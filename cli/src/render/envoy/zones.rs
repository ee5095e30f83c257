//! Endpoints by zone: the files that EDS clusters read, and the service's own endpoints, without which Envoy cannot
//! tell which share of the calls belongs into its zone.
//!
//! An address of a pod is true only for minutes. So nothing here is used unless an agent was promised that keeps the
//! files fresh, and the files stand beside the generations: going back to an older generation must not bring back
//! addresses of pods that are gone.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::egress::{EgressModel, SettingName};
use tracemesh_graph::inventory::Endpoint;

use super::cluster::socket_address;
use super::plan::{ClusterPlan, Discovery};
use super::settings;
use super::yaml::{Node, list, map};

/// Cluster of the service's own endpoints; a plain cluster name ends in a port, so no destination can have it.
pub(super) const LOCAL_CLUSTER: &str = "local_instances";

/// Directory of the files, which is watched.
pub(super) const DIRECTORY: &str = "xds/eds";

/// The file of a cluster.
pub(super) fn file(cluster: &str) -> String {
    format!("{DIRECTORY}/{cluster}.yaml")
}

/// Node id of a service -> the endpoints that any destination names for it.
pub(super) type KnownEndpoints<'a> = BTreeMap<&'a str, BTreeSet<&'a Endpoint>>;

/// Collects what is known of services from all who call them.
pub(super) fn known_endpoints(model: &EgressModel) -> KnownEndpoints<'_> {
    let mut known = KnownEndpoints::new();
    let destinations = model
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    for destination in destinations {
        for target in &destination.targets {
            if !target.endpoints.is_empty() {
                let own = known.entry(destination.node.as_str()).or_default();
                own.extend(&target.endpoints);
            }
        }
    }
    known
}

/// The service's own endpoints, when a cluster needs them and their zones are known.
pub(super) fn local<'a>(
    clusters: &[ClusterPlan<'_>],
    own: Option<&BTreeSet<&'a Endpoint>>,
) -> Option<BTreeSet<&'a Endpoint>> {
    let own = own.filter(|own| own.iter().any(|endpoint| endpoint.zone.is_some()))?;
    let wanted = clusters.iter().any(|cluster| {
        has_zones(cluster)
            && settings::number(cluster.tuning(), SettingName::ZoneAwareMinHosts).is_some()
    });
    wanted.then(|| own.clone())
}

/// Whether the endpoints of a cluster say where they are.
pub(super) fn has_zones(cluster: &ClusterPlan<'_>) -> bool {
    let zoned = |endpoint: &&Endpoint| endpoint.zone.is_some();
    cluster.discovery == Discovery::Endpoints && cluster.endpoints.iter().any(zoned)
}

/// The endpoints of a cluster, those of one zone together.
pub(super) fn assignment(cluster: &str, endpoints: &BTreeSet<&Endpoint>) -> Node {
    let mut zones: BTreeMap<Option<&str>, Vec<Node>> = BTreeMap::new();
    for endpoint in endpoints {
        let address = socket_address(&endpoint.address.to_string(), endpoint.port);
        let entry = map([("endpoint", map([("address", address)]))]);
        let zone = endpoint.zone.as_deref();
        zones.entry(zone).or_default().push(entry);
    }
    let localities = zones.into_iter().map(|(zone, members)| {
        let locality = zone.map(|zone| ("locality".into(), map([("zone", zone.into())])));
        let members = ("lb_endpoints".into(), Node::List(members));
        Node::Map(locality.into_iter().chain([members]).collect())
    });
    map([
        ("cluster_name", cluster.into()),
        ("endpoints", list(localities)),
    ])
}

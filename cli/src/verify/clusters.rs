//! Clusters: whom each was made for and where its connections go. How it treats them is no matter here.

use std::collections::BTreeMap;

use tracemesh_graph::verify::{Cluster, Endpoints};

use super::field::{Field, NOT_UNDERSTOOD, ReadFault};
use super::resources::{Sources, resources, watched_path};

const ASSIGNMENT: &str = "envoy.config.endpoint.v3.ClusterLoadAssignment";

/// Reads all clusters by name.
pub(super) fn read(sources: &Sources) -> Result<BTreeMap<String, Cluster>, ReadFault> {
    let mut clusters = BTreeMap::new();
    for field in sources.clusters()? {
        let name = field.need("name")?.text()?;
        let cluster = Cluster {
            made_for: made_for(&field)?,
            endpoints: endpoints(sources, &field)?,
        };
        if clusters.insert(name.to_owned(), cluster).is_some() {
            return Err(field.fault(format!("a second cluster `{name}`")));
        }
    }
    Ok(clusters)
}

/// What the generator wrote into the metadata.
fn made_for(cluster: &Field<'_>) -> Result<Option<String>, ReadFault> {
    let own = cluster
        .get("metadata")
        .and_then(|metadata| metadata.get("filter_metadata"))
        .and_then(|metadata| metadata.get("tracemesh"))
        .and_then(|metadata| metadata.get("to"));
    own.map(|to| to.text().map(str::to_owned)).transpose()
}

fn endpoints(sources: &Sources, cluster: &Field<'_>) -> Result<Endpoints, ReadFault> {
    if let Some(custom) = cluster.get("cluster_type") {
        let name = custom.need("name")?;
        if name.text()? != "envoy.cluster.dns" {
            return Err(name.fault(NOT_UNDERSTOOD));
        }
        return listed(cluster);
    }
    match cluster.text_of("type")? {
        "ORIGINAL_DST" => {
            if let Some(options) = cluster.get("original_dst_lb_config") {
                options.only(&[], &[])?;
            }
            Ok(Endpoints::OriginalDestination)
        }
        "" | "STATIC" | "STRICT_DNS" | "LOGICAL_DNS" => listed(cluster),
        "EDS" => discovered(sources, cluster),
        _ => Err(cluster.need("type")?.fault(NOT_UNDERSTOOD)),
    }
}

fn listed(cluster: &Field<'_>) -> Result<Endpoints, ReadFault> {
    let assignment = cluster.get("load_assignment");
    let hosts = assignment.map_or(Ok(Vec::new()), |assignment| hosts(&assignment))?;
    Ok(Endpoints::Hosts(hosts))
}

fn discovered(sources: &Sources, cluster: &Field<'_>) -> Result<Endpoints, ReadFault> {
    let source = cluster.need("eds_cluster_config")?;
    let path = watched_path(&source.need("eds_config")?)?;
    let document = sources.load(&path)?;
    let mut count = 0;
    for assignment in resources(&document.field(), ASSIGNMENT)? {
        count += hosts(&assignment)?.len();
    }
    Ok(Endpoints::Discovered(count))
}

fn hosts(assignment: &Field<'_>) -> Result<Vec<(String, u16)>, ReadFault> {
    let mut hosts = Vec::new();
    for locality in assignment.list_of("endpoints")? {
        for endpoint in locality.list_of("lb_endpoints")? {
            let address = endpoint.need("endpoint")?.need("address")?;
            hosts.push(socket_address(&address)?);
        }
    }
    Ok(hosts)
}

/// Host, in lower case and without trailing dot, and port.
pub(super) fn socket_address(address: &Field<'_>) -> Result<(String, u16), ReadFault> {
    address.only(&["socket_address"], &[])?;
    let socket = address.need("socket_address")?;
    socket.only(
        &["address", "port_value"],
        &["protocol", "resolver_name", "ipv4_compat"],
    )?;
    let host = socket.need("address")?.text()?.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    Ok((host, socket.need("port_value")?.number()?))
}

//! The few fields of Kubernetes objects that count, by kind. Everything else in an object is passed over unread.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tracemesh_graph::inventory::{
    Addressing, KubeEndpoint, KubeNamespace, KubeNode, KubeObjects, KubePod, KubeService,
    KubeSlice, KubeWorkload, ServicePort, SlicePort, TargetPort,
};

use super::containers::{PodSpec, switches};

/// Kinds of no use that are told apart; further ones are counted together.
const PASSED_OVER_KINDS: usize = 32;
const ZONE_LABELS: [&str; 2] = [
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
];
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

type Labels = BTreeMap<String, String>;

/// An object that cannot be read.
pub(super) struct Fault {
    /// ` (Service shop/cart)`, as far as it is known.
    pub object: String,
    /// Why.
    pub why: String,
}

#[derive(Deserialize)]
struct Header {
    kind: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    labels: Option<Labels>,
    annotations: Option<Labels>,
    deletion_timestamp: Option<IgnoredAny>,
}

/// Adds an object. `default_kind` is that of the list, whose items need not say theirs.
pub(super) fn add(
    text: &RawValue,
    default_kind: Option<&str>,
    objects: &mut KubeObjects,
) -> Result<(), Fault> {
    let fault = |object: String, error: &serde_json::Error| Fault {
        object,
        why: without_place(&error.to_string()),
    };
    let header: Header =
        serde_json::from_str(text.get()).map_err(|error| fault(String::new(), &error))?;
    let Some(kind) = header.kind.or_else(|| default_kind.map(str::to_owned)) else {
        return Err(Fault {
            object: String::new(),
            why: "it has no `kind`".to_owned(),
        });
    };
    let Some(reader) = reader_of(&kind) else {
        pass_over(&mut objects.passed_over, kind);
        return Ok(());
    };
    let meta = header.metadata.unwrap_or_default();
    let name = meta.name.unwrap_or_default();
    let namespace = meta.namespace.unwrap_or_else(|| "default".to_owned());
    let object = format!(" ({kind} {namespace}/{name})");
    if name.is_empty() {
        return Err(Fault {
            object,
            why: "it has no `metadata.name`".to_owned(),
        });
    }
    let named = Named {
        kind: kind.clone(),
        namespace,
        name,
        labels: meta.labels.unwrap_or_default(),
        annotations: switches(meta.annotations),
        is_terminating: meta.deletion_timestamp.is_some(),
    };
    reader(text.get(), named, objects).map_err(|error| fault(object, &error))?;
    *objects.read.entry(kind).or_default() += 1;
    Ok(())
}

/// Places in the text of one object mean nothing to whoever has the file.
fn without_place(message: &str) -> String {
    match message.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => message.to_owned(),
    }
}

fn pass_over(kinds: &mut BTreeMap<String, u64>, kind: String) {
    let known = kinds.contains_key(&kind) || kinds.len() < PASSED_OVER_KINDS;
    let kind = if known { kind } else { "other".to_owned() };
    *kinds.entry(kind).or_default() += 1;
}

struct Named {
    kind: String,
    namespace: String,
    name: String,
    labels: Labels,
    annotations: Labels,
    is_terminating: bool,
}

type Reader = fn(&str, Named, &mut KubeObjects) -> serde_json::Result<()>;

fn reader_of(kind: &str) -> Option<Reader> {
    match kind {
        "Service" => Some(service),
        "EndpointSlice" => Some(slice),
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => Some(workload),
        "CronJob" => Some(cron_job),
        "Pod" => Some(pod),
        "Node" => Some(node),
        "Namespace" => Some(namespace),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Spec<T> {
    spec: Option<T>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ServiceSpec {
    r#type: Option<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Option<Vec<String>>,
    external_name: Option<String>,
    ports: Option<Vec<ServicePortSpec>>,
    selector: Option<Labels>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePortSpec {
    name: Option<String>,
    port: u16,
    protocol: Option<String>,
    app_protocol: Option<String>,
    target_port: Option<IntOrString>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IntOrString {
    Int(u16),
    String(String),
}

fn service(text: &str, named: Named, objects: &mut KubeObjects) -> serde_json::Result<()> {
    let spec: ServiceSpec = spec_of(text)?;
    let mut written = spec.cluster_ips.unwrap_or_default();
    written.extend(spec.cluster_ip);
    let headless = written.iter().any(|ip| ip == "None");
    let addressing = match spec.r#type.as_deref() {
        Some("ExternalName") => Addressing::ExternalName,
        _ if headless => Addressing::Headless,
        _ => Addressing::VirtualIp,
    };
    let mut cluster_ips = Vec::new();
    for ip in written.iter().filter(|ip| !ip.is_empty() && *ip != "None") {
        cluster_ips.push(address(ip)?);
    }
    cluster_ips.sort_unstable();
    cluster_ips.dedup();
    let ports = spec.ports.unwrap_or_default().into_iter();
    let ports = ports.filter(|port| is_tcp(port.protocol.as_deref()));
    objects.services.push(KubeService {
        namespace: named.namespace,
        name: named.name,
        addressing,
        cluster_ips,
        external_name: spec.external_name.filter(|name| !name.is_empty()),
        ports: ports
            .map(|port| ServicePort {
                name: port.name.filter(|name| !name.is_empty()),
                port: port.port,
                app_protocol: port.app_protocol,
                target: port.target_port.map(|target| match target {
                    IntOrString::Int(number) => TargetPort::Number(number),
                    IntOrString::String(name) => TargetPort::Name(name),
                }),
            })
            .collect(),
        selector: spec.selector.unwrap_or_default(),
    });
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SliceFields {
    address_type: Option<String>,
    endpoints: Option<Vec<EndpointFields>>,
    ports: Option<Vec<SlicePortFields>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointFields {
    addresses: Option<Vec<String>>,
    conditions: Option<Conditions>,
    node_name: Option<String>,
    zone: Option<String>,
}

#[derive(Deserialize, Default)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

#[derive(Deserialize)]
struct SlicePortFields {
    name: Option<String>,
    port: Option<u16>,
    protocol: Option<String>,
}

fn slice(text: &str, named: Named, objects: &mut KubeObjects) -> serde_json::Result<()> {
    let fields: SliceFields = serde_json::from_str(text)?;
    // Names as addresses are for hand-made slices; and a slice of no service answers to no name.
    let of_addresses = fields.address_type.as_deref() != Some("FQDN");
    let Some(service) = named.labels.get(SERVICE_LABEL).filter(|_| of_addresses) else {
        return Ok(());
    };
    let mut endpoints = Vec::new();
    for endpoint in fields.endpoints.unwrap_or_default() {
        let written = endpoint.addresses.unwrap_or_default();
        let addresses = written.iter().map(|ip| address(ip));
        let conditions = endpoint.conditions.unwrap_or_default();
        endpoints.push(KubeEndpoint {
            addresses: addresses.collect::<Result<_, _>>()?,
            ready: conditions.ready.unwrap_or(true)
                && conditions.serving.unwrap_or(true)
                && !conditions.terminating.unwrap_or(false),
            zone: endpoint.zone,
            node: endpoint.node_name,
        });
    }
    let ports = fields.ports.unwrap_or_default().into_iter();
    objects.slices.push(KubeSlice {
        namespace: named.namespace,
        name: named.name,
        service: service.clone(),
        ports: ports
            .map(|port| SlicePort {
                is_tcp: is_tcp(port.protocol.as_deref()),
                name: port.name.filter(|name| !name.is_empty()),
                port: port.port,
            })
            .collect(),
        endpoints,
    });
    Ok(())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WorkloadSpec {
    replicas: Option<u64>,
    selector: Option<LabelSelector>,
    template: Option<Template>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct LabelSelector {
    match_labels: Option<Labels>,
    match_expressions: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Template {
    metadata: Option<Metadata>,
    spec: Option<PodSpec>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct CronJobSpec {
    job_template: Option<Spec<WorkloadSpec>>,
}

fn workload(text: &str, named: Named, objects: &mut KubeObjects) -> serde_json::Result<()> {
    let spec: WorkloadSpec = spec_of(text)?;
    add_workload(spec, named, objects);
    Ok(())
}

fn cron_job(text: &str, named: Named, objects: &mut KubeObjects) -> serde_json::Result<()> {
    let spec: CronJobSpec = spec_of(text)?;
    let spec = spec.job_template.and_then(|template| template.spec);
    add_workload(spec.unwrap_or_default(), named, objects);
    Ok(())
}

fn add_workload(spec: WorkloadSpec, named: Named, objects: &mut KubeObjects) {
    let selector = spec.selector.unwrap_or_default();
    let template = spec.template.unwrap_or_default();
    let metadata = template.metadata.unwrap_or_default();
    let expressions = selector.match_expressions.unwrap_or_default();
    objects.workloads.push(KubeWorkload {
        kind: named.kind,
        namespace: named.namespace,
        name: named.name,
        pod_labels: metadata.labels.unwrap_or_default(),
        pod_annotations: switches(metadata.annotations),
        containers: template.spec.unwrap_or_default().lasting(),
        selector: selector.match_labels.unwrap_or_default(),
        has_expressions: !expressions.is_empty(),
        replicas: spec.replicas,
    });
}

#[derive(Deserialize)]
struct PodFields {
    spec: Option<PodSpec>,
    status: Option<PodStatus>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodStatus {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    ip: Option<String>,
    #[serde(rename = "podIPs")]
    ips: Option<Vec<PodIp>>,
}

#[derive(Deserialize)]
struct PodIp {
    ip: Option<String>,
}

fn pod(text: &str, named: Named, objects: &mut KubeObjects) -> serde_json::Result<()> {
    let fields: PodFields = serde_json::from_str(text)?;
    let status = fields.status.unwrap_or_default();
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return Ok(());
    }
    let listed = status.ips.unwrap_or_default().into_iter();
    let written = status.ip.into_iter().chain(listed.filter_map(|ip| ip.ip));
    let ips = written.filter(|ip| !ip.is_empty());
    let mut ips: Vec<IpAddr> = ips.map(|ip| address(&ip)).collect::<Result<_, _>>()?;
    ips.sort_unstable();
    ips.dedup();
    let spec = fields.spec.unwrap_or_default();
    objects.pods.push(KubePod {
        zone: zone(&named.labels),
        namespace: named.namespace,
        name: named.name,
        labels: named.labels,
        ips,
        containers: spec.lasting(),
        node: spec.node_name,
        is_terminating: named.is_terminating,
    });
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "all readers of kinds have one signature"
)]
fn node(_text: &str, named: Named, objects: &mut KubeObjects) -> serde_json::Result<()> {
    objects.nodes.push(KubeNode {
        zone: zone(&named.labels),
        name: named.name,
    });
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "all readers of kinds have one signature"
)]
fn namespace(_text: &str, named: Named, objects: &mut KubeObjects) -> serde_json::Result<()> {
    objects.namespaces.push(KubeNamespace {
        name: named.name,
        labels: named.labels,
        annotations: named.annotations,
    });
    Ok(())
}

fn spec_of<'de, T: Deserialize<'de> + Default>(text: &'de str) -> serde_json::Result<T> {
    let object: Spec<T> = serde_json::from_str(text)?;
    Ok(object.spec.unwrap_or_default())
}

fn is_tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|protocol| protocol == "TCP")
}

fn zone(labels: &Labels) -> Option<String> {
    let found = ZONE_LABELS.iter().find_map(|label| labels.get(*label));
    found.filter(|zone| !zone.is_empty()).cloned()
}

fn address(text: &str) -> serde_json::Result<IpAddr> {
    let parsed: Result<IpAddr, _> = text.parse();
    let told = |_| serde::de::Error::custom(format!("`{text}` is no IP address"));
    parsed.map(|ip| ip.to_canonical()).map_err(told)
}

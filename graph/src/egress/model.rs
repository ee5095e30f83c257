//! The shapes of the egress model; their JSON is `tracemesh.egress/v1`.
//!
//! Lists are sorted, nothing here is a count of calls or a time. Strings come from spans: escape them for your format.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::evidence::EgressEvidence;
use super::settings::Tuning;
use crate::hazards::HazardNote;
use crate::inventory::{Addressing, Endpoint, InventoryNote, Workload};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.egress/v1";

/// Egress of every service of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EgressModel {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Services by node id.
    pub services: Vec<ServiceEgress>,
    /// What became of every edge.
    pub conservation: Conservation,
    /// The numbers behind the model; a file of its own, absent from the model's JSON.
    #[serde(skip)]
    pub evidence: EgressEvidence,
}

/// What is known about the egress of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressKnowledge {
    /// Outgoing spans were seen.
    Observed,
    /// No outgoing span was seen. This is not "calls nobody": nothing may be denied on the strength of it.
    Unknown,
}

/// One service and what it dials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEgress {
    /// Node id of the service.
    pub id: String,
    /// Service name as sent.
    pub name: String,
    /// `service.namespace`, empty when none was given.
    pub namespace: String,
    /// `deployment.environment.name`, empty when none was given.
    pub environment: String,
    /// Zone of all its instances, when they share one.
    pub zone: Option<String>,
    /// Whether its egress has been seen at all.
    pub knowledge: EgressKnowledge,
    /// Destinations with at least one usable address, by node id.
    pub destinations: Vec<Destination>,
    /// Addresses and destinations left to the passthrough, with reasons.
    pub unresolved: Vec<Unresolved>,
    /// What the policy leaves to the passthrough, by node id, with who decided so.
    #[serde(default)]
    pub pinned_out: Vec<PinnedOut>,
    /// Addresses claimed by two destinations: the one with more attempts kept them.
    pub conflicts: Vec<Conflict>,
    /// Ports that its own server spans name, sorted.
    pub inbound: Vec<InboundPort>,
    /// Settings of its inbound traffic.
    #[serde(default)]
    pub inbound_tuning: Tuning,
    /// What a sidecar changes for it, by number.
    #[serde(default)]
    pub hazards: Vec<HazardNote>,
    /// What runs it, when that is known.
    #[serde(default)]
    pub workload: Option<Workload>,
    /// Destinations of earlier runs, with those of their addresses that something seen since has taken. Nothing is generated for
    /// them; they return when the address is free again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub displaced: Vec<Destination>,
    /// Node ids of destinations whose removal was accepted, sorted. They return when they are seen again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Where an inventory and the graph differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventory_notes: Vec<InventoryNote>,
    /// Place of the service itself in its life. One that is not in the graph is kept as it was known last.
    #[serde(default, skip_serializing_if = "DestinationState::is_active")]
    pub state: DestinationState,
}

/// What a destination is to the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    /// A traced service.
    Mesh,
    /// Outside: known by its address only.
    External,
    /// A database, broker or cloud metadata endpoint.
    Infra,
    /// The address is known, who answers there is not.
    Unresolved,
}

/// One destination of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// Node id of the callee.
    pub node: String,
    /// Short name of the callee as sent.
    pub name: String,
    /// What it is to the mesh.
    pub kind: DestinationKind,
    /// Usable addresses, sorted by port, host and scheme.
    pub targets: Vec<EgressTarget>,
    /// Protocol over all targets.
    pub protocol: DestinationProtocol,
    /// Classes of evidence seen, strongest first.
    pub evidence: Vec<EvidenceClass>,
    /// How far the edge can be trusted.
    pub confidence: Confidence,
    /// Place in the life of an edge.
    pub state: DestinationState,
    /// Where the addresses come from.
    pub address_source: AddressSource,
    /// Who vouches for it, when a pin includes it: it stays, seen or not.
    #[serde(default)]
    pub pinned: Option<PinNote>,
    /// Phase and settings.
    #[serde(default)]
    pub tuning: Tuning,
}

/// Who answers for a decision of the policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PinNote {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds, `2026-12-31`.
    pub expires: String,
}

/// A destination, or some of its addresses, that a pin leaves to the passthrough.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PinnedOut {
    /// Node id of the callee.
    pub node: String,
    /// The addresses concerned, sorted; empty when the spans named none.
    pub targets: Vec<RawTarget>,
    /// Who decided so.
    pub pin: PinNote,
}

/// One dialled address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressTarget {
    /// Scheme as observed, empty when unknown.
    pub scheme: String,
    /// Host as dialled: a valid DNS name in lower case or an IP address without brackets.
    pub host: String,
    /// Port as dialled.
    pub port: u16,
    /// What is spoken on the wire.
    pub protocol: TargetProtocol,
    /// Name to resolve; absent when `host` is an IP address.
    pub dns: Option<String>,
    /// Whether `dns` is complete: resolving it must not try a search list. Otherwise `dns` is a form that was dialled,
    /// and every lookup may cost one query per entry of the search list.
    pub dns_is_absolute: bool,
    /// Whether `dns` is a name of Kubernetes, so that it resolves to all addresses of a service.
    #[serde(default)]
    pub kubernetes: bool,
    /// Whether `dns` was completed on the strength of an option alone. Never the case without such an option.
    #[serde(default)]
    pub assumed: bool,
    /// How traffic to this target is recognised.
    pub matches: TargetMatch,
    /// How `dns` leads to pods, when an inventory tells.
    #[serde(default)]
    pub addressing: Option<Addressing>,
    /// Addresses behind `dns`, when an inventory tells.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// The Kubernetes service behind it, `namespace/name`, when an inventory has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_service: Option<String>,
    /// Place of this address in its life: the others of its destination may still be dialled.
    #[serde(default, skip_serializing_if = "DestinationState::is_active")]
    pub state: DestinationState,
}

/// How traffic to a target is recognised on its port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", content = "values", rename_all = "snake_case")]
pub enum TargetMatch {
    /// Host header or `:authority` without port: every name form, the dialled one first, IPv6 without brackets.
    Authority(Vec<String>),
    /// Server name of the TLS handshake: every name form, the dialled one first.
    Sni(Vec<String>),
    /// Original destination address.
    Addresses(Vec<IpAddr>),
    /// Attributed by port only: the only destination seen on this port, at addresses that no span names. Whatever else
    /// is dialled on the port is counted for it.
    #[serde(rename = "port_only")]
    WholePort,
}

/// Protocol of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetProtocol {
    /// HTTP/1.x in clear text, all of it.
    Http1,
    /// HTTP/2 in clear text, at least 99.9 % of it.
    Http2,
    /// gRPC in clear text, at least 99.9 % of it.
    Grpc,
    /// HTTP in clear text of several or unknown versions.
    Http,
    /// TLS started by the application.
    Tls,
    /// Anything else over TCP.
    Tcp,
}

impl TargetProtocol {
    /// Whether requests are told apart by authority.
    #[must_use]
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http1 | Self::Http2 | Self::Grpc | Self::Http)
    }
}

/// Protocol of a destination over all its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationProtocol {
    /// HTTP/1.x.
    Http1,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
    /// HTTP in clear text of several or unknown versions.
    Http,
    /// TLS started by the application.
    Tls,
    /// Anything else over TCP.
    Tcp,
    /// Targets of different protocols.
    Mixed,
}

/// Class of evidence of an edge, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceClass {
    /// Both halves of a call, joined by ids.
    Paired,
    /// A child span in another service.
    Parent,
    /// The dialled address.
    Address,
    /// A learnt alias.
    Alias,
    /// A name that spans give.
    Named,
    /// A span link.
    Link,
}

/// How far an edge can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Paired at least once, or 0.9 and more.
    High,
    /// The rest: generated all the same, because a threshold would drop the rare and important edges.
    Low,
}

/// Place of a destination in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DestinationState {
    /// Seen, and not for too long ago by its own habit.
    #[default]
    Active,
    /// Not seen for longer than its habit.
    Quiet,
    /// Not seen for so long that its removal is proposed, never done.
    ProposedRemoval,
}

impl DestinationState {
    /// Whether nothing is unusual: what most are, and so left out of JSON in some places.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }
}

/// Where the addresses of a destination come from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressSource {
    /// The caller's own spans.
    DialledByCaller,
    /// Spans of other callers of the same callee.
    DialledByOthers,
    /// Host and port in the callee's own server spans.
    ServedByCallee,
    /// A person vouches for it in the policy.
    Policy,
    /// The only service of the inventory that selects the callee's pods.
    Inventory,
    /// The naming template of the policy: nobody was seen to use it.
    Assumed,
    /// None was found.
    Unresolved,
}

/// An address as the spans gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RawTarget {
    /// Scheme, empty when unknown.
    pub scheme: String,
    /// Host, exactly as in the snapshot.
    pub host: String,
    /// Port, when one is known.
    pub port: Option<u16>,
}

/// Something that gets no egress, with its raw evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unresolved {
    /// Node id of the callee.
    pub node: String,
    /// Why.
    pub reason: UnresolvedReason,
    /// The addresses concerned; empty when the spans named none.
    pub targets: Vec<RawTarget>,
}

/// Why an address or a destination gets no egress. Calls to it take the passthrough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnresolvedReason {
    /// Neither the caller, nor other callers, nor the callee name an address.
    NoAddress,
    /// The callee names only instance addresses, which change.
    OnlyInstanceAddresses,
    /// The inventory has several services or ports for the callee, and nothing tells which of them is dialled.
    AmbiguousInventory,
    /// Every attempt failed and no server half was seen: perhaps nothing answers there.
    Suspect,
    /// The host is empty.
    EmptyHost,
    /// The host is neither a valid DNS name nor an IP address.
    InvalidHost,
    /// The host is the caller itself.
    Loopback,
    /// The host is unspecified, multicast or broadcast.
    NotDialable,
    /// No port is known, or it is zero.
    NoPort,
    /// The port belongs to the sidecar.
    ReservedPort,
    /// Neither the scheme nor the edge tells the protocol.
    UnknownProtocol,
    /// Opaque TCP on a port that others use too, and no address to tell them apart.
    SharedPortWithoutAddresses,
    /// Another destination keeps every address; see `conflicts`.
    LostConflict,
    /// Another destination on the port speaks first and is at unknown addresses, so nothing there is looked into; see
    /// `conflicts`.
    PortNotInspected,
}

impl UnresolvedReason {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::NoAddress,
        Self::OnlyInstanceAddresses,
        Self::AmbiguousInventory,
        Self::Suspect,
        Self::EmptyHost,
        Self::InvalidHost,
        Self::Loopback,
        Self::NotDialable,
        Self::NoPort,
        Self::ReservedPort,
        Self::UnknownProtocol,
        Self::SharedPortWithoutAddresses,
        Self::LostConflict,
        Self::PortNotInspected,
    ];
}

/// A claim on one address by two destinations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conflict {
    /// Port of both.
    pub port: u16,
    /// Authority, server name or IP address that both claim.
    pub value: String,
    /// Node id that keeps it.
    pub kept: String,
    /// Node id that loses it; equal to `kept` when one destination was seen with two protocols.
    pub lost: String,
    /// What kind of clash.
    pub reason: ConflictReason,
}

/// Kind of clash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictReason {
    /// One authority on one port.
    SameAuthority,
    /// One TLS server name on one port.
    SameServerName,
    /// One IP address on one port, as opaque TCP.
    SameAddress,
    /// One host and port, seen as HTTP or TLS and as opaque TCP.
    TwoProtocols,
    /// `kept` is a server that speaks first at unknown addresses: looking for names on the port would stall its clients,
    /// so `lost`, which is recognised by name, stays on the passthrough.
    ServerSpeaksFirst,
}

/// A port that the service itself answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InboundPort {
    /// The port, as callers name it.
    pub port: u16,
    /// Protocol, as the service's own spans tell it.
    pub protocol: TargetProtocol,
}

/// Where the edges of the snapshot went. Each ends in exactly one bucket: `edges` is the sum of all other fields.
///
/// - egress: `emitted`, and `infra` where the policy gives the destination its name;
/// - dialled, but left to the passthrough, each listed per service: `unresolved`, `suspect`, `lost_conflict`,
///   `pinned_out`, `expired`;
/// - no dial of a service, so nothing to generate: `asynchronous` (message flow), `proxied`, `caller_is_no_service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conservation {
    /// Edges in the snapshot.
    pub edges: u64,
    /// Edges with at least one address in `destinations`; other addresses of theirs may be listed in `unresolved`.
    pub emitted: u64,
    /// Edges without an address that can be recognised and passed on: see [`UnresolvedReason`].
    pub unresolved: u64,
    /// Edges on which nothing ever succeeded and nobody was seen to answer.
    pub suspect: u64,
    /// Edges whose addresses all went to other destinations; see [`Conflict`].
    pub lost_conflict: u64,
    /// Edges that a pin of the policy leaves to the passthrough; see [`PinnedOut`].
    #[serde(default)]
    pub pinned_out: u64,
    /// Edges whose only addresses are those of infrastructure that the policy names.
    #[serde(default)]
    pub infra: u64,
    /// Edges whose removal was proposed and accepted, and that were not seen since.
    #[serde(default)]
    pub expired: u64,
    /// Message flow from producer to consumer: the dial to the broker is an edge of its own.
    pub asynchronous: u64,
    /// Logical edges through a gateway; the physical ones are edges of their own.
    pub proxied: u64,
    /// Edges whose caller is no service, such as the world outside: it has no sidecar.
    pub caller_is_no_service: u64,
}

impl Conservation {
    /// Sum of every class; equal to `edges`.
    #[must_use]
    pub const fn accounted(&self) -> u64 {
        self.emitted
            + self.unresolved
            + self.suspect
            + self.lost_conflict
            + self.pinned_out
            + self.infra
            + self.expired
            + self.asynchronous
            + self.proxied
            + self.caller_is_no_service
    }
}

//! Tables of nodes and of what was dialled.

use crate::tabular::table;

table! {
    /// Services that emit spans, and callers that only a server span names. Further tables refer to them by `node`.
    "nodes": Nodes of NodeRow {
        /// Id: a hash of the next five columns.
        Key node: u64,
        /// `service`; `workload` when `service.name` is missing; `unidentified` when nothing names it; `caller` without spans of its own; `other` for all past the cap.
        Key kind: String,
        /// `deployment.environment.name`, empty when absent.
        Key environment: String,
        /// `service.namespace`, or the Kubernetes namespace of a workload; empty when absent.
        Key namespace: String,
        /// Its name, as sent.
        Key name: String,
        /// The attribute that names a workload; empty for all others.
        Key source: String,
        /// False for nodes that are only referred to.
        Max is_counted: bool,
        /// Spans it emitted.
        Sum spans: u64,
        /// Requests served, and one per trace that called from outside of any.
        Sum requests: u64,
        /// Traces that passed through it.
        Sum traces: u64,
        /// Those of them whose root was seen.
        Sum rooted_traces: u64,
        /// High 64 bits of the sum of the sampling weights of those roots, times 2^20.
        Sum root_weight_hi: u64,
        /// Low 64 bits of it.
        Sum root_weight_lo: u64,
        /// Calls that its server spans answered.
        Sum served_calls: u64,
        /// The slowest of them, in nanoseconds.
        Max served_max_ns: u64,
    }
}

table! {
    /// What is counted of nodes by a name.
    "node_counts": NodeCounts of NodeCountRow {
        /// The node.
        Key node: u64,
        /// `span_kind`, `event`, `hazard` (the name is a sign of it), `facet` (name and value) or `attribute` (name and value).
        Key group: String,
        /// What is counted.
        Key name: String,
        /// Value of a facet or attribute; empty for all others.
        Key value: String,
        /// Spans, or how often the event happened.
        Sum count: u64,
    }
}

table! {
    /// Latency of the server spans of nodes: counts by bucket, as in `latency`.
    "node_latency": NodeLatency of NodeLatencyRow {
        /// The node.
        Key node: u64,
        /// The bucket.
        Key bucket: u32,
        /// Calls answered in this time.
        Sum calls: u64,
    }
}

table! {
    /// Instances of nodes.
    "node_instances": NodeInstances of NodeInstanceRow {
        /// The node.
        Key node: u64,
        /// `service.instance.id`, or the pod or container.
        Key instance: String,
    }
}

table! {
    /// Addresses that the instances of nodes have by their own resources, and when.
    "node_addresses": NodeAddresses of NodeAddressRow {
        /// The node.
        Key node: u64,
        /// IP address or host name.
        Key host: String,
        /// Port, when known.
        Key port: Option<u32>,
        /// Earliest span start of a stretch of time without long gaps, in nanoseconds since the epoch.
        Key first_ns: u64,
        /// Latest span start of the stretch.
        Key last_ns: u64,
    }
}

table! {
    /// What was dialled, as the calling spans describe it. Further tables refer to it by `target`.
    "targets": Targets of TargetRow {
        /// Id: a hash of all that describes it.
        Key target: u64,
        /// `http`, `https`, `grpc`, a database or messaging system; empty when unknown.
        Key scheme: String,
        /// Dialled DNS name or IP address.
        Key host: Option<String>,
        /// Dialled port, when known.
        Key port: Option<u32>,
        /// IP address or host at the other end of the socket; that of a proxy where one is in the path.
        Key socket_host: Option<String>,
        /// Port of the socket's other end.
        Key socket_port: Option<u32>,
        /// Namespace that the caller gives its peer.
        Key peer_namespace: Option<String>,
        /// Name that the caller gives its peer (`service.peer.name`, `peer.service`).
        Key peer_name: Option<String>,
        /// `none` (HTTP, TCP or nothing known), `rpc`, `database`, `messaging`, `genai`, `function` or `aws`.
        Key category: String,
        /// RPC, database or messaging system, or provider; empty when there is none.
        Key system: String,
        /// RPC service, database, topic or queue, function, or AWS service; empty when there is none.
        Key name: String,
        /// Cluster id of a message broker; empty when unknown.
        Key broker_cluster: String,
        /// True for an AWS service when a bucket is named.
        Key is_object_store: bool,
        /// `http/1.1`, `http/2`, `http`, `grpc`, a database or messaging system; empty when unknown.
        Key protocol: String,
        /// HTTP request method; empty for all else.
        Key method: String,
    }
}

table! {
    /// Further addresses of one target, such as Kafka bootstrap servers.
    "target_addresses": TargetAddresses of TargetAddressRow {
        /// The target.
        Key target: u64,
        /// Place among the further addresses, from 0.
        Key position: u32,
        /// DNS name or IP address.
        Key host: String,
        /// Port, when known.
        Key port: Option<u32>,
    }
}

table! {
    /// Addresses by which nodes were called, as their own server spans tell.
    "served": Served of ServedRow {
        /// The node that was called.
        Key node: u64,
        /// The Host or RPC service that it was called by.
        Key target: u64,
        /// Server spans.
        Sum spans: u64,
        /// Latest of them, in nanoseconds since the epoch.
        Max last_ns: u64,
    }
}

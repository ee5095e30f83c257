//! What the tables of a graph hold: rows, columns and their meaning, declared once.

use crate::tabular::table;

table! {
    /// The graph as a whole: one row.
    "graph": Graph of GraphRow {
        /// Version of the graph, `tracemesh.graph/v1`.
        Key schema: String,
        /// Earliest start of a span, nanoseconds since 1970 (UTC); nothing when there were no spans.
        Min start_ns: Option<u64>,
        /// Latest end of a span, likewise.
        Max end_ns: Option<u64>,
        /// What the graph was narrowed to, as `filter="value"` after commas; nothing when it is whole.
        Same selection: Option<String>,
        /// Spans received.
        Sum spans: u64,
        /// Distinct traces of which spans were used.
        Sum traces: u64,
        /// Those of them whose beginning was seen.
        Sum rooted_traces: u64,
        /// The same, corrected for sampling.
        Sum weighted_rooted_traces: f64,
    }
}

table! {
    /// Services, databases, brokers and whatever else calls or is called.
    "nodes": Nodes of NodeRow {
        /// Node id: stable, readable, escaped, such as `service/shop/cart`.
        Key node: String,
        /// Kind, as in the JSON: `service`, `external`, `database`, `broker`, ...; `group` in a collapsed graph.
        Same kind: String,
        /// Short name, as sent.
        Same name: String,
        /// `service.namespace`; empty when none was given.
        Same namespace: String,
        /// `deployment.environment.name`; empty when none was given.
        Same environment: String,
        /// `host:port` of what emits no spans.
        Same address: Option<String>,
        /// Database or messaging system, provider or protocol of what emits no spans.
        Same system: Option<String>,
        /// Calls from outside of the traces.
        Sum entry_calls: u64,
        /// Requests: server and consumer spans that are no part of another one; 0 when unknown.
        Sum requests: u64,
        /// Distinct traces that passed through it; only of what emits spans. They overlap between nodes.
        Max traces: u64,
        /// Those of them whose beginning was seen.
        Max rooted_traces: u64,
        /// The same, corrected for sampling.
        Max weighted_rooted_traces: f64,
        /// Distinct instances, counted up to a bound.
        Max instances: u64,
        /// Spans that its sidecar emitted.
        Sum sidecar_spans: u64,
    }
}

table! {
    /// What spans and configuration say about a node beside its name.
    "facets": Facets of FacetRow {
        /// Node id.
        Key node: String,
        /// Name: `zone`, `cluster`, `language`, `k8s.deployment.name`, ...
        Key facet: String,
        /// Its value.
        Key value: String,
        /// Spans that have it; nothing for attributes, which a node has once.
        Sum spans: Option<u64>,
    }
}

table! {
    /// Addresses by which a node's own server spans say that it was called.
    "served": Served of ServedRow {
        /// Node id.
        Key node: String,
        /// `http`, `https`, `grpc` and the like; empty when unknown.
        Key scheme: String,
        /// Host in lower case, without brackets.
        Key host: String,
        /// Port.
        Key port: Option<u32>,
        /// Server spans that name the address.
        Sum calls: u64,
        /// Latest end of one, nanoseconds since 1970 (UTC).
        Max last_seen_ns: u64,
    }
}

table! {
    /// Who calls whom.
    "edges": Edges of EdgeRow {
        /// Node id of the caller (producer).
        Key caller: String,
        /// Node id of the callee (consumer, broker, database, ...).
        Key callee: String,
        /// `sync`, `async` (messages) or `proxied` (a logical edge beside the physical ones through a gateway).
        Key relation: String,
        /// Logical calls observed.
        Sum calls: u64,
        /// Attempts on the wire, at least one per call.
        Sum attempts: u64,
        /// Calls whose last attempt failed.
        Sum failed: u64,
        /// Attempts that failed.
        Sum failed_attempts: u64,
        /// Attempts beyond the first of their call.
        Sum retries: u64,
        /// Calls corrected for sampling.
        Sum weighted_calls: f64,
        /// Standard error of `weighted_calls`; nothing when it is unknown.
        Same standard_error: Option<f64>,
        /// Calls of which both halves were seen and joined by ids. The six columns of evidence sum to `calls`.
        Sum evidence_paired: u64,
        /// Calls known by a child span in another service.
        Sum evidence_parent: u64,
        /// Calls known by the dialled address.
        Sum evidence_address: u64,
        /// Calls known by a learnt alias.
        Sum evidence_alias: u64,
        /// Calls known by a name that spans give.
        Sum evidence_named: u64,
        /// Messages joined by a span link.
        Sum evidence_link: u64,
        /// Confidence, 0 to 1: the mean of the calls.
        Same confidence: f64,
        /// Earliest start of a span, nanoseconds since 1970 (UTC).
        Min first_seen_ns: u64,
        /// Latest end of a span, likewise.
        Max last_seen_ns: u64,
        /// Distinct requests of the caller with such a call; nothing when unknown.
        Same caller_requests: Option<u64>,
        /// Distinct instances of the caller; 256 means at least 256, 0 that none has a name.
        Same caller_instances: u64,
        /// Distinct instances of the callee, likewise.
        Same callee_instances: u64,
        /// Spans that moved the messages, of which a batch needs fewer than messages; nothing for calls.
        Sum operations: Option<u64>,
    }
}

table! {
    /// Addresses that callers dialled.
    "targets": Targets of TargetRow {
        /// Node id of the caller.
        Key caller: String,
        /// Node id of the callee.
        Key callee: String,
        /// Relation of the edge.
        Key relation: String,
        /// `http`, `https`, `grpc`, a database or messaging system, or `tcp`; empty when unknown.
        Key scheme: String,
        /// Host as dialled, in lower case, without brackets.
        Key host: String,
        /// Port.
        Key port: Option<u32>,
        /// Logical calls that ended there.
        Sum calls: u64,
        /// Attempts that dialled it.
        Sum attempts: u64,
        /// Latest end of a span that dialled it, nanoseconds since 1970 (UTC).
        Max last_seen_ns: u64,
    }
}

table! {
    /// Counts of an edge by value: what was spoken, to which topic, how it failed.
    "properties": Properties of PropertyRow {
        /// Node id of the caller.
        Key caller: String,
        /// Node id of the callee.
        Key callee: String,
        /// Relation of the edge.
        Key relation: String,
        /// `protocol`, `method` and `error` (of attempts), `destination` (topic or database namespace) and `flag` (of calls).
        Key property: String,
        /// Its value; the rarest are `other` where there are many.
        Key value: String,
        /// Attempts, or calls.
        Sum count: u64,
    }
}

table! {
    /// Latency of an edge as one side measured it. Percentiles of several rows cannot be put together: the store has buckets.
    "latency": Latencies of LatencyRow {
        /// Node id of the caller.
        Key caller: String,
        /// Node id of the callee.
        Key callee: String,
        /// Relation of the edge.
        Key relation: String,
        /// `client`, `server`, or `wait` (from producer to consumer).
        Key side: String,
        /// Spans measured.
        Sum count: u64,
        /// Median in milliseconds; 3.1 % relative error, like all but the maximum.
        Same p50_ms: f64,
        /// 99th percentile in milliseconds.
        Same p99_ms: f64,
        /// 99.9th percentile in milliseconds.
        Same p999_ms: f64,
        /// Exact maximum in milliseconds.
        Max max_ms: f64,
    }
}

table! {
    /// Paired attempts between zones.
    "zones": Zones of ZoneRow {
        /// Node id of the caller.
        Key caller: String,
        /// Node id of the callee.
        Key callee: String,
        /// Relation of the edge.
        Key relation: String,
        /// Zone of the caller; `unknown` when only the other end names one.
        Key caller_zone: String,
        /// Zone of the callee, likewise.
        Key callee_zone: String,
        /// Attempts.
        Sum attempts: u64,
    }
}

table! {
    /// Routes of the callee that an edge reached.
    "routes": Routes of RouteRow {
        /// Node id of the caller.
        Key caller: String,
        /// Node id of the callee.
        Key callee: String,
        /// Relation of the edge.
        Key relation: String,
        /// Route template, such as `/carts/{id}`; the rarest are `other` where there are many.
        Key route: String,
        /// Attempts.
        Sum attempts: u64,
    }
}

table! {
    /// What was seen and made no edge, and other counts about the data.
    "diagnostics": Diagnostics of DiagnosticRow {
        /// Node id of the service; empty for the whole graph.
        Key service: String,
        /// What is counted: `spans`, `rejected`, `dropped`, `orphans`, `unresolved`, ... as in the JSON.
        Key measure: String,
        /// Reason, kind or protocol, where the count is split by one; empty otherwise.
        Key detail: String,
        /// How many.
        Sum count: u64,
    }
}

//! Tables of edges: by what was dialled (`edges`) and by destination (`destinations`).

use crate::tabular::table;

table! {
    /// Calls of one kind from one caller to one target. Several rows lead to one node where it is dialled in several ways, and calls that nobody was seen to answer have no callee: reading resolves them over all that was merged.
    "edges": Edges of EdgeRow {
        /// Id: a hash of the columns that are key.
        Key edge: u64,
        /// The calling node.
        Key caller: u64,
        /// Its `namespace/name`, or its name.
        Derived caller_name: String,
        /// The node that answered; absent when none was seen to.
        Key callee: Option<u64>,
        /// Its `namespace/name`, or its name.
        Derived callee_name: Option<String>,
        /// What was dialled.
        Key target: u64,
        /// `host:port` of it, or of the socket; absent when neither is known.
        Derived dialled: Option<String>,
        /// `sync`: the caller waits for the callee; `async`: messages; `proxied`: through a gateway, whose own edges exist as well.
        Key relation: String,
        /// First words of the path of unanswered calls, which tell services behind one host apart; else empty.
        Key word: String,
        /// Start of the step of time of unanswered calls, in minutes since the epoch; else absent.
        Key since_min: Option<u32>,
        /// Trace of a single call that may still find its server span, 32 hex digits; such a row is an edge of its own, and absent for all others.
        Key open_trace: Option<String>,
        /// Span id of the same call.
        Key open_span: Option<u64>,
        /// True when several such calls have one id, so that none of them is joined with a server span.
        Max is_ambiguous: bool,
        /// Logical calls: resends count once. For messages, the messages.
        Sum calls: u64,
        /// Attempts on the wire; for messages, deliveries.
        Sum attempts: u64,
        /// Calls whose last attempt failed.
        Sum failed: u64,
        /// Attempts that failed.
        Sum failed_attempts: u64,
        /// Calls of which both halves were seen and joined by ids.
        Sum paired: u64,
        /// Calls known by a child span in another service, without the proper kinds.
        Sum parent: u64,
        /// Calls without another half.
        Sum alone: u64,
        /// Calls of which both halves have one span id.
        Sum shared: u64,
        /// Calls joined by a span link.
        Sum linked: u64,
        /// High 64 bits of the sum of the sampling weights of the calls, times 2^20: calls corrected for sampling.
        Sum weight_hi: u64,
        /// Low 64 bits of it.
        Sum weight_lo: u64,
        /// Earliest span start, in nanoseconds since the epoch; absent when no span counted.
        Min first_ns: Option<u64>,
        /// Latest span end.
        Max last_ns: Option<u64>,
        /// Slowest attempt as the caller saw it, in nanoseconds; 0 when no client span was seen.
        Max client_max_ns: u64,
        /// Slowest attempt as the callee saw it; 0 when no server span was seen.
        Max server_max_ns: u64,
        /// Longest wait of a message from the end of its send to the start of its first consume.
        Max wait_max_ns: u64,
    }
}

table! {
    /// Latency of edges: an exponential histogram, one row per bucket that is not empty. Bucket `b` holds durations of `lower_ns` to below `upper_ns`: below 16 both follow from `lower_ns = b`, `upper_ns = b + 1`; else `lower_ns = (16 + b % 16) * 2^(b div 16 - 1)` and `upper_ns = lower_ns + 2^(b div 16 - 1)`. A bucket is at most 1/16 wide.
    "latency": Latency of LatencyRow {
        /// The edge.
        Key edge: u64,
        /// The bucket, 0 to 975.
        Key bucket: u32,
        /// Attempts that took so long for the caller (client spans).
        Sum client: u64,
        /// Attempts that took so long in the callee (server spans).
        Sum server: u64,
        /// Messages that waited so long.
        Sum wait: u64,
    }
}

table! {
    /// What is counted of edges by a name.
    "edge_counts": EdgeCounts of EdgeCountRow {
        /// The edge.
        Key edge: u64,
        /// `error` (the name is its type or status), `flag` or `hazard` (the name is a sign of it).
        Key group: String,
        /// What is counted.
        Key name: String,
        /// Attempts.
        Sum count: u64,
    }
}

table! {
    /// What the sampling weights of edges add up to. All numbers but the calls are fixed point, times 2^20, in two halves of 64 bits: `x_hi * 2^64 + x_lo`. Variances stop at 2^128 - 1.
    "sampling": Sampling of SamplingRow {
        /// The edge.
        Key edge: u64,
        /// Calls with a client half.
        Sum client_calls: u64,
        /// Sum of the weights of these.
        Sum client_hi: u64,
        /// Low half.
        Sum client_lo: u64,
        /// Calls with a server half.
        Sum server_calls: u64,
        /// Sum of the weights of these.
        Sum server_hi: u64,
        /// Low half.
        Sum server_lo: u64,
        /// Calls with both halves.
        Sum pair_calls: u64,
        /// Sum of the larger weights of these.
        Sum pair_hi: u64,
        /// Low half.
        Sum pair_lo: u64,
        /// Calls of unknown weight; they count as one.
        Sum unknown_calls: u64,
        /// Variance of the weighted calls.
        Sum variance_hi: u64,
        /// Low half.
        Sum variance_lo: u64,
        /// Covariance with calls of the same traces in other rows that may lead to the same node.
        Sum covariance_hi: u64,
        /// Low half.
        Sum covariance_lo: u64,
        /// Server halves whose client half was probably sampled out.
        Sum orphans_hi: u64,
        /// Low half.
        Sum orphans_lo: u64,
        /// Variance of that number.
        Sum orphans_variance_hi: u64,
        /// Low half.
        Sum orphans_variance_lo: u64,
        /// Client halves whose server half was probably sampled out.
        Sum unanswered_hi: u64,
        /// Low half.
        Sum unanswered_lo: u64,
        /// Variance of that number.
        Sum unanswered_variance_hi: u64,
        /// Low half.
        Sum unanswered_variance_lo: u64,
    }
}

table! {
    /// Facts for planning by caller and destination: as `edges`, but with targets cut to what decides which node is reached, because distinct requests do not add up over several ways to dial one node.
    "destinations": Destinations of DestinationRow {
        /// Id: a hash of the columns that are key.
        Key destination: u64,
        /// The calling node.
        Key caller: u64,
        /// Its `namespace/name`, or its name.
        Derived caller_name: String,
        /// The node that answered; absent when none was seen to.
        Key callee: Option<u64>,
        /// Its `namespace/name`, or its name.
        Derived callee_name: Option<String>,
        /// What was dialled.
        Key target: u64,
        /// `host:port` of it, or of the socket; absent when neither is known.
        Derived dialled: Option<String>,
        /// As in `edges`.
        Key relation: String,
        /// As in `edges`.
        Key word: String,
        /// As in `edges`.
        Key since_min: Option<u32>,
        /// Distinct requests of the caller with at least one call.
        Sum caller_requests: u64,
        /// Those of them that no other destination at the same host counts.
        Sum first_requests: u64,
        /// Calls.
        Sum calls: u64,
        /// Slowest attempt that did not fail, as the caller saw it, in nanoseconds.
        Max slowest_ok_ns: Option<u64>,
        /// Most attempts of one trace that were under way at once.
        Max most_in_trace: u64,
        /// The stretches of `stretches` are 2^`slot_bits` nanoseconds long.
        Max slot_bits: u32,
    }
}

table! {
    /// Paired attempts by the zones of both ends.
    "zones": Zones of ZoneRow {
        /// The destination.
        Key destination: u64,
        /// Zone of the caller; `unknown` when it names none.
        Key caller_zone: String,
        /// Zone of the callee; `unknown` when it names none.
        Key callee_zone: String,
        /// Attempts.
        Sum attempts: u64,
    }
}

table! {
    /// Attempts by HTTP or RPC method.
    "methods": Methods of MethodRow {
        /// The destination.
        Key destination: u64,
        /// The method.
        Key method: String,
        /// Attempts.
        Sum attempts: u64,
    }
}

table! {
    /// Attempts by the route of the callee.
    "routes": Routes of RouteRow {
        /// The destination.
        Key destination: u64,
        /// Route template, as the callee names it.
        Key route: String,
        /// Attempts.
        Sum attempts: u64,
    }
}

table! {
    /// Distinct instances at both ends: the 256 smallest hashes of their names.
    "instances": Instances of InstanceRow {
        /// The destination.
        Key destination: u64,
        /// `caller` or `callee`.
        Key side: String,
        /// Hash of the name of the instance.
        Key instance: u64,
    }
}

table! {
    /// Time that attempts took, by stretches of time: divided by its length, the mean number that were under way.
    "stretches": Stretches of StretchRow {
        /// The destination.
        Key destination: u64,
        /// Start of the stretch, in nanoseconds since the epoch; its length is 2^`slot_bits` of its destination in the same segment.
        Key start_ns: u64,
        /// High 64 bits of the nanoseconds that attempts took in it, times their sampling weights, times 16.
        Sum busy_hi: u64,
        /// Low 64 bits of it.
        Sum busy_lo: u64,
    }
}

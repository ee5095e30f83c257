//! Tables of load over time, of what waits for other spans, and of what was counted beside the graph.

use crate::tabular::table;

table! {
    /// Numbers of the whole segment; one row.
    "totals": Totals of TotalRow {
        /// Earliest span start, in nanoseconds since the epoch; absent when no span was used.
        Min first_ns: Option<u64>,
        /// Latest span end.
        Max last_ns: Option<u64>,
        /// Distinct traces.
        Sum traces: u64,
        /// Those of them whose root was seen.
        Sum rooted_traces: u64,
        /// High 64 bits of the sum of the sampling weights of those roots, times 2^20.
        Sum root_weight_hi: u64,
        /// Low 64 bits of it.
        Sum root_weight_lo: u64,
        /// Length of the steps of `since_min`, in minutes; 0 for those that were recorded, 4294967295 when there are none any more.
        Max step_min: u32,
    }
}

table! {
    /// What was seen and did not become part of the graph, or only in part.
    "diagnostics": Diagnostics of DiagnosticRow {
        /// `rejected` (spans that could not be decoded), `dropped` (calls and messages given up because of a cap) or `counter`.
        Key kind: String,
        /// Reason, or name of the counter.
        Key name: String,
        /// How many.
        Sum count: u64,
    }
}

table! {
    /// Votes of the address book: who answered paired calls to an address or a name, and when.
    "votes": Votes of VoteRow {
        /// The calling node.
        Key caller: u64,
        /// The node that answered.
        Key callee: u64,
        /// Namespace that the caller gives its peer.
        Key peer_namespace: Option<String>,
        /// Name that the caller gives its peer.
        Key peer_name: Option<String>,
        /// Dialled DNS name; the IP address of the socket only where there is no name.
        Key host: Option<String>,
        /// Dialled port, when known.
        Key port: Option<u32>,
        /// First words of the path; empty when there are none.
        Key word: String,
        /// Fully qualified RPC service; empty when there is none.
        Key rpc_service: String,
        /// Earliest call of a stretch of time without long gaps, in nanoseconds since the epoch.
        Key first_ns: u64,
        /// Latest call of the stretch.
        Key last_ns: u64,
        /// Calls of all stretches together, in the row of the first; 0 in the others.
        Sum calls: u64,
    }
}

table! {
    /// Example traces: at most three of each kind, those with the smallest ids.
    "exemplars": Exemplars of ExemplarRow {
        /// The edge; absent for those of a node.
        Key edge: Option<u64>,
        /// The node; absent for those of an edge.
        Key node: Option<u64>,
        /// `evidence`, `hazard` or `orphan` (a parent was missing).
        Key group: String,
        /// Class of evidence (a column of `edges`) or sign of the hazard; empty for orphans.
        Key name: String,
        /// Trace id, 32 hex digits.
        Key trace: String,
    }
}

table! {
    /// Sends and consumes of messages, which reading joins by parents and links.
    "messages": Messages of MessageRow {
        /// Trace id of the span, 32 hex digits.
        Key trace: String,
        /// Span id.
        Key span: u64,
        /// True for a send, false for a consume.
        Key is_send: bool,
        /// The node that sent or consumed.
        Key node: u64,
        /// Broker, and topic or queue.
        Key target: u64,
        /// True for a consume that only fetches; another span processes.
        Same is_receive: bool,
        /// Messages of the operation.
        Same messages: u64,
        /// Sampling weight; absent when the sampler does not tell it.
        Same weight: Option<f64>,
        /// True when a consume failed.
        Same has_failed: bool,
        /// Start, in nanoseconds since the epoch.
        Same start_ns: u64,
        /// End.
        Same end_ns: u64,
    }
}

table! {
    /// Spans that a send or consume refers to.
    "message_refs": MessageRefs of MessageRefRow {
        /// Trace id of the send or consume.
        Key trace: String,
        /// Span id of it.
        Key span: u64,
        /// Place among its references, from 0.
        Key position: u32,
        /// `also`: inner span of the same send; `parent` or `link`: the send that a consume names.
        Key kind: String,
        /// Trace id of the span referred to.
        Key to_trace: String,
        /// Span id of it.
        Key to_span: u64,
    }
}

table! {
    /// Server spans whose caller was not seen; reading joins them with the open calls of `edges`.
    "open_servers": OpenServers of OpenServerRow {
        /// Trace id of the server span, 32 hex digits.
        Key trace: String,
        /// Span id of it.
        Key span: u64,
        /// The node that served.
        Key callee: u64,
        /// Trace id of the span that called it, by its own word.
        Key caller_trace: String,
        /// Span id of that.
        Key caller_span: u64,
        /// True when it links to that span instead of following from it.
        Key is_link: bool,
        /// The event of `node_counts` that it was counted as.
        Key event: String,
        /// True when it failed.
        Key has_failed: bool,
        /// Type or status of the error; empty when there is none.
        Key error: String,
        /// Start, in nanoseconds since the epoch.
        Key start_ns: u64,
        /// How long it took, in nanoseconds.
        Key duration_ns: u64,
    }
}

table! {
    /// Events that open calls and servers were counted as, and that are no longer true since these were joined: to be taken off `node_counts` of other segments.
    "owed": Owed of OwedRow {
        /// The node.
        Key node: u64,
        /// The event.
        Key event: String,
        /// How many.
        Sum count: u64,
    }
}

table! {
    /// Sidecars and the applications beside which they stand.
    "folds": Folds of FoldRow {
        /// Node of the sidecar.
        Key sidecar: u64,
        /// Node of the application.
        Key application: u64,
        /// Spans that showed it.
        Sum spans: u64,
    }
}

table! {
    /// Instances whose clocks cannot both be right.
    "skews": Skews of SkewRow {
        /// Node of the calling instance.
        Key caller: u64,
        /// Node of the called instance.
        Key callee: u64,
        /// The calling instance; empty when its resource does not name it.
        Key caller_instance: String,
        /// The called instance.
        Key callee_instance: String,
        /// Nanoseconds that the clock of the callee is behind, at least.
        Max behind_ns: u64,
        /// Nanoseconds that it is ahead, at least.
        Max ahead_ns: u64,
    }
}

table! {
    /// Days with calls; the latest 128.
    "days": Days of DayRow {
        /// The destination; absent for server spans of a node.
        Key destination: Option<u64>,
        /// The node; absent for destinations.
        Key node: Option<u64>,
        /// Days since 1970-01-01.
        Key day: u32,
    }
}

table! {
    /// Calls in single seconds: those 128 seconds whose numbers have the smallest hashes, each with all of its calls.
    "seconds": Seconds of SecondRow {
        /// The destination; absent for server spans of a node.
        Key destination: Option<u64>,
        /// The node; absent for destinations.
        Key node: Option<u64>,
        /// Seconds since the epoch.
        Key second: u64,
        /// Calls that began, times their sampling weights, times 16.
        Sum begun: u64,
        /// Microseconds that calls were under way, times their sampling weights, times 16.
        Sum busy: u64,
    }
}

table! {
    /// From when to when instances were seen: the 128 with the smallest hashes.
    "lifetimes": Lifetimes of LifetimeRow {
        /// The destination; absent for instances of a node.
        Key destination: Option<u64>,
        /// The node; absent for destinations.
        Key node: Option<u64>,
        /// End of the destination: `caller` or `callee`; `callee` for a node.
        Key side: String,
        /// Hash of the name of the instance; another one than in `instances`.
        Key instance: u64,
        /// First time it was seen, in nanoseconds since the epoch.
        Min first_ns: u64,
        /// Last time.
        Max last_ns: u64,
    }
}

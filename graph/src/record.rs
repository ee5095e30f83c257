//! Spans to fixed-size records with interned names.
//!
//! Place in the flow: [`SpanSink`] calls -> [`SpanRecord`] -> [`Shard`](crate::shard::Shard). A recorder reads the
//! attributes once, keeps what inference needs, and forgets the strings. It judges nothing: roles of neighbours and
//! destinations are known only when the trace slice closes.

mod marks;
mod operation;
mod signs;
mod span;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::attribute::{AttributeSet, Key, KeyAliases};
use crate::identity::{NodeKey, instance_of};
pub use crate::names::Names;
use crate::names::{InstanceId, LabelId, NodeId, OperationId, PeerId, ResourceId, WordId};
use crate::peer::{Category, Peer, is_private, message_role, parse_authority, proxy_marks};
use crate::resource::ResourceFacts;
use crate::sampling::{SamplingRules, weight_of};
use crate::settings::Settings;
use crate::span::{RejectReason, SpanSink, SpanView};
use crate::time::Timestamp;
pub(crate) use marks::Marks;
pub(crate) use operation::Operation;
use operation::OperationCache;
pub use span::SpanRecord;
use words::WordCache;

/// Turns span views into records. One per decoding thread.
#[derive(Debug)]
pub struct Recorder {
    names: Arc<Names>,
    max_chars: usize,
    sampling: SamplingRules,
    resources: HashMap<ResourceFacts, Source>,
    peers: HashMap<Peer, PeerId>,
    operations: OperationCache,
    words: WordCache,
    current: Source,
    arrived_ns: u64,
    max_start_off_ms: u64,
    records: Vec<SpanRecord>,
    rejected: BTreeMap<RejectReason, u64>,
}

/// Who emits the spans that follow.
#[derive(Debug, Clone, Copy)]
struct Source {
    resource: ResourceId,
    node: NodeId,
    instance: InstanceId,
    /// Weight configured for the service.
    weight: Option<f32>,
}

/// Private caches start over at this size; the shared tables have caps of their own.
const CACHE_ENTRIES: usize = 65_536;

impl Recorder {
    /// A recorder over shared names.
    #[must_use]
    pub fn new(names: Arc<Names>, settings: &Settings) -> Self {
        Self {
            names,
            max_chars: settings.max_name_chars,
            sampling: settings.sampling.clone(),
            resources: HashMap::new(),
            peers: HashMap::new(),
            operations: OperationCache::default(),
            words: WordCache::default(),
            current: Source {
                resource: ResourceId::FIRST,
                node: NodeId::FIRST,
                instance: InstanceId::FIRST,
                weight: None,
            },
            arrived_ns: 0,
            max_start_off_ms: settings.max_start_off_ms,
            records: Vec::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// Sets the time of day at which the spans that follow arrived. Starts further away from it than the settings allow
    /// (seven days) are moved to it, and counted as `time_clamped`. Without it, as for files, times are taken as they are.
    pub fn set_arrival(&mut self, arrived: Timestamp) {
        self.arrived_ns = arrived.0;
    }

    /// Takes the records made since the last call, in arrival order.
    pub fn take_records(&mut self) -> Vec<SpanRecord> {
        std::mem::take(&mut self.records)
    }

    /// Takes the counts of rejected spans since the last call.
    pub fn take_rejected(&mut self) -> BTreeMap<RejectReason, u64> {
        std::mem::take(&mut self.rejected)
    }

    fn peer(&mut self, peer: Peer, marks: &mut Marks) -> PeerId {
        if peer.is_empty() {
            return PeerId::FIRST;
        }
        if let Some(id) = self.peers.get(&peer) {
            return *id;
        }
        let Some(id) = self.names.peer(peer.clone()) else {
            marks.set(Marks::FOLDED, true);
            let wide = peer.widened().and_then(|wide| self.names.wide_peer(wide));
            return wide.unwrap_or(PeerId::FIRST);
        };
        if self.peers.len() >= CACHE_ENTRIES {
            self.peers.clear();
        }
        self.peers.insert(peer, id);
        id
    }

    fn operation(&mut self, span: &SpanView<'_>, peer: &Peer, marks: &mut Marks) -> OperationId {
        let asked = (span.kind, span.attributes);
        self.operations
            .id(&self.names, asked, peer, self.max_chars, marks)
    }

    fn error(&self, span: &SpanView<'_>, status: Option<i64>) -> LabelId {
        if !span.is_error {
            return LabelId::FIRST;
        }
        let rpc = [Key::RpcResponseStatusCode, Key::RpcGrpcStatusCode];
        let label = match (status, span.attributes.text(Key::ErrorType)) {
            (Some(status), _) => status.to_string(),
            (None, Some(kind)) => crate::text::clip(kind, self.max_chars),
            (None, None) => match span.attributes.first_text(&rpc) {
                Some(code) => crate::text::clip(code, self.max_chars),
                None => grpc_status(span.attributes.first_int(&rpc)).to_owned(),
            },
        };
        self.names.label(&label).unwrap_or(LabelId::FIRST)
    }
}

impl SpanSink for Recorder {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        let facts = ResourceFacts::of_resource(attributes, self.max_chars);
        if let Some(known) = self.resources.get(&facts) {
            self.current = *known;
            return;
        }
        let key = NodeKey::from_resource(attributes, self.max_chars);
        let weight = self.sampling.weight_of(&key);
        let node = self.names.node(key).unwrap_or(NodeId::FIRST);
        let instance = instance_of(attributes)
            .and_then(|name| self.names.instance(name))
            .unwrap_or(InstanceId::FIRST);
        let resource = self
            .names
            .resource(facts.clone())
            .unwrap_or(ResourceId::FIRST);
        self.current = Source {
            resource,
            node,
            instance,
            weight,
        };
        if self.resources.len() >= CACHE_ENTRIES {
            self.resources.clear();
        }
        self.resources.insert(facts, self.current);
    }

    fn span(&mut self, span: &SpanView<'_>) {
        let peer = Peer::of_span(span.kind, span.attributes, self.max_chars);
        let role = message_role(span.kind, span.attributes);
        let status = span
            .attributes
            .first_int(&[Key::HttpResponseStatusCode, Key::HttpStatusCode]);
        let Source {
            resource,
            node,
            instance,
            weight,
        } = self.current;
        let told = weight_of(span.trace_state, span.attributes, weight);
        let mut marks = Marks::default();
        marks.set(Marks::ERROR, span.is_error);
        marks.set(Marks::REMOTE_PARENT, span.flags & 0x300 == 0x300);
        marks.set(Marks::WEIGHED, told.weight.is_some());
        marks.set(Marks::WEIGHT_MALFORMED, told.is_malformed);
        marks.set(
            Marks::CLIENT_FAULT,
            status.is_some_and(|status| (400..500).contains(&status)),
        );
        let off_ns = span.start_ns.abs_diff(self.arrived_ns);
        let is_off = self.arrived_ns > 0 && off_ns / 1_000_000 > self.max_start_off_ms;
        marks.set(Marks::TIME_OFF, is_off);
        mark_client(&mut marks, span.attributes);
        mark_proxy(&mut marks, span);
        mark_steps(&mut marks, span, &peer);
        marks.set(Marks::FOLDED, node == NodeId::FIRST);
        let operation = self.operation(span, &peer, &mut marks);
        let signs = signs::of_span(span, &peer, status);
        let word = match peer.category {
            Category::None | Category::Rpc { .. } => words::of_span(span.kind, span.attributes),
            _ => None,
        };
        let peer = self.peer(peer, &mut marks);
        let word = word.map_or(WordId::FIRST, |word| {
            self.words.id(&self.names, peer, word, &mut marks)
        });
        let error = self.error(span, status);
        self.records.push(SpanRecord {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            kind: span.kind,
            role,
            resend: clamped(span.attributes.int(Key::HttpRequestResendCount), 0),
            messages: clamped(span.attributes.int(Key::MessagingBatchMessageCount), 1),
            start_ns: span.start_ns,
            arrived_ns: self.arrived_ns,
            duration_ns: span.end_ns.saturating_sub(span.start_ns),
            node,
            instance,
            resource,
            peer,
            error,
            operation,
            word,
            weight: told.weight.unwrap_or(1.0),
            marks,
            signs,
            links: (!span.links.is_empty()).then(|| Box::from(span.links)),
        });
    }

    fn aliases(&self) -> &KeyAliases {
        self.sampling.aliases()
    }

    fn rejected(&mut self, reason: RejectReason) {
        *self.rejected.entry(reason).or_default() += 1;
    }
}

/// The name of a gRPC status: some SDKs send the number, some the name.
fn grpc_status(code: Option<i64>) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let name = code.and_then(|code| NAMES.get(usize::try_from(code).ok()?).copied());
    name.unwrap_or("error")
}

/// A count from outside, or `least` when it is absent, smaller, or out of range.
fn clamped<T: TryFrom<i64> + Ord>(number: Option<i64>, least: T) -> T {
    match number.map(T::try_from) {
        Some(Ok(number)) if number > least => number,
        _ => least,
    }
}

/// Where a caller sits, by the address that the server saw or was told.
fn mark_client(marks: &mut Marks, attributes: &AttributeSet<'_>) {
    let address = attributes
        .first_text(&[Key::ClientAddress, Key::HttpClientIp])
        .and_then(parse_authority)
        .and_then(|address| address.ip());
    marks.set(Marks::CLIENT_PRIVATE, address.is_some_and(is_private));
    marks.set(
        Marks::CLIENT_PUBLIC,
        address.is_some_and(|ip| !is_private(ip)),
    );
}

fn mark_proxy(marks: &mut Marks, span: &SpanView<'_>) {
    let proxy = proxy_marks(span.kind, span.attributes);
    marks.set(Marks::PROXY, proxy.is_proxy);
    marks.set(Marks::SIDECAR, proxy.is_sidecar);
    marks.set(Marks::FACES_WORKLOAD, proxy.faces_workload);
    marks.set(Marks::RECEIVED, proxy.is_proxy && proxy.is_received);
}

/// Recognises steps inside a call by span name and by what the span says about its peer (rule 1.6).
fn mark_steps(marks: &mut Marks, span: &SpanView<'_>, peer: &Peer) {
    const STEPS: [&str; 4] = ["dns.", "tcp.", "tls.", "socket."];
    let name = span.name;
    marks.set(
        Marks::PLUMBING,
        STEPS.iter().any(|step| name.starts_with(step)) || name == "dns" || name == "tls",
    );
    let has_operation =
        span.attributes.has(Key::DbOperation) || span.attributes.has(Key::DbOperationName);
    marks.set(
        Marks::UPKEEP,
        !has_operation
            && is_upkeep(name)
            && matches!(
                peer.category,
                Category::Database { .. } | Category::Messaging { .. }
            ),
    );
    marks.set(
        Marks::SOCKET_ONLY,
        peer.socket.is_some()
            && peer.address.is_none()
            && peer.name.is_none()
            && peer.category == Category::None
            && peer.protocol.is_empty(),
    );
}

/// Names that real drivers and pools give to spans around a query: connects (`pg-pool.connect`, `redis-connect`,
/// SQLAlchemy's `connect`), and otelsql's checks before and walks after it.
fn is_upkeep(name: &str) -> bool {
    const STEPS: [&str; 3] = ["sql.conn.ping", "sql.conn.reset_session", "sql.rows"];
    let end = name.len().saturating_sub("connect".len());
    let is_connect = name
        .get(end..)
        .is_some_and(|end| end.eq_ignore_ascii_case("connect"));
    is_connect || STEPS.contains(&name)
}

//! Spans to fixed-size records with interned names.
//!
//! Place in the flow: [`SpanSink`] calls -> [`SpanRecord`] -> [`Shard`](crate::shard::Shard). A recorder reads the
//! attributes once, keeps what inference needs, and forgets the strings. It judges nothing: roles of neighbours and
//! destinations are known only when the trace slice closes.

mod bytes;
mod derived;
mod marks;
mod operation;
mod signs;
mod span;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::attribute::{AttributeSet, Key, KeyAliases, KeySet};
use crate::identity::{NodeKey, instance_of};
pub use crate::names::Names;
use crate::names::{InstanceId, LabelId, NodeId, OperationId, PeerId, ResourceId, WordId};
use crate::peer::{Peer, ip_of, is_private, message_role};
use crate::resource::ResourceFacts;
use crate::sampling::{SamplingRules, Told, weight_of};
use crate::settings::Settings;
use crate::span::{RejectReason, SpanSink, SpanView};
use crate::text::clip;
use crate::time::Timestamp;
use bytes::ByBytes;
pub(crate) use bytes::Seeded;
use derived::{Derived, Memory};
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
    resources: HashMap<ResourceFacts, Source, Seeded>,
    encoded: ByBytes<Source>,
    derivations: Memory,
    /// `None` for those that the table had no room for.
    labels: ByBytes<Option<LabelId>>,
    peers: HashMap<Peer, PeerId, Seeded>,
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
    /// A table had no room for one of these.
    is_folded: bool,
}

/// Records that room is made for before a request is known.
const MAX_ROOM: usize = 8_192;

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
            resources: HashMap::default(),
            encoded: ByBytes::default(),
            derivations: Memory::default(),
            labels: ByBytes::default(),
            peers: HashMap::default(),
            operations: OperationCache::default(),
            words: WordCache::default(),
            current: Source {
                resource: ResourceId::FIRST,
                node: NodeId::FIRST,
                instance: InstanceId::FIRST,
                weight: None,
                is_folded: true,
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
        // The next request is likely to be as large: growing step by step would copy every record twice. One that was unusually
        // large must not make its memory wait for another.
        let room = self.records.len().min(MAX_ROOM);
        std::mem::replace(&mut self.records, Vec::with_capacity(room))
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

    /// What kind and attributes decide. What captured headers show is not remembered: no two requests have the same.
    fn derived(&mut self, span: &SpanView<'_>) -> Derived {
        if !span.attributes.headers().is_empty() {
            return self.derive(span);
        }
        if let Some(known) = self.derivations.recall(span) {
            return known;
        }
        let derived = self.derive(span);
        self.derivations.remember(derived);
        derived
    }

    fn derive(&mut self, span: &SpanView<'_>) -> Derived {
        let (kind, attributes) = (span.kind, span.attributes);
        let peer = Peer::of_span(kind, attributes, self.max_chars);
        let status = http_status(attributes);
        let mut marks = derived::marks_of(kind, attributes, &peer, status);
        let asked = (kind, attributes);
        let operation = self
            .operations
            .id(&self.names, asked, &peer, self.max_chars, &mut marks);
        let signs = signs::Lasting::of(kind, attributes, &peer, status);
        let has_words = derived::has_words(kind, &peer.category);
        let may_be_upkeep = derived::may_be_upkeep(attributes, &peer);
        let peer = self.peer(peer, &mut marks);
        Derived {
            peer,
            operation,
            role: message_role(kind, attributes),
            marks,
            signs,
            has_words,
            may_be_upkeep,
        }
    }

    /// The marks that no other span with the same attributes needs to have.
    fn marks(&self, span: &SpanView<'_>, derived: &Derived, told: &Told) -> Marks {
        let mut marks = derived.marks;
        marks.set(Marks::ERROR, span.is_error);
        marks.set(Marks::REMOTE_PARENT, span.flags & 0x300 == 0x300);
        marks.set(Marks::WEIGHED, told.weight.is_some());
        marks.set(Marks::WEIGHT_MALFORMED, told.is_malformed);
        let off_ns = span.start_ns.abs_diff(self.arrived_ns);
        let is_off = self.arrived_ns > 0 && off_ns / 1_000_000 > self.max_start_off_ms;
        marks.set(Marks::TIME_OFF, is_off);
        marks.set(Marks::PLUMBING, is_plumbing(span.name));
        let is_upkeep = derived.may_be_upkeep && is_upkeep(span.name);
        marks.set(Marks::UPKEEP, is_upkeep);
        marks.set(Marks::FOLDED, self.current.is_folded);
        marks.add(client_marks(span.attributes));
        marks
    }

    fn told(&self, span: &SpanView<'_>) -> Told {
        const SOURCES: KeySet = KeySet::of(&[Key::SamplerType, Key::SamplerParam, Key::SampleRate]);
        let configured = self.current.weight;
        if span.trace_state.is_empty() && !span.attributes.has_any(SOURCES) {
            return Told {
                weight: configured,
                is_malformed: false,
            };
        }
        weight_of(span.trace_state, span.attributes, configured)
    }

    fn word(&mut self, span: &SpanView<'_>, derived: &Derived, marks: &mut Marks) -> WordId {
        let word = match derived.has_words {
            true => words::of_attributes(span.attributes),
            false => None,
        };
        word.map_or(WordId::FIRST, |word| {
            self.words.id(&self.names, derived.peer, word, marks)
        })
    }

    fn error(&mut self, span: &SpanView<'_>, marks: &mut Marks) -> LabelId {
        if !span.is_error {
            return LabelId::FIRST;
        }
        let label = error_label(span.attributes, self.max_chars);
        let id = self.labels.get(label.as_bytes()).unwrap_or_else(|| {
            let id = self.names.label(&label);
            self.labels.insert(label.as_bytes(), id);
            id
        });
        marks.set(Marks::FOLDED, id.is_none());
        id.unwrap_or(LabelId::FIRST)
    }

    fn source_of(&mut self, attributes: &AttributeSet<'_>) -> Source {
        let facts = ResourceFacts::of_resource(attributes, self.max_chars);
        if let Some(known) = self.resources.get(&facts) {
            return *known;
        }
        let key = NodeKey::from_resource(attributes, self.max_chars);
        let weight = self.sampling.weight_of(&key);
        let node = self.names.node(key);
        let instance = instance_of(attributes).map(|name| self.names.instance(name));
        let resource = self.names.resource(facts.clone());
        let source = Source {
            is_folded: node.is_none() || instance == Some(None) || resource.is_none(),
            resource: resource.unwrap_or(ResourceId::FIRST),
            node: node.unwrap_or(NodeId::FIRST),
            instance: instance.flatten().unwrap_or(InstanceId::FIRST),
            weight,
        };
        if self.resources.len() >= CACHE_ENTRIES {
            self.resources.clear();
        }
        self.resources.insert(facts, source);
        source
    }
}

impl SpanSink for Recorder {
    fn resource(&mut self, attributes: &AttributeSet<'_>) {
        self.current = self.source_of(attributes);
    }

    fn known_resource(&mut self, encoded: &[u8]) -> bool {
        let known = self.encoded.get(encoded);
        self.current = known.unwrap_or(self.current);
        known.is_some()
    }

    fn encoded_resource(&mut self, encoded: &[u8], attributes: &AttributeSet<'_>) {
        self.resource(attributes);
        self.encoded.insert(encoded, self.current);
    }

    fn span(&mut self, span: &SpanView<'_>) {
        let derived = self.derived(span);
        let told = self.told(span);
        let mut marks = self.marks(span, &derived, &told);
        let word = self.word(span, &derived, &mut marks);
        let error = self.error(span, &mut marks);
        let Source {
            resource,
            node,
            instance,
            ..
        } = self.current;
        self.records.push(SpanRecord {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            kind: span.kind,
            role: derived.role,
            resend: count(span.attributes, Key::HttpRequestResendCount, 0),
            messages: count(span.attributes, Key::MessagingBatchMessageCount, 1),
            start_ns: span.start_ns,
            arrived_ns: self.arrived_ns,
            duration_ns: span.end_ns.saturating_sub(span.start_ns),
            node,
            instance,
            resource,
            peer: derived.peer,
            error,
            operation: derived.operation,
            word,
            weight: told.weight.unwrap_or(1.0),
            marks,
            signs: derived.signs.with(span),
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
#[inline]
fn count<T: TryFrom<i64> + Ord>(attributes: &AttributeSet<'_>, key: Key, least: T) -> T {
    if !attributes.has(key) {
        return least;
    }
    match attributes.int(key).map(T::try_from) {
        Some(Ok(number)) if number > least => number,
        _ => least,
    }
}

fn http_status(attributes: &AttributeSet<'_>) -> Option<i64> {
    attributes.first_int(&[Key::HttpResponseStatusCode, Key::HttpStatusCode])
}

/// The status, the type of the error, or the status of the remote procedure.
fn error_label(attributes: &AttributeSet<'_>, max_chars: usize) -> String {
    let rpc = [Key::RpcResponseStatusCode, Key::RpcGrpcStatusCode];
    match (http_status(attributes), attributes.text(Key::ErrorType)) {
        (Some(status), _) => status.to_string(),
        (None, Some(kind)) => clip(kind, max_chars),
        (None, None) => match attributes.first_text(&rpc) {
            Some(code) => clip(code, max_chars),
            None => grpc_status(attributes.first_int(&rpc)).to_owned(),
        },
    }
}

/// Where a caller sits, by the address that the server saw or was told.
fn client_marks(attributes: &AttributeSet<'_>) -> Marks {
    const SOURCES: [Key; 2] = [Key::ClientAddress, Key::HttpClientIp];
    let mut marks = Marks::default();
    if !attributes.has_any(KeySet::of(&SOURCES)) {
        return marks;
    }
    if let Some(ip) = attributes.first_text(&SOURCES).and_then(ip_of) {
        marks.set(Marks::CLIENT_PRIVATE, is_private(ip));
        marks.set(Marks::CLIENT_PUBLIC, !is_private(ip));
    }
    marks
}

/// Recognises steps inside a call by span name (rule 1.6).
fn is_plumbing(name: &str) -> bool {
    const STEPS: [&str; 4] = ["dns.", "tcp.", "tls.", "socket."];
    STEPS.iter().any(|step| name.starts_with(step)) || name == "dns" || name == "tls"
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

#[cfg(test)]
mod tests;

//! Made spans to a snapshot, through the public interface of the crate.

use std::sync::Arc;

use tracemesh_generator::export::Exporters;
use tracemesh_generator::span::{Kind, Span};
use tracemesh_generator::world::World;
use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;
use tracemesh_graph::span::{Link, SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

/// The way from spans to a graph; knows nothing of truth.
pub(crate) struct Feeder<'w> {
    world: &'w World,
    settings: Settings,
    recorder: Recorder,
    shard: Shard,
    /// Spans so far.
    pub(crate) spans: u64,
}

impl<'w> Feeder<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let settings = Settings {
            max_open_records: Settings::FILE_OPEN_RECORDS,
            max_nodes: 20_000,
            ..Settings::default()
        };
        let names = Arc::new(Names::new(&settings));
        Self {
            world,
            recorder: Recorder::new(Arc::clone(&names), &settings),
            shard: Shard::new(names, settings.clone()),
            settings,
            spans: 0,
        }
    }

    /// One that keeps windows of span time apart.
    pub(crate) fn windowed(world: &'w World) -> Self {
        let feeder = Self::new(world);
        let names = Arc::new(Names::new(&feeder.settings));
        Self {
            recorder: Recorder::new(Arc::clone(&names), &feeder.settings),
            shard: Shard::windowed(names, feeder.settings.clone()),
            ..feeder
        }
    }

    /// Everything taken, before anything is resolved.
    pub(crate) fn finish_segment(mut self) -> Segment {
        self.shard.close_all();
        self.shard.take_segment()
    }

    /// The number of windows, and the graph of all of them, merged newest first.
    pub(crate) fn finish_windows(mut self) -> (usize, GraphSnapshot) {
        let windows = self.shard.windows();
        let mut whole = Segment::default();
        for window in windows.iter().rev() {
            whole.merge(self.shard.take_window(window));
        }
        (windows.len(), whole.snapshot(&self.settings))
    }

    /// Takes spans at a time of arrival.
    pub(crate) fn take(&mut self, spans: &[Span<'w>], now_ms: u64) {
        for span in spans {
            record(&mut self.recorder, self.world, span);
        }
        for record in self.recorder.take_records() {
            self.spans += 1;
            self.shard.push(record, now_ms);
        }
    }

    /// The graph of everything taken.
    pub(crate) fn finish(mut self) -> GraphSnapshot {
        self.shard.close_all();
        self.shard.take_segment().snapshot(&self.settings)
    }

    /// Spans as exporters deliver them: slices close by the clock, and a segment is cut every minute.
    pub(crate) fn receive(mut self, spans: Vec<Span<'w>>, exporters: &Exporters) -> GraphSnapshot {
        const FLUSH_MS: u64 = 60_000;
        let mut whole = Segment::default();
        let mut flush_at = None;
        for (now_ms, span) in exporters.deliver(spans) {
            self.shard.tick(now_ms);
            let flush_ms = *flush_at.get_or_insert(now_ms + FLUSH_MS);
            if now_ms >= flush_ms {
                flush_at = Some(now_ms + FLUSH_MS);
                whole.merge(self.shard.take_segment());
            }
            self.take(std::slice::from_ref(&span), now_ms);
        }
        self.shard.close_all();
        whole.merge(self.shard.take_segment());
        whole.snapshot(&self.settings)
    }
}

fn record(recorder: &mut Recorder, world: &World, span: &Span<'_>) {
    let mut resource = AttributeSet::default();
    for (name, text) in &world.resources[span.resource].attributes {
        if let Some(key) = Key::lookup(name) {
            resource.insert(key, Value::Text(text));
        }
    }
    recorder.resource(&resource);
    let mut attributes = AttributeSet::default();
    for (name, text) in &span.attributes {
        if let Some(key) = Key::lookup(name) {
            attributes.insert(key, Value::Text(text));
        }
    }
    let id = |id: u64| SpanId(id.to_be_bytes());
    let links: Vec<Link> = span
        .links
        .iter()
        .map(|(trace, span)| Link {
            trace_id: TraceId(trace.to_be_bytes()),
            span_id: id(*span),
        })
        .collect();
    recorder.span(&SpanView {
        trace_id: TraceId(span.trace.to_be_bytes()),
        span_id: id(span.id),
        parent_id: span.parent.map(id),
        kind: kind(span.kind),
        start_ns: span.start_us * 1_000,
        end_ns: span.end_us * 1_000,
        is_error: span.is_error,
        flags: 0,
        trace_state: &span.trace_state,
        name: span.name,
        attributes: &attributes,
        events: SpanEvents::default(),
        links: &links,
    });
}

const fn kind(kind: Kind) -> SpanKind {
    match kind {
        Kind::Unspecified => SpanKind::Unspecified,
        Kind::Internal => SpanKind::Internal,
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Producer => SpanKind::Producer,
        Kind::Consumer => SpanKind::Consumer,
    }
}

//! Spans that come after their slice closed: seconds, minutes or a quarter of an hour late, or never.

use std::sync::Arc;

use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, ServiceDiagnostics};

use super::feed::{self, Batching};
use super::notation::{Row, Span, parse_rows};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// A shard and a reader of its flushes.
struct Instance {
    recorder: Recorder,
    shard: Shard,
    settings: Settings,
    settled: Segment,
    waiting: Segment,
}

impl Instance {
    fn new(settings: Settings) -> Self {
        let names = Arc::new(Names::new(&settings));
        Self {
            recorder: Recorder::new(Arc::clone(&names), &settings),
            shard: Shard::new(names, settings.clone()),
            settings,
            settled: Segment::default(),
            waiting: Segment::default(),
        }
    }

    fn receive(&mut self, span: &Span, now_ms: u64) {
        self.tick(now_ms);
        feed::record(&mut self.recorder, span);
        for record in self.recorder.take_records() {
            self.shard.push(record, now_ms);
        }
    }

    fn tick(&mut self, now_ms: u64) {
        self.shard.tick(now_ms);
    }

    fn flush(&mut self) {
        let flush = self.shard.flush();
        self.settled.merge(flush.settled);
        self.waiting = flush.waiting;
    }

    /// What a reader sees after a flush now. Counters say how spans came, not what they say.
    fn graph(&mut self) -> GraphSnapshot {
        self.flush();
        let mut all = self.settled.clone();
        all.merge(self.waiting.clone());
        let mut graph = all.snapshot(&self.settings);
        graph.diagnostics.counters.remove("late_slices");
        graph
    }
}

fn rows(text: &str) -> Vec<Row> {
    parse_rows("late", text).unwrap()
}

fn row(text: &str) -> Row {
    rows(&format!("L  late\n{text}")).remove(0)
}

fn edge<'a>(graph: &'a GraphSnapshot, caller: &str, callee: &str) -> &'a Edge {
    let mut edges = graph.edges.iter();
    let is_it = |edge: &&Edge| edge.caller.ends_with(caller) && edge.callee.ends_with(callee);
    edges.find(is_it).expect("the edge is there")
}

fn calls(graph: &GraphSnapshot) -> u64 {
    let unresolved = graph.diagnostics.per_service.iter().map(|s| s.unresolved);
    let edges = graph.edges.iter().map(|edge| edge.calls);
    unresolved.chain(edges).sum()
}

fn service<'a>(graph: &'a GraphSnapshot, name: &str) -> &'a ServiceDiagnostics {
    let mut services = graph.diagnostics.per_service.iter();
    services
        .find(|service| service.service.ends_with(name))
        .expect("the service is there")
}

/// A process can be killed right after a flush: then the flush has all that came before it, slices that are still open or
/// were opened again among them.
#[test]
fn a_flush_at_any_time_holds_everything_that_came_before_it() {
    let files = [
        include_str!("../../../fixtures/scenarios/z.txt"),
        include_str!("../../../fixtures/scenarios/m.txt"),
        include_str!("../../../fixtures/scenarios/b.txt"),
    ];
    for row in files.into_iter().flat_map(rows) {
        for pause in [0, SECOND, 30 * SECOND] {
            let mut instance = Instance::new(Settings::default());
            let mut received: Vec<&Span> = Vec::new();
            let mut now_ms = 0;
            for span in &row.spans {
                now_ms += pause;
                instance.receive(span, now_ms);
                received.push(span);
                let so_far = feed::snapshot(&received, Batching::OneBatch);
                assert_eq!(instance.graph(), so_far, "{} {pause}", row.headline());
            }
        }
    }
}

/// Each span comes half a minute after the one before, long after its slice closed; in between, flushes go out.
#[test]
fn every_row_holds_when_each_of_its_spans_comes_late() {
    let files = [
        include_str!("../../../fixtures/scenarios/z.txt"),
        include_str!("../../../fixtures/scenarios/m.txt"),
        include_str!("../../../fixtures/scenarios/o.txt"),
        include_str!("../../../fixtures/scenarios/t.txt"),
        include_str!("../../../fixtures/scenarios/j.txt"),
        include_str!("../../../fixtures/scenarios/x.txt"),
        include_str!("../../../fixtures/scenarios/p.txt"),
        include_str!("../../../fixtures/scenarios/zx.txt"),
        include_str!("../../../fixtures/scenarios/tx.txt"),
        include_str!("../../../fixtures/scenarios/xx.txt"),
        include_str!("../../../fixtures/scenarios/b.txt"),
    ];
    for row in files.into_iter().flat_map(rows) {
        let spans: Vec<&Span> = row.spans.iter().collect();
        let in_time = feed::snapshot(&spans, Batching::OneBatch);
        let backwards: Vec<&Span> = spans.iter().rev().copied().collect();
        for order in [&spans, &backwards] {
            let mut instance = Instance::new(Settings::default());
            let mut now_ms = 0;
            for span in order {
                now_ms += 30 * SECOND;
                instance.receive(span, now_ms);
                instance.flush();
            }
            instance.tick(now_ms + MINUTE);
            let waiting = instance.graph();
            assert_eq!(waiting, in_time, "{} while it waits", row.headline());
            instance.tick(now_ms + 60 * MINUTE);
            assert_eq!(instance.shard.waiting_records(), 0);
            let settled = instance.graph();
            assert_eq!(settled, in_time, "{} once settled", row.headline());
        }
    }
}

#[test]
fn a_late_half_moves_a_call_and_totals_never_change() {
    let row = row("  a.C#1{sa=b.example,sp=443} b.S#2<1\n  = a -> b 1\n  = exact");
    for late in [3 * SECOND, 2 * MINUTE, 14 * MINUTE] {
        let mut instance = Instance::new(Settings::default());
        instance.receive(&row.spans[0], 0);
        let mut seen = Vec::new();
        for now_ms in (20 * SECOND..late).step_by(20_000) {
            instance.tick(now_ms);
            let graph = instance.graph();
            assert_eq!(edge(&graph, "a", "b.example:443").evidence.address, 1);
            seen.push(calls(&graph));
        }
        instance.receive(&row.spans[1], late);
        for now_ms in (late + 20 * SECOND..late + 40 * MINUTE).step_by(60_000) {
            instance.tick(now_ms);
            let graph = instance.graph();
            assert_eq!(edge(&graph, "a", "b").evidence.paired, 1, "{late}");
            assert_eq!(service(&graph, "b").orphans, 0);
            assert_eq!(graph.edges.len(), 1);
            seen.push(calls(&graph));
        }
        assert!(seen.iter().all(|calls| *calls == 1), "{late}: {seen:?}");
    }
}

/// The wait is over and its slice inferred without it: the reader still joins the two, and counts one call.
#[test]
fn a_half_that_comes_after_the_wait_is_joined_by_the_reader() {
    let row = row("  a.C#1{sa=b.example,sp=443} b.S#2<1! b.C#3<2 c.S#4<3\n  = a -> b 1");
    for late in [21 * MINUTE, 6 * 60 * MINUTE] {
        let mut instance = Instance::new(Settings::default());
        instance.receive(&row.spans[0], 0);
        instance.tick(MINUTE);
        instance.tick(20 * MINUTE);
        assert_eq!(instance.shard.waiting_records(), 0);
        for span in &row.spans[1..] {
            instance.receive(span, late);
        }
        instance.tick(late + MINUTE);
        let graph = instance.graph();
        let joined = edge(&graph, "a", "b");
        assert_eq!((joined.calls, joined.failed), (1, 1));
        assert_eq!(joined.evidence.paired, 1);
        assert!(joined.latency.client.is_some() && joined.latency.server.is_some());
        assert_eq!(calls(&graph), 2);
        assert_eq!(graph.edges.len(), 2, "{:#?}", graph.edges);
        assert_eq!(service(&graph, "b").orphans, 0);
        assert_eq!(service(&graph, "a").without_server_half, 0);
        assert_eq!(graph.nodes.iter().map(|n| n.entry_calls).sum::<u64>(), 0);
    }
}

/// Two instances without trace affinity: each got half of the calls' halves, and none of a pair.
#[test]
fn halves_that_reached_different_instances_are_joined_by_the_reader() {
    let row = row(
        "  x.S#0 x.C#1<0{sa=y} y.S#2<1 y.C#3<2{sa=z} z.S#4<3 z.C#5<4{dbs=redis,sa=r}\n  = x -> y 1",
    );
    let all: Vec<&Span> = row.spans.iter().collect();
    let whole = feed::snapshot(&all, Batching::OneBatch);
    let mut merged = Segment::default();
    for services in [["x", "z"], ["y", "y"]] {
        let mut instance = Instance::new(Settings::default());
        let own = |span: &&Span| services.contains(&span.service.as_deref().unwrap_or_default());
        for span in row.spans.iter().filter(own) {
            instance.receive(span, 0);
        }
        instance.shard.close_all();
        instance.flush();
        merged.merge(instance.settled);
    }
    let graph = merged.snapshot(&Settings::default());
    let shown = |graph: &GraphSnapshot| -> Vec<String> {
        let edges = graph.edges.iter();
        edges
            .map(|e| {
                format!(
                    "{} {} {} {:?} {:?}",
                    e.caller, e.callee, e.calls, e.evidence, e.latency
                )
            })
            .collect()
    };
    assert_eq!(shown(&graph), shown(&whole));
    let orphans = graph.diagnostics.per_service.iter().map(|s| s.orphans);
    assert_eq!(orphans.sum::<u64>(), 0);
}

#[test]
fn spans_sent_again_are_known_again_before_and_after_their_slice_settled() {
    let row = row("  a.S#0 a.C#1<0 b.S#2<1\n  = a -> b 1\n  = entry(a) 1\n  = exact");
    // Complete, so settled two and a half minutes later at most; remembered for two more.
    for again in [5 * SECOND, MINUTE, 3 * MINUTE, 4 * MINUTE] {
        let mut instance = Instance::new(Settings::default());
        for span in &row.spans {
            instance.receive(span, 0);
        }
        for now_ms in (0..again).step_by(10_000) {
            instance.tick(now_ms);
        }
        for span in &row.spans {
            instance.receive(span, again);
        }
        instance.tick(again + 20 * MINUTE);
        let graph = instance.graph();
        assert_eq!(edge(&graph, "a", "b").calls, 1, "{again}");
        assert_eq!(graph.diagnostics.duplicates, 3, "{again}");
        assert_eq!(graph.diagnostics.spans, 6, "{again}");
        assert_eq!(service(&graph, "b").orphans, 0);
    }
}

/// B5. Nothing is refused: the oldest goes, its call stays counted, and the services that lost something are told.
#[test]
fn b5_a_full_store_settles_the_oldest_and_says_whose_spans_it_cut() {
    let row = row("  t1:a.C#1 t2:c.C#1 t1:b.S#2<1 t2:d.S#2<1\n  = a -> b 1\n  = c -> d 1");
    let settings = Settings {
        max_open_records: 1,
        max_waiting_records: 0,
        ..Settings::default()
    };
    let mut instance = Instance::new(settings.clone());
    for (place, span) in row.spans.iter().enumerate() {
        instance.receive(span, place as u64);
    }
    instance.shard.close_all();
    let graph = instance.graph();
    let cut: Vec<(&str, u64)> = graph
        .diagnostics
        .per_service
        .iter()
        .map(|s| (s.service.as_str(), s.store_full))
        .collect();
    assert_eq!(
        cut.iter().map(|(_, spans)| spans).sum::<u64>(),
        2,
        "{cut:?}"
    );
    assert_eq!(graph.diagnostics.counters["store_full"], 2);
    assert_eq!(graph.diagnostics.counters["slices_closed_early"], 2);
    assert_eq!(
        calls(&graph),
        2,
        "each call is counted once, wherever it went"
    );

    // Room for waiting slices is room for late halves.
    let mut roomy = Instance::new(Settings {
        max_waiting_records: 4,
        ..settings
    });
    for (place, span) in row.spans.iter().enumerate() {
        roomy.receive(span, place as u64);
    }
    roomy.shard.close_all();
    let graph = roomy.graph();
    assert_eq!(edge(&graph, "a", "b").evidence.paired, 1);
    assert_eq!(edge(&graph, "c", "d").evidence.paired, 1);
    assert!(!graph.diagnostics.counters.contains_key("store_full"));
}

/// B8. The second instance knows nothing of the first half, and the reader joins what both have written.
#[test]
fn b8_a_restart_between_the_halves_counts_the_call_once() {
    let row = row("  a.C#1{sa=b.example} b.S#2<1\n  = a -> b 1");
    let mut before = Instance::new(Settings::default());
    before.receive(&row.spans[0], 0);
    before.tick(MINUTE);
    before.flush();
    let mut after = Instance::new(Settings::default());
    after.receive(&row.spans[1], 0);
    after.tick(60 * MINUTE);
    after.flush();
    let mut all = before.settled.clone();
    // Killed: what waited was written with the last flush, and nothing replaces it any more.
    all.merge(before.waiting.clone());
    all.merge(after.settled.clone());
    all.merge(after.waiting.clone());
    let graph = all.snapshot(&Settings::default());
    assert_eq!(calls(&graph), 1);
    assert_eq!(edge(&graph, "a", "b").evidence.paired, 1);
    assert_eq!(service(&graph, "b").orphans, 0);
    // Killed before the first flush: the other half says that something is missing.
    let alone = after.graph();
    assert_eq!((calls(&alone), service(&alone, "b").orphans), (0, 1));
}

/// Whatever does not fit is settled, not forgotten: the same calls, with less evidence.
#[test]
fn memory_stays_within_its_bounds_and_every_call_is_counted() {
    let row = row("  a.C#1{sa=b.example} b.S#2<1\n  = a -> b 1");
    let settings = Settings {
        max_open_records: 100,
        max_waiting_records: 300,
        max_seen_spans: 50,
        ..Settings::default()
    };
    let mut instance = Instance::new(settings);
    let traces = 2_000_u64;
    for trace in 0..traces {
        let mut half = row.spans[0].clone();
        half.trace_id.0[8..].copy_from_slice(&(trace + 1).to_be_bytes());
        instance.receive(&half, trace * 10);
        assert!(instance.shard.open_records() <= 100);
        assert!(instance.shard.waiting_records() <= 300);
    }
    instance.shard.close_all();
    let graph = instance.graph();
    assert_eq!(calls(&graph), traces);
    assert!(graph.diagnostics.counters["slices_closed_early"] > 1_000);
}

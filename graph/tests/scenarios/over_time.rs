//! Rows of group B about how spans come: late, in any order, in several segments, halves that never do.

use std::sync::Arc;

use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;

use super::compare::compare;
use super::feed::{self, Batching};
use super::notation::{Row, Span, parse_rows};
use super::orders::permutations;

const SECOND_MS: u64 = 1_000;
const HOUR_NS: u64 = 3_600_000_000_000;

fn row(text: &str) -> Row {
    parse_rows("over time", &format!("B  over time\n{text}"))
        .unwrap()
        .remove(0)
}

fn named(id: &str) -> Row {
    let files = [
        include_str!("../../../fixtures/scenarios/x.txt"),
        include_str!("../../../fixtures/scenarios/xx.txt"),
    ];
    let mut rows = files
        .iter()
        .flat_map(|text| parse_rows("rows", text).unwrap());
    rows.find(|row| row.id == id).expect("the row is there")
}

fn check(row: &Row, graph: &GraphSnapshot) {
    if let Err(report) = compare(row, graph) {
        panic!("\n{}{report}", row.headline());
    }
}

/// What a running shard has settled and what waits, after spans that came at these times in seconds.
fn received(spans: &[(Span, u64)], settings: &Settings) -> Segment {
    let names = Arc::new(Names::new(settings));
    let mut recorder = Recorder::new(Arc::clone(&names), settings);
    let mut shard = Shard::new(names, settings.clone());
    for (span, seconds) in spans {
        let now_ms = seconds * SECOND_MS;
        shard.tick(now_ms);
        feed::record(&mut recorder, span);
        for record in recorder.take_records() {
            shard.push(record, now_ms);
        }
    }
    let last = spans.iter().map(|(_, seconds)| seconds).max().unwrap_or(&0);
    shard.tick((last + 20) * SECOND_MS);
    let flush = shard.flush();
    let mut all = flush.settled;
    all.merge(flush.waiting);
    all
}

#[test]
fn b1_a_server_span_may_come_three_seconds_after_its_client() {
    let row = row("  a.C#1 b.S#2<1\n  = a -> b 1\n  = exact");
    let spans = [(row.spans[0].clone(), 0), (row.spans[1].clone(), 3)];
    let settings = Settings::default();
    check(&row, &received(&spans, &settings).snapshot(&settings));
}

#[test]
fn b27_halves_that_never_found_the_other_are_counted_by_kind() {
    let row = row(
        "  t1:a.C#1 t2:b.S#2<9 t3:c.P#3{ms=kafka,md=T} t4:d.Q#4<8{ms=kafka,md=U}
  = c -> broker(kafka) * ?any\n  = unres(a) 1\n  = orphan(b) 1\n  = orphan(d) 1",
    );
    let spans: Vec<&Span> = row.spans.iter().collect();
    let unpaired = feed::snapshot(&spans, Batching::OneBatch)
        .diagnostics
        .unpaired;
    let kinds = ["client", "consumer", "producer", "server"];
    for kind in kinds {
        assert!(unpaired.contains_key(kind), "{kind}: {unpaired:?}");
    }
    assert_eq!((unpaired["client"], unpaired["producer"]), (1, 1));
    assert_eq!(unpaired["consumer"], 1);
}

/// The client span of a stream ends and comes after two hours; the server's, and what it called, came before.
#[test]
fn b44_a_stream_of_two_hours_is_one_call_once_its_halves_are_there() {
    let mut row = row("  a.C#1{sa=b,sp=80} b.S#2<1 b.C#3<2{dbs=redis,sa=r,sp=6379} b.C#4<2{dbs=redis,sa=r,sp=6379}
  = a -> b 1 target=b:80\n  = b -> database(redis@r:6379) 2 ?addr");
    row.spans[0].end_ns = row.spans[0].start_ns + 2 * HOUR_NS;
    let [stream, server, first, second] = &row.spans[..] else {
        panic!("four spans")
    };
    let hourly = [
        (first.clone(), 3_600),
        (second.clone(), 7_000),
        (server.clone(), 7_100),
        (stream.clone(), 7_300),
    ];
    let settings = Settings::default();
    let early = received(&hourly[..2], &settings).snapshot(&settings);
    assert_eq!(early.edges.iter().map(|edge| edge.calls).sum::<u64>(), 2);
    check(&row, &received(&hourly, &settings).snapshot(&settings));
}

/// B49: two instances, merged, are their sum. That a segment read twice counts once is the store's to see to.
#[test]
fn b49_segments_of_two_instances_add_up_whichever_comes_first() {
    let row = row("  t1:a.C#1 t1:b.S#2<1 t2:a.C#1 t2:b.S#2<1\n  = a -> b 2\n  = exact");
    let settings = Settings::default();
    let of = |trace: usize| -> Segment {
        let spans = row.spans.iter().skip(trace * 2).take(2);
        let spans: Vec<(Span, u64)> = spans.map(|span| (span.clone(), 0)).collect();
        received(&spans, &settings)
    };
    let (mut ab, mut ba) = (of(0), of(1));
    ab.merge(of(1));
    ba.merge(of(0));
    assert_eq!(ab, ba);
    check(&row, &ab.snapshot(&settings));
}

/// B61: children before parents, three levels, whole batches turned round: the rows it names, in every order there is.
#[test]
fn b61_every_order_of_arrival_gives_the_same_graph() {
    for id in ["X8", "X11", "X26"] {
        let row = named(id);
        let places: Vec<usize> = (0..row.spans.len()).collect();
        let mut first = None;
        for order in permutations(&places) {
            let spans: Vec<&Span> = order.iter().map(|place| &row.spans[*place]).collect();
            let graph = feed::snapshot(&spans, Batching::OneBatch);
            let first = first.get_or_insert_with(|| graph.clone());
            assert_eq!(*first, graph, "{id} in order {order:?}");
        }
        check(&row, &first.expect("there are orders"));
    }
}

//! Files put into a store: every row, window by window, gives what it gives in one piece.

use std::sync::Arc;

use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::GraphSnapshot;

use super::feed::{self, Batching};
use super::notation::{Span, parse_rows};

const FILES: [(&str, &str); 11] = [
    ("z.txt", include_str!("../../../fixtures/scenarios/z.txt")),
    ("m.txt", include_str!("../../../fixtures/scenarios/m.txt")),
    ("o.txt", include_str!("../../../fixtures/scenarios/o.txt")),
    ("t.txt", include_str!("../../../fixtures/scenarios/t.txt")),
    ("j.txt", include_str!("../../../fixtures/scenarios/j.txt")),
    ("x.txt", include_str!("../../../fixtures/scenarios/x.txt")),
    ("p.txt", include_str!("../../../fixtures/scenarios/p.txt")),
    ("zx.txt", include_str!("../../../fixtures/scenarios/zx.txt")),
    ("tx.txt", include_str!("../../../fixtures/scenarios/tx.txt")),
    ("xx.txt", include_str!("../../../fixtures/scenarios/xx.txt")),
    ("b.txt", include_str!("../../../fixtures/scenarios/b.txt")),
];

fn windowed(spans: &[&Span]) -> GraphSnapshot {
    let settings = Settings::default();
    let names = Arc::new(Names::new(&settings));
    let mut recorder = Recorder::new(Arc::clone(&names), &settings);
    let mut shard = Shard::windowed(names, settings.clone());
    spans
        .iter()
        .for_each(|span| feed::record(&mut recorder, span));
    for record in recorder.take_records() {
        shard.push(record, 0);
    }
    let mut merged = Segment::default();
    for window in shard.windows().iter().rev() {
        merged.merge(shard.take_window(window));
    }
    merged.snapshot(&settings)
}

#[test]
fn every_row_gives_the_same_bytes_window_by_window() {
    for (file, text) in FILES {
        for row in parse_rows(file, text).unwrap() {
            // Traces of a row hours apart, which takes their links and halves apart too.
            let mut spread = row.spans.clone();
            for span in &mut spread {
                let hours = u128::from_be_bytes(span.trace_id.0) % 5 * 3_600_000_000_000;
                let shift = u64::try_from(hours).unwrap();
                span.start_ns += shift;
                span.end_ns += shift;
            }
            for spans in [&row.spans, &spread] {
                let spans: Vec<&Span> = spans.iter().collect();
                let whole = feed::snapshot(&spans, Batching::OneBatch);
                let json = |graph| serde_json::to_string(graph).unwrap();
                let told = row.headline();
                assert_eq!(json(&windowed(&spans)), json(&whole), "{told}");
            }
        }
    }
}

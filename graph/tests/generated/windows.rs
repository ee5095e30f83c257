//! A company's traffic of two days, put into a store hour by hour.

use tracemesh_generator::traffic::Traffic;
use tracemesh_generator::world::{Options, World};

use super::feed::Feeder;

const HOUR_US: u64 = 3_600_000_000;

#[test]
fn a_company_window_by_window_gives_the_same_bytes_as_in_one_piece() {
    let world = World::new(&Options::full(3, 80));
    let mut whole = Feeder::new(&world);
    let mut parts = Feeder::windowed(&world);
    for (hour, request) in (0..48).cycle().zip(Traffic::new(&world, 3, 300)) {
        let mut spans = request.spans;
        for span in &mut spans {
            span.start_us += hour * HOUR_US;
            span.end_us += hour * HOUR_US;
        }
        whole.take(&spans, 0);
        parts.take(&spans, 0);
    }
    let (windows, parts) = parts.finish_windows();
    assert!(windows >= 48, "{windows}");
    let json = |graph| serde_json::to_string(graph).expect("a snapshot is JSON");
    assert_eq!(json(&parts), json(&whole.finish()));
}

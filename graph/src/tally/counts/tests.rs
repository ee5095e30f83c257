use super::*;
use crate::names::Names;
use crate::span::TraceId;

fn told(error: LabelId, trace: u8, took_ns: u64) -> Told {
    Told {
        shape: Shape {
            signs: Signs::NONE,
            weights: Weights {
                client: None,
                server: None,
            },
            error,
            found: Found::Alone,
            flags: AttemptFlags::default(),
            is_call: true,
            is_attempt: true,
            has_failed: true,
        },
        lost_attempts: 1,
        client_ns: Some(took_ns),
        server_ns: None,
        start_ns: took_ns,
        end_ns: took_ns * 2,
        trace: TraceId([trace; 16]).as_u128(),
    }
}

#[test]
fn more_shapes_than_there_is_room_for_are_counted_like_any() {
    let names = Names::default();
    let labels: Vec<LabelId> = (0..50)
        .filter_map(|code| names.label(&code.to_string()))
        .collect();
    let mut counts = Counts::default();
    for round in 1..=3 {
        for label in labels.iter().chain([&LabelId::FIRST]) {
            counts.count(&told(*label, round, u64::from(round)));
        }
    }
    let stats = counts.into_stats(&names.read());
    assert_eq!((stats.calls, stats.failed), (153, 153));
    assert_eq!((stats.attempts, stats.failed_attempts), (306, 153));
    assert_eq!(stats.errors.len(), 51);
    assert!(stats.errors.values().all(|attempts| *attempts == 3));
    assert_eq!(stats.errors["error"], 3, "a failure without a name");
    assert_eq!(stats.found[&Found::Alone], 153);
    assert_eq!((stats.first_ns(), stats.last_ns()), (1, 6));
    let traces: Vec<(Found, u128)> = stats.exemplars().collect();
    let expected = [1, 2, 3].map(|trace| (Found::Alone, TraceId([trace; 16]).as_u128()));
    assert_eq!(traces, expected);
}

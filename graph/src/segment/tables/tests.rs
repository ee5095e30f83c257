mod any;

use proptest::prelude::*;

use super::*;
use crate::settings::Settings;
use crate::snapshot::{Exposed, GraphSnapshot};
use crate::tabular::{Column, TableError};
use any::segment;

fn assembled<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Segment {
    let mut assembly = Assembly::default();
    for segment in segments {
        assembly.add(segment.to_tables()).unwrap();
    }
    assembly.finish()
}

fn merged<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Segment {
    let mut all = Segment::default();
    for segment in segments {
        all.merge(segment.clone());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn any_segment_survives_its_tables(seed: u64) {
        let whole = merged([&segment(seed)]);
        prop_assert_eq!(assembled([&whole]), whole.clone());
        prop_assert_eq!(whole.clone().to_tables(), whole.to_tables());
    }

    #[test]
    fn putting_tables_together_in_any_order_is_merging(
        seeds in prop::collection::vec(any::<u64>(), 1..4),
    ) {
        let segments: Vec<Segment> = seeds.iter().map(|seed| segment(*seed)).collect();
        let expected = merged(&segments);
        prop_assert_eq!(&assembled(&segments), &expected);
        prop_assert_eq!(&assembled(segments.iter().rev()), &expected);
        let again = merged(segments.iter().rev());
        prop_assert_eq!(assembled([&again]), again);
    }

    #[test]
    fn spoilt_tables_are_refused_as_a_whole_or_read_without_a_panic(
        seed: u64,
        spots in prop::collection::vec((any::<usize>(), any::<usize>(), any::<usize>(), any::<u64>()), 1..4),
    ) {
        let good = segment(seed);
        let mut tables = good.to_tables();
        for (table, column, row, value) in spots {
            spoil(&mut tables, [table, column, row], value);
        }
        let mut assembly = Assembly::default();
        assembly.add(good.to_tables()).unwrap();
        let refused = assembly.add(tables).is_err();
        let found = assembly.finish();
        if refused {
            prop_assert_eq!(found, merged([&good]));
        } else {
            drop(found.snapshot(&Settings::default()));
        }
    }
}

/// Puts another value into a cell.
fn spoil(tables: &mut Vec<Table>, [table, column, row]: [usize; 3], value: u64) {
    let table = table % tables.len();
    let rows = tables[table].rows();
    let columns = tables[table].columns.len();
    let (row, narrow) = (row % rows, u32::try_from(value % (1 << 32)).unwrap());
    let words = [
        "",
        "x",
        "sync",
        "caller",
        "link",
        "00000000000000000000000000000001",
    ];
    let text = words[usize::try_from(value % 6).unwrap()].to_owned();
    match &mut tables[table].columns[column % columns] {
        Column::Bool(cells) => cells[row] ^= true,
        Column::U32(cells) => cells[row] = narrow,
        Column::U64(cells) => cells[row] = value,
        Column::F64(cells) => cells[row] = f64::from_bits(value),
        Column::Text(cells) => cells[row] = text,
        Column::MaybeU32(cells) => cells[row] = Some(narrow).filter(|_| !value.is_multiple_of(3)),
        Column::MaybeU64(cells) => cells[row] = Some(value).filter(|_| !value.is_multiple_of(3)),
        Column::MaybeF64(cells) => cells[row] = Some(f64::from_bits(value)),
        Column::MaybeText(cells) => cells[row] = Some(text).filter(|_| !value.is_multiple_of(5)),
    }
    if value.is_multiple_of(7) {
        tables.remove(table);
    }
}

#[test]
fn the_empty_segment_has_no_tables() {
    assert_eq!(Segment::default().to_tables(), []);
    assert_eq!(assembled([]), Segment::default());
}

#[test]
fn every_part_of_a_segment_becomes_rows() {
    let names = |segment: &Segment| -> Vec<&str> {
        let tables = segment.to_tables();
        tables.iter().map(|table| table.spec.name).collect()
    };
    let all: Vec<&str> = specs().iter().map(|spec| spec.name).collect();
    assert_eq!(
        names(&merged((0..40).map(segment).collect::<Vec<_>>().iter())),
        all
    );
}

#[test]
fn counts_of_open_calls_are_in_the_sum_over_edges() {
    let whole = merged((0..10).map(segment).collect::<Vec<_>>().iter());
    assert!(!whole.halves.calls.is_empty());
    let settled: u64 = whole.edges.values().map(|stats| stats.calls).sum();
    let open: u64 = whole
        .halves
        .calls
        .values()
        .map(|call| call.stats.calls)
        .sum();
    let tables = whole.to_tables();
    let edges = tables
        .iter()
        .find(|table| table.spec.name == "edges")
        .unwrap();
    let place = |name| {
        edges
            .spec
            .columns
            .iter()
            .position(|c| c.name == name)
            .unwrap()
    };
    let Column::U64(calls) = &edges.columns[place("calls")] else {
        panic!("calls are numbers");
    };
    assert_eq!(calls.iter().sum::<u64>(), settled + open);
}

#[test]
fn a_table_that_is_there_twice_or_lacks_its_nodes_is_refused() {
    let tables = || merged((0..4).map(segment).collect::<Vec<_>>().iter()).to_tables();
    let mut twice = tables();
    twice.push(tables().remove(0));
    let mut headless = tables();
    headless.retain(|table| table.spec.name != "nodes");
    for spoilt in [twice, headless] {
        let mut assembly = Assembly::default();
        let error = assembly.add(spoilt).unwrap_err();
        assert!(matches!(error, TableError::Row { .. }), "{error}");
        assert_eq!(assembly.finish(), Segment::default());
    }
}

#[test]
fn a_part_that_is_refused_takes_the_other_parts_with_it() {
    let mut spoilt = segment(1).to_tables();
    spoilt.retain(|table| table.spec.name != "nodes");
    let mut assembly = Assembly::default();
    assert!(
        assembly
            .add_parts(vec![segment(2).to_tables(), spoilt])
            .is_err()
    );
    assert_eq!(assembly.finish(), Segment::default());
    let mut assembly = Assembly::default();
    let parts = vec![segment(2).to_tables(), segment(3).to_tables()];
    assembly.add_parts(parts).unwrap();
    assert_eq!(assembly.finish(), merged([&segment(2), &segment(3)]));
}

#[test]
fn derived_columns_may_be_left_out() {
    let whole = merged([&segment(5)]);
    let mut tables = whole.to_tables();
    for table in &mut tables {
        for (spec, column) in table.spec.columns.iter().zip(&mut table.columns) {
            if spec.merge == crate::tabular::Merge::Derived {
                *column = spec.kind.empty();
            }
        }
    }
    let mut assembly = Assembly::default();
    assembly.add(tables).unwrap();
    assert_eq!(assembly.finish(), whole);
}

#[test]
fn numbers_past_what_can_be_stop_and_do_not_wrap() {
    let mut large = segment(9);
    large.counters.insert("huge".to_owned(), u64::MAX);
    for stats in large.edges.values_mut() {
        stats.calls = u64::MAX;
        stats.weight = u128::MAX;
    }
    let found = assembled([&large, &large]);
    assert_eq!(found.counters["huge"], 1 << 53);
    assert!(found.edges.values().all(|stats| stats.calls <= 1 << 53));
    drop(found.snapshot(&Settings::default()));
}

/// A reader that wants the topology has no samples over time, and the same graph.
#[test]
fn the_topology_has_the_nodes_and_edges_of_everything() {
    let whole = merged((0..6).map(segment).collect::<Vec<_>>().iter());
    let mut tables = whole.to_tables();
    tables.retain(|table| Detail::Topology.wants(table.spec));
    let mut assembly = Assembly::default();
    assembly.add(tables).unwrap();
    let part = assembly.finish();
    let keys = |segment: &Segment| segment.edges.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&part), keys(&whole));
    let (part, whole) = (part.edges.values(), whole.edges.values());
    for (part, whole) in part.zip(whole) {
        assert_eq!(
            (part.calls, &part.client, &part.found),
            (whole.calls, &whole.client, &whole.found)
        );
    }
}

/// What drawings and tables may show of a graph: all but example traces, load, and facts of edges for planning.
fn topology(segment: &Segment) -> GraphSnapshot {
    let mut graph = segment.snapshot(&Settings::default());
    let unexemplified = |exposed: &mut Exposed| {
        let exposures = exposed.values_mut();
        exposures.for_each(|exposure| exposure.exemplars.clear());
    };
    for node in &mut graph.nodes {
        node.inbound = None;
        unexemplified(&mut node.hazards);
    }
    for edge in &mut graph.edges {
        edge.exemplars.clear();
        edge.exemplars_by_evidence.clear();
        let mut facts = std::mem::take(&mut edge.facts);
        unexemplified(&mut facts.hazards);
        edge.facts.hazards = facts.hazards;
        edge.facts.sampling = facts.sampling;
        edge.facts.operations = facts.operations;
    }
    for service in &mut graph.diagnostics.per_service {
        service.orphan_exemplars.clear();
        service.unresolved_exemplars.clear();
    }
    graph
}

#[test]
fn the_topology_shows_the_numbers_of_everything() {
    for seeds in 0..8 {
        let segments: Vec<Segment> = (0..4).map(|n| segment(seeds * 4 + n)).collect();
        let mut assembly = Assembly::default();
        for segment in &segments {
            let mut tables = segment.to_tables();
            tables.retain(|table| Detail::Topology.wants(table.spec));
            assembly.add(tables).unwrap();
        }
        let part = assembly.finish();
        assert!(part.facts.is_empty());
        assert_eq!(topology(&part), topology(&merged(&segments)), "{seeds}");
    }
}

use proptest::prelude::*;

use super::*;

/// Cells of a record, in the order in which they are read.
fn packed(record: &SpanRecord, trace_high: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    pack(record, trace_high, |cell| cells.push(cell));
    cells.reverse();
    cells
}

fn unpacked(cells: &[Cell], slice: (u64, u64)) -> SpanRecord {
    let mut cells = cells.iter().map(|cell| {
        let mut cell = *cell;
        cell.set_link(0xdead_beef);
        cell
    });
    let first = cells.next().unwrap();
    let record = unpack(first, slice, || cells.next().unwrap());
    assert_eq!(cells.next(), None, "every cell is read");
    record
}

/// Everything that a record holds, with the bits of its weight.
fn facts(record: &SpanRecord) -> String {
    format!("{record:?} {:x}", record.weight.to_bits())
}

fn plain() -> SpanRecord {
    SpanRecord {
        trace_id: trace_id(7, 9),
        span_id: span_id(1),
        parent_id: Some(span_id(2)),
        kind: SpanKind::Client,
        role: MessageRole::None,
        marks: Marks::ERROR,
        signs: Signs::from_bits(1 << 38),
        resend: 3,
        messages: 1,
        start_ns: 1_700_000_000_000_000_000,
        arrived_ns: 0,
        duration_ns: 4_000_000_000,
        node: 9_999.into(),
        instance: 319_999.into(),
        resource: 319_999.into(),
        peer: 106_250.into(),
        error: 4_096.into(),
        operation: 65_537.into(),
        word: 16_384.into(),
        weight: 99.9,
        links: None,
    }
}

#[test]
fn a_record_with_the_largest_ids_of_the_default_settings_takes_one_cell() {
    assert_eq!(size_of::<Cell>(), 64);
    let record = plain();
    let cells = packed(&record, 7);
    assert_eq!(cells.len(), 1);
    assert_eq!(facts(&unpacked(&cells, (9, 7))), facts(&record));
}

#[test]
fn what_is_rare_takes_a_second_cell_and_links_half_of_one() {
    let link = Link {
        trace_id: trace_id(1, 2),
        span_id: span_id(3),
    };
    let with_links = |count| SpanRecord {
        links: Some(vec![link; count].into_boxed_slice()),
        ..plain()
    };
    let long = SpanRecord {
        duration_ns: u64::MAX,
        ..plain()
    };
    assert_eq!(packed(&long, 7).len(), 2);
    assert_eq!(packed(&plain(), 8).len(), 2, "of another trace");
    let cells = [0, 1, 2, 3].map(|count| packed(&with_links(count), 7).len());
    assert_eq!(cells, [2, 3, 3, 4]);
}

fn any_links() -> impl Strategy<Value = Option<Box<[Link]>>> {
    let link = (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(high, low, id)| Link {
        trace_id: trace_id(high, low),
        span_id: span_id(id),
    });
    let links = prop::collection::vec(link, 0..6).prop_map(Vec::into_boxed_slice);
    prop_oneof![3 => Just(None), 1 => links.prop_map(Some)]
}

/// Small as a rule, and anything at all.
fn any_number() -> impl Strategy<Value = u32> {
    prop_oneof![0..5_u32, 0..70_000_u32, any::<u32>()]
}

fn any_record() -> impl Strategy<Value = SpanRecord> {
    let ids = (
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<Option<u64>>(),
    );
    let times = (any::<u64>(), any::<u64>(), any::<u64>());
    let kinds = (
        0..SpanKind::ALL.len(),
        0..ROLES.len(),
        any_number(),
        any::<u64>(),
        0..64_u32,
    );
    let counts = (any::<u16>(), any_number(), any::<u32>(), 0..64_u32);
    let names = prop::array::uniform7(any_number());
    (ids, times, kinds, counts, names, any_links()).prop_map(
        |(ids, times, kinds, (resend, messages, weight, shift), names, links)| SpanRecord {
            trace_id: trace_id(ids.0, ids.1),
            span_id: span_id(ids.2),
            parent_id: ids.3.map(span_id),
            kind: SpanKind::ALL[kinds.0],
            role: ROLES[kinds.1],
            marks: Marks::from_bits(kinds.2),
            signs: Signs::from_bits(kinds.3 >> kinds.4),
            resend: resend >> (shift % 16),
            messages,
            start_ns: times.0,
            arrived_ns: times.1,
            duration_ns: times.2 >> shift,
            node: names[0].into(),
            instance: names[1].into(),
            resource: names[2].into(),
            peer: names[3].into(),
            error: names[4].into(),
            operation: names[5].into(),
            word: names[6].into(),
            weight: f32::from_bits(weight),
            links,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_record_comes_back_as_it_was(mut record in any_record(), is_apart in any::<bool>()) {
        let high = record.trace_id.high();
        let slice = (record.slice_key(), if is_apart { !high } else { high });
        let cells = packed(&record, slice.1);
        if !record.marks.has(Marks::TIME_OFF) {
            record.arrived_ns = 0;
        }
        prop_assert_eq!(facts(&unpacked(&cells, slice)), facts(&record));
    }
}

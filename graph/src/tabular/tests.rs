use super::*;

table! {
    /// A row of a test.
    "samples": Samples of Sample {
        /// Its key.
        Key key: String,
        /// How many, if counted.
        Sum count: Option<u64>,
    }
}

fn samples() -> Samples {
    let mut samples = Samples::default();
    for (key, count) in [("a", Some(1)), ("b", None)] {
        samples.push(Sample {
            key: key.to_owned(),
            count,
        });
    }
    samples
}

#[test]
fn rows_become_a_table_and_come_back() {
    let table = samples().into_table();
    assert_eq!((table.spec.name, table.rows()), ("samples", 2));
    let keys: Vec<_> = table.spec.columns.iter().map(|c| c.merge).collect();
    assert_eq!(keys, [Merge::Key, Merge::Sum]);
    let rows = Samples::from_table(table.into()).unwrap();
    assert_eq!(rows, samples());
}

#[test]
fn a_table_of_another_shape_is_refused() {
    let spoilt = |change: fn(&mut Vec<Column>)| {
        let mut table = samples().into_table();
        change(&mut table.columns);
        Samples::from_table(table.into()).unwrap_err()
    };
    let missing = TableError::Missing {
        table: "samples",
        column: "count",
    };
    assert_eq!(spoilt(|columns| drop(columns.pop())), missing);
    let kind = TableError::Kind {
        table: "samples",
        column: "key",
    };
    assert_eq!(spoilt(|columns| columns.reverse()), kind);
    let ragged = spoilt(|columns| columns[1] = Column::MaybeU64(vec![]));
    assert_eq!(ragged, TableError::Ragged { table: "samples" });
}

//! The documentation of the tables, which is what their declarations say.

use tracemesh_graph::segment::tables::specs;
use tracemesh_graph::tabular::{Kind, TableSpec};

const HEAD: &str = "\
# Tables of the store

A segment of the store is a directory of Parquet files, one per table; those of nodes, edges, targets,
latency, destinations, zones, routes and diagnostics always, the others when they have rows. This page lists tables and columns. It is made from their declarations in the source: do not edit it.

Every file has three more columns: `window_start_ns` and `window_end_ns`, the wall-clock time of the segment in nanoseconds
since the epoch, and `collector`, the instance that wrote it (empty where several were put together). Files below `waiting/`
hold calls that wait for late spans; they count in the newest segment of each run only.

**Merging.** Segments are merged by grouping rows by what is `key` and reducing each other column as its merge rule says:
`sum`, `min` and `max`; `same` columns are equal in all rows of a key; `derived` ones follow from other columns. A missing
value takes no part. A column `x_hi` with `x_lo` is a sum of 128 bits: `sum(x_hi) * 2^64 + sum(x_lo)`.

**Ids.** `node`, `target`, `edge` and `destination` are hashes of names, the same in every segment: to merge what many
segments say of one edge, group by `edge`. Whoever can send spans can forge two names with one hash; where that matters,
group by names. Inside of a segment no two rows of a table share an id.

**Numbers.** Times are nanoseconds since 1970-01-01T00:00:00Z, and integers are unsigned. Sampling weights are fixed point,
times 2^20 (1,048,576). Counts are as observed, not corrected for sampling, unless a weight is part of the name.
";

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::U32 => "u32",
        Kind::U64 => "u64",
        Kind::F64 => "f64",
        Kind::Text => "text",
        Kind::MaybeU32 => "u32 or null",
        Kind::MaybeU64 => "u64 or null",
        Kind::MaybeF64 => "f64 or null",
        Kind::MaybeText => "text or null",
    }
}

fn section(spec: &TableSpec) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n", spec.name, spec.about.trim());
    text.push_str("| column | type | merge | meaning |\n|---|---|---|---|\n");
    for column in spec.columns {
        let about = column.about.trim();
        let merge = column.merge.as_str();
        let row = format!(
            "| `{}` | {} | {merge} | {about} |\n",
            column.name,
            kind(column.kind)
        );
        text.push_str(&row);
    }
    text
}

#[test]
fn the_tables_are_documented_as_they_are_declared() {
    let mut text = HEAD.to_owned();
    specs()
        .iter()
        .for_each(|spec| text.push_str(&section(spec)));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/store-tables.md");
    if std::env::var_os("TRACEMESH_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == text,
        "docs/store-tables.md is not up to date: run this test with TRACEMESH_BLESS=1"
    );
}

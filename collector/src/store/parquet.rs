//! Tables as Parquet bytes, and back: the only file that knows polars.
//!
//! Nothing here trusts its input: bytes are parsed behind a guard, because a decoder may panic on a file that was made
//! to harm.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::{
    BooleanChunked, Column as Series, DataFrame, DataType, Float64Chunked, IntoColumn, NamedFrom,
    ParallelStrategy, ParquetCompression, ParquetReader, ParquetWriter, PolarsError, PolarsResult,
    SerReader, Series as Values, StringChunked, UInt32Chunked, UInt64Chunked,
};
use tracemesh_graph::tabular::{Column, ColumnSpec, Kind, Merge, Table, TableSpec};

/// Most bytes of the texts of a column.
const MAX_TEXT_BYTES: usize = 1 << 30;

/// A column that the store adds to every table, with one value for all rows.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    /// Nanoseconds since the epoch.
    U64(u64),
    /// A name.
    Text(String),
}

/// The table as a Parquet file, with further columns of one value each.
///
/// # Errors
/// When polars refuses; the text says why.
pub(super) fn encode(table: Table, constants: &[(&str, Constant)]) -> Result<Vec<u8>, String> {
    let rows = table.rows();
    let specs = table.spec.columns.iter();
    let mut columns: Vec<Series> = specs
        .zip(table.columns)
        .map(|(spec, column)| series(spec.name, column))
        .collect();
    for (name, constant) in constants {
        columns.push(match constant {
            Constant::U64(value) => series(name, Column::U64(vec![*value; rows])),
            Constant::Text(text) => series(name, Column::Text(vec![text.clone(); rows])),
        });
    }
    let mut bytes = Vec::new();
    let write = || -> PolarsResult<()> {
        let mut frame = DataFrame::new(rows, columns)?;
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Zstd(None))
            .set_parallel(false)
            .finish(&mut frame)?;
        Ok(())
    };
    write().map_err(|error| describe(&error))?;
    Ok(bytes)
}

fn series(name: &str, column: Column) -> Series {
    let name = name.into();
    match column {
        Column::Bool(cells) => Values::new(name, cells),
        Column::U32(cells) => Values::new(name, cells),
        Column::U64(cells) => Values::new(name, cells),
        Column::F64(cells) => Values::new(name, cells),
        Column::Text(cells) => Values::new(name, cells),
        Column::MaybeU32(cells) => Values::new(name, cells),
        Column::MaybeU64(cells) => Values::new(name, cells),
        Column::MaybeF64(cells) => Values::new(name, cells),
        Column::MaybeText(cells) => Values::new(name, cells),
    }
    .into_column()
}

/// The columns that the specification names, of a Parquet file; derived ones stay empty.
///
/// # Errors
/// When the bytes are no such table; the text says why.
pub(super) fn decode(bytes: Vec<u8>, spec: &'static TableSpec) -> Result<Table, String> {
    let parsed = catch_unwind(AssertUnwindSafe(|| read(bytes, spec)));
    let table = parsed.map_err(|_panic| "its decoder gave up".to_owned())?;
    table.map_err(|error| describe(&error))
}

fn read(bytes: Vec<u8>, spec: &'static TableSpec) -> PolarsResult<Table> {
    let is_read = |column: &&ColumnSpec| column.merge != Merge::Derived;
    let names = spec.columns.iter().filter(is_read);
    let names = names.map(|column| column.name.to_owned());
    let frame = ParquetReader::new(Cursor::new(bytes))
        .with_columns(Some(names.collect()))
        .read_parallel(ParallelStrategy::None)
        .set_rechunk(true)
        .finish()?;
    let columns = spec.columns.iter().map(|column| match is_read(&column) {
        true => cells(frame.column(column.name)?, column.kind),
        false => Ok(column.kind.empty()),
    });
    Ok(Table {
        spec,
        columns: columns.collect::<PolarsResult<_>>()?,
    })
}

fn cells(column: &Series, kind: Kind) -> PolarsResult<Column> {
    let bare = |is_whole: bool| match is_whole {
        true => Ok(()),
        false => Err(PolarsError::ComputeError(
            format!("column `{}` has cells without a value", column.name()).into(),
        )),
    };
    let optional = matches!(
        kind,
        Kind::MaybeU32 | Kind::MaybeU64 | Kind::MaybeF64 | Kind::MaybeText
    );
    bare(optional || column.null_count() == 0)?;
    let wanted = match kind {
        Kind::Bool => DataType::Boolean,
        Kind::U32 | Kind::MaybeU32 => DataType::UInt32,
        Kind::U64 | Kind::MaybeU64 => DataType::UInt64,
        Kind::F64 | Kind::MaybeF64 => DataType::Float64,
        Kind::Text | Kind::MaybeText => DataType::String,
    };
    let column = match *column.dtype() == wanted {
        true => column.clone(),
        false => {
            let text = format!("column `{}` is no {wanted}", column.name());
            return Err(PolarsError::SchemaMismatch(text.into()));
        }
    };
    if wanted == DataType::String {
        // Many rows may share the bytes of one text in a file, and none do in memory.
        let bytes = column.str()?.iter().flatten();
        let bytes = bytes.fold(0_usize, |sum, text| sum.saturating_add(text.len()));
        if bytes > MAX_TEXT_BYTES {
            let text = format!("column `{}` is larger than fits into memory", column.name());
            return Err(PolarsError::ComputeError(text.into()));
        }
    }
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    Ok(match kind {
        Kind::Bool => Column::Bool(whole_bools(column.bool()?)),
        Kind::U32 => Column::U32(whole_u32(column.u32()?)),
        Kind::U64 => Column::U64(whole_u64(column.u64()?)),
        Kind::F64 => Column::F64(whole_f64(column.f64()?)),
        Kind::Text => Column::Text(whole_text(column.str()?)),
        Kind::MaybeU32 => Column::MaybeU32(column.u32()?.iter().collect()),
        Kind::MaybeU64 => Column::MaybeU64(column.u64()?.iter().collect()),
        Kind::MaybeF64 => Column::MaybeF64(column.f64()?.iter().collect()),
        Kind::MaybeText => Column::MaybeText(column.str()?.iter().map(owned).collect()),
    })
}

fn whole_bools(cells: &BooleanChunked) -> Vec<bool> {
    cells.iter().flatten().collect()
}

fn whole_u32(cells: &UInt32Chunked) -> Vec<u32> {
    cells.into_no_null_iter().collect()
}

fn whole_u64(cells: &UInt64Chunked) -> Vec<u64> {
    cells.into_no_null_iter().collect()
}

fn whole_f64(cells: &Float64Chunked) -> Vec<f64> {
    cells.into_no_null_iter().collect()
}

fn whole_text(cells: &StringChunked) -> Vec<String> {
    cells.into_no_null_iter().map(ToOwned::to_owned).collect()
}

/// What a Parquet file claims to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    /// Rows of all row groups.
    pub(super) rows: u64,
    /// Bytes of all columns before compression.
    pub(super) decoded_bytes: u64,
}

/// Reads what a file claims, without decoding it.
///
/// # Errors
/// When it is no Parquet file, or claims what contradicts itself.
pub(super) fn weigh(bytes: &[u8]) -> Result<Weight, String> {
    let parsed = catch_unwind(AssertUnwindSafe(|| claims(bytes)));
    let weight = parsed.map_err(|_panic| "its decoder gave up".to_owned())?;
    weight.map_err(|error| describe(&error))
}

fn claims(bytes: &[u8]) -> PolarsResult<Weight> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let metadata = reader.get_metadata()?;
    let mut weight = Weight {
        rows: 0,
        decoded_bytes: 0,
    };
    for group in &metadata.row_groups {
        weight.rows = weight.rows.saturating_add(group.num_rows() as u64);
        let sizes = group.parquet_columns().iter();
        let sizes = sizes.map(|column| u64::try_from(column.uncompressed_size()));
        for size in sizes {
            let size = size.unwrap_or(u64::MAX);
            weight.decoded_bytes = weight.decoded_bytes.saturating_add(size);
        }
    }
    match weight.rows == metadata.num_rows as u64 {
        true => Ok(weight),
        false => Err(PolarsError::ComputeError(
            "its row groups are not its rows".into(),
        )),
    }
}

fn describe(error: &PolarsError) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    crate::decode::quote(first)
}

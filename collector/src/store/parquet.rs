//! Tables as Parquet bytes, and back: the only file that knows polars.
//!
//! Nothing here trusts its input: bytes are parsed behind a guard, because a decoder may panic on a file that was made
//! to harm.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::{
    ChunkedArray, Column as Series, DataFrame, DataType, IntoColumn, NamedFrom, ParallelStrategy,
    ParquetCompression, ParquetReader, ParquetWriter, PolarsError, PolarsNumericType, PolarsResult,
    SerReader, Series as Values, StringChunked,
};
use tracemesh_graph::tabular::{
    Column, ColumnSpec, Kind, Merge, ReadColumn, ReadTable, Table, TableSpec, Words,
};

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

/// A Parquet file of which nothing but its claims was read.
pub(super) struct Opened {
    reader: ParquetReader<Cursor<Vec<u8>>>,
    /// What it claims to hold.
    pub(super) weight: Weight,
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
/// When it is no Parquet file, or claims what contradicts itself; the text says why.
pub(super) fn open(bytes: Vec<u8>) -> Result<Opened, String> {
    guarded(|| {
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let weight = claims(&mut reader)?;
        Ok(Opened { reader, weight })
    })
}

fn claims(reader: &mut ParquetReader<Cursor<Vec<u8>>>) -> PolarsResult<Weight> {
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

impl Opened {
    /// The columns that the specification names; derived ones stay empty.
    ///
    /// # Errors
    /// When the file is no such table; the text says why.
    pub(super) fn decode(self, spec: &'static TableSpec) -> Result<ReadTable, String> {
        guarded(|| read(self.reader, spec))
    }
}

/// [`open`] and [`Opened::decode`].
#[cfg(test)]
pub(super) fn decode(bytes: Vec<u8>, spec: &'static TableSpec) -> Result<ReadTable, String> {
    open(bytes)?.decode(spec)
}

/// Runs a decoder, which may panic on a file that was made to harm.
fn guarded<T>(run: impl FnOnce() -> PolarsResult<T>) -> Result<T, String> {
    let done = catch_unwind(AssertUnwindSafe(run));
    let done = done.map_err(|_panic| "its decoder gave up".to_owned())?;
    done.map_err(|error| describe(&error))
}

fn read(
    reader: ParquetReader<Cursor<Vec<u8>>>,
    spec: &'static TableSpec,
) -> PolarsResult<ReadTable> {
    let is_read = |column: &&ColumnSpec| column.merge != Merge::Derived;
    let names = spec.columns.iter().filter(is_read);
    let names = names.map(|column| column.name.to_owned());
    let frame = reader
        .with_columns(Some(names.collect()))
        .read_parallel(ParallelStrategy::None)
        .set_rechunk(false)
        .finish()?;
    // Taken out one by one, so that no column is in memory twice.
    let mut found: BTreeMap<String, Series> = BTreeMap::new();
    for column in frame.into_columns() {
        found.insert(column.name().to_string(), column);
    }
    let columns = spec.columns.iter().map(|column| {
        if !is_read(&column) {
            return Ok(column.kind.empty().into());
        }
        let series = found.remove(column.name).ok_or_else(|| {
            PolarsError::ColumnNotFound(format!("it has no column `{}`", column.name).into())
        })?;
        cells(series.take_materialized_series(), column.kind)
    });
    Ok(ReadTable {
        spec,
        columns: columns.collect::<PolarsResult<_>>()?,
    })
}

fn cells(column: Values, kind: Kind) -> PolarsResult<ReadColumn> {
    let optional = matches!(
        kind,
        Kind::MaybeU32 | Kind::MaybeU64 | Kind::MaybeF64 | Kind::MaybeText
    );
    if !optional && column.null_count() > 0 {
        let text = format!("column `{}` has cells without a value", column.name());
        return Err(PolarsError::ComputeError(text.into()));
    }
    let wanted = match kind {
        Kind::Bool => DataType::Boolean,
        Kind::U32 | Kind::MaybeU32 => DataType::UInt32,
        Kind::U64 | Kind::MaybeU64 => DataType::UInt64,
        Kind::F64 | Kind::MaybeF64 => DataType::Float64,
        Kind::Text | Kind::MaybeText => DataType::String,
    };
    if *column.dtype() != wanted {
        let text = format!("column `{}` is no {wanted}", column.name());
        return Err(PolarsError::SchemaMismatch(text.into()));
    }
    Ok(ReadColumn::Plain(match kind {
        Kind::Bool => Column::Bool(column.bool()?.iter().flatten().collect()),
        Kind::U32 => Column::U32(whole(column, Values::u32)?),
        Kind::U64 => Column::U64(whole(column, Values::u64)?),
        Kind::F64 => Column::F64(whole(column, Values::f64)?),
        Kind::MaybeU32 => Column::MaybeU32(column.u32()?.iter().collect()),
        Kind::MaybeU64 => Column::MaybeU64(column.u64()?.iter().collect()),
        Kind::MaybeF64 => Column::MaybeF64(column.f64()?.iter().collect()),
        Kind::Text | Kind::MaybeText => return words(column.str()?).map(ReadColumn::Words),
    }))
}

/// The numbers of a column without gaps. Those of one row group are taken over as they are; more are copied once.
fn whole<T: PolarsNumericType>(
    column: Values,
    typed: impl Fn(&Values) -> PolarsResult<&ChunkedArray<T>>,
) -> PolarsResult<Vec<T::Native>> {
    let cells = typed(&column)?.clone();
    drop(column);
    let (rows, chunks) = (cells.len(), cells.chunks().len());
    let mut all = Vec::new();
    for chunk in cells.downcast_into_iter() {
        let (_, values, _) = chunk.into_inner();
        if chunks == 1 {
            return Ok(values
                .into_mut()
                .either(|shared| shared.to_vec(), |own| own));
        }
        all.reserve_exact(rows - all.len());
        all.extend_from_slice(&values);
    }
    Ok(all)
}

fn words(cells: &StringChunked) -> PolarsResult<Words> {
    // Many rows may share the bytes of one text in a file, and need not where they are merged.
    let bytes = cells.iter().flatten();
    let bytes = bytes.fold(0_usize, |sum, text| sum.saturating_add(text.len()));
    if bytes > MAX_TEXT_BYTES {
        let text = format!("column `{}` is larger than fits into memory", cells.name());
        return Err(PolarsError::ComputeError(text.into()));
    }
    Ok(cells.iter().collect())
}

fn describe(error: &PolarsError) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    crate::decode::quote(first)
}

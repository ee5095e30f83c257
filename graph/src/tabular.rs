//! Tables of columns: the shape in which segments and graphs leave for Parquet and CSV.
//!
//! Place in the flow: [`Segment`](crate::segment::Segment) or [`GraphSnapshot`](crate::snapshot::GraphSnapshot) -> `Table` -> a file
//! format. Every table has a [`TableSpec`] that says for each column what it holds, in which unit, and how rows of
//! several files merge; the documentation of the store is checked against these. Nothing here knows a file format.

mod cell;
mod declare;
mod read;
mod words;

pub use cell::{Cell, Column, Kind};
pub(crate) use declare::{Rows, table};
pub use read::{ReadColumn, ReadTable};
pub use words::Words;

/// A table: columns of equal length, in the order of its specification.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it is.
    pub spec: &'static TableSpec,
    /// One for each column of the specification.
    pub columns: Vec<Column>,
}

impl Table {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }
}

/// What a table holds.
#[derive(Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Name of the table, and of its file without extension.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// Its columns, in order.
    pub columns: &'static [ColumnSpec],
}

/// What a column holds.
#[derive(Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Name, ending in its unit where it has one.
    pub name: &'static str,
    /// Type of its cells.
    pub kind: Kind,
    /// How rows with equal keys merge.
    pub merge: Merge,
    /// What it means.
    pub about: &'static str,
}

/// How the cells of rows with equal keys become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Part of the key of the row.
    Key,
    /// Added up.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Follows from the key.
    Same,
    /// Follows from other columns or tables: for readers elsewhere, and not read back by us.
    Derived,
}

impl Merge {
    /// The word for it in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Same => "same",
            Self::Derived => "derived",
        }
    }
}

/// A table that is not what its specification says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A column is missing.
    #[error("table `{table}` has no column `{column}`")]
    Missing {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A column has cells of another type.
    #[error("column `{column}` of table `{table}` has another type")]
    Kind {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// Columns of different length.
    #[error("the columns of table `{table}` differ in length")]
    Ragged {
        /// The table.
        table: &'static str,
    },
    /// A row that refers to one that is not there, or a value out of range.
    #[error("table `{table}`: {problem}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        problem: String,
    },
}

#[cfg(test)]
mod tests;

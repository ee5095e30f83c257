//! Tables as readers of files get them: columns of text have each text once.

use super::{Column, Merge, Table, TableSpec, Words};

/// A table that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadTable {
    /// What it is.
    pub spec: &'static TableSpec,
    /// One for each column of the specification; derived ones may have no cells.
    pub columns: Vec<ReadColumn>,
}

/// A column that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadColumn {
    /// Of anything but text.
    Plain(Column),
    /// Of text, or of text or nothing.
    Words(Words),
}

impl ReadColumn {
    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(column) => column.len(),
            Self::Words(words) => words.len(),
        }
    }

    /// True when there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadTable {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, ReadColumn::len)
    }

    /// True when all columns have as many cells as the first; derived ones may have none.
    pub(crate) fn is_even(&self) -> bool {
        let specs = self.spec.columns.iter();
        specs.zip(&self.columns).all(|(spec, column)| {
            column.len() == self.rows() || (spec.merge == Merge::Derived && column.is_empty())
        })
    }
}

impl From<Column> for ReadColumn {
    fn from(column: Column) -> Self {
        match column {
            Column::Text(cells) => {
                Self::Words(cells.iter().map(|text| Some(text.as_str())).collect())
            }
            Column::MaybeText(cells) => Self::Words(cells.iter().map(Option::as_deref).collect()),
            column => Self::Plain(column),
        }
    }
}

impl From<Table> for ReadTable {
    fn from(table: Table) -> Self {
        Self {
            spec: table.spec,
            columns: table.columns.into_iter().map(ReadColumn::from).collect(),
        }
    }
}

/// Equal when it says the same.
impl PartialEq<Table> for ReadTable {
    fn eq(&self, other: &Table) -> bool {
        let other = Self::from(other.clone());
        (self.spec, &self.columns) == (other.spec, &other.columns)
    }
}

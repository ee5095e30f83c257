//! Declares a table once: its row, its columns, its specification, and the way from and to a [`Table`].

use super::{ReadTable, Table, TableError, TableSpec};

/// The columns of one kind of table.
pub(crate) trait Rows: Default {
    /// What the table holds.
    const SPEC: &'static TableSpec;

    /// The table of these rows.
    fn into_table(self) -> Table;

    /// The rows of a table.
    ///
    /// # Errors
    /// When columns are missing, of another type, or of different length.
    fn from_table(table: ReadTable) -> Result<Self, TableError>;
}

/// Declares the row `$row` and the columns `$rows` of a table. The doc comments of table and columns become the
/// specification; the word before a column says how its cells merge.
macro_rules! table {
    (
        #[doc = $about:literal]
        $name:literal: $rows:ident of $row:ident {
            $(#[doc = $doc:literal] $merge:ident $field:ident: $cell:ty),* $(,)?
        }
    ) => {
        #[doc = $about]
        #[derive(Debug, Clone, PartialEq, Default)]
        pub(crate) struct $row {
            $(#[doc = $doc] pub(crate) $field: $cell),*
        }

        #[doc = concat!("Columns of [`", stringify!($row), "`].")]
        #[derive(Debug, Clone, PartialEq, Default)]
        pub(crate) struct $rows {
            $(#[doc = $doc] pub(crate) $field: <$cell as $crate::tabular::Cell>::Cells),*
        }

        #[allow(dead_code, reason = "not every table is used in every way")]
        impl $rows {
            /// Adds a row.
            pub(crate) fn push(&mut self, row: $row) {
                $(<$cell as $crate::tabular::Cell>::push(&mut self.$field, row.$field);)*
            }
        }

        impl $crate::tabular::Rows for $rows {
            const SPEC: &'static $crate::tabular::TableSpec = &$crate::tabular::TableSpec {
                name: $name,
                about: $about,
                columns: &[$($crate::tabular::ColumnSpec {
                    name: stringify!($field),
                    kind: <$cell as $crate::tabular::Cell>::KIND,
                    merge: $crate::tabular::Merge::$merge,
                    about: $doc,
                }),*],
            };

            fn into_table(self) -> $crate::tabular::Table {
                $crate::tabular::Table {
                    spec: Self::SPEC,
                    columns: vec![$(<$cell as $crate::tabular::Cell>::column(self.$field)),*],
                }
            }

            fn from_table(
                table: $crate::tabular::ReadTable,
            ) -> Result<Self, $crate::tabular::TableError> {
                if !table.is_even() {
                    return Err($crate::tabular::TableError::Ragged { table: $name });
                }
                let mut columns = table.columns.into_iter();
                Ok(Self {
                    $($field: columns
                        .next()
                        .ok_or($crate::tabular::TableError::Missing {
                            table: $name,
                            column: stringify!($field),
                        })
                        .and_then(|column| {
                            <$cell as $crate::tabular::Cell>::cells(column).ok_or(
                                $crate::tabular::TableError::Kind {
                                    table: $name,
                                    column: stringify!($field),
                                },
                            )
                        })?),*
                })
            }
        }
    };
}

pub(crate) use table;

//! Cells and columns of the closed set of types that tables use.

use super::read::ReadColumn;
use super::words::Words;

/// Type of a column. A `Maybe` column has cells without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Double precision.
    F64,
    /// UTF-8.
    Text,
    /// [`U32`](Self::U32) or nothing.
    MaybeU32,
    /// [`U64`](Self::U64) or nothing.
    MaybeU64,
    /// [`F64`](Self::F64) or nothing.
    MaybeF64,
    /// [`Text`](Self::Text) or nothing.
    MaybeText,
}

macro_rules! cells {
    ($($cell:ty => $variant:ident),* $(,)?) => {
        /// The cells of a column.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Column {
            $(#[doc = concat!("Cells of [`Kind::", stringify!($variant), "`].")] $variant(Vec<$cell>)),*
        }

        impl Column {
            /// Number of cells.
            #[must_use]
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant(cells) => cells.len()),*
                }
            }

            /// True when there are no cells.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Type of its cells.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant(_) => Kind::$variant),*
                }
            }
        }

        impl Kind {
            /// A column of this kind without cells.
            #[must_use]
            pub const fn empty(self) -> Column {
                match self {
                    $(Self::$variant => Column::$variant(Vec::new())),*
                }
            }
        }
    };
}

/// A type that columns are made of.
pub trait Cell: Sized {
    /// Type of a column of such cells.
    const KIND: Kind;

    /// Many of them.
    type Cells: std::fmt::Debug + Clone + PartialEq + Default;

    /// Adds one.
    fn push(cells: &mut Self::Cells, cell: Self);

    /// A column of these cells.
    fn column(cells: Self::Cells) -> Column;

    /// The cells of a column; `None` when it has another type.
    fn cells(column: ReadColumn) -> Option<Self::Cells>;
}

macro_rules! plain {
    ($($cell:ty => $variant:ident),* $(,)?) => {
        $(impl Cell for $cell {
            const KIND: Kind = Kind::$variant;
            type Cells = Vec<Self>;

            fn push(cells: &mut Vec<Self>, cell: Self) {
                cells.push(cell);
            }

            fn column(cells: Vec<Self>) -> Column {
                Column::$variant(cells)
            }

            fn cells(column: ReadColumn) -> Option<Vec<Self>> {
                match column {
                    ReadColumn::Plain(Column::$variant(cells)) => Some(cells),
                    _ => None,
                }
            }
        })*
    };
}

plain! {
    bool => Bool,
    u32 => U32,
    u64 => U64,
    f64 => F64,
    Option<u32> => MaybeU32,
    Option<u64> => MaybeU64,
    Option<f64> => MaybeF64,
}

impl Cell for String {
    const KIND: Kind = Kind::Text;
    type Cells = Words;

    fn push(cells: &mut Words, cell: Self) {
        cells.push(Some(&cell));
    }

    fn column(cells: Words) -> Column {
        let texts = cells.iter().map(|text| text.unwrap_or_default().to_owned());
        Column::Text(texts.collect())
    }

    fn cells(column: ReadColumn) -> Option<Words> {
        match column {
            ReadColumn::Words(words) if words.is_whole() => Some(words),
            _ => None,
        }
    }
}

impl Cell for Option<String> {
    const KIND: Kind = Kind::MaybeText;
    type Cells = Words;

    fn push(cells: &mut Words, cell: Self) {
        cells.push(cell.as_deref());
    }

    fn column(cells: Words) -> Column {
        let texts = cells.iter().map(|text| text.map(ToOwned::to_owned));
        Column::MaybeText(texts.collect())
    }

    fn cells(column: ReadColumn) -> Option<Words> {
        match column {
            ReadColumn::Words(words) => Some(words),
            ReadColumn::Plain(_) => None,
        }
    }
}

cells! {
    bool => Bool,
    u32 => U32,
    u64 => U64,
    f64 => F64,
    String => Text,
    Option<u32> => MaybeU32,
    Option<u64> => MaybeU64,
    Option<f64> => MaybeF64,
    Option<String> => MaybeText,
}

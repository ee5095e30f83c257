//! Cells and columns of the closed set of types that tables use.

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

        $(impl Cell for $cell {
            const KIND: Kind = Kind::$variant;

            fn column(cells: Vec<Self>) -> Column {
                Column::$variant(cells)
            }

            fn cells(column: Column) -> Option<Vec<Self>> {
                match column {
                    Column::$variant(cells) => Some(cells),
                    _ => None,
                }
            }
        })*
    };
}

/// A type that columns are made of.
pub trait Cell: Sized {
    /// Type of a column of such cells.
    const KIND: Kind;

    /// A column of these cells.
    fn column(cells: Vec<Self>) -> Column;

    /// The cells of a column; `None` when it has another type.
    fn cells(column: Column) -> Option<Vec<Self>>;
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

//! Stand-in for the tables.

use crate::tabular::table;

table! {
    /// A whole segment.
    "whole": WholeRows of WholeRow {
        /// As JSON.
        Key json: String,
    }
}

//! From ids to the places of rows, and from text to values of closed sets.

use std::collections::HashMap;

use super::super::sheets::refused;
use crate::record::Seeded;
use crate::tabular::TableError;

/// The places of the rows of one table by id.
#[derive(Debug)]
pub(super) struct Index {
    table: &'static str,
    /// Ids and places. Tables refer to each other in one order, so that the row behind the last one is the best guess.
    rows: Vec<(u64, u32)>,
    /// From ids to `rows`.
    found: HashMap<u64, usize, Seeded>,
}

impl Index {
    /// An index of rows by their order.
    pub(super) fn of<'a>(
        table: &'static str,
        ids: impl Iterator<Item = &'a u64>,
    ) -> Result<Self, TableError> {
        // Parquet has no file of so many rows that is small enough to be read.
        Self::with_places(table, ids.copied().zip(0_u32..))
    }

    /// An index of some rows.
    pub(super) fn with_places(
        table: &'static str,
        rows: impl Iterator<Item = (u64, u32)>,
    ) -> Result<Self, TableError> {
        let rows: Vec<(u64, u32)> = rows.collect();
        let mut found = HashMap::with_capacity_and_hasher(rows.len(), Seeded::default());
        for (row, (id, _)) in rows.iter().enumerate() {
            if found.insert(*id, row).is_some() {
                return Err(refused(table, format!("id {id} is there twice")));
            }
        }
        Ok(Self { table, rows, found })
    }

    fn row(&self, from: &'static str, id: u64) -> Result<usize, TableError> {
        let row = self.found.get(&id).copied();
        row.ok_or_else(|| {
            let problem = format!(
                "it refers to id {id}, which table `{}` does not have",
                self.table
            );
            refused(from, problem)
        })
    }

    /// The place of a row that a row of table `from` refers to.
    pub(super) fn one(&self, from: &'static str, id: u64) -> Result<u32, TableError> {
        Ok(self.rows[self.row(from, id)?].1)
    }

    /// The places of many; rows with one id mostly follow each other, and those of the next one follow them.
    pub(super) fn all(&self, from: &'static str, ids: &[u64]) -> Result<Vec<u32>, TableError> {
        let mut places = Vec::with_capacity(ids.len());
        let mut row = 0;
        for id in ids {
            let is_at = |row: usize| self.rows.get(row).is_some_and(|(known, _)| known == id);
            if !is_at(row) {
                row = match is_at(row + 1) {
                    true => row + 1,
                    false => self.row(from, *id)?,
                };
            }
            places.push(self.rows[row].1);
        }
        Ok(places)
    }

    /// The place of a row, if any is referred to.
    pub(super) fn maybe(
        &self,
        from: &'static str,
        id: Option<u64>,
    ) -> Result<Option<u32>, TableError> {
        id.map(|id| self.one(from, id)).transpose()
    }
}

/// A trace id of 32 hex digits.
pub(super) fn trace(table: &'static str, text: &str) -> Result<u128, TableError> {
    let is_hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = is_hex
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten();
    number.ok_or_else(|| refused(table, "a trace id is not 32 hex digits"))
}

/// A port, if there is one.
pub(super) fn port(table: &'static str, number: Option<u32>) -> Result<Option<u16>, TableError> {
    let port = number.map(u16::try_from).transpose();
    port.map_err(|_range| refused(table, "a port is above 65535"))
}

/// The value that a word of a closed set stands for.
pub(super) fn word<T: Copy>(
    table: &'static str,
    column: &str,
    text: &str,
    known: impl IntoIterator<Item = (&'static str, T)>,
) -> Result<T, TableError> {
    let mut known = known.into_iter();
    let value = known
        .find(|(word, _)| *word == text)
        .map(|(_, value)| value);
    value.ok_or_else(|| {
        refused(
            table,
            format!("column `{column}` has a word that is not known"),
        )
    })
}

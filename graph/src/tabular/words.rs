//! Texts of a column for readers: most columns say the same few words over and over, and a string for each cell would cost
//! more time and memory than all else.

use std::collections::HashMap;
use std::ops::Index;

use crate::record::Seeded;

/// Stands for a cell without a value.
const ABSENT: u32 = u32::MAX;

/// Cells before it is known whether few texts differ.
const SAMPLE: usize = 1024;

/// Cells of text, or nothing. Equal texts mostly share their bytes.
#[derive(Clone, Default)]
pub struct Words {
    /// All texts, one after the other.
    bytes: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Which of them a cell is.
    cells: Vec<u32>,
}

impl Words {
    /// Number of cells.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// True when there are no cells.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// True when every cell has a text.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.cells.contains(&ABSENT)
    }

    /// The text of a cell; `None` when it has none.
    #[must_use]
    pub fn maybe(&self, row: usize) -> Option<&str> {
        let text = usize::try_from(self.cells[row]).ok()?;
        let end = *self.ends.get(text)?;
        let begin = text.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(begin..end)
    }

    /// The cells, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.maybe(row))
    }

    /// Adds a cell.
    pub(crate) fn push(&mut self, cell: Option<&str>) {
        let number = cell.map_or(ABSENT, |text| self.add(text));
        self.cells.push(number);
    }

    fn add(&mut self, text: &str) -> u32 {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
        u32::try_from(self.ends.len() - 1).expect("tables have fewer rows than that")
    }
}

/// The text of a cell; empty when it has none.
impl Index<usize> for Words {
    type Output = str;

    fn index(&self, row: usize) -> &str {
        self.maybe(row).unwrap_or_default()
    }
}

impl<'a> FromIterator<Option<&'a str>> for Words {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(cells: I) -> Self {
        let cells = cells.into_iter();
        let mut words = Self::default();
        words.cells.reserve(cells.size_hint().0);
        let mut known: HashMap<&str, u32, Seeded> = HashMap::default();
        let mut last: Option<(&str, u32)> = None;
        for cell in cells {
            let number = match (cell, last) {
                (None, _) => ABSENT,
                (Some(text), Some((before, number))) if text == before => number,
                // Trace ids and the like: to look for equals would cost more than it saves.
                (Some(text), _) if words.mostly_differ() => words.add(text),
                (Some(text), _) => *known.entry(text).or_insert_with(|| words.add(text)),
            };
            last = cell.map(|text| (text, number));
            words.cells.push(number);
        }
        words
    }
}

impl Words {
    fn mostly_differ(&self) -> bool {
        self.ends.len() > SAMPLE && self.ends.len() > self.cells.len() / 2
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_whether_texts_are_shared_or_not() {
        let few: Vec<Option<String>> = (0..5_000_u32)
            .map(|n| (n % 7 > 0).then(|| "x".repeat((n % 7 - 1) as usize)))
            .collect();
        let many: Vec<Option<String>> = (0..5_000).map(|n| Some(format!("trace {n}"))).collect();
        let twice: Vec<Option<String>> = many.iter().chain(&many).cloned().collect();
        for cells in [vec![], few, many, twice] {
            let words: Words = cells.iter().map(Option::as_deref).collect();
            let mut pushed = Words::default();
            cells.iter().for_each(|cell| pushed.push(cell.as_deref()));
            assert!(words.iter().eq(cells.iter().map(Option::as_deref)));
            assert_eq!(words, pushed);
            assert_eq!(words.is_whole(), cells.iter().all(Option::is_some));
        }
    }

    #[test]
    fn equal_texts_share_their_bytes() {
        let words: Words = (0..100_u32)
            .map(|n| [Some("a"), Some("bb"), None][(n % 3) as usize])
            .collect();
        assert_eq!((words.len(), words.bytes.as_str()), (100, "abb"));
        assert_eq!((&words[1], &words[2], words.maybe(2)), ("bb", "", None));
    }
}

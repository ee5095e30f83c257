//! Columns that fit a width.
//!
//! Numbers are never cut. Names share what the other columns leave, the longest giving way first. Widths count
//! characters: a wide script may still overrun its column, but never another row.

use crate::text::clip;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// One column.
#[derive(Debug)]
pub(in crate::render) struct Column {
    title: &'static str,
    align: Align,
    is_shrinking: bool,
}

impl Column {
    /// A column that keeps its natural width.
    pub(in crate::render) const fn new(title: &'static str, align: Align) -> Self {
        Self {
            title,
            align,
            is_shrinking: false,
        }
    }

    /// Lets the column become narrower than its texts.
    pub(in crate::render) const fn shrinking(mut self) -> Self {
        self.is_shrinking = true;
        self
    }
}

/// One line of a grid.
#[derive(Debug)]
enum Row {
    /// One cell per column.
    Cells(Vec<String>),
    /// Text over the whole width.
    Heading(String),
}

/// Rows under columns.
#[derive(Debug)]
pub(in crate::render) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

/// Characters between two columns.
const GAP: usize = 2;

/// A column never becomes narrower than this, even if the table then overruns its width.
const NARROWEST: usize = 8;

impl Grid {
    /// An empty grid.
    pub(in crate::render) const fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row with one printable cell per column.
    pub(in crate::render) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "one cell per column");
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line of printable text above the rows that follow.
    pub(in crate::render) fn heading(&mut self, text: String) {
        self.rows.push(Row::Heading(text));
    }

    /// The text, and how many cells were cut.
    pub(in crate::render) fn finish(self, width: usize) -> (String, u64) {
        let widths = self.widths(width);
        let mut text = String::new();
        let mut cut = 0;
        let titles = self.columns.iter().map(|column| column.title.to_owned());
        self.push_line(&mut text, &titles.collect::<Vec<_>>(), &widths);
        let mut fit = |cell: &str, width: usize| {
            cut += u64::from(cell.chars().count() > width);
            clip(cell, width)
        };
        for row in &self.rows {
            match row {
                Row::Heading(heading) => {
                    text.push_str(&fit(heading, width));
                    text.push('\n');
                }
                Row::Cells(cells) => {
                    let cells = cells.iter().zip(&widths);
                    let cells: Vec<String> = cells.map(|(cell, &width)| fit(cell, width)).collect();
                    self.push_line(&mut text, &cells, &widths);
                }
            }
        }
        (text, cut)
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|index| self.natural_width(index))
            .collect();
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            let widest = (0..widths.len())
                .filter(|&index| self.columns[index].is_shrinking && widths[index] > NARROWEST)
                .max_by_key(|&index| widths[index]);
            let Some(index) = widest else { break };
            widths[index] -= 1;
        }
        widths
    }

    fn natural_width(&self, index: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| match row {
            Row::Cells(cells) => Some(cells[index].chars().count()),
            Row::Heading(_) => None,
        });
        cells
            .chain([self.columns[index].title.len()])
            .max()
            .unwrap_or(0)
    }

    fn push_line(&self, text: &mut String, cells: &[String], widths: &[usize]) {
        let mut line = String::new();
        for (index, (cell, &width)) in cells.iter().zip(widths).enumerate() {
            if index > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            match self.columns[index].align {
                Align::Left => line.push_str(&format!("{cell:<width$}")),
                Align::Right => line.push_str(&format!("{cell:>width$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

//! Tables for a terminal or for Markdown, and the thresholds that were missed.

use std::fmt::Write;

/// What was measured, as text.
pub(crate) struct Report {
    text: String,
    is_markdown: bool,
    missed: Vec<String>,
    held: usize,
}

impl Report {
    pub(crate) const fn new(is_markdown: bool) -> Self {
        Self {
            text: String::new(),
            is_markdown,
            missed: Vec::new(),
            held: 0,
        }
    }

    /// The whole report.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What the document is about.
    pub(crate) fn title(&mut self, title: &str, about: &str) {
        let marks = if self.is_markdown { "# " } else { "" };
        self.line(&format!("{marks}{title}\n\n{about}"));
    }

    /// Begins a section.
    pub(crate) fn heading(&mut self, title: &str) {
        let marks = if self.is_markdown { "## " } else { "" };
        let gap = if self.text.ends_with("\n\n") {
            ""
        } else {
            "\n"
        };
        self.line(&format!("{gap}{marks}{title}\n"));
    }

    /// A paragraph of its own.
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A table; the first column is text, the others are numbers.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([head[column].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let head: Vec<String> = head.iter().map(ToString::to_string).collect();
        self.row(&head, &widths);
        if self.is_markdown {
            let rule = |(column, width): (usize, &usize)| {
                let end = if column == 0 { "-" } else { ":" };
                format!("{}{end}", "-".repeat(width.saturating_sub(1)))
            };
            let rules: Vec<String> = widths.iter().enumerate().map(rule).collect();
            self.row(&rules, &widths);
        }
        for row in rows {
            self.row(row, &widths);
        }
        self.text.push('\n');
    }

    fn row(&mut self, cells: &[String], widths: &[usize]) {
        let pad = |(column, (cell, width)): (usize, (&String, &usize))| {
            if column == 0 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        };
        let cells: Vec<String> = cells.iter().zip(widths).enumerate().map(pad).collect();
        let line = if self.is_markdown {
            format!("| {} |", cells.join(" | "))
        } else {
            cells.join("  ")
        };
        self.line(line.trim_end());
    }

    /// Holds a number against the most that it may be.
    pub(crate) fn at_most(&mut self, what: &str, number: f64, most: f64) {
        // Not `>`, so that what is no number counts as missed.
        if number <= most {
            self.held += 1;
        } else {
            self.missed
                .push(format!("{what}: {number:.4}, allowed {most:.4}"));
        }
    }

    /// Writes how many thresholds held, and names those that were missed; true when there are some.
    pub(crate) fn conclude(&mut self) -> bool {
        self.heading("Thresholds");
        let all = self.held + self.missed.len();
        let line = format!("{} of {all} thresholds hold.", self.held);
        self.line(&line);
        for missed in &self.missed {
            // Writing to a string cannot fail.
            _ = writeln!(
                self.text,
                "{}missed: {missed}",
                if self.is_markdown { "- " } else { "" }
            );
        }
        !self.missed.is_empty()
    }
}

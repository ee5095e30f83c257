//! A page of 80 columns under construction: headings, and sentences wrapped under what they belong to.
//!
//! Place in the flow: renderers of reports push printable text, in order. It refuses nothing: escaping is up to the caller.

use crate::render::summary::wrap::wrap;
use crate::render::table::WIDTH;
use crate::terminal::{Palette, Role};

/// Text so far.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    palette: Palette,
}

impl Page {
    /// An empty page.
    pub(super) const fn new(palette: Palette) -> Self {
        Self {
            text: String::new(),
            palette,
        }
    }

    /// A heading, with an empty line above unless it is the first.
    pub(super) fn heading(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        for line in wrap(title, WIDTH) {
            let line = self.palette.paint(Role::Heading, &line);
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// `text` after `first`, which indents the lines that follow.
    pub(super) fn wrapped(&mut self, first: &str, text: &str) {
        let indent = first.chars().count();
        let lines = wrap(text, WIDTH.saturating_sub(indent));
        for (number, line) in lines.iter().enumerate() {
            let margin = " ".repeat(indent);
            self.text
                .push_str(if number == 0 { first } else { &margin });
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// A name of at most twelve characters and its value.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        self.wrapped(&format!("  {name:<12} "), value);
    }

    /// Lines that are laid out already.
    pub(super) fn raw(&mut self, lines: &str) {
        self.text.push_str(lines);
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

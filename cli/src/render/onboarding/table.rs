//! The plan for a terminal: what is not as it should be comes first, then protection, waves, and what a reader has to know.
//!
//! A plan of few services has a line for each. A plan of many has a line for each wave, because nobody reads a thousand lines on a
//! terminal, and says where the rest is. Nothing is left out without a count.

mod head;
mod protection;
mod rest;
mod waves;

use tracemesh_graph::onboarding::Plan;

use super::text::{visible, wrapped};
use super::words::Voice;

/// Narrower terminals get lines of this width.
const MIN_WIDTH: usize = 72;

/// Most lines of a section other than the waves.
const MOST_LINES: usize = 12;

/// Names for a terminal.
const VOICE: Voice = Voice {
    name: visible,
    most: 6,
};

/// The plan in lines of at most `width` columns (72 at least). Plain text without colour; names are escaped and cut with `..`.
#[must_use]
pub fn table(plan: &Plan, width: usize) -> String {
    let mut page = Page {
        text: String::new(),
        width: width.max(MIN_WIDTH),
    };
    head::title(&mut page, plan);
    head::exceptions(&mut page, plan);
    head::contradictions(&mut page, plan);
    head::moves(&mut page, plan);
    head::facts(&mut page, plan);
    if !plan.waves.is_empty() {
        protection::curves(&mut page, plan);
        waves::waves(&mut page, plan);
    }
    rest::unplanned(&mut page, plan);
    rest::inverted(&mut page, plan);
    rest::notes(&mut page, plan);
    page.text
}

/// Text under construction.
struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A sentence, broken at spaces and in words that are longer than a line.
    fn say(&mut self, text: &str) {
        let text = wrapped(text, self.width);
        self.line(&text);
    }

    fn heading(&mut self, text: &str) {
        self.line("");
        self.line(text);
    }

    /// One line each, at most twelve, and how many there are beyond.
    fn list(&mut self, items: impl ExactSizeIterator<Item = String>, rest: &str) {
        let more = items.len().saturating_sub(MOST_LINES);
        for item in items.take(MOST_LINES) {
            self.say(&format!("- {item}"));
        }
        if more > 0 {
            self.say(&format!("- and {more} more: {rest}"));
        }
    }
}

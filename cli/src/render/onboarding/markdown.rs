//! The plan as a runbook: what is not as it should be, how it was made, protection, then per wave a checklist from the entry gate to the
//! exit gate, and at the end what is not planned, what to watch with which metric, and what to know about the data.
//!
//! Read by service owners as well: words of the trade are explained where they first appear. Nothing of a service is cut but lists longer
//! than forty, which say so.

mod head;
mod rest;
mod wave;

use std::fmt::Write;

use tracemesh_graph::onboarding::Plan;

use super::text::markdown as escaped;
use super::words::Voice;

/// Names in Markdown.
const VOICE: Voice = Voice {
    name: escaped,
    most: 40,
};

/// The runbook, in CommonMark with task lists and tables. Names are escaped; they carry no markup, link, or HTML.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let mut page = Page::default();
    head::head(&mut page, plan);
    head::protection(&mut page, plan);
    if !plan.waves.is_empty() {
        rest::metrics(&mut page);
    }
    for (position, wave) in plan.waves.iter().enumerate() {
        let before = position
            .checked_sub(1)
            .and_then(|before| plan.waves.get(before));
        wave::wave(&mut page, plan, wave, before);
    }
    rest::unplanned(&mut page, plan);
    rest::data(&mut page, plan);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("writing to a string does not fail");
    }

    /// A heading with an empty line on both sides.
    fn heading(&mut self, level: usize, title: &str) {
        if !self.text.is_empty() {
            self.line("");
        }
        self.line(&format!("{} {title}\n", "#".repeat(level)));
    }

    fn item(&mut self, text: &str) {
        self.line(&format!("- {text}"));
    }

    fn task(&mut self, text: &str) {
        self.line(&format!("- [ ] {text}"));
    }
}

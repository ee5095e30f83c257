//! What `tracemesh policy check` prints: a [`Report`] for people and for programs.
//!
//! Place in the flow: policy file -> [`Report`] -> text. Faults stand on lines of their own, `file:line: message`, as editors
//! and CI systems find them.

use crate::policy::report::{Remark, Report, Says};
use crate::render::page::Page;
use crate::render::table::WIDTH;
use crate::render::table::layout::{Align, Column, Grid};
use crate::terminal::Palette;
use crate::text::{count_of, counted, printable};

/// The report for a terminal of 80 columns.
#[must_use]
pub fn table(report: &Report, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let file = printable(&report.file);
    let faults = match report.faults.len() {
        0 => "no faults".to_owned(),
        many => counted(count_of(many), "fault", "faults"),
    };
    page.heading(&format!("{file}: {faults}"));
    remarks(&mut page, &file, "", &report.faults);
    if !report.warnings.is_empty() {
        let count = counted(count_of(report.warnings.len()), "warning", "warnings");
        page.heading(&count);
        remarks(&mut page, &file, "warning: ", &report.warnings);
    }
    says(&mut page, &report.says);
    pins(&mut page, &report.says);
    page.finish()
}

/// The report as JSON.
///
/// # Errors
/// When it cannot be written, which no input is known to cause.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

fn remarks(page: &mut Page, file: &str, kind: &str, all: &[Remark]) {
    for remark in all {
        let place = match remark.line {
            0 => file.to_owned(),
            line => format!("{file}:{line}"),
        };
        page.raw(&format!("{place}: {kind}{}\n", printable(&remark.message)));
        if let Some(hint) = &remark.hint {
            page.raw(&format!("  hint: {}\n", printable(hint)));
        }
    }
}

fn says(page: &mut Page, says: &Says) {
    page.heading("What it says");
    let phase = says.default_phase.map(|phase| format!("phase {phase}"));
    let settings =
        (says.default_settings > 0).then(|| counted(says.default_settings, "setting", "settings"));
    let defaults: Vec<String> = phase.into_iter().chain(settings).collect();
    page.fact("defaults", &or_none(defaults.join(", ")));
    page.fact("services", &counted(says.services, "rule", "rules"));
    page.fact("edges", &counted(says.edges, "rule", "rules"));
    let in_force = says.pins.iter().filter(|pin| pin.in_force).count();
    let expired = says.pins.len() - in_force;
    let mut pins = counted(count_of(in_force), "pin", "pins") + " in force";
    if expired > 0 {
        pins.push_str(&format!(", {expired} expired"));
    }
    page.fact("pins", &pins);
    page.fact("infra", &counted(says.infra, "destination", "destinations"));
    let namespace = says
        .namespace_label
        .as_ref()
        .map_or_else(String::new, |label| format!(", {label} on namespaces"));
    let labels = format!("{} on workloads{namespace}", says.workload_label);
    page.fact("labels", &printable(&labels));
    let naming = says.naming.clone().unwrap_or_default();
    page.fact("naming", &or_none(printable(&naming).into_owned()));
    if let Some(onboarding) = &says.onboarding {
        page.fact("onboarding", &onboarding.to_string());
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() {
        "none".to_owned()
    } else {
        text
    }
}

fn pins(page: &mut Page, says: &Says) {
    if says.pins.is_empty() {
        return;
    }
    page.heading("Pins");
    let mut grid = Grid::new(vec![
        Column::new("LINE", Align::Right),
        Column::new("PIN", Align::Left),
        Column::new("CALLER", Align::Left).shrinking(),
        Column::new("DESTINATION", Align::Left).shrinking(),
        Column::new("OWNER", Align::Left).shrinking(),
        Column::new("LAST DAY", Align::Left),
    ]);
    for pin in &says.pins {
        let last_day = match pin.in_force {
            true => pin.expires.clone(),
            false => format!("{} !", pin.expires),
        };
        grid.row(vec![
            pin.line.to_string(),
            pin.action.to_owned(),
            printable(&pin.caller).into_owned(),
            printable(&pin.destination).into_owned(),
            printable(&pin.owner).into_owned(),
            last_day,
        ]);
    }
    page.raw(&grid.finish(WIDTH).0);
}

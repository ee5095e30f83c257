//! Everything that a plan says of one service, as a page for a terminal.

use std::fmt;

use tracemesh_graph::onboarding::{EdgeRef, Plan, PlannedService, Wave};

use super::text::{visible, wrapped};
use super::words::sheet::rows;
use super::words::{self, Voice, percent, watch, why};

/// Names for a terminal; a page of one service cuts no list.
const VOICE: Voice = Voice {
    name: visible,
    most: usize::MAX,
};

/// Columns of the labels.
const LABEL: usize = 12;

/// Narrower terminals get lines of this width.
const MIN_WIDTH: usize = 60;

/// The plan knows no such service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotInPlan {
    /// What was asked for, printable.
    pub service: String,
}

impl fmt::Display for NotInPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the plan has no service `{}`", self.service)
    }
}

impl std::error::Error for NotInPlan {}

/// The page of a service, in lines of at most `width` columns (60 at least), but for queries, which are to be copied. `service` is its node id, or that without `service/`.
///
/// # Errors
/// The plan does not mention the service.
pub fn explain(plan: &Plan, service: &str, width: usize) -> Result<String, NotInPlan> {
    let mut page = Page {
        text: String::new(),
        width: width.max(MIN_WIDTH),
    };
    let waves = plan.waves.iter();
    let planned = waves.flat_map(|wave| wave.services.iter().map(move |service| (wave, service)));
    let planned: Vec<(&Wave, &PlannedService)> = planned.collect();
    let id = named(&planned, plan, service).ok_or_else(|| NotInPlan {
        service: visible(service),
    })?;
    if let Some((wave, service)) = planned.iter().find(|(_, known)| known.service == id) {
        page.planned(plan, wave, service);
    } else if let Some(unplanned) = plan.unplanned.iter().find(|known| known.service == id) {
        page.say(&format!("{}: not planned", VOICE.node(id)));
        page.row("Why", &why::unplanned(unplanned, VOICE));
    } else {
        page.say(&format!("{}: in the mesh already", VOICE.node(id)));
    }
    page.neighbours(plan, id);
    Ok(page.text)
}

/// The id that is meant: the whole one wins.
fn named<'a>(
    planned: &[(&Wave, &'a PlannedService)],
    plan: &'a Plan,
    name: &str,
) -> Option<&'a str> {
    let planned = planned.iter().map(|(_, service)| service.service.as_str());
    let unplanned = plan
        .unplanned
        .iter()
        .map(|service| service.service.as_str());
    let done = plan.done.iter().map(String::as_str);
    let ids: Vec<&str> = planned.chain(unplanned).chain(done).collect();
    let mut whole = ids.iter().filter(|id| **id == name);
    let mut short = ids.iter().filter(|id| words::short(id) == name);
    whole.next().or_else(|| short.next()).copied()
}

struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn say(&mut self, text: &str) {
        self.text.push_str(wrapped(text, self.width).trim_end());
        self.text.push('\n');
    }

    /// A label and its text, which is wrapped beside it.
    fn row(&mut self, label: &str, text: &str) {
        let lines = wrapped(text, self.width - LABEL - 2);
        for (number, line) in lines.lines().enumerate() {
            let label = if number == 0 { label } else { "" };
            let line = format!(
                "{label:<LABEL$}  {}",
                if number == 0 { line } else { line.trim_start() }
            );
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    fn planned(&mut self, plan: &Plan, wave: &Wave, service: &PlannedService) {
        self.say(&format!(
            "{}: wave {} of {}",
            VOICE.node(&service.service),
            wave.wave,
            plan.waves.last().map_or(0, |last| last.wave)
        ));
        if let Some(dates) = words::dates(plan, wave.wave) {
            self.row("Dates", &words::dates_text(dates, VOICE));
        }
        let team = service
            .team
            .as_deref()
            .map_or_else(|| "none known".to_owned(), visible);
        let tier = service
            .tier
            .map_or_else(|| "not known".to_owned(), |tier| tier.to_string());
        self.row("Owner", &format!("team {team}; tier {tier}"));
        for exception in &wave.exceptions {
            self.row("Exception", &why::exception(exception, VOICE));
        }
        if let Some(replan) = &plan.replan {
            for step in replan
                .moves
                .iter()
                .filter(|step| step.service == service.service)
            {
                self.row("Moved", &words::replan::moved(step, VOICE));
            }
        }
        for row in rows(plan, wave, service, VOICE) {
            let label = match row.label {
                "Keep mesh retries off" => "Retries off",
                "Rolling update" => "Rollout",
                "To roll back" => "Roll back",
                label => label,
            };
            if !row.text.is_empty() {
                self.row(label, &row.text);
            }
            for (number, step) in row.steps.iter().enumerate() {
                let label = if number == 0 { label } else { "" };
                self.row(label, &format!("{}. {step}", number + 1));
            }
        }
        self.metrics(service);
    }

    fn metrics(&mut self, service: &PlannedService) {
        let label = VOICE.node(&service.service);
        self.say("");
        self.say(&format!("Metrics to watch, with $service = {label}:"));
        for watched in &service.canary.watch {
            let described = watch::described(watched.metric);
            self.say(&format!("- {}: {}", described.title, described.then));
            // Whole, to be copied; it holds no name.
            self.text.push_str(&format!("    {}\n", described.query));
        }
    }

    /// Who calls it and whom it calls, as far as others switch something on with it, and what else names it.
    fn neighbours(&mut self, plan: &Plan, id: &str) {
        for found in plan
            .contradictions
            .iter()
            .filter(|found| found.service == id)
        {
            self.row("Status", &why::contradiction(found, VOICE));
        }
        let mut edges: Vec<&EdgeRef> = plan
            .waves
            .iter()
            .flat_map(|wave| &wave.services)
            .flat_map(|service| service.turns_on.client.iter().chain(&service.turns_on.both))
            .filter(|edge| edge.caller == id || edge.callee == id)
            .collect();
        edges.sort_by(|a, b| (&a.caller, &a.callee).cmp(&(&b.caller, &b.callee)));
        edges.dedup_by(|a, b| (&a.caller, &a.callee) == (&b.caller, &b.callee));
        if edges.is_empty() {
            return;
        }
        self.say("");
        self.say(
            "Calls, busiest first (share of calls by services, confidence, wave of the other end):",
        );
        edges.sort_by(|a, b| b.share.total_cmp(&a.share));
        for edge in edges {
            let (word, other) = if edge.caller == id {
                ("to", &edge.callee)
            } else {
                ("from", &edge.caller)
            };
            self.say(&format!(
                "- {word} {}: {}, {:.2}, {}",
                VOICE.node(other),
                percent(edge.share),
                edge.confidence,
                standing(plan, other)
            ));
        }
    }
}

fn standing(plan: &Plan, id: &str) -> String {
    let mut waves = plan.waves.iter();
    let wave = waves.find(|wave| wave.services.iter().any(|service| service.service == id));
    match wave {
        Some(wave) => format!("wave {}", wave.wave),
        None if plan.done.iter().any(|done| done == id) => "in already".to_owned(),
        None if plan.unplanned.iter().any(|known| known.service == id) => "not planned".to_owned(),
        None => "cannot join".to_owned(),
    }
}

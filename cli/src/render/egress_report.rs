//! What `tracemesh egress` says about the services it wrote files for: which hazards of a sidecar their spans show, who deals
//! with each, and what became of every edge.
//!
//! Place in the flow: [`EgressModel`] -> this -> standard output. Decisions come first, because a person has to take them.
//! It judges nothing: handling and words come with the model. Names from spans are escaped here.

mod json;
mod left;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::egress::{Conservation, EgressModel, ServiceEgress};
use tracemesh_graph::hazards::{Handling, HazardEvidence, HazardKind, HazardNote};

use super::page::Page;
use crate::terminal::Palette;
use crate::text::{clip, count_of, counted, printable, thousands};

pub use json::{SCHEMA, json};
pub use settings::settings;

/// What stands before a sentence about a hazard.
const INDENT: &str = "      ";
/// Services up to which each is told on its own.
const MOST_SERVICES: usize = 40;
/// Longest id of a service in a heading that leaves room for the counts.
const MAX_ID: usize = 50;

/// The report of the wanted services, all if `None`, in lines of at most 80 columns.
#[must_use]
pub fn table(model: &EgressModel, wanted: Option<&BTreeSet<String>>, palette: Palette) -> String {
    let mut page = Page::new(palette);
    let mut without = 0;
    let mut decisions = 0;
    // Thousands of lines tell nobody anything; whoever names services wants theirs.
    let each = wanted.is_some() || wanted_of(model, wanted).count() <= MOST_SERVICES;
    for service in wanted_of(model, wanted) {
        if service.hazards.is_empty() {
            without += 1;
            continue;
        }
        decisions += open(service);
        if each {
            of_service(&mut page, service, evidence_of(model, service));
        }
    }
    if !each {
        of_mesh(&mut page, model);
    }
    left::add(&mut page, model, wanted);
    let shown = count_of(wanted_of(model, wanted).count()).saturating_sub(without);
    page.heading(&format!(
        "{} with hazards, {} without; {} to take",
        counted(shown, "service", "services"),
        thousands(without),
        counted(decisions, "decision", "decisions"),
    ));
    page.raw(&edges(model.conservation));
    page.finish()
}

/// How many services each hazard has, and where it has most spans.
fn of_mesh(page: &mut Page, model: &EgressModel) {
    if model
        .services
        .iter()
        .all(|service| service.hazards.is_empty())
    {
        return;
    }
    page.heading("hazards of all services; name services to see theirs");
    page.raw("   #  HAZARD               SERVICES  TO DECIDE       SPANS  MOST IN\n");
    for hazard in HazardKind::ALL {
        let (mut services, mut decisions, mut spans) = (0, 0, 0_u64);
        let mut most = (0, "-");
        for service in &model.services {
            let notes = service.hazards.iter();
            let Some(note) = notes.into_iter().find(|note| note.hazard == *hazard) else {
                continue;
            };
            services += 1;
            decisions += u64::from(note.handling == Handling::Decision);
            let numbers = evidence_of(model, service).and_then(|all| all.get(hazard));
            let own = numbers.map_or(0, |numbers| numbers.spans);
            spans = spans.saturating_add(own);
            if own > most.0 {
                most = (own, &service.id);
            }
        }
        if services > 0 {
            page.raw(&format!(
                "  {:>2}  {:<19}  {:>8}  {:>9}  {:>10}  {}\n",
                hazard.number(),
                hazard.as_str(),
                thousands(services),
                thousands(decisions),
                thousands(spans),
                clip(most.1, 20),
            ));
        }
    }
}

/// The services that are asked for.
fn wanted_of<'a>(
    model: &'a EgressModel,
    wanted: Option<&'a BTreeSet<String>>,
) -> impl Iterator<Item = &'a ServiceEgress> {
    let services = model.services.iter();
    services.filter(move |service| wanted.is_none_or(|wanted| wanted.contains(&service.id)))
}

/// The numbers behind the hazards of a service.
fn evidence_of<'a>(
    model: &'a EgressModel,
    service: &ServiceEgress,
) -> Option<&'a BTreeMap<HazardKind, HazardEvidence>> {
    let evidence = model.evidence.services.get(&service.id)?;
    Some(&evidence.hazards)
}

fn open(service: &ServiceEgress) -> u64 {
    let decisions = service.hazards.iter();
    count_of(
        decisions
            .filter(|note| note.handling == Handling::Decision)
            .count(),
    )
}

fn of_service(
    page: &mut Page,
    service: &ServiceEgress,
    evidence: Option<&BTreeMap<HazardKind, HazardEvidence>>,
) {
    let hazards = counted(count_of(service.hazards.len()), "hazard", "hazards");
    let id = clip(&service.id, MAX_ID);
    page.heading(&match open(service) {
        0 => format!("{id}: {hazards}"),
        decisions => format!("{id}: {hazards}, {decisions} to decide"),
    });
    page.raw("   #  HAZARD                    SPANS  EXAMPLE TRACE\n");
    let mut notes: Vec<&HazardNote> = service.hazards.iter().collect();
    notes.sort_by_key(|note| (note.handling != Handling::Decision, note.hazard));
    for note in notes {
        let numbers = evidence.and_then(|evidence| evidence.get(&note.hazard));
        let spans = numbers.map_or_else(|| "-".to_owned(), |numbers| thousands(numbers.spans));
        let trace = numbers.and_then(|numbers| numbers.exemplars.first());
        let trace = printable(trace.map_or("-", String::as_str));
        page.raw(&format!(
            "  {:>2}  {:<19}  {spans:>10}  {}\n",
            note.hazard.number(),
            note.hazard.as_str(),
            clip(&trace, 32),
        ));
        let who = match note.handling {
            Handling::Handled => "handled by: ",
            Handling::Decision => "needs a decision: ",
        };
        page.wrapped(INDENT, &format!("{who}{}", printable(&note.how)));
    }
}

/// Where every edge of the graph went, a line for each part of the sum.
fn edges(all: Conservation) -> String {
    let buckets = [
        (all.emitted, "defined"),
        (all.unresolved, "without a usable address"),
        (all.suspect, "never answered"),
        (all.lost_conflict, "lost to another destination"),
        (all.pinned_out, "pinned out by the policy"),
        (all.infra, "to infrastructure of the policy"),
        (all.expired, "defined, and proposed for removal"),
        (all.asynchronous, "message flow"),
        (all.proxied, "logical, through a gateway"),
        (all.caller_is_no_service, "from outside of any service"),
    ];
    let mut sum = format!("  {} in the graph\n", counted(all.edges, "edge", "edges"));
    for (count, what) in buckets.iter().filter(|(count, _)| *count > 0) {
        sum.push_str(&format!("  {:>8} {what}\n", thousands(*count)));
    }
    sum
}

#[cfg(test)]
mod tests;

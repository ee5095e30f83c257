//! The report for programs, schema `tracemesh.egress-report/v1`.
//!
//! ```text
//! { "schema": "tracemesh.egress-report/v1",
//!   "services": [ { "service": "<node id>", "destinations": 3, "unresolved": 1,
//!                   "hazards": [ { "number": 8, "hazard": "pinned-members", "handling": "handled|decision", "how": "..",
//!                                  "spans": 12, "callees": {"<node id>": 12}, "signs": {"ip-address": 12},
//!                                  "exemplars": ["<trace id>"] } ] } ],
//!   "conservation": { "edges": 4, "emitted": 3, .. } }
//! ```
//! `spans` are attempts of the service's calls and spans that it served, the latter under its own id in `callees`.
//! Hazards stand by number; `conservation` is that of the whole graph, as in `egress.json`.

use std::collections::BTreeSet;

use serde::Serialize;
use tracemesh_graph::egress::{Conservation, EgressModel, ServiceEgress};
use tracemesh_graph::hazards::{HazardEvidence, HazardNote};

use super::{evidence_of, wanted_of};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.egress-report/v1";

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    services: Vec<Service<'a>>,
    conservation: Conservation,
}

#[derive(Serialize)]
struct Service<'a> {
    service: &'a str,
    destinations: usize,
    unresolved: usize,
    hazards: Vec<Hazard<'a>>,
}

#[derive(Serialize)]
struct Hazard<'a> {
    number: u8,
    #[serde(flatten)]
    note: &'a HazardNote,
    #[serde(flatten)]
    evidence: HazardEvidence,
}

/// The report of the wanted services, all if `None`, and a newline.
///
/// # Errors
/// When a number is none that JSON has.
pub fn json(
    model: &EgressModel,
    wanted: Option<&BTreeSet<String>>,
) -> Result<String, serde_json::Error> {
    let report = Report {
        schema: SCHEMA,
        services: wanted_of(model, wanted)
            .map(|service| of_service(model, service))
            .collect(),
        conservation: model.conservation,
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn of_service<'a>(model: &EgressModel, service: &'a ServiceEgress) -> Service<'a> {
    let evidence = evidence_of(model, service);
    let hazards = service.hazards.iter().map(|note| Hazard {
        number: note.hazard.number(),
        note,
        evidence: evidence
            .and_then(|evidence| evidence.get(&note.hazard))
            .cloned()
            .unwrap_or_default(),
    });
    Service {
        service: &service.id,
        destinations: service.destinations.len(),
        unresolved: service.unresolved.len(),
        hazards: hazards.collect(),
    }
}

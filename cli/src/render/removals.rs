//! What is not seen any more: `removals.json` (`tracemesh.egress-removals/v1`) and `removals.md`, the proposal that a person
//! accepts or turns down.
//!
//! Beside the egress and not in it, because it holds times: the egress files change only when the egress does. It proposes;
//! nothing is removed before someone runs `tracemesh egress --accept-removals`.

use std::fmt::Write;

use serde::Serialize;
use tracemesh_graph::egress::{
    Destination, DestinationState, EdgeEvidence, EgressModel, EgressTarget, ServiceEgress,
};
use tracemesh_graph::time::Timestamp;

use super::envoy::index::json;
use super::onboarding::text::markdown as escaped;
use crate::output_dir::{Entry, FileSet, RelativePath};
use crate::text::{bracketed, count_of, thousands};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const PAGE: &str = "removals.md";
const DOCUMENT: &str = "removals.json";

/// Everything that is not active; its JSON is a public format.
#[derive(Debug, Serialize)]
struct Removals<'a> {
    schema: &'static str,
    /// Not seen for so long that the removal is proposed.
    proposed: Vec<Unseen<'a>>,
    /// Not seen for longer than usual.
    quiet: Vec<Unseen<'a>>,
    /// Not defined, because something seen since has their addresses.
    displaced: Vec<Unseen<'a>>,
}

/// Something that is not seen any more.
#[derive(Debug, Serialize)]
struct Unseen<'a> {
    /// Node id of the caller.
    service: &'a str,
    /// Node id of what it called; absent where the service itself is gone.
    destination: Option<&'a str>,
    /// Addresses concerned, `host:port`; all of the destination, unless it has others that are still seen.
    addresses: Vec<String>,
    /// Last sight of the destination.
    last_seen: Option<Timestamp>,
    /// Whole days in which the caller was observed and this was not seen.
    unseen_days: u64,
    /// Who answers for the pin that holds the removal off.
    pinned_by: Option<&'a str>,
}

/// Both files.
#[must_use]
pub fn render(model: &EgressModel) -> FileSet {
    let removals = gather(model);
    [(DOCUMENT, json(&removals)), (PAGE, page(&removals))]
        .into_iter()
        .map(|(name, text)| {
            let path = RelativePath::new(name).expect("the names are constants");
            (path, Entry::File(text))
        })
        .collect()
}

/// One sentence about everything that is not active; `None` when there is nothing.
#[must_use]
pub fn told(model: &EgressModel) -> Option<String> {
    let removals = gather(model);
    let parts = [
        (&removals.proposed, "proposed for removal"),
        (&removals.quiet, "quiet"),
        (&removals.displaced, "not defined for a newer one"),
    ];
    let counts: Vec<String> = parts
        .iter()
        .filter(|(unseen, _)| !unseen.is_empty())
        .map(|(unseen, what)| format!("{} {what}", thousands(count_of(unseen.len()))))
        .collect();
    if counts.is_empty() {
        return None;
    }
    let accept = match removals.proposed.is_empty() {
        true => "",
        false => "; read it, then `--accept-removals` lets go of what is proposed",
    };
    Some(format!(
        "not seen any more, and listed in `{PAGE}`: {}{accept}",
        counts.join(", ")
    ))
}

fn gather(model: &EgressModel) -> Removals<'_> {
    let mut removals = Removals {
        schema: "tracemesh.egress-removals/v1",
        proposed: Vec::new(),
        quiet: Vec::new(),
        displaced: Vec::new(),
    };
    for service in &model.services {
        let evidence = model.evidence.services.get(&service.id);
        let unseen_ms = evidence.map_or(0, |evidence| evidence.unseen_ms);
        removals.add(service.state, || Unseen {
            service: &service.id,
            destination: None,
            addresses: Vec::new(),
            last_seen: evidence.and_then(|evidence| evidence.window?.end),
            unseen_days: unseen_ms / DAY_MS,
            pinned_by: None,
        });
        let of = |node: &str| evidence.and_then(|evidence| evidence.destinations.get(node));
        for destination in &service.destinations {
            removals.add_destination(service, destination, of(&destination.node));
        }
        for destination in &service.displaced {
            let targets: Vec<&EgressTarget> = destination.targets.iter().collect();
            let found = of(&destination.node);
            let entry = unseen(service, destination, &targets, found);
            removals.displaced.push(entry);
        }
    }
    removals
}

impl<'a> Removals<'a> {
    fn add(&mut self, state: DestinationState, unseen: impl FnOnce() -> Unseen<'a>) {
        match state {
            DestinationState::Active => {}
            DestinationState::Quiet => self.quiet.push(unseen()),
            DestinationState::ProposedRemoval => self.proposed.push(unseen()),
        }
    }

    fn add_destination(
        &mut self,
        service: &'a ServiceEgress,
        destination: &'a Destination,
        evidence: Option<&EdgeEvidence>,
    ) {
        if destination.state != DestinationState::Active {
            let targets: Vec<&EgressTarget> = destination.targets.iter().collect();
            self.add(destination.state, || {
                unseen(service, destination, &targets, evidence)
            });
            return;
        }
        for state in [DestinationState::Quiet, DestinationState::ProposedRemoval] {
            let targets = destination.targets.iter();
            let targets: Vec<&EgressTarget> = targets.filter(|one| one.state == state).collect();
            if !targets.is_empty() {
                self.add(state, || unseen(service, destination, &targets, evidence));
            }
        }
    }
}

fn unseen<'a>(
    service: &'a ServiceEgress,
    destination: &'a Destination,
    targets: &[&EgressTarget],
    evidence: Option<&EdgeEvidence>,
) -> Unseen<'a> {
    let of_targets = evidence.into_iter().flat_map(|evidence| {
        let seen = evidence.targets.iter();
        seen.filter(|seen| {
            let is_same = |target: &&&EgressTarget| {
                (&target.host, Some(target.port)) == (&seen.host, seen.port)
            };
            targets.iter().any(|target| is_same(&target))
        })
    });
    let whole = targets.len() == destination.targets.len();
    let (last_seen, unseen_ms) = match evidence {
        Some(evidence) if whole => (Some(evidence.last_seen), evidence.unseen_ms),
        _ => of_targets.fold((None, 0), |(last, unseen), target| {
            (
                last.max(Some(target.last_seen)),
                target.unseen_ms.max(unseen),
            )
        }),
    };
    Unseen {
        service: &service.id,
        destination: Some(&destination.node),
        addresses: targets.iter().map(|target| address(target)).collect(),
        last_seen,
        unseen_days: unseen_ms / DAY_MS,
        pinned_by: destination.pinned.as_ref().map(|pin| pin.owner.as_str()),
    }
}

fn address(target: &EgressTarget) -> String {
    format!("{}:{}", bracketed(&target.host), target.port)
}

fn page(removals: &Removals<'_>) -> String {
    let mut text = String::from(
        "# What is not seen any more\n\nNothing is removed by itself. `tracemesh egress --accept-removals` lets go of what is proposed here; what\nis seen again returns at once.\n",
    );
    let parts = [
        ("Proposed for removal", &removals.proposed),
        ("Quiet", &removals.quiet),
        (
            "Not defined: something seen since has the address",
            &removals.displaced,
        ),
    ];
    for (title, unseen) in parts {
        write!(text, "\n## {title}\n\n").expect("writing to a string does not fail");
        if unseen.is_empty() {
            text.push_str("Nothing.\n");
        }
        for one in unseen {
            text.push_str(&line(one));
        }
    }
    text
}

fn line(one: &Unseen<'_>) -> String {
    let service = escaped(one.service);
    let what = match one.destination {
        Some(destination) => format!("{service} to {}", escaped(destination)),
        None => format!("{service}, which is not in the graph"),
    };
    let addresses: Vec<String> = one.addresses.iter().map(|one| escaped(one)).collect();
    let at = if addresses.is_empty() {
        String::new()
    } else {
        format!(" at {}", addresses.join(", "))
    };
    let last = match one.last_seen {
        Some(last) => {
            let day: String = last.to_string().chars().take(10).collect();
            format!("last seen on {day}, ")
        }
        None => String::new(),
    };
    let days = crate::text::counted(one.unseen_days, "observed day", "observed days");
    let pinned = match one.pinned_by {
        Some(owner) => format!("; pinned by {}", escaped(owner)),
        None => String::new(),
    };
    format!("- {what}{at}: {last}not in {days}{pinned}\n")
}

#[cfg(test)]
mod tests;

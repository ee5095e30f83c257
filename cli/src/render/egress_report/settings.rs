//! What became of the tuned phase: how many destinations got there, and what single features wait for.
//!
//! Place in the flow: [`EgressModel`] -> this -> the report of `tracemesh egress --phase tuned`. Without it, a run whose
//! evidence suffices for nothing looks like one that tuned everything. It repeats reasons of the model and makes none.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::egress::{Absent, EgressModel, Feature, Phase};
use tracemesh_graph::policy::Thresholds;

use super::super::page::Page;
use super::wanted_of;
use crate::terminal::Palette;
use crate::text::{counted, printable, thousands};

/// What one reason holds back, and how often.
#[derive(Default)]
struct Waiting {
    features: BTreeSet<Feature>,
    /// Destinations, and services whose inbound traffic waits.
    times: u64,
}

/// The section for the wanted services, all if `None`, with an empty line above. `thresholds` are those that the model was
/// made with.
#[must_use]
pub fn settings(
    model: &EgressModel,
    wanted: Option<&BTreeSet<String>>,
    thresholds: &Thresholds,
    palette: Palette,
) -> String {
    let (mut all, mut tuned) = (0, 0);
    let mut waiting: BTreeMap<&str, Waiting> = BTreeMap::new();
    for service in wanted_of(model, wanted) {
        for destination in &service.destinations {
            all += 1;
            tuned += u64::from(destination.tuning.phase == Phase::Tuned);
            add(&mut waiting, &destination.tuning.withheld);
        }
        add(&mut waiting, &service.inbound_tuning.withheld);
    }
    let mut page = Page::new(palette);
    let destinations = counted(all, "destination", "destinations");
    page.heading(&format!("{} of {destinations} tuned", thousands(tuned)));
    if !waiting.is_empty() {
        let least = format!(
            "settings from facts need {} on {} and a deploy of the callee, unless the policy says otherwise; what is withheld, \
             by destination and service:",
            counted(thresholds.tuned_calls, "call", "calls"),
            counted(thresholds.tuned_days, "day", "days"),
        );
        page.wrapped("  ", &least);
    }
    let mut waiting: Vec<(&str, Waiting)> = waiting.into_iter().collect();
    waiting.sort_by_key(|(reason, waiting)| (u64::MAX - waiting.times, *reason));
    for (reason, waiting) in waiting {
        let features: Vec<&str> = waiting.features.into_iter().map(name).collect();
        let first = format!("  {:>8}  ", thousands(waiting.times));
        let text = format!("{}: {}", features.join(", "), printable(reason));
        page.wrapped(&first, &text);
    }
    format!("\n{}", page.finish())
}

/// A reason counts once for each destination or service, however many features it holds back there.
fn add<'m>(waiting: &mut BTreeMap<&'m str, Waiting>, withheld: &'m [Absent]) {
    let reasons: BTreeSet<&str> = withheld
        .iter()
        .map(|absent| absent.reason.as_str())
        .collect();
    for reason in reasons {
        waiting.entry(reason).or_default().times += 1;
    }
    for absent in withheld {
        let entry = waiting.entry(&absent.reason).or_default();
        entry.features.insert(absent.feature);
    }
}

const fn name(feature: Feature) -> &'static str {
    match feature {
        Feature::Timeouts => "timeouts",
        Feature::Retries => "retries",
        Feature::CircuitBreakers => "limits",
        Feature::OutlierDetection => "ejection",
        Feature::LeastRequest => "least request",
        Feature::SlowStart => "slow start",
        Feature::ZoneAware => "zones",
        Feature::Connections => "life of connections",
        Feature::AdaptiveConcurrency => "load shedding",
    }
}

//! What a reader has to know about the input before trusting the plan, as whole sentences with their base.

use super::explain::budget;
use super::model::{Model, total};
use super::outcome::{Plan, Strict, StrictBlock};
use super::problem::MAX_PINNED_WAVE;

/// Share of evidence below which a service counts as badly observed.
const WEAK_EVIDENCE: f64 = 0.5;

/// The notes of a finished plan.
pub(super) fn notes(model: &Model, plan: &Plan) -> Vec<String> {
    let mut notes = vec![
        "client features, mesh retries and load shedding need tuned egress: the transparent phase only defines \
         destinations, and is what a service gets when it joins"
            .to_owned(),
    ];
    unknown_facts(model, &mut notes);
    observations(model, plan, &mut notes);
    retries(plan, &mut notes);
    canaries(plan, &mut notes);
    let unplanned = plan.unplanned.iter();
    let numbers = unplanned.filter_map(|service| model.index(&service.service));
    let missed = model.share_of_all(total(numbers.map(|number| model.in_rate[number])));
    if missed > 0.0 {
        notes.push(format!(
            "{:.1} % of the traffic goes to services that are not planned",
            100.0 * missed
        ));
    }
    if plan.traffic.to_outside > 0.0 {
        notes.push(format!(
            "{:.1} % of the traffic goes to nodes that cannot join (databases, brokers, hosts outside): there only client features work",
            100.0 * plan.traffic.to_outside
        ));
    }
    if !plan.cut_arcs.is_empty() {
        notes.push(format!(
            "{} of {} edges between services close a cycle and were left out of amplification and criticality: both may be higher",
            plan.cut_arcs.len(),
            model.arcs.len()
        ));
    }
    notes
}

fn unknown_facts(model: &Model, notes: &mut Vec<String>) {
    let all = model.services.len();
    let mut say = |count: usize, text: &str| {
        if count > 0 {
            notes.push(format!("{count} of {all} services have {text}"));
        }
    };
    let count = |test: &dyn Fn(usize) -> bool| (0..all).filter(|number| test(*number)).count();
    say(
        count(&|n| model.services[n].team.is_none()),
        "no known team: no team cap applies to them",
    );
    say(
        count(&|n| model.services[n].tier.is_none()),
        "no known tier: it counts half in their risk",
    );
    say(
        count(&|n| {
            model.services[n]
                .pins
                .not_before
                .is_some_and(|w| w > MAX_PINNED_WAVE)
        }),
        &format!("a `not_before` above wave {MAX_PINNED_WAVE}, read as {MAX_PINNED_WAVE}"),
    );
    if all > 0 && count(&|n| !model.services[n].hazards.is_empty()) == 0 {
        notes.push(
            "no hazards were given or seen: the hazard part of every risk is 0, which is no proof of safety"
                .to_owned(),
        );
    }
}

fn retries(plan: &Plan, notes: &mut Vec<String>) {
    if let Some(budget) = budget(&plan.options) {
        notes.push(format!(
            "mesh retries may be on as soon as the caller is in, because a budget holds them to {:.0} % of the calls; this plan trusts that \
             every caller's configuration sets it",
            100.0 * budget
        ));
        return;
    }
    let services = plan.waves.iter().flat_map(|wave| &wave.services);
    let (mut later, mut never) = (0, 0);
    for off in services.flat_map(|service| &service.retries_off) {
        match off.until {
            Some(_) => later += 1,
            None => never += 1,
        }
    }
    if later + never > 0 {
        notes.push(format!(
            "mesh retries have to stay off, or under a retry budget: until the callee is in on {later} of the edges, throughout this plan on {never}"
        ));
    }
}

/// Canaries that tell too little in the time that they get.
fn canaries(plan: &Plan, notes: &mut Vec<String>) {
    let bake = plan.options.calendar.bake_days;
    let planned = || plan.waves.iter().flat_map(|wave| &wave.services);
    let all = planned().count();
    let mut say = |count: usize, text: String| {
        if count > 0 {
            notes.push(format!("{count} of {all} planned services {text}"));
        }
    };
    let slow = planned().filter(|s| s.canary.days.is_some_and(|days| days > f64::from(bake)));
    say(
        slow.count(),
        format!(
            "have too little traffic for their canary to show twice the errors within the {bake} days of the bake"
        ),
    );
    let unknown = planned().filter(|s| s.health.error_share.is_none());
    say(
        unknown.count(),
        "have no known error share today: note it from their own metrics before the canary starts"
            .to_owned(),
    );
}

fn observations(model: &Model, plan: &Plan, notes: &mut Vec<String>) {
    let planned = plan.waves.iter().flat_map(|wave| &wave.services);
    let (mut weak, mut assumed, mut estimated, mut unknown, mut all) = (0, 0, 0, 0, 0);
    for service in planned {
        all += 1;
        weak += usize::from(service.evidence.weakest().0 < WEAK_EVIDENCE);
        assumed += usize::from(service.amplification.assumed);
        estimated += usize::from(service.criticality_estimated);
        unknown += usize::from(matches!(&service.strict, Strict::Never { because }
            if because.iter().any(|b| matches!(b, StrictBlock::EntryTraffic | StrictBlock::Orphans { .. }))));
    }
    let mut say = |count: usize, text: String| {
        if count > 0 {
            notes.push(format!("{count} of {all} planned services {text}"));
        }
    };
    say(
        weak,
        "were observed too little or too briefly (evidence below 0.5)".to_owned(),
    );
    say(
        assumed,
        format!(
            "have an amplification built on assumed attempts ({} per call)",
            plan.options.assumed_attempts
        ),
    );
    let hit_ratios = model
        .arcs
        .iter()
        .filter(|a| a.calls.hit_ratio.is_some())
        .count();
    say(
        estimated,
        format!(
            "have a criticality estimated from the graph (hit ratio known for {hit_ratios} of {} edges)",
            model.arcs.len()
        ),
    );
    say(
        unknown,
        "have unknown callers (entry calls or orphan spans): strict mTLS is never claimed for them"
            .to_owned(),
    );
}

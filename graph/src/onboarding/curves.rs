//! The four protection curves, and which services can refuse plaintext when.

use super::model::{Model, total};
use super::outcome::{CurvePoint, Curves, Strict, StrictBlock};
use super::value::Place;

/// When each service can refuse plaintext, in the order of the model.
pub(super) fn strictness(model: &Model, places: &[Place]) -> Vec<Strict> {
    (0..model.ids.len())
        .map(|service| strict(model, places, service))
        .collect()
}

fn strict(model: &Model, places: &[Place], service: usize) -> Strict {
    let mut because = Vec::new();
    let known = &model.services[service];
    if known.entry_rate > 0.0 {
        because.push(StrictBlock::EntryTraffic);
    }
    if known.orphans > 0 {
        let spans = known.orphans;
        because.push(StrictBlock::Orphans { spans });
    }
    for node in &model.outside_callers[service] {
        because.push(StrictBlock::OutsideCaller { node: node.clone() });
    }
    let own = places[service].wave();
    let (mut ready, mut waits_for) = (own.unwrap_or(0), Vec::new());
    for number in &model.incoming[service] {
        let caller = model.arcs[*number].caller;
        match places[caller].wave() {
            Some(wave) => {
                ready = ready.max(wave);
                if own.is_some_and(|own| wave > own) {
                    waits_for.push(model.ids[caller].clone());
                }
            }
            None if caller == service => {}
            None => because.push(StrictBlock::UnplannedCaller {
                service: model.ids[caller].clone(),
            }),
        }
    }
    if because.is_empty() && own.is_some() {
        Strict::Ready {
            wave: ready,
            waits_for,
        }
    } else {
        Strict::Never { because }
    }
}

/// The curves before the first wave, which is the one after `done`, and after each.
pub(super) fn curves(
    model: &Model,
    places: &[Place],
    (strict, exposure): (&[Strict], &[f64]),
    (done, last): (u32, u32),
) -> Vec<CurvePoint> {
    let left = |wave: u32| {
        let waiting = places.iter().zip(exposure);
        total(
            waiting
                .filter(|(place, _)| !place.by(wave))
                .map(|(_, part)| *part),
        )
    };
    (done..=last)
        .map(|wave| CurvePoint {
            wave,
            curves: after(model, places, strict, wave),
            exposure: left(wave),
        })
        .collect()
}

fn after(model: &Model, places: &[Place], strict: &[Strict], wave: u32) -> Curves {
    let mut sum = Curves::default();
    for (service, place) in places.iter().enumerate() {
        if place.by(wave) {
            sum.shed += model.in_rate[service];
            sum.client += model.out_rate[service];
        }
    }
    for arc in &model.arcs {
        if places[arc.caller].by(wave) && places[arc.callee].by(wave) {
            sum.both += arc.calls.rate;
        }
        if matches!(&strict[arc.callee], Strict::Ready { wave: ready, .. } if *ready <= wave) {
            sum.strict += arc.calls.rate;
        }
    }
    Curves {
        shed: model.share_of_all(sum.shed),
        client: model.share_of_calls(sum.client),
        both: model.share_of_calls(sum.both),
        strict: model.share_of_calls(sum.strict),
    }
}

//! Protection curves and exposure, recomputed from the waves alone.

use super::super::outcome::{CurvePoint, Curves, Plan};
use super::{Judge, ViolationCode, close};

/// What arrives in a wave, as rates.
#[derive(Debug, Clone, Copy, Default)]
struct Arrival {
    shed: f64,
    client: f64,
    both: f64,
    strict: f64,
    exposure: f64,
}

impl Judge<'_> {
    /// Every point, that they never fall, and that the last one is the maximum.
    pub(super) fn curves(&mut self, plan: &Plan) {
        let arrivals = self.arrivals();
        let all_exposure: f64 = self.exposure.iter().sum();
        let mut sum = Arrival::default();
        let mut waiting = arrivals.into_iter().peekable();
        let mut last = Curves::default();
        let first = self.options.waves_done;
        for (wave, point) in (first..=u32::MAX).zip(&plan.curves) {
            while let Some((_, arrival)) = waiting.next_if(|(at, _)| *at <= wave) {
                sum.shed += arrival.shed;
                sum.client += arrival.client;
                sum.both += arrival.both;
                sum.strict += arrival.strict;
                sum.exposure += arrival.exposure;
            }
            let graph = &self.graph;
            let naive = CurvePoint {
                wave,
                curves: Curves {
                    shed: graph.share_of_all(sum.shed),
                    client: graph.share_of_calls(sum.client),
                    both: graph.share_of_calls(sum.both),
                    strict: graph.share_of_calls(sum.strict),
                },
                exposure: all_exposure - sum.exposure,
            };
            self.point(point, &naive, last);
            last = point.curves;
        }
        let points = u32::try_from(plan.curves.len()).unwrap_or(u32::MAX);
        let waves = u32::try_from(plan.waves.len()).unwrap_or(u32::MAX);
        if points != waves.saturating_add(1) {
            let text = format!("{points} points for {waves} waves");
            self.say(ViolationCode::Curve, None, &[], text);
        }
        let end = plan.curves.last().map(|point| point.curves);
        if end.is_some_and(|end| pairs(end, plan.maximum).any(|(_, a, b)| !close(a, b))) {
            let text = "the curves do not end at the maximum".to_owned();
            self.say(ViolationCode::Curve, None, &[], text);
        }
    }

    fn point(&mut self, point: &CurvePoint, naive: &CurvePoint, last: Curves) {
        let wave = naive.wave;
        let mut wrong: Vec<&str> = Vec::new();
        if point.wave != wave {
            wrong.push("wave");
        }
        if !close(point.exposure, naive.exposure) {
            wrong.push("exposure");
        }
        for (name, stated, known) in pairs(point.curves, naive.curves) {
            if !close(stated, known) {
                wrong.push(name);
            }
        }
        for (name, now, before) in pairs(point.curves, last) {
            if now < before && !close(now, before) {
                wrong.push(name);
            }
        }
        for name in wrong {
            let text = format!("`{name}` is not what the waves come to");
            self.say(ViolationCode::Curve, Some(wave), &[], text);
        }
    }

    /// What every wave brings, in the order of waves.
    fn arrivals(&self) -> std::collections::BTreeMap<u32, Arrival> {
        let mut arrivals: std::collections::BTreeMap<u32, Arrival> =
            std::collections::BTreeMap::new();
        let graph = &self.graph;
        for service in 0..graph.count() {
            if let Some(wave) = self.standing.wave[service] {
                let arrival = arrivals.entry(wave).or_default();
                arrival.shed += graph.requests[service];
                arrival.client += graph.out[service];
                arrival.exposure += self.exposure[service];
            }
        }
        for call in &graph.calls {
            let ends = [call.caller, call.callee].map(|end| self.standing.wave[end]);
            if let [Some(caller), Some(callee)] = ends {
                arrivals.entry(caller.max(callee)).or_default().both += call.rate;
            }
            if let Some(wave) = self.strict_from(call.callee) {
                arrivals.entry(wave).or_default().strict += call.rate;
            }
        }
        arrivals
    }

    /// First wave after which a service and all its callers are in; none when one of them never is, or somebody unknown calls.
    pub(super) fn strict_from(&self, service: usize) -> Option<u32> {
        self.strict_from[service]
    }
}

/// First wave after which each service can refuse plaintext.
pub(super) fn strict_from(
    graph: &super::graph::Graph<'_>,
    wave: &[Option<u32>],
) -> Vec<Option<u32>> {
    let of = |service: usize| {
        let unknown = graph.entry(service) > 0.0
            || graph.services[service].orphans > 0
            || !graph.outside_callers[service].is_empty();
        let own = wave[service].filter(|_| !unknown)?;
        let mut callers = graph.incoming[service].iter();
        callers.try_fold(own, |latest, call| {
            let caller = wave[graph.calls[*call].caller]?;
            Some(latest.max(caller))
        })
    };
    (0..graph.count()).map(of).collect()
}

fn pairs(a: Curves, b: Curves) -> impl Iterator<Item = (&'static str, f64, f64)> {
    [
        ("shed", a.shed, b.shed),
        ("client", a.client, b.client),
        ("both", a.both, b.both),
        ("strict", a.strict, b.strict),
    ]
    .into_iter()
}

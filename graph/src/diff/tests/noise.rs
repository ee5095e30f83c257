//! False alarms on traffic that did not change, and detection of changes that were planted. Seeded: always the same traffic.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "random counts and times are small and not negative"
)]

use super::*;
use crate::sketch::Sketch;

/// A small generator of random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Above 0, at most 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Arrivals within a mean number of mean waiting times.
    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 400.0 {
            return (mean + mean.sqrt() * self.normal()).round() as u64;
        }
        let mut waited = -self.unit().ln();
        let mut count = 0;
        while waited < mean {
            waited -= self.unit().ln();
            count += 1;
        }
        count
    }

    fn binomial(&mut self, trials: u64, probability: f64) -> u64 {
        (0..trials).filter(|_| self.unit() <= probability).count() as u64
    }
}

/// An edge that behaves the same all the time.
#[derive(Clone)]
struct Source {
    /// Requests of the caller per hour.
    rate: f64,
    failing: f64,
    /// Mean calls per request; their number is geometric.
    burst: f64,
}

fn sources(random: &mut Random) -> Vec<Source> {
    let sources = (0..60).map(|index| Source {
        rate: (0.5_f64 * 1.14_f64.powi(index)).max(0.5),
        failing: 0.02 * random.unit(),
        burst: if index % 3 == 0 { 4.0 } else { 1.0 },
    });
    sources.collect()
}

fn observed(sources: &[Source], hours: f64, random: &mut Random) -> GraphSnapshot {
    let mut edges = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let requests = random.poisson(source.rate * hours);
        let more = 1.0 - 1.0 / source.burst;
        let mut calls = requests;
        if more > 0.0 {
            let run = |random: &mut Random| (random.unit().ln() / more.ln()).floor() as u64;
            calls += (0..requests).map(|_| run(random)).sum::<u64>();
        }
        if calls == 0 {
            continue;
        }
        let mut edge = edge("service/web", &format!("service/s{index:02}"), calls);
        edge.failed = random.binomial(calls, source.failing);
        edge.facts.caller_requests = Some(requests);
        // Every tenth call or so goes to a second address.
        let second = random.binomial(calls, 0.1);
        edge.targets = vec![target("one.shop"), target("two.shop")];
        edge.targets[0].calls = calls - second;
        edge.targets[1].calls = second;
        edge.targets.retain(|target| target.calls > 0);
        edges.push(edge);
    }
    snapshot(Vec::new(), edges)
}

/// With `min_change` 1 everything that is significant is told, however small.
const STRICT: Options = Options {
    fdr: 0.05,
    min_calls: 30,
    min_change: 1.0,
};

fn compared(before: &GraphSnapshot, after: &GraphSnapshot, hours: [f64; 2]) -> Difference {
    let side = |snapshot, hours| Side {
        snapshot,
        seconds: Some(hours * HOUR),
    };
    compare(side(before, hours[0]), side(after, hours[1]), STRICT)
}

/// Of 200 comparisons of unchanged traffic, at most 5 % may find anything; 20 are the 99.9th percentile of that.
#[test]
fn unchanged_traffic_rarely_differs() {
    let mut random = Random(1);
    let sources = sources(&mut random);
    let mut alarms = 0;
    for run in 0..200 {
        let hours = if run % 2 == 0 { [1.0, 1.0] } else { [0.5, 2.0] };
        let before = observed(&sources, hours[0], &mut random);
        let after = observed(&sources, hours[1], &mut random);
        alarms += u32::from(compared(&before, &after, hours).differ);
    }
    assert!(alarms <= 20, "{alarms} false alarms in 200 comparisons");
}

/// Every edge also gains or loses a third or so from one window to the next, for reasons of its own.
#[test]
fn restless_traffic_rarely_differs_either() {
    let mut random = Random(2);
    let sources = sources(&mut random);
    let mut told = 0;
    for _ in 0..100 {
        let mut restless = || {
            let mut sources = sources.clone();
            for source in &mut sources {
                source.rate *= (0.2 * random.normal()).exp();
            }
            observed(&sources, 1.0, &mut random)
        };
        let (before, after) = (restless(), restless());
        told += compared(&before, &after, [1.0, 1.0])
            .edges
            .iter()
            .filter(|edge| edge.certain)
            .count();
    }
    // 6,000 edges were compared.
    assert!(told <= 60, "{told} false alarms");
}

type Shape = fn(&mut Random) -> f64;

/// Milliseconds of shapes that production has: one hump, memoryless, heavy, and two humps.
const SHAPES: [Shape; 4] = [
    |random| 20.0 * (0.7 * random.normal()).exp(),
    |random| -30.0 * random.unit().ln(),
    |random| 5.0 * random.unit().powf(-0.5),
    |random| {
        let middle = if random.unit() < 0.8 { 4.0 } else { 90.0 };
        middle * (0.3 * random.normal()).exp()
    },
];

fn timed(calls: u64, scale: f64, random: &mut Random) -> GraphSnapshot {
    let mut edges = Vec::new();
    for (index, shape) in SHAPES.iter().cycle().take(24).enumerate() {
        let mut sketch = Sketch::default();
        // Only the first edge is slowed down.
        let scale = if index == 0 { scale } else { 1.0 };
        (0..calls).for_each(|_| sketch.record((shape(random) * scale * 1e6) as u64));
        let mut edge = edge("service/web", &format!("service/s{index:02}"), calls);
        edge.latency.client = sketch.summary();
        edges.push(edge);
    }
    snapshot(Vec::new(), edges)
}

#[test]
fn unchanged_latencies_rarely_differ() {
    let mut random = Random(3);
    let mut alarms = 0;
    for _ in 0..40 {
        let before = timed(1000, 1.0, &mut random);
        let after = timed(1000, 1.0, &mut random);
        alarms += u32::from(compared(&before, &after, [1.0, 1.0]).differ);
    }
    assert!(alarms <= 6, "{alarms} false alarms in 40 comparisons");
}

#[test]
fn planted_changes_are_found() {
    let mut random = Random(4);
    let before = timed(2000, 1.0, &mut random);
    let after = timed(2000, 2.0, &mut random);
    let difference = hourly(&before, &after);
    let found = only(&difference);
    assert_eq!(found.callee, "service/s00");
    let told: Vec<_> = found.details.iter().map(|detail| detail.what).collect();
    assert_eq!(told, [What::ClientP50, What::ClientP99]);

    let sources = sources(&mut random);
    let mut planted = sources.clone();
    planted[55].rate *= 2.0;
    planted[56].failing = 0.1;
    planted[57].rate = 0.0;
    let before = observed(&sources, 1.0, &mut random);
    let after = observed(&planted, 1.0, &mut random);
    let difference = hourly(&before, &after);
    let certain = difference.edges.iter().filter(|edge| edge.certain);
    let told: Vec<_> = certain
        .map(|edge| {
            (
                edge.callee.as_str(),
                edge.change,
                edge.details.first().map(|d| d.what),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("service/s57", Change::Gone, None),
            ("service/s56", Change::Changed, Some(What::ErrorRate)),
            ("service/s55", Change::Changed, Some(What::Volume)),
        ]
    );
}

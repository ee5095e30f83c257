//! Who calls whom, with the degrees of a real company.
//!
//! Degrees are drawn from the quantiles of a published graph of 1,238 services and 4,271 edges: out-degree p50, p90, p99 and
//! maximum 1, 9, 24, 83; in-degree 1, 6, 43, 231. Between them the distribution is log-linear. Maxima grow with the size
//! of the company: those of callers like its root, those of shared callees like the size itself.

use crate::random::Random;

/// Callees of each service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// By caller, ascending.
    pub callees: Vec<Vec<usize>>,
}

/// Share of services, then the degree at that share; in thousandths and in thousandths.
type Quantiles = [(f64, f64); 5];

/// Services of the graph that the quantiles come from.
const MEASURED: f64 = 1_238.0;

impl Topology {
    /// Draws a graph. Callers mostly stand before their callees, a few close cycles, a few call themselves.
    #[must_use]
    pub fn new(random: &mut Random, services: usize) -> Self {
        let size = to_float(services) / MEASURED;
        let most = to_float(services) / 3.0;
        let out: Quantiles = [
            (0.4, 0.0),
            (0.5, 1.0),
            (0.9, 9.0),
            (0.99, 24.0),
            (1.0, (83.0 * size.sqrt()).clamp(24.0, 400.0)),
        ];
        let into: Quantiles = [
            (0.25, 0.0),
            (0.5, 1.0),
            (0.9, 6.0),
            (0.99, 43.0 * size.clamp(0.05, 1.5)),
            (1.0, 231.0 * size.max(0.05)),
        ];
        let wanted: Vec<usize> = (0..services).map(|_| degree(random, &out, most)).collect();
        let mut stubs: Vec<usize> = (0..services)
            .flat_map(|service| {
                let times = degree(random, &into, to_float(services));
                std::iter::repeat_n(service, times)
            })
            .collect();
        if stubs.is_empty() {
            stubs.extend(0..services);
        }
        let callees = wanted.iter().enumerate();
        Self {
            callees: callees
                .map(|(caller, wanted)| draw(random, &stubs, caller, *wanted))
                .collect(),
        }
    }

    /// Out-degrees, then in-degrees, each ascending.
    #[must_use]
    pub fn degrees(&self) -> (Vec<usize>, Vec<usize>) {
        let mut out: Vec<usize> = self.callees.iter().map(Vec::len).collect();
        let mut into = vec![0; self.callees.len()];
        for callee in self.callees.iter().flatten() {
            into[*callee] += 1;
        }
        out.sort_unstable();
        into.sort_unstable();
        (out, into)
    }
}

/// Distinct callees, as popular as they have stubs. One in thirty may stand before the caller.
fn draw(random: &mut Random, stubs: &[usize], caller: usize, wanted: usize) -> Vec<usize> {
    const TRIES: usize = 12;
    let mut callees = Vec::new();
    for _ in 0..wanted {
        let may_return = random.chance(30);
        let found = (0..TRIES).find_map(|_| {
            let callee = *random.pick(stubs);
            let is_forward = callee > caller || (may_return && callee != caller);
            (is_forward && !callees.contains(&callee)).then_some(callee)
        });
        callees.extend(found);
    }
    // Shards of one service ask each other.
    if !callees.is_empty() && random.chance(20) {
        callees.push(caller);
    }
    callees.sort_unstable();
    callees
}

/// A degree at a random place of the distribution, at most `most`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a degree is small and not negative"
)]
fn degree(random: &mut Random, quantiles: &Quantiles, most: f64) -> usize {
    let place = to_float(random.below(1_000_000)) / 1e6;
    let upper = quantiles.iter().position(|(share, _)| place < *share);
    let degree = match upper {
        Some(0) => 0.0,
        Some(upper) => {
            let ((from, low), (to, high)) = (quantiles[upper - 1], quantiles[upper]);
            let along = (place - from) / (to - from);
            if low < 1.0 {
                high
            } else {
                low * (high / low).powf(along)
            }
        }
        None => quantiles[4].1,
    };
    degree.min(most).floor() as usize
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of services are far below 2^53"
)]
fn to_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantile(sorted: &[usize], permille: usize) -> usize {
        sorted[(sorted.len() - 1) * permille / 1000]
    }

    /// Shapes of `attributes.md`: wide bands, because a seed is a sample.
    #[test]
    fn degrees_are_those_of_a_real_company() {
        let topology = Topology::new(&mut Random::new(7), 1_238);
        let (out, into) = topology.degrees();
        let edges: usize = out.iter().sum();
        let shape = |degrees: &[usize]| [500, 900, 990, 1000].map(|share| quantile(degrees, share));
        let (out, into) = (shape(&out), shape(&into));
        let bands = |found: [usize; 4], least: [usize; 4], most: [usize; 4]| {
            let is_in = found.iter().zip(least.iter().zip(most));
            is_in.fold(true, |all, (found, (least, most))| {
                all && (*least..=most).contains(found)
            })
        };
        assert!((3_000..6_000).contains(&edges), "{edges} edges");
        assert!(bands(out, [0, 6, 17, 50], [2, 12, 32, 90]), "{out:?}");
        assert!(bands(into, [0, 4, 25, 120], [2, 10, 65, 420]), "{into:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_company_at_any_size() {
        for services in [1, 2, 30, 5_000] {
            let draw = || Topology::new(&mut Random::new(3), services);
            assert_eq!(draw(), draw());
        }
    }
}

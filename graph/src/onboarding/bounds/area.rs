//! A bound on the area: how much worth can be in by each wave at most.
//!
//! The area is the worth that is still missing, summed over the waves. Calls between two items count half at each end, and half the
//! distance that the ends have to keep. By each wave no more can be in than fits into the sizes of the waves so far (the heaviest of
//! what is released: exact without other limits, Smith's rule), nor than fits into their traffic, nor into a mixture of both (the
//! fractional knapsack). The least of these counts, wave by wave.

use super::Relaxed;

/// Shares of traffic in the mixtures of size and traffic.
const MIXTURES: [f64; 4] = [1.0, 0.75, 0.5, 0.25];

/// A member of an item.
struct Unit {
    release: u32,
    weight: f64,
    takes: f64,
}

pub(super) fn area(relaxed: &Relaxed<'_>) -> f64 {
    let units = units(relaxed);
    let all: f64 = units.iter().map(|unit| unit.weight).sum();
    let by_size = in_by_size(relaxed, &units);
    let (mut size, mut traffic, mut area, mut wave) = (0, 0.0, all, 0);
    loop {
        let most_by_size = by_size.get(wave).copied().unwrap_or(all);
        wave += 1;
        let number = u32::try_from(wave).unwrap_or(u32::MAX);
        size += relaxed.size(number);
        traffic += relaxed.traffic(number);
        let room = (size as f64, traffic);
        let mixtures = MIXTURES.iter();
        let least = mixtures.map(|share| mixture(&units, number, room, *share));
        let most = least.fold(most_by_size, f64::min);
        area += (all - most).max(0.0);
        if wave >= by_size.len() && (all - most < 1e-9 || relaxed.most_traffic <= 0.0) {
            break;
        }
    }
    area + apart(relaxed)
}

fn units(relaxed: &Relaxed<'_>) -> Vec<Unit> {
    let mut units = Vec::new();
    for (item, release) in relaxed.problem.items.iter().zip(&relaxed.release) {
        let members = item.members.len() as f64;
        let bonds: f64 = item.bonds.iter().map(|(_, worth)| 0.5 * worth).sum();
        for _ in &item.members {
            units.push(Unit {
                release: *release,
                weight: (item.worth + bonds) / members,
                takes: relaxed.takes(item) / members,
            });
        }
    }
    units.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    units
}

/// Worth that is in after each wave when every wave takes the heaviest that are released: no plan has more in after any wave. It ends
/// with the wave in which all is in.
fn in_by_size(relaxed: &Relaxed<'_>, units: &[Unit]) -> Vec<f64> {
    let mut by_release: Vec<&Unit> = units.iter().collect();
    by_release.sort_by_key(|unit| unit.release);
    let (mut next, mut waiting) = (0, std::collections::BinaryHeap::new());
    let (mut sums, mut sum, mut wave) = (Vec::new(), 0.0, 0);
    while next < by_release.len() || !waiting.is_empty() {
        wave += 1;
        while let Some(unit) = by_release.get(next).filter(|unit| unit.release <= wave) {
            waiting.push(Weight(unit.weight));
            next += 1;
        }
        for _ in 0..relaxed.size(wave).min(waiting.len()) {
            sum += waiting.pop().map_or(0.0, |Weight(weight)| weight);
        }
        sums.push(sum);
    }
    sums
}

/// Most worth that fits into a mixture of the services and the traffic of the waves so far.
fn mixture(units: &[Unit], wave: u32, (size, traffic): (f64, f64), share: f64) -> f64 {
    if traffic <= 0.0 {
        return f64::INFINITY;
    }
    let takes = |unit: &Unit| share * unit.takes / traffic + (1.0 - share) / size;
    let dense = |unit: &Unit| {
        let takes = takes(unit);
        let density = if takes > 0.0 {
            unit.weight / takes
        } else {
            f64::INFINITY
        };
        (density, unit.weight, takes)
    };
    let units = units.iter().filter(|unit| unit.release <= wave);
    let mut released: Vec<(f64, f64, f64)> = units.map(dense).collect();
    released.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut room, mut worth) = (1.0 + 1e-9, 0.0);
    for (_, weight, takes) in released {
        if takes >= room {
            return worth + weight * (room / takes);
        }
        room -= takes;
        worth += weight;
    }
    worth
}

/// Two items that call each other are never in one wave: the later one is at least half the distance behind their mean.
fn apart(relaxed: &Relaxed<'_>) -> f64 {
    let half = 0.5 * f64::from(relaxed.distance());
    let mut sum = 0.0;
    for (number, item) in relaxed.problem.items.iter().enumerate() {
        let later = item.bonds.iter().filter(|(other, _)| *other > number);
        let neighbours = later.filter(|(other, _)| item.neighbours.binary_search(other).is_ok());
        sum += neighbours.map(|(_, worth)| half * worth).sum::<f64>();
    }
    sum
}

/// A weight in a heap, the heaviest on top.
#[derive(PartialEq)]
struct Weight(f64);

impl Eq for Weight {}

impl PartialOrd for Weight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Weight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

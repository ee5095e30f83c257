//! Bounds on the number of waves: the ramp, chains, teams, cliques, and traffic. The largest counts.

use std::collections::BTreeMap;

use super::super::board::ROUNDING;
use super::Relaxed;

/// Services from which a clique is grown.
const SEEDS: usize = 40;

pub(super) fn waves(relaxed: &Relaxed<'_>) -> usize {
    if relaxed.problem.items.is_empty() {
        return 0;
    }
    let all = [
        by_size(relaxed),
        by_chain(relaxed),
        by_team(relaxed),
        by_clique(relaxed),
        by_traffic(relaxed),
        by_large(relaxed),
    ];
    let most = all.into_iter().fold(1, u32::max);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// What may join from some wave on needs room from there on; what others wait for, room before the end.
fn by_size(relaxed: &Relaxed<'_>) -> u32 {
    let items = || relaxed.problem.items.iter().zip(&relaxed.release);
    let mut releases: Vec<(u32, usize)> = items().map(|(i, at)| (*at, i.members.len())).collect();
    releases.sort_unstable();
    let mut most = 0;
    let (mut index, mut left) = (0, releases.iter().map(|(_, size)| size).sum::<usize>());
    while let Some((from, _)) = releases.get(index) {
        most = most.max(filled(relaxed, *from, left));
        let same = releases[index..].iter().take_while(|(at, _)| at == from);
        let (count, sum) = same.fold((0, 0), |(n, sum), (_, size)| (n + 1, sum + size));
        index += count;
        left -= sum;
    }
    let mut tails: BTreeMap<u32, usize> = BTreeMap::new();
    for (item, _) in items() {
        *tails.entry(item.chain).or_default() += item.members.len();
    }
    let mut waiting = 0;
    for (chain, size) in tails.into_iter().rev() {
        waiting += size;
        most = most.max(filled(relaxed, 1, waiting) + (chain - 1));
    }
    most
}

/// The wave in which so many services are in, when waves are full from `from` on.
fn filled(relaxed: &Relaxed<'_>, from: u32, mut services: usize) -> u32 {
    let mut wave = from;
    loop {
        let size = relaxed.size(wave);
        if services <= size {
            return wave;
        }
        services -= size;
        wave += 1;
    }
}

fn by_chain(relaxed: &Relaxed<'_>) -> u32 {
    let items = relaxed.problem.items.iter().zip(&relaxed.release);
    let ends = items.map(|(item, at)| at.saturating_add(item.chain - 1));
    ends.max().unwrap_or(0)
}

/// A wave holds as much effort of a team as its cap, or one service above it.
fn by_team(relaxed: &Relaxed<'_>) -> u32 {
    let cap = u64::try_from(relaxed.limits(1).team).unwrap_or(u64::MAX);
    let mut teams: BTreeMap<usize, (u64, u32)> = BTreeMap::new();
    for (item, at) in relaxed.problem.items.iter().zip(&relaxed.release) {
        for (team, effort) in &item.teams {
            let (sum, first) = teams.entry(*team).or_insert((0, u32::MAX));
            *sum += u64::from(*effort).min(cap);
            *first = (*first).min(*at);
        }
    }
    let end = |(sum, first): (u64, u32)| {
        let waves = u32::try_from(sum.div_ceil(cap)).unwrap_or(u32::MAX);
        waves.saturating_add(first - 1)
    };
    teams.into_values().map(end).max().unwrap_or(0)
}

/// Items that all call each other need a wave each.
fn by_clique(relaxed: &Relaxed<'_>) -> u32 {
    let items = &relaxed.problem.items;
    let mut seeds: Vec<usize> = (0..items.len()).collect();
    seeds.sort_by_key(|item| (std::cmp::Reverse(items[*item].neighbours.len()), *item));
    seeds.truncate(SEEDS);
    let end = |seed: &usize| {
        let mut common = items[*seed].neighbours.clone();
        let mut clique = vec![*seed];
        let rank = |item: &usize| (items[*item].neighbours.len(), std::cmp::Reverse(*item));
        while let Some(next) = common.iter().copied().max_by_key(rank) {
            clique.push(next);
            let neighbours = &items[next].neighbours;
            common.retain(|item| neighbours.binary_search(item).is_ok());
        }
        let first = clique
            .iter()
            .map(|item| relaxed.release[*item])
            .min()
            .unwrap_or(1);
        let others = u32::try_from(clique.len() - 1).unwrap_or(u32::MAX);
        first.saturating_add(others.saturating_mul(relaxed.distance()))
    };
    seeds.iter().map(end).max().unwrap_or(0)
}

/// Oversize items stand alone after the ramp; the rest has to fit into the traffic of the other waves.
fn by_traffic(relaxed: &Relaxed<'_>) -> u32 {
    let takes = relaxed.problem.items.iter().map(|item| relaxed.takes(item));
    let mut left = super::super::model::total(takes);
    let items = relaxed.problem.items.iter();
    let oversize = items.filter(|item| relaxed.is_oversize(item)).count();
    let mut alone = u32::try_from(oversize).unwrap_or(u32::MAX);
    let most = u32::try_from(relaxed.problem.items.len()).unwrap_or(u32::MAX);
    let mut wave = 0;
    // Above this many waves the bound says no more than that every item has one.
    while (left > ROUNDING * 1e3 || alone > 0) && wave < relaxed.horizon.saturating_add(most) {
        wave += 1;
        left -= relaxed.traffic(wave);
        if !relaxed.limits(wave).ramp {
            alone = alone.saturating_sub(1);
        }
        if relaxed.most_traffic <= 0.0 {
            break;
        }
    }
    wave
}

/// Items of more than half of the largest traffic limit never share a wave, and what is left of their waves holds only small ones
/// (the bound of Martello and Toth on bins).
fn by_large(relaxed: &Relaxed<'_>) -> u32 {
    let bin = relaxed.most_traffic + ROUNDING;
    let mut sizes: Vec<f64> = relaxed
        .problem
        .items
        .iter()
        .map(|i| relaxed.takes(i))
        .collect();
    sizes.sort_by(f64::total_cmp);
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(sizes.iter().scan(0.0, |sum, size| {
            *sum += size;
            Some(*sum)
        }))
        .collect();
    let half = sizes.partition_point(|size| *size <= bin / 2.0);
    let waves = |small: usize| {
        let least = sizes.get(small).copied().unwrap_or(bin);
        let alone = sizes.partition_point(|size| *size <= bin - least).max(half);
        let spare = (alone - half) as f64 * bin - (sums[alone] - sums[half]);
        let rest = (sums[half] - sums[small.min(half)] - spare).max(0.0);
        let more = (rest / bin - 1e-9).ceil().max(0.0);
        (sizes.len() - half) as f64 + more
    };
    let most = (0..=half).map(waves).fold(0.0, f64::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the value is no more than twice the number of items"
    )]
    let most = if bin > ROUNDING { most as u32 } else { 0 };
    most
}

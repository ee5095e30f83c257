//! How the calls to one name are shared out over the addresses behind it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::judge::Fate;
use super::known;
use super::probe::Dial;
use super::report::{Basis, Finding};
use crate::snapshot::Target;

/// The addresses behind a target with the attempts that went there; `None` stands for those of which no span tells.
pub(super) fn addresses(dial: &Dial, target: &Target) -> Vec<(Option<IpAddr>, u64)> {
    if dial.literal().is_some() {
        return vec![(None, 1)];
    }
    let mut by_ip: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for (socket, count) in &target.sockets {
        if let Some((ip, _)) = known::socket_place(socket) {
            let sum = by_ip.entry(ip).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    let told = by_ip
        .values()
        .fold(0, |sum: u64, count| sum.saturating_add(*count));
    let untold = target.attempts.max(target.calls).saturating_sub(told);
    let mut addresses: Vec<(Option<IpAddr>, u64)> = by_ip
        .into_iter()
        .map(|(ip, count)| (Some(ip), count))
        .collect();
    if untold > 0 || addresses.is_empty() {
        addresses.push((None, untold.max(1)));
    }
    addresses
}

/// Shares calls out in proportion to weights, whole and without loss: what rounding leaves goes to the worst fate.
pub(super) fn apportion(mut fates: Vec<(Fate, u64)>, calls: u64) -> Vec<(Fate, u64)> {
    let whole: u128 = fates.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let mut left = calls;
    for (_, weight) in &mut fates {
        let share = u128::from(calls) * u128::from(*weight) / whole.max(1);
        *weight = u64::try_from(share).unwrap_or(u64::MAX).min(left);
        left -= *weight;
    }
    let worst = fates
        .iter_mut()
        .max_by_key(|(fate, _)| (fate.reason.verdict(), fate.reason));
    if let Some((_, share)) = worst {
        *share = share.saturating_add(left);
    }
    fates
}

/// Adds a finding, or its calls to one that differs only in the address behind the name.
pub(super) fn push(findings: &mut Vec<Finding>, new: Finding) {
    let same = |old: &&mut Finding| {
        let way = |found: &Finding| Finding {
            calls: 0,
            address: None,
            basis: Basis::None,
            ..found.clone()
        };
        way(old) == way(&new)
    };
    match findings.iter_mut().find(same) {
        Some(old) => {
            old.calls = old.calls.saturating_add(new.calls);
            old.basis = old.basis.max(new.basis);
            if old.address != new.address {
                old.address = None;
            }
        }
        None => findings.push(new),
    }
}

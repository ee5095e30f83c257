//! Made-up settings and endpoints, also values that no formula gives: policies are written by people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tracemesh_graph::egress::{
    Absent, EgressModel, EgressTarget, Feature, Phase, Setting, SettingName, SettingSource,
    SettingValue, Tuning,
};
use tracemesh_graph::inventory::{Addressing, Endpoint};

use super::snapshots::Dice;

const ZONES: [&str; 5] = ["za", "no", "1e3", "z\"\n", ""];
const REASONS: [&str; 3] = ["too few calls", "no: \"yes\"\n- x", "\u{2028}"];

/// Gives a model random settings in both phases, and endpoints to some targets.
pub(super) fn scatter(model: &mut EgressModel, dice: &mut Dice) {
    for service in &mut model.services {
        service.inbound_tuning = tuning(dice);
        for destination in &mut service.destinations {
            destination.tuning = tuning(dice);
            for target in &mut destination.targets {
                locate(target, dice);
            }
        }
    }
}

fn tuning(dice: &mut Dice) -> Tuning {
    let phase = dice.pick(&[Phase::Transparent, Phase::Tuned, Phase::Tuned]);
    // Usually most settings are there, as formulas give them.
    let share = dice.pick(&[1, 8, 9]);
    let names = SettingName::ALL.iter();
    let settings = names.filter_map(|&name| {
        let setting = Setting {
            value: value(name, dice),
            source: SettingSource::Policy,
            formula: String::new(),
            facts: Vec::new(),
        };
        (dice.roll(10) < share).then_some((name, setting))
    });
    Tuning {
        phase,
        settings: settings.collect(),
        withheld: vec![absent(dice)],
        inert: vec![absent(dice), absent(dice)],
    }
}

fn value(name: SettingName, dice: &mut Dice) -> SettingValue {
    let is_flag = matches!(
        name,
        SettingName::AlwaysEjectOneHost
            | SettingName::SuccessRateEjection
            | SettingName::LeastRequest
    );
    match dice.roll(12) {
        0 => SettingValue::Flag(dice.roll(2) == 0),
        1 => SettingValue::Number(dice.pick(&[0, u64::MAX, 1 << 32, u64::from(u32::MAX), 101])),
        _ if is_flag => SettingValue::Flag(true),
        _ => SettingValue::Number(1 + dice.roll(100)),
    }
}

fn absent(dice: &mut Dice) -> Absent {
    Absent {
        feature: dice.pick(&[Feature::Retries, Feature::ZoneAware]),
        reason: dice.pick(&REASONS).to_owned(),
    }
}

fn locate(target: &mut EgressTarget, dice: &mut Dice) {
    target.addressing = dice.pick(&[
        None,
        Some(Addressing::Headless),
        Some(Addressing::VirtualIp),
        Some(Addressing::ExternalName),
    ]);
    target.endpoints = (0..dice.roll(4))
        .map(|_| Endpoint {
            address: match dice.roll(4) {
                0 => IpAddr::V6(Ipv6Addr::LOCALHOST),
                last => IpAddr::V4(Ipv4Addr::new(10, 1, 0, u8::try_from(last).unwrap())),
            },
            port: 8080,
            zone: (dice.roll(4) > 0).then(|| dice.pick(&ZONES).to_owned()),
        })
        .collect();
}

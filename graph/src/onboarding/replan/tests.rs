//! Laws of repairs, over random graphs and earlier plans that people spoilt.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::waves_over;

mod cases;
mod laws;

/// Numbers without end from a seed: tests need many, and proptest none to shrink.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn next(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.bits() % count as u64).unwrap()
    }
}

fn id(number: usize) -> String {
    format!("service/s{number:04}")
}

fn edge(caller: &str, callee: &str, rate: f64) -> PlanEdge {
    PlanEdge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        rate,
        attempts: None,
        hit_ratio: None,
        confidence: 0.9,
    }
}

/// A company of layers: a few entries, callees that many call, teams of about six, and hazards here and there.
fn company(services: usize, seed: u64) -> PlanInput {
    let mut random = Random(seed);
    let mut input = PlanInput::default();
    for number in 0..services {
        let hazard = [Severity::Low, Severity::Medium, Severity::High][random.below(3)];
        let service = PlanService {
            entry_rate: if number < services / 10 + 1 {
                100.0 + 1000.0 * random.next()
            } else {
                0.0
            },
            team: Some(format!("team-{}", random.below(services / 6 + 1))),
            tier: Some(u8::try_from(random.below(4)).unwrap()),
            hazards: (random.next() < 0.2)
                .then(|| Hazard {
                    code: "tls-inside".to_owned(),
                    severity: hazard,
                })
                .into_iter()
                .collect(),
            requests: 1000,
            ..PlanService::unknown()
        };
        input.services.insert(id(number), service);
    }
    for number in 1..services {
        for _ in 0..1 + random.below(4) {
            // Callers are near the front more often than not.
            let front = 1 + random.below(number);
            let caller = random.below(front);
            input.edges.push(edge(
                &id(caller),
                &id(number),
                10f64.powf(3.0 * random.next()),
            ));
        }
    }
    input
}

/// Rates that moved by up to a tenth.
fn noisy(input: &PlanInput, random: &mut Random) -> PlanInput {
    let mut noisy = input.clone();
    for edge in &mut noisy.edges {
        edge.rate *= 0.9 + 0.2 * random.next();
    }
    for service in noisy.services.values_mut() {
        service.entry_rate *= 0.9 + 0.2 * random.next();
    }
    noisy
}

/// One call of a hundred goes somewhere else now.
fn rewired(input: &PlanInput, random: &mut Random) -> PlanInput {
    let mut rewired = input.clone();
    let ids: Vec<&String> = input.services.keys().collect();
    for _ in 0..input.edges.len().div_ceil(100) {
        let edge = random.below(rewired.edges.len());
        rewired.edges[edge]
            .callee
            .clone_from(ids[random.below(ids.len())]);
    }
    rewired
}

/// New services, called by some.
fn grown(input: &PlanInput, count: usize, random: &mut Random) -> PlanInput {
    let mut grown = input.clone();
    let ids: Vec<&String> = input.services.keys().collect();
    for number in 0..count {
        let new = format!("service/new{number}");
        let rate = 10f64.powf(2.0 * random.next());
        grown
            .edges
            .push(edge(ids[random.below(ids.len())], &new, rate));
        grown.services.insert(new, PlanService::unknown());
    }
    grown
}

/// Wishes of people: pins of all kinds on some services, groups, waves in flight, and freezes.
fn wishes(input: &mut PlanInput, random: &mut Random) -> PlanOptions {
    let mut options = options();
    for service in input.services.values_mut() {
        let wave = 1 + u32::try_from(random.below(12)).unwrap();
        match random.below(40) {
            0 => service.pins.first = true,
            1 => service.pins.last = true,
            2 => service.pins.wave = Some(wave),
            3 => service.pins.not_before = Some(wave),
            4 => service.pins.not_after = Some(wave),
            _ => {}
        }
    }
    let count = input.services.len();
    let mut some = |count_of: usize| -> Vec<String> {
        (0..count_of).map(|_| id(random.below(count))).collect()
    };
    options.groups.together = vec![some(2)];
    options.groups.apart = vec![some(3)];
    let pair = some(2);
    options.groups.before = vec![(pair[0].clone(), pair[1].clone())];
    options.calendar.start = Some(jiff::civil::date(2026, 3, 2));
    options.freezes = vec![
        Freeze {
            name: "sale".to_owned(),
            from: jiff::civil::date(2026, 4, 1),
            to: jiff::civil::date(2026, 5, 1),
            services: some(2),
            teams: vec!["team-1".to_owned()],
        },
        Freeze {
            name: "year".to_owned(),
            from: jiff::civil::date(2026, 12, 15),
            to: jiff::civil::date(2027, 1, 5),
            services: Vec::new(),
            teams: Vec::new(),
        },
    ];
    options.in_flight.after = 1 + u32::try_from(random.below(3)).unwrap();
    options
}

fn in_mesh(input: &mut PlanInput, plan: &Plan, waves: u32) -> BTreeSet<String> {
    let mut done = BTreeSet::new();
    for wave in plan.waves.iter().filter(|wave| wave.wave <= waves) {
        done.extend(wave.services.iter().map(|service| service.service.clone()));
    }
    for id in &done {
        if let Some(service) = input.services.get_mut(id) {
            service.status = Status::Done;
        }
    }
    done
}

fn waves_of(plan: &Plan) -> BTreeMap<&str, u32> {
    let mut waves: BTreeMap<&str, u32> = plan.done.iter().map(|id| (id.as_str(), 0)).collect();
    for wave in &plan.waves {
        let services = wave.services.iter();
        waves.extend(services.map(|service| (service.service.as_str(), wave.wave)));
    }
    waves
}

/// Every difference is a move and every move is a difference; reasons fit to what they claim.
fn moves_are_complete(before: &Plan, after: &Plan) -> Result<(), TestCaseError> {
    prop_assert_eq!(check_moves(before, after), vec![]);
    let (old, new) = (waves_of(before), waves_of(after));
    let replan = after.replan.as_ref().unwrap();
    let mut ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    for change in &replan.moves {
        prop_assert!(
            ids.remove(change.service.as_str()),
            "twice or unknown: {change:?}"
        );
        let (from, to) = (
            old.get(change.service.as_str()),
            new.get(change.service.as_str()),
        );
        prop_assert_eq!((from.copied(), to.copied()), (change.from, change.to));
        prop_assert_ne!(change.from, change.to);
        let fits = match &change.reason {
            MoveReason::New => change.from.is_none(),
            MoveReason::Done => change.to == Some(0),
            MoveReason::NotPlanned => change.to.is_none(),
            MoveReason::RolledBack => change.from == Some(0),
            MoveReason::Slipped => change.from <= Some(after.options.waves_done),
            MoveReason::Displaced { by } => new.contains_key(by.as_str()),
            MoveReason::NewEdge { service } => new.contains_key(service.as_str()),
            _ => change.from > Some(after.options.waves_done),
        };
        prop_assert!(fits, "{change:?}");
    }
    for id in ids {
        prop_assert_eq!(old.get(id), new.get(id), "{} moved silently", id);
    }
    Ok(())
}

fn options() -> PlanOptions {
    PlanOptions {
        search: Search { tries: 1_000 },
        ..PlanOptions::default()
    }
}

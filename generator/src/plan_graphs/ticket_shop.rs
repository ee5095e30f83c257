//! Graphs in the manner of a well-known railway ticket shop: a fan-out from one gateway, five layers, 28 services, 55 calls.
//!
//! The services and who can call whom follow what is publicly known of that demo system; which of them appear, and how often they
//! call, follows from the seed. So a planner cannot be tuned to one of these graphs.

use super::{Call, PlanGraph, Service, log_uniform};
use crate::random::Random;

/// Services in the graph.
const SERVICES: usize = 28;
/// Calls in the graph.
const CALLS: usize = 55;

/// Name, team, tier, and whether the shop can do without it. Callers come before their callees.
const KNOWN: [(&str, &str, u8, bool); 34] = [
    ("gateway", "web", 0, false),
    ("travel-plan", "travel", 2, true),
    ("route-plan", "travel", 2, true),
    ("rebook", "booking", 2, true),
    ("cancel", "booking", 2, true),
    ("execute", "booking", 2, true),
    ("preserve", "booking", 0, false),
    ("preserve-other", "booking", 1, true),
    ("user", "identity", 1, false),
    ("auth", "identity", 0, false),
    ("verification-code", "identity", 3, true),
    ("food", "extras", 3, false),
    ("travel", "travel", 0, false),
    ("travel2", "travel", 1, false),
    ("basic", "travel", 1, false),
    ("seat", "booking", 1, false),
    ("security", "booking", 1, false),
    ("inside-payment", "payment", 0, false),
    ("payment", "payment", 0, true),
    ("order", "booking", 0, false),
    ("order-other", "booking", 1, false),
    ("consign", "extras", 3, false),
    ("consign-price", "extras", 3, true),
    ("assurance", "extras", 3, false),
    ("contacts", "identity", 2, false),
    ("notification", "extras", 3, true),
    ("train-food", "extras", 3, true),
    ("station-food", "extras", 3, false),
    ("config", "travel", 2, false),
    ("price", "travel", 2, false),
    ("train", "travel", 1, false),
    ("route", "travel", 1, false),
    ("station", "travel", 1, false),
    ("news", "web", 3, true),
];

/// Caller, callee, and calls per hundred requests of the caller.
const POSSIBLE: [(&str, &str, u32); 79] = [
    ("gateway", "travel", 22),
    ("gateway", "travel2", 12),
    ("gateway", "travel-plan", 4),
    ("gateway", "auth", 7),
    ("gateway", "verification-code", 5),
    ("gateway", "user", 3),
    ("gateway", "preserve", 6),
    ("gateway", "preserve-other", 3),
    ("gateway", "contacts", 8),
    ("gateway", "assurance", 6),
    ("gateway", "food", 6),
    ("gateway", "consign", 3),
    ("gateway", "order", 9),
    ("gateway", "order-other", 6),
    ("gateway", "inside-payment", 4),
    ("gateway", "cancel", 2),
    ("gateway", "execute", 3),
    ("gateway", "rebook", 1),
    ("gateway", "route", 2),
    ("gateway", "train", 2),
    ("gateway", "station", 3),
    ("gateway", "news", 1),
    ("gateway", "route-plan", 2),
    ("auth", "verification-code", 60),
    ("user", "auth", 40),
    ("travel-plan", "route-plan", 100),
    ("travel-plan", "seat", 300),
    ("travel-plan", "travel", 150),
    ("travel-plan", "travel2", 80),
    ("travel-plan", "train", 100),
    ("route-plan", "travel", 120),
    ("route-plan", "travel2", 120),
    ("route-plan", "route", 300),
    ("route-plan", "station", 200),
    ("rebook", "order", 150),
    ("rebook", "travel", 100),
    ("rebook", "seat", 100),
    ("rebook", "inside-payment", 60),
    ("rebook", "train", 90),
    ("cancel", "order", 150),
    ("cancel", "order-other", 80),
    ("cancel", "inside-payment", 90),
    ("cancel", "user", 90),
    ("cancel", "notification", 90),
    ("execute", "order", 160),
    ("execute", "order-other", 70),
    ("preserve", "security", 100),
    ("preserve", "contacts", 100),
    ("preserve", "travel", 100),
    ("preserve", "basic", 100),
    ("preserve", "seat", 100),
    ("preserve", "order", 100),
    ("preserve", "station", 200),
    ("preserve", "assurance", 50),
    ("preserve", "food", 40),
    ("preserve", "consign", 40),
    ("preserve", "user", 100),
    ("preserve", "notification", 90),
    ("preserve-other", "security", 100),
    ("preserve-other", "contacts", 100),
    ("preserve-other", "travel2", 100),
    ("preserve-other", "seat", 100),
    ("preserve-other", "order-other", 100),
    ("preserve-other", "station", 200),
    ("food", "train-food", 100),
    ("food", "station-food", 100),
    ("food", "route", 100),
    ("food", "travel", 60),
    ("travel", "basic", 300),
    ("travel", "train", 300),
    ("travel", "route", 350),
    ("travel", "order", 200),
    ("travel", "seat", 500),
    ("travel2", "basic", 250),
    ("travel2", "train", 250),
    ("travel2", "route", 300),
    ("travel2", "seat", 400),
    ("travel2", "order-other", 200),
    ("consign", "consign-price", 90),
];

/// Calls deep in the shop, which every variant has.
const ALWAYS: [(&str, &str, u32); 12] = [
    ("basic", "station", 200),
    ("basic", "train", 100),
    ("basic", "route", 100),
    ("basic", "price", 100),
    ("seat", "order", 70),
    ("seat", "order-other", 50),
    ("seat", "config", 100),
    ("security", "order", 100),
    ("security", "order-other", 100),
    ("inside-payment", "order", 100),
    ("inside-payment", "payment", 80),
    ("order", "station", 60),
];

/// A shop. All calls make three attempts, and every service is well observed. Every other seed has flatter rates, under which more
/// services compete for the traffic limits of a wave.
#[must_use]
pub fn ticket_shop(seed: u64) -> PlanGraph {
    let mut random = Random::new(crate::random::mix(&[seed, 3]));
    let services = services(&mut random);
    let place = |name: &str| services.iter().position(|number| KNOWN[*number].0 == name);
    let mut calls: Vec<(usize, usize, u32)> = Vec::new();
    for (caller, callee, percent) in ALWAYS {
        if let (Some(caller), Some(callee)) = (place(caller), place(callee)) {
            calls.push((caller, callee, percent));
        }
    }
    let mut rest: Vec<(usize, usize, u32)> = POSSIBLE
        .iter()
        .filter_map(|(caller, callee, percent)| Some((place(caller)?, place(callee)?, *percent)))
        .collect();
    shuffle(&mut random, &mut rest);
    // Nobody may be left without a caller.
    for callee in 1..services.len() {
        if !calls.iter().any(|call| call.1 == callee)
            && let Some(at) = rest.iter().position(|call| call.1 == callee)
        {
            calls.push(rest.remove(at));
        }
    }
    calls.extend(rest.into_iter().take(CALLS.saturating_sub(calls.len())));
    calls.sort_unstable();
    PlanGraph {
        calls: rates(&mut random, services.len(), &calls, seed.is_multiple_of(2)),
        services: facts(&mut random, &services),
    }
}

/// Numbers of known services: all that the shop needs, and some others.
fn services(random: &mut Random) -> Vec<usize> {
    let mut services: Vec<usize> = (0..KNOWN.len()).collect();
    while services.len() > SERVICES {
        let at = random.below(services.len());
        if KNOWN[services[at]].3 {
            services.remove(at);
        }
    }
    services
}

fn shuffle<T>(random: &mut Random, list: &mut [T]) {
    for last in (1..list.len()).rev() {
        list.swap(last, random.below(last + 1));
    }
}

fn rates(
    random: &mut Random,
    services: usize,
    calls: &[(usize, usize, u32)],
    is_flat: bool,
) -> Vec<Call> {
    let mut requests = vec![0.0; services];
    requests[0] = 10_000.0;
    let mut result = Vec::with_capacity(calls.len());
    for (caller, callee, percent) in calls {
        let usual = f64::from(*percent) / 100.0;
        let usual = if is_flat {
            usual.sqrt().min(1.2)
        } else {
            usual
        };
        let per_request = usual * log_uniform(random, if is_flat { 1 } else { 2 });
        let rate = requests[*caller] * per_request;
        requests[*callee] += rate;
        result.push(Call {
            caller: *caller,
            callee: *callee,
            rate,
            attempts: 3.0,
            hit_ratio: per_request.min(1.0),
        });
    }
    result
}

fn facts(random: &mut Random, services: &[usize]) -> Vec<Service> {
    let service = |(number, known): (usize, &usize)| {
        let (name, team, tier, _) = KNOWN[*known];
        Service {
            id: format!("service/ts-{name}"),
            entry_rate: if number == 0 { 10_000.0 } else { 0.0 },
            team: team.to_owned(),
            tier,
            hazards: if random.chance(150) { vec![2] } else { vec![] },
            evidence: 1.0,
        }
    };
    services.iter().enumerate().map(service).collect()
}

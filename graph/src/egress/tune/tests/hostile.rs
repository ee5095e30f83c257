//! Snapshots and previous models that anybody may have written.

use proptest::prelude::*;

use super::*;
use crate::egress::{
    EgressEvidence, Phase, Setting, SettingName as Name, SettingSource, SettingValue,
};
use crate::policy::Thresholds;

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(-1.0),
        0.0_f64..1e6,
    ]
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), 0_u64..100_000]
}

fn spoil(snapshot: &mut GraphSnapshot, numbers: &[f64], counts_: &[u64]) {
    let mut numbers = numbers.iter().copied().cycle();
    let mut counts_ = counts_.iter().copied().cycle();
    let mut number = || numbers.next().unwrap_or_default();
    let mut count = || counts_.next().unwrap_or_default();
    for edge in &mut snapshot.edges {
        edge.calls = count();
        edge.attempts = count();
        edge.retries = count();
        edge.errors = counts(&[("500", count()), ("404", count()), ("x", count())]);
        edge.facts.methods = counts(&[("GET", count()), ("POST", count())]);
        let sockets = edge
            .targets
            .iter_mut()
            .flat_map(|target| target.sockets.values_mut());
        sockets.for_each(|socket| *socket = count());
        let client = edge.latency.client.as_mut().unwrap();
        client.count = count();
        for ms in [
            &mut client.p50_ms,
            &mut client.p99_ms,
            &mut client.p999_ms,
            &mut client.max_ms,
        ] {
            *ms = number();
        }
        let demand = edge.facts.demand.as_mut().unwrap();
        demand.calls = count();
        demand.active_days = count();
        for fact in [
            &mut demand.calls_per_second,
            &mut demand.calls_per_second_of_one,
            &mut demand.concurrency_of_one,
            &mut demand.caller_instances,
            &mut demand.callee_instances,
        ] {
            *fact = number();
        }
        demand.slowest_ok_ms = Some(number());
    }
    for inbound in snapshot
        .nodes
        .iter_mut()
        .filter_map(|node| node.inbound.as_mut())
    {
        inbound.calls = count();
        for fact in [
            &mut inbound.calls_per_second_of_one,
            &mut inbound.p50_ms,
            &mut inbound.p90_ms,
            &mut inbound.p99_ms,
            &mut inbound.max_ms,
        ] {
            *fact = number();
        }
    }
}

fn any_previous(numbers: &[u64]) -> EgressModel {
    let mut previous = model(&example(), &tuned());
    let mut numbers = numbers.iter().copied().cycle();
    let services = previous.services.iter_mut();
    let tunings = services.flat_map(|service| {
        let destinations = service.destinations.iter_mut().map(|to| &mut to.tuning);
        destinations.chain([&mut service.inbound_tuning])
    });
    for tuning in tunings {
        for name in Name::ALL {
            let number = numbers.next().unwrap_or_default();
            let value = match number % 7 {
                0 => SettingValue::Flag(number % 2 == 0),
                _ => SettingValue::Number(number),
            };
            let setting = Setting {
                value,
                source: SettingSource::Observed,
                formula: String::new(),
                facts: Vec::new(),
            };
            tuning.settings.insert(*name, setting);
        }
    }
    previous
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_numbers_give_possible_settings_and_finite_facts(
        numbers in prop::collection::vec(any_number(), 1..40),
        counts_ in prop::collection::vec(any_count(), 1..40),
        percent in prop_oneof![Just(20), any::<u64>()],
        least in prop_oneof![Just(0), any::<u64>()],
        is_forced: bool,
    ) {
        let mut snapshot = example();
        spoil(&mut snapshot, &numbers, &counts_);
        let mut options = with_previous(&any_previous(&counts_));
        options.policy.defaults.phase = is_forced.then_some(Phase::Tuned);
        options.policy.thresholds = Thresholds {
            tuned_calls: least,
            tuned_days: least,
            hysteresis_percent: percent,
            ..Thresholds::default()
        };
        let mut model = model(&snapshot, &options);
        for service in &model.services {
            let destinations = service.destinations.iter().map(|to| &to.tuning);
            for tuning in destinations.chain([&service.inbound_tuning]) {
                for (name, setting) in &tuning.settings {
                    prop_assert!(name.allows(setting.value), "{}: {setting:?}", name.as_str());
                }
            }
        }
        let evidence = std::mem::take(&mut model.evidence);
        let text = serde_json::to_string(&evidence).unwrap();
        // JSON has no spelling for what is no number, and no fact may be `null`.
        prop_assert!(serde_json::from_str::<EgressEvidence>(&text).is_ok());
        let text = json(&model);
        prop_assert_eq!(serde_json::from_str::<EgressModel>(&text).unwrap(), model);
    }

    #[test]
    fn more_load_and_slower_calls_never_tighten_a_setting(
        load in (0.0_f64..1e4, 0.0_f64..1e4),
        slow in (0.1_f64..15_000.0, 0.1_f64..15_000.0),
    ) {
        let settings = |load: f64, slow: f64| {
            let snapshot = changed(|edge| {
                let demand = edge.facts.demand.as_mut().unwrap();
                demand.calls_per_second_of_one = load;
                demand.concurrency_of_one = load;
                demand.slowest_ok_ms = Some(slow);
                edge.latency.client.as_mut().unwrap().p999_ms = slow;
            });
            let tuning = cart(&snapshot, &tuned());
            [Name::RouteTimeout, Name::PerTryTimeout, Name::MaxRequests, Name::MaxConnections]
                .map(|name| tuning.number(name).unwrap())
        };
        let less = settings(load.0.min(load.1), slow.0.min(slow.1));
        let more = settings(load.0.max(load.1), slow.0.max(slow.1));
        prop_assert!(less.iter().zip(&more).all(|(less, more)| less <= more), "{less:?} {more:?}");
    }
}

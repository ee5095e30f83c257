//! Lives of destinations over several runs: what goes quiet, what blocks its removal, what a person accepts.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::egress::{EgressModel, TargetMatch, derive};
use crate::policy::{Pin, PinAction, PinDestination, ServicePattern};
use crate::snapshot::testing::{edge, service, snapshot, target};
use crate::snapshot::{GraphSnapshot, Window};
use crate::time::Timestamp;

const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
const WEB: &str = "service/shop/web";
const CART: &str = "service/shop/cart";
const PAY: &str = "external/pay.example.com:443";

/// Days `from..to`; `web` calls `cart` all the time, and `pay` when it is told to.
fn days(from: u64, to: u64, pay: bool) -> GraphSnapshot {
    let mut edges = vec![edge(WEB, CART, 100)];
    if pay {
        let mut rare = edge(WEB, PAY, 5);
        rare.targets = vec![target("pay.example.com")];
        edges.push(rare);
    }
    for edge in &mut edges {
        edge.first_seen = Timestamp(from * DAY);
        edge.last_seen = Timestamp(to * DAY);
        for target in &mut edge.targets {
            target.last_seen = edge.last_seen;
        }
    }
    let mut made = snapshot(vec![service(WEB, &[("client", 1000 * (to - from))])], edges);
    made.window = Window {
        start: Some(Timestamp(from * DAY)),
        end: Some(Timestamp(to * DAY)),
    };
    made
}

fn after(previous: &EgressModel) -> EgressOptions {
    EgressOptions {
        previous: Some(Box::new(previous.clone())),
        ..EgressOptions::default()
    }
}

fn first() -> EgressModel {
    derive(&days(0, 7, true), &EgressOptions::default())
}

fn web(model: &EgressModel) -> &ServiceEgress {
    let mut services = model.services.iter();
    services.find(|service| service.id == WEB).unwrap()
}

fn pay(model: &EgressModel) -> &Destination {
    let mut destinations = web(model).destinations.iter();
    destinations
        .find(|destination| destination.node == PAY)
        .unwrap()
}

/// Weekly runs from day 7 on, in which `pay` is not called.
fn weeks(count: u64) -> EgressModel {
    (1..=count).fold(first(), |model, week| {
        derive(&days(week * 7, week * 7 + 7, false), &after(&model))
    })
}

#[test]
fn what_is_not_seen_stays_turns_quiet_and_is_then_proposed_for_removal() {
    let before = first();
    let states: Vec<DestinationState> = (1..=8).map(|week| pay(&weeks(week)).state).collect();
    use DestinationState::{Active, ProposedRemoval, Quiet};
    let expected = [
        Active,
        Active,
        Quiet,
        Quiet,
        Quiet,
        Quiet,
        ProposedRemoval,
        ProposedRemoval,
    ];
    assert_eq!(states, expected);
    let last = weeks(8);
    let (now, then) = (pay(&last), pay(&before));
    assert_eq!(
        (&now.targets[0].host, &now.targets[0].matches),
        (&then.targets[0].host, &then.targets[0].matches)
    );
    assert_eq!(
        (now.kind, now.confidence, &now.name),
        (then.kind, then.confidence, &then.name)
    );
    assert_eq!(
        (&now.evidence, now.address_source),
        (&then.evidence, then.address_source)
    );
    let evidence = &last.evidence.services[WEB].destinations[PAY];
    assert_eq!(evidence.last_seen, Timestamp(7 * DAY));
    assert_eq!(evidence.unseen_ms, 56 * DAY / 1_000_000);
    let json = serde_json::to_string(&last).unwrap();
    assert!(!json.contains("1970"), "no dates in the model");
}

#[test]
fn a_destination_that_returns_is_active_at_once_and_its_pause_is_remembered() {
    let quiet = weeks(4);
    let back = derive(&days(35, 42, true), &after(&quiet));
    assert_eq!(pay(&back).state, DestinationState::Active);
    let pause = back.evidence.services[WEB].destinations[PAY].longest_gap_ms;
    assert_eq!(pause, 28 * DAY / 1_000_000);
    let later = (6..=11).fold(back, |model, week| {
        derive(&days(week * 7, week * 7 + 7, false), &after(&model))
    });
    assert_eq!(
        pay(&later).state,
        DestinationState::Active,
        "42 days are within three pauses"
    );
}

#[test]
fn running_again_over_the_same_days_changes_nothing() {
    for week in [1, 4, 8] {
        let model = weeks(week);
        let again = derive(&days(week * 7, week * 7 + 7, false), &after(&model));
        assert_eq!(again, model, "week {week}");
    }
}

#[test]
fn silence_of_the_caller_and_lost_spans_do_not_count() {
    let start = weeks(2);
    let unseen = |model: &EgressModel| model.evidence.services[WEB].destinations[PAY].unseen_ms;
    let before = unseen(&start);
    let mut silent = days(21, 60, false);
    silent.edges.clear();
    silent.diagnostics.per_service[0].kinds = [("server".to_owned(), 9)].into();
    assert_eq!(unseen(&derive(&silent, &after(&start))), before);
    let mut dropping = days(21, 60, false);
    dropping
        .diagnostics
        .dropped
        .insert("open_halves".to_owned(), 1000);
    assert_eq!(unseen(&derive(&dropping, &after(&start))), before);
    let mut fewer = days(21, 60, false);
    fewer.diagnostics.per_service[0].spans = 39 * 499;
    assert_eq!(unseen(&derive(&fewer, &after(&start))), before);
    let most = days(21, 60, false);
    assert_eq!(
        unseen(&derive(&most, &after(&start))),
        before + 39 * DAY / 1_000_000
    );
    let half = days(50, 60, false);
    let counted = before + 10 * DAY / 1_000_000;
    assert_eq!(
        unseen(&derive(&half, &after(&start))),
        counted,
        "only what was observed"
    );
}

#[test]
fn a_pin_holds_the_removal_off_and_an_exclusion_ends_it() {
    let model = weeks(7);
    let pin = |action| Pin {
        caller: ServicePattern(WEB.to_owned()),
        destination: PinDestination::Node(ServicePattern(PAY.to_owned())),
        action,
        reason: "refunds".to_owned(),
        owner: "pay".to_owned(),
        expires: date(2030, 1, 1),
        line: 1,
    };
    let with = |action| {
        let mut options = after(&model);
        options.policy.pins = vec![pin(action)];
        derive(&days(56, 63, false), &options)
    };
    let held = with(PinAction::Include);
    assert_eq!(pay(&held).state, DestinationState::Quiet);
    let out = with(PinAction::Exclude);
    assert!(web(&out).destinations.iter().all(|found| found.node != PAY));
    assert_eq!(web(&out).pinned_out[0].node, PAY);
}

#[test]
fn an_accepted_removal_lasts_until_the_destination_is_seen_again() {
    let proposed = weeks(8);
    let mut options = after(&proposed);
    options.accept_removals = true;
    let accepted = derive(&days(56, 63, false), &options);
    assert!(
        web(&accepted)
            .destinations
            .iter()
            .all(|found| found.node != PAY)
    );
    assert_eq!(web(&accepted).removed, [PAY]);
    // A longer window has the old calls again: they are no new sight.
    let mut long = days(0, 70, true);
    for edge in &mut long.edges {
        if edge.callee == PAY {
            edge.last_seen = Timestamp(7 * DAY);
        }
    }
    let still = derive(&long, &after(&accepted));
    assert_eq!(web(&still).removed, [PAY]);
    assert_eq!(still.conservation.expired, 1);
    assert_eq!(still.conservation.edges, still.conservation.accounted());
    let back = derive(&days(70, 77, true), &after(&still));
    assert_eq!(pay(&back).state, DestinationState::Active);
    assert!(web(&back).removed.is_empty());
    // What is only quiet is not let go.
    let mut options = after(&weeks(4));
    options.accept_removals = true;
    assert_eq!(
        pay(&derive(&days(35, 42, false), &options)).state,
        DestinationState::Quiet
    );
}

#[test]
fn a_service_that_is_gone_keeps_its_egress_until_its_removal_is_accepted() {
    let other = |from: u64, to: u64| {
        let mut made = days(from, to, false);
        made.nodes.retain(|node| node.id != WEB);
        made.edges.clear();
        made.diagnostics.per_service[0].service = CART.to_owned();
        made
    };
    let soon = derive(&other(7, 14), &after(&first()));
    assert_eq!(web(&soon).destinations, web(&first()).destinations);
    assert_eq!(web(&soon).state, DestinationState::Active);
    assert_eq!(derive(&other(7, 14), &after(&soon)), soon, "idempotent");
    let late = derive(&other(14, 70), &after(&soon));
    assert_eq!(web(&late).state, DestinationState::ProposedRemoval);
    assert_eq!(
        pay(&late).state,
        DestinationState::Active,
        "its silence says nothing of its calls"
    );
    let back = derive(&days(70, 77, false), &after(&late));
    assert_eq!(web(&back).state, DestinationState::Active);
    assert_eq!(pay(&back).state, DestinationState::Active);
    let mut options = after(&late);
    options.accept_removals = true;
    let accepted = derive(&other(70, 77), &options);
    assert!(accepted.services.iter().all(|service| service.id != WEB));
}

#[test]
fn what_is_kept_never_displaces_what_is_seen() {
    let before = first();
    // The same host is now known as another node, and an opaque store has the port for itself.
    let mut now = days(7, 14, false);
    let mut renamed = edge(WEB, "service/pay/gateway", 1);
    renamed.targets = vec![target("pay.example.com")];
    now.edges.push(renamed);
    now.nodes
        .push(crate::snapshot::testing::node("service/pay/gateway"));
    now.nodes.sort_by(|a, b| a.id.cmp(&b.id));
    let model = derive(&now, &after(&before));
    assert!(
        web(&model)
            .destinations
            .iter()
            .all(|found| found.node != PAY)
    );
    let lost = web(&model).unresolved.iter().find(|lost| lost.node == PAY);
    assert_eq!(
        lost.unwrap().reason,
        crate::egress::UnresolvedReason::LostConflict
    );
}

#[test]
fn addresses_of_a_destination_are_kept_too_but_not_those_of_instances() {
    let mut many = days(0, 7, false);
    many.edges[0].targets = ["10.1.0.7", "cart-admin.shop", "cart.shop"]
        .map(target)
        .into();
    let before = derive(&many, &EgressOptions::default());
    let model = derive(&days(7, 14, false), &after(&before));
    let cart = web(&model)
        .destinations
        .iter()
        .find(|found| found.node == CART);
    let hosts = cart
        .unwrap()
        .targets
        .iter()
        .map(|target| target.host.as_str());
    assert_eq!(
        hosts.collect::<Vec<_>>(),
        ["cart-admin.shop", "cart.shop", "host.shop"]
    );
}

fn shop() -> GraphSnapshot {
    serde_json::from_str(include_str!(
        "../../../../fixtures/egress/shop/snapshot.json"
    ))
    .unwrap()
}

fn part_of_shop(kept: &[bool], shift_days: u64) -> GraphSnapshot {
    let mut made = shop();
    let mut kept = kept.iter();
    made.edges.retain(|_| *kept.next().unwrap_or(&true));
    let later = |time: &mut Timestamp| time.0 += shift_days * DAY;
    for edge in &mut made.edges {
        later(&mut edge.first_seen);
        later(&mut edge.last_seen);
    }
    made.window.start.iter_mut().for_each(later);
    made.window.end.iter_mut().for_each(later);
    made
}

fn wins(now: &TargetMatch, alone: &TargetMatch) -> bool {
    match (now, alone) {
        (TargetMatch::Addresses(now), TargetMatch::Addresses(alone)) => {
            alone.iter().all(|address| now.contains(address))
        }
        // A domain that was learnt earlier adds forms.
        (TargetMatch::Authority(now), TargetMatch::Authority(alone))
        | (TargetMatch::Sni(now), TargetMatch::Sni(alone)) => {
            alone.iter().all(|name| now.contains(name))
        }
        _ => now == alone,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any graph after any other: nothing is lost, nothing seen is displaced, and a second run changes nothing.
    #[test]
    fn no_destination_is_lost_whatever_comes_after(
        first in prop::collection::vec(any::<bool>(), 20),
        second in prop::collection::vec(any::<bool>(), 20),
        gone in any::<bool>(),
        shift in 0_u64..80,
        ports in prop::collection::vec((0_usize..19, prop_oneof![Just(6379_u16), Just(8080), Just(8443)]), 0..6),
    ) {
        let mut earlier = part_of_shop(&first, 0);
        for (edge, port) in ports {
            if let Some(edge) = earlier.edges.get_mut(edge) {
                edge.targets.iter_mut().for_each(|target| target.port = Some(port));
            }
        }
        let mut later = part_of_shop(&second, shift);
        if gone {
            later.nodes.retain(|node| node.id != "service/shop/cart");
            later.edges.retain(|edge| edge.caller != "service/shop/cart");
        }
        let before = derive(&earlier, &EgressOptions::default());
        let alone = derive(&later, &EgressOptions::default());
        let model = derive(&later, &after(&before));
        prop_assert_eq!(model.conservation.edges, model.conservation.accounted());
        for service in &before.services {
            let now = model.services.iter().find(|now| now.id == service.id);
            let now = now.expect("services stay");
            for destination in &service.destinations {
                let kept = now.destinations.iter().any(|kept| kept.node == destination.node);
                let told = now.unresolved.iter().any(|told| told.node == destination.node);
                prop_assert!(kept || told, "{} of {}", destination.node, service.id);
                prop_assert!(model.evidence.services[&service.id].destinations.contains_key(&destination.node) || !kept);
            }
        }
        for service in &alone.services {
            let now = model.services.iter().find(|now| now.id == service.id).expect("it is in the graph");
            // The names of others are put into the caller's words, which a learnt domain changes.
            let by_caller = service
                .destinations
                .iter()
                .filter(|found| found.address_source == AddressSource::DialledByCaller);
            for destination in by_caller {
                let found = now.destinations.iter().find(|now| now.node == destination.node);
                for target in &destination.targets {
                    let same = found.into_iter().flat_map(|found| &found.targets).find(|now| {
                        (now.port, &now.host, &now.scheme, now.protocol) == (target.port, &target.host, &target.scheme, target.protocol)
                    });
                    prop_assert!(same.is_some_and(|now| wins(&now.matches, &target.matches)), "{target:?} {same:?}");
                }
            }
        }
        let again = derive(&later, &after(&model));
        prop_assert_eq!(serde_json::to_string(&again.services).unwrap(), serde_json::to_string(&model.services).unwrap());
        prop_assert_eq!(again.conservation, model.conservation);
    }
}

//! What votes say: thresholds, times and parts. Whole graphs are in `tests/scenarios`.

use proptest::collection::vec;
use proptest::prelude::*;

use super::ballot::{Ballot, Claims, Entry};
use super::*;
use crate::identity::NodeName;
use crate::resolve::policy::{IP_REACH_NS, NAME_QUIET_NS, NAME_REACH_NS};
use crate::segment::votes::Spells;

fn key(name: &str) -> NodeKey {
    NodeKey {
        environment: String::new(),
        namespace: String::new(),
        name: NodeName::Service(name.to_owned()),
    }
}

fn vote_key(caller: &str, callee: &str, host: &str) -> VoteKey {
    VoteKey {
        caller: key(caller),
        callee: key(callee),
        name: None,
        address: Some(Address {
            host: host.to_owned(),
            port: Some(80),
        }),
        word: String::new(),
        rpc_service: String::new(),
    }
}

/// Votes as (caller, callee, count, time). A ballot borrows its keys, which last as long as the test.
fn ballot(host: &str, votes: &[(&str, &str, u64, u64)]) -> Ballot<'static> {
    let mut ballot = Ballot::default();
    for (caller, callee, count, at) in votes {
        let key: &VoteKey = Box::leak(Box::new(vote_key(caller, callee, host)));
        let mut cast = Votes::default();
        (0..*count).for_each(|_| cast.add(*at));
        ballot.add(&NodeRef::of_key(&key.callee), key, &cast);
    }
    ballot
}

fn single(entry: Option<Entry>) -> Option<(String, u64)> {
    match entry {
        Some(Entry::Single { node, votes }) => Some((node.name, votes)),
        _ => None,
    }
}

fn owner(name: &str, votes: u64) -> Option<(String, u64)> {
    Some((name.to_owned(), votes))
}

const T: u64 = 1_000 * NAME_REACH_NS;

#[test]
fn nineteen_of_twenty_votes_name_an_owner_and_fewer_share() {
    let of = |b: u64, c: u64| ballot("api", &[("a", "b", b, T), ("a", "c", c, T)]).of_name((T, T));
    assert_eq!(single(of(19, 1)), owner("b", 19));
    assert!(matches!(of(18, 1), Some(Entry::Shared { candidates }) if candidates.len() == 2));
    assert!(matches!(of(1, 1), Some(Entry::Shared { .. })));
}

#[test]
fn votes_for_a_name_fade_after_a_day_if_others_are_confirmed_and_after_a_week_in_any_case() {
    let votes = |late: u64| {
        let late_at = T + 2 * NAME_QUIET_NS;
        ballot("api", &[("a", "b", 5, T), ("a", "c", late, late_at)])
    };
    let now = T + 2 * NAME_QUIET_NS + 1;
    assert_eq!(single(votes(3).of_name((now, now))), owner("c", 3));
    assert_eq!(single(votes(2).of_name((now, now))), None);
    assert_eq!(single(votes(3).of_name((T, T))), owner("b", 5));
    assert!(matches!(
        votes(3).of_name((T, now)),
        Some(Entry::Shared { .. })
    ));
    let week = now + NAME_REACH_NS;
    assert_eq!(votes(3).of_name((week, week)), None);
}

#[test]
fn a_caller_stands_apart_only_where_callers_explain_everything() {
    let own = |votes: &[(&str, &str, u64, u64)]| single(ballot("api", votes).of_caller(&key("a")));
    let apart = [("a", "b", 3, T), ("x", "c", 3, T)];
    assert_eq!(own(&apart), owner("b", 3));
    assert_eq!(own(&[("a", "b", 2, T), ("x", "c", 9, T)]), None);
    assert_eq!(own(&[("a", "b", 9, T), ("x", "c", 2, T)]), None);
    assert_eq!(own(&[("a", "b", 9, T)]), None, "nobody contradicts");
    let divided = [("a", "b", 9, T), ("x", "c", 9, T), ("x", "b", 1, T)];
    assert_eq!(own(&divided), None);
    let alike = [("a", "b", 9, T), ("x", "c", 9, T), ("y", "b", 1, T)];
    assert_eq!(own(&alike), owner("b", 9));
    assert_eq!(own(&[("x", "c", 9, T), ("y", "b", 9, T)]), None);
}

#[test]
fn words_are_asked_longest_first_and_an_rpc_service_alone() {
    assert_eq!(parts("api/v1/x", ""), ["api/v1/x", "api/v1", "api"]);
    assert_eq!(parts("", ""), [""]);
    assert_eq!(parts("x", "p.S"), ["rpc:p.S"]);
}

#[test]
fn calls_over_a_handover_are_nobodys() {
    let votes = [("a", "b", 1, T), ("a", "c", 1, T + 100)];
    let ballot = ballot("10.0.0.1", &votes);
    let at = |first: u64, last: u64| ballot.of_ip((T + first, T + last), &Claims::new());
    assert_eq!(single(at(0, 0)), owner("b", 1));
    assert_eq!(single(at(100, 100)), owner("c", 1));
    assert_eq!(single(at(100, 200)), owner("c", 1));
    for (first, last) in [(0, 100), (50, 50), (1, 99), (1, 150), (0, 50)] {
        assert_eq!(at(first, last), Some(Entry::Unclear), "{first}..{last}");
    }
    let late = 101 + IP_REACH_NS;
    assert_eq!(at(late, late), None);
}

fn any_votes() -> impl Strategy<Value = Vec<(u8, u64)>> {
    vec((0..3_u8, 0..60_u64), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// Whatever the votes: a named owner of an address answered there last before or first after the calls, and nobody
    /// else answered in between.
    #[test]
    fn an_owner_of_an_address_is_never_contradicted_nearby(
        votes in any_votes(),
        (first, length) in (0..60_u64, 0..5_u64),
    ) {
        const STEP: u64 = IP_REACH_NS / 4;
        let names = ["b", "c", "d"];
        let cast: Vec<(&str, &str, u64, u64)> = votes
            .iter()
            .map(|(node, at)| ("a", names[usize::from(*node)], 1, T + at * STEP))
            .collect();
        let when = (T + first * STEP, T + (first + length) * STEP);
        let entry = ballot("10.0.0.1", &cast).of_ip(when, &Claims::new());
        if let Some((node, _)) = single(entry) {
            let inside = |at: u64| (first..=first + length).contains(&at);
            let is_other = |vote: &&(u8, u64)| names[usize::from(vote.0)] != node;
            prop_assert!(!votes.iter().filter(is_other).any(|(_, at)| inside(*at)));
            let near = |at: u64| at + 4 >= first && at <= first + length + 4;
            let is_own = |vote: &&(u8, u64)| !is_other(vote);
            let own: Vec<u64> = votes.iter().filter(is_own).map(|vote| vote.1).collect();
            let is_covered = own.iter().any(|at| *at <= first) && own.iter().any(|at| *at >= first);
            prop_assert!(is_covered || own.iter().any(|at| near(*at)));
        }
    }

    #[test]
    fn votes_in_any_order_are_one_ballot(
        (votes, shuffled) in any_votes().prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        now in 0..60_u64,
    ) {
        let build = |votes: &[(u8, u64)]| {
            let cast: Vec<(&str, &str, u64, u64)> = votes
                .iter()
                .map(|(node, at)| ("a", ["b", "c", "d"][usize::from(*node)], 1, T + at * IP_REACH_NS))
                .collect();
            let when = (T + now * IP_REACH_NS, T + now * IP_REACH_NS);
            let ip = ballot("10.0.0.1", &cast).of_ip(when, &Claims::new());
            (ip, ballot("api", &cast).of_name(when))
        };
        prop_assert_eq!(build(&votes), build(&shuffled));
    }
}

#[test]
fn a_claim_counts_when_nobody_else_claims_around_that_time() {
    let spells = |at: u64| {
        let mut spells = Spells::default();
        spells.add(at, at, IP_REACH_NS);
        spells
    };
    let (b, c) = (NodeRef::of_key(&key("b")), NodeRef::of_key(&key("c")));
    let claims = Claims::from([(b, spells(T)), (c, spells(T + 3 * IP_REACH_NS))]);
    let at = |time: u64| single(of_claims(&claims, (time, time)));
    assert_eq!(at(T + IP_REACH_NS), owner("b", 1));
    assert_eq!(at(T + 2 * IP_REACH_NS), owner("c", 1));
    assert_eq!(at(T + 5 * IP_REACH_NS), None);
    let near = Claims::from([
        (NodeRef::of_key(&key("b")), spells(T)),
        (NodeRef::of_key(&key("c")), spells(T + 1)),
    ]);
    assert_eq!(single(of_claims(&near, (T, T))), None);
}

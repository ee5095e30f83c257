//! Timeouts and circuit breakers act in the tuned phase; in the transparent one nothing is cut and nothing refused.

use std::time::Duration;

use tracemesh_graph::egress::Phase;

use super::super::app::Manner;
use super::{CALM, Load, Stage, counter, tally};
use crate::harness::envoy::envoy;

/// Calls of one second.
const SLOW: Manner = Manner {
    status: 200,
    takes: Duration::from_secs(1),
    workers: u32::MAX,
};

/// Rare and quick: 32 calls at once, 250 ms for each.
const SMALL: Load = Load {
    rate: 1.0,
    concurrency: 1.0,
    slow_ms: (20.0, 30.0),
};

/// More than the limit of 32.
const MANY: usize = 60;

#[test]
fn calls_over_their_time_or_number_end_in_the_tuned_phase_only() {
    let Some(envoy) = envoy() else { return };
    let stage = Stage::open(62);
    stage.behave(SLOW);
    let transparent = stage.prepare(SMALL, Phase::Transparent).start(envoy);
    transparent.wait_for_endpoints();
    let statuses = stage.ask_together(&transparent, "POST", MANY);
    assert_eq!(tally(&statuses), [(200, MANY)].into());
    drop(transparent);

    let posts = stage.posts();
    let tuned = stage.prepare(SMALL, Phase::Tuned).start(envoy);
    tuned.wait_for_endpoints();
    let statuses = tally(&stage.ask_together(&tuned, "POST", MANY));
    // One was let in and not answered in time, the other was not let in.
    let cut = statuses.get(&504).copied().unwrap_or_default();
    let refused = statuses.get(&503).copied().unwrap_or_default();
    assert!(
        cut >= 32 && refused > 0 && cut + refused == MANY,
        "{statuses:?}"
    );
    let count = |name: &str| usize::try_from(tuned.count(&counter(name))).unwrap();
    assert_eq!(count("upstream_rq_timeout"), cut);
    assert_eq!(count("upstream_rq_total"), cut);
    // Envoy does not count those here that it refuses only when their connection is there.
    assert!(count("upstream_rq_pending_overflow") <= refused);
    assert_eq!(stage.posts() - posts, u64::try_from(cut).unwrap());
    assert_eq!(tuned.complaints(), "");
}

/// Envoy's default cuts every call after 15 s and allows 1024 at once. Slower calls than were ever seen, and more, pass.
#[test]
fn calls_within_their_time_pass_in_the_tuned_phase() {
    let Some(envoy) = envoy() else { return };
    let stage = Stage::open(68);
    stage.behave(SLOW);
    let tuned = stage.prepare(CALM, Phase::Tuned).start(envoy);
    tuned.wait_for_endpoints();
    let statuses = stage.ask_together(&tuned, "POST", MANY);
    assert_eq!(tally(&statuses), [(200, MANY)].into());
    assert_eq!(tuned.complaints(), "");
}

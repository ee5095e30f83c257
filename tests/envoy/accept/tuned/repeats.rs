//! What reached a server is never sent again, unless it is safe to; what certainly did not reach one is.

use tracemesh_graph::egress::Phase;

use super::super::app::Manner;
use super::super::client::Connection;
use super::{CALM, PODS, Stage, ask, counter};
use crate::envoy::reach;
use crate::harness::envoy::envoy;

const CALLS: u64 = 20;

/// Statuses that a server fails with, 0 for a connection that it closes without an answer.
const FAILURES: [u16; 4] = [500, 502, 503, 0];

#[test]
fn only_what_is_safe_is_repeated() {
    let Some(envoy) = envoy() else { return };
    let mut stage = Stage::open(74);
    // An address of a pod that is gone: connections are refused.
    stage.addresses.push(reach::address(74 + PODS));
    let sidecar = stage.prepare(CALM, Phase::Tuned).start(envoy);
    sidecar.wait_for_endpoints();
    let mut connection = Connection::to(sidecar.port(), stage.destination);
    for _ in 0..3 * CALLS {
        assert_eq!(ask(&mut connection, "POST"), 200);
    }
    let refused = sidecar.count(&counter("upstream_cx_connect_fail"));
    assert!(
        refused > 0,
        "no call was first sent to the pod that is gone"
    );
    assert_eq!(stage.posts(), 3 * CALLS);
    for status in FAILURES {
        let bad = Manner {
            status,
            ..Manner::default()
        };
        stage.behave(bad);
        let posts = stage.posts();
        for _ in 0..CALLS {
            assert_ne!(ask(&mut connection, "POST"), 200);
        }
        assert_eq!(stage.posts() - posts, CALLS, "POST, {status}");
    }
    let requests = stage.requests();
    for _ in 0..CALLS {
        ask(&mut connection, "GET");
    }
    assert!(stage.requests() - requests > CALLS, "no GET was repeated");
    assert_eq!(sidecar.complaints(), "");
}

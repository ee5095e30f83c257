//! The formulas alone: numbers in, numbers out, each tried on a real Envoy. `docs/settings.md` has the reasons.
//!
//! Arguments are finite and not negative ([`sane`](super::facts::sane)); results are, too. Times are milliseconds, rates per
//! second. Nothing here rounds, looks at evidence, or knows where a number comes from.

/// Further attempts are never cut shorter than this.
const LEAST_PER_TRY_MS: f64 = 50.0;
/// Nor calls.
const LEAST_ROUTE_MS: f64 = 250.0;
/// Requests under way that are always let through.
const LEAST_REQUESTS: f64 = 32.0;
/// Connections that may always be open.
const LEAST_CONNECTIONS: f64 = 64.0;
const MS_PER_SECOND: f64 = 1000.0;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// From p99.9, never from p99: a timeout that cuts one call in a hundred turns slowness into an outage.
pub(super) fn per_try_timeout_ms(p999_ms: f64) -> f64 {
    (2.0 * p999_ms).max(LEAST_PER_TRY_MS)
}

/// Leaves room for the slowest success that was seen, and for two attempts where there may be two.
pub(super) fn route_timeout_ms(p999_ms: f64, slowest_ok_ms: f64, per_try_ms: Option<f64>) -> f64 {
    let tries = per_try_ms.map_or(0.0, |per_try| 2.0 * per_try + 50.0);
    (3.0 * p999_ms)
        .max(1.5 * slowest_ok_ms)
        .max(tries)
        .max(LEAST_ROUTE_MS)
}

/// Retries that a budget of a share of few calls would forbid.
pub(super) fn retry_min_concurrency(concurrency: f64) -> f64 {
    (0.1 * concurrency).clamp(1.0, 3.0)
}

/// Calls that a healthy callee never has under way; `timeout_ms` is the time after which a call is over in any case. Two
/// of the widest traces must fit: jobs that ask for much at once are rarer than the sample of seconds can show.
pub(super) fn max_requests(
    (concurrency, in_trace): (f64, f64),
    per_second: f64,
    timeout_ms: f64,
) -> f64 {
    let in_timeout = 0.8 * per_second * timeout_ms / MS_PER_SECOND;
    LEAST_REQUESTS
        .max(3.0 * concurrency)
        .max(2.0 * in_trace)
        .max(in_timeout)
}

/// HTTP/1.1 needs a connection for each call under way.
pub(super) fn max_connections_http1(max_requests: f64) -> f64 {
    max_requests.max(LEAST_CONNECTIONS)
}

/// HTTP/2 needs one for each host; eight leave room for reconnects and for servers that allow few streams.
pub(super) fn max_connections_http2(hosts: f64) -> f64 {
    (8.0 * hosts).max(LEAST_CONNECTIONS)
}

/// Failures in a row that happen by chance less than once in ten days for each host: e^k R < 0.1 with R calls of a host
/// in a day. `None` when at least half of the calls fail, so that a row tells nothing.
pub(super) fn consecutive_5xx(per_second: f64, hosts: f64, fault_share: f64) -> Option<f64> {
    const LEAST: f64 = 5.0;
    if fault_share >= 0.5 {
        return None;
    }
    let calls = per_second / hosts.max(1.0) * SECONDS_PER_DAY;
    if fault_share <= 0.0 || calls <= 0.0 {
        return Some(LEAST);
    }
    let row = (0.1 / calls).ln() / fault_share.ln();
    Some(row.max(LEAST))
}

/// Enough for one host, never so much that more than half of them are out: Envoy then sends calls to all of them again.
pub(super) fn max_ejection_percent(hosts: f64) -> f64 {
    (100.0 / hosts.max(1.0)).clamp(10.0, 50.0)
}

/// Whether hosts have calls enough in an interval of ten seconds to be compared by their success rate.
pub(super) fn can_compare_hosts(per_second_of_one: f64, hosts: f64) -> bool {
    hosts >= 5.0 && per_second_of_one * 10.0 / hosts >= 100.0
}

/// Gone before the server closes it, so that no request meets a closing connection.
pub(super) fn upstream_idle_ms(keepalive_ms: f64) -> f64 {
    0.8 * keepalive_ms
}

/// Calls that a healthy instance has under way while the ideal round trip is measured with this limit. Too small sheds
/// good traffic: with Envoy's default of 3 a sixth of it, at 150 per second and 30 ms.
pub(super) fn min_concurrency(per_second: f64, p99_ms: f64) -> f64 {
    (1.2 * per_second * p99_ms / MS_PER_SECOND).max(3.0)
}

/// Beyond what the gradient may find.
pub(super) fn max_concurrency(min_concurrency: f64) -> f64 {
    (10.0 * min_concurrency).max(100.0)
}

/// About a second's worth of calls.
pub(super) fn min_rtt_requests(per_second: f64) -> f64 {
    per_second.clamp(50.0, 200.0)
}

/// Growth of the round trip that is ordinary spread, no overload.
pub(super) fn rtt_buffer_percent(p50_ms: f64, p90_ms: f64) -> f64 {
    let spread = if p50_ms > 0.0 { p90_ms / p50_ms } else { 1.0 };
    (50.0 * (spread - 1.0)).clamp(25.0, 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::rounding::up;
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9 * b.abs().max(1.0)
    }

    #[test]
    fn timeouts_leave_room_for_the_slowest_success_and_for_every_try() {
        let cases = [
            // p99.9, slowest success, per try, route: the worked example, then each term on its own.
            (80.0, 140.0, Some(160.0), 370.0),
            (600.0, 1900.0, None, 2850.0),
            (1800.0, 4200.0, None, 6300.0),
            (1000.0, 1000.0, None, 3000.0),
            (1.0, 2.0, None, 250.0),
            (0.0, 0.0, Some(50.0), 250.0),
        ];
        for (p999, slowest, per_try, route) in cases {
            let found = route_timeout_ms(p999, slowest, per_try);
            assert!(near(found, route), "{p999} {slowest}: {found}");
        }
        assert!(near(per_try_timeout_ms(80.0), 160.0));
        assert!(near(per_try_timeout_ms(9.0), 50.0));
    }

    #[test]
    fn limits_follow_concurrency_or_rate_whichever_is_larger() {
        let cases = [
            (5.0, 80.0, 160.0, 32.0),
            (12.0, 40.0, 2850.0, 91.2),
            (8.0, 10.0, 1000.0, 32.0),
            (100.0, 10.0, 1000.0, 300.0),
            // The storm of the lab: 0.8 x rate x per-try timeout was the best of all limits.
            (0.0, 100.0, 300.0, 32.0),
            (0.0, 1000.0, 300.0, 240.0),
        ];
        for (concurrency, rate, timeout, limit) in cases {
            let found = max_requests((concurrency, 0.0), rate, timeout);
            assert!(near(found, limit), "{concurrency} {rate}: {found}");
        }
        assert!(near(max_requests((5.0, 400.0), 1.0, 1.0), 800.0));
        for (concurrency, least) in [(0.0, 1), (5.0, 1), (12.0, 2), (900.0, 3)] {
            assert_eq!(up(retry_min_concurrency(concurrency)), least);
        }
        assert!(near(max_connections_http1(32.0), 64.0));
        assert!(near(max_connections_http1(300.0), 300.0));
        assert!(near(max_connections_http2(1.0), 64.0));
        assert!(near(max_connections_http2(20.0), 160.0));
    }

    #[test]
    fn a_row_of_failures_is_longer_the_more_a_callee_fails() {
        // Ten million calls of a host in a day.
        let rate = 1e7 / SECONDS_PER_DAY;
        let cases = [
            (0.0, Some(5)),
            (0.004, Some(5)),
            (0.1, Some(8)),
            (0.2, Some(12)),
            (0.5, None),
            (1.0, None),
        ];
        for (share, row) in cases {
            assert_eq!(consecutive_5xx(rate, 1.0, share).map(up), row, "{share}");
        }
        assert_eq!(consecutive_5xx(0.0, 3.0, 0.1), Some(5.0));
        // Fewer calls than one in ten days: no row is too short by chance.
        assert_eq!(consecutive_5xx(1e-9, 3.0, 0.1), Some(5.0));
    }

    #[test]
    fn one_host_may_always_be_ejected_and_never_more_than_half() {
        let cases = [
            (2.0, 50),
            (3.0, 34),
            (6.0, 17),
            (10.0, 10),
            (500.0, 10),
            (0.0, 50),
        ];
        for (hosts, percent) in cases {
            assert_eq!(up(max_ejection_percent(hosts)), percent, "{hosts}");
        }
        assert!(can_compare_hosts(50.0, 5.0));
        assert!(!can_compare_hosts(49.0, 5.0));
        assert!(!can_compare_hosts(1000.0, 4.0));
    }

    #[test]
    fn inbound_limits_are_those_of_the_worked_example() {
        // Rate, p50, p90, p99; calls let in, calls measured from, buffer.
        let cases = [
            (120.0, 18.0, 40.0, 90.0, 12.96, 120.0, 61.1),
            (80.0, 6.0, 12.0, 25.0, 3.0, 80.0, 50.0),
            (40.0, 35.0, 80.0, 220.0, 10.56, 50.0, 64.3),
        ];
        for (rate, p50, p90, p99, least, measured, buffer) in cases {
            assert!(near(min_concurrency(rate, p99), least));
            assert!(near(min_rtt_requests(rate), measured));
            assert!((rtt_buffer_percent(p50, p90) - buffer).abs() < 0.1);
        }
        assert!(near(max_concurrency(3.0), 100.0));
        assert!(near(max_concurrency(13.0), 130.0));
        // The lab: 150 per second at 30 ms shed nothing with 9, which was 1.2 x rate x p99 or so.
        assert!(min_concurrency(150.0, 50.0) >= 9.0);
        assert!(near(rtt_buffer_percent(0.0, 9.0), 25.0));
    }

    #[test]
    fn a_connection_is_gone_before_the_server_closes_it() {
        assert!(near(upstream_idle_ms(2000.0), 1600.0));
        assert!(near(upstream_idle_ms(5000.0), 4000.0));
    }
}

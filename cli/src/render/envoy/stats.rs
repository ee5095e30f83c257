//! The statistics that generated sidecars keep, and no others: what shows availability, latency, retries, overflow,
//! ejections, shed load and the share of unmanaged calls.
//!
//! A cluster has about 130 statistics by default. Dashboards and alerts are tested against this list, and the matcher in
//! the bootstrap is made from it, so that a panel without data cannot be written.

use std::collections::BTreeSet;

/// What a statistic belongs to: the front of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatScope {
    /// `cluster.<cluster>.`
    Cluster,
    /// `http.<stat prefix>.`: a connection manager.
    Http,
    /// `http.<stat prefix>.rds.<routes>.`: the route file of a connection manager.
    Rds,
    /// `tcp.<stat prefix>.`: a proxy of raw connections.
    Tcp,
    /// `cluster_manager.cds.`
    Cds,
    /// `listener_manager.lds.`
    Lds,
    /// `server.`
    Server,
}

/// How a statistic moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatKind {
    /// Only grows.
    Counter,
    /// Comes and goes.
    Gauge,
    /// A distribution, in milliseconds.
    Histogram,
}

/// A statistic that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeptStat {
    /// What it belongs to.
    pub scope: StatScope,
    /// Name within the scope, as in `/stats`. A trailing `_xx` stands for the classes `_1xx` to `_5xx`.
    pub name: &'static str,
    /// How it moves.
    pub kind: StatKind,
}

const fn counter(scope: StatScope, name: &'static str) -> KeptStat {
    KeptStat {
        scope,
        name,
        kind: StatKind::Counter,
    }
}

const fn gauge(scope: StatScope, name: &'static str) -> KeptStat {
    KeptStat {
        scope,
        name,
        kind: StatKind::Gauge,
    }
}

/// Every statistic that is kept: each is read by the dashboard or the rules, and they read no other.
pub const KEPT_STATS: &[KeptStat] = &[
    // Availability and latency.
    counter(StatScope::Cluster, "upstream_rq_total"),
    counter(StatScope::Cluster, "upstream_rq_xx"),
    counter(StatScope::Cluster, "upstream_rq_timeout"),
    counter(StatScope::Cluster, "upstream_rq_per_try_timeout"),
    counter(StatScope::Cluster, "upstream_cx_total"),
    counter(StatScope::Cluster, "upstream_cx_connect_fail"),
    gauge(StatScope::Cluster, "upstream_rq_active"),
    KeptStat {
        scope: StatScope::Cluster,
        name: "upstream_rq_time",
        kind: StatKind::Histogram,
    },
    // Retries.
    counter(StatScope::Cluster, "upstream_rq_retry"),
    counter(StatScope::Cluster, "upstream_rq_retry_success"),
    counter(StatScope::Cluster, "upstream_rq_retry_overflow"),
    // Overflow.
    counter(StatScope::Cluster, "upstream_rq_pending_overflow"),
    counter(StatScope::Cluster, "upstream_cx_overflow"),
    gauge(StatScope::Cluster, "circuit_breakers.default.rq_open"),
    // Ejections and members.
    gauge(StatScope::Cluster, "outlier_detection.ejections_active"),
    counter(
        StatScope::Cluster,
        "outlier_detection.ejections_enforced_total",
    ),
    counter(StatScope::Cluster, "outlier_detection.ejections_overflow"),
    gauge(StatScope::Cluster, "membership_total"),
    // What comes in, and load that is shed.
    counter(StatScope::Http, "downstream_rq_total"),
    counter(StatScope::Http, "downstream_rq_xx"),
    counter(
        StatScope::Http,
        "adaptive_concurrency.gradient_controller.rq_blocked",
    ),
    gauge(
        StatScope::Http,
        "adaptive_concurrency.gradient_controller.concurrency_limit",
    ),
    // The share that passes through: raw connections by where they arrived.
    counter(StatScope::Tcp, "downstream_cx_total"),
    // Whether generations arrive.
    counter(StatScope::Rds, "update_success"),
    counter(StatScope::Rds, "update_rejected"),
    counter(StatScope::Cds, "update_success"),
    counter(StatScope::Cds, "update_rejected"),
    counter(StatScope::Lds, "update_success"),
    counter(StatScope::Lds, "update_rejected"),
    // The process.
    gauge(StatScope::Server, "live"),
    gauge(StatScope::Server, "memory_allocated"),
    counter(StatScope::Server, "dynamic_unknown_fields"),
];

/// Names of the series that `/stats/prometheus` offers, sorted; a histogram has three.
#[must_use]
pub fn prometheus_names() -> BTreeSet<String> {
    KEPT_STATS.iter().flat_map(prometheus_of).collect()
}

/// Name of a statistic at `/stats/prometheus`; a histogram's series add `_bucket`, `_sum` and `_count`.
#[must_use]
pub fn prometheus_name(stat: &KeptStat) -> String {
    let scope = match stat.scope {
        StatScope::Cluster => "cluster",
        StatScope::Http => "http",
        StatScope::Rds => "http_rds",
        StatScope::Tcp => "tcp",
        StatScope::Cds => "cluster_manager_cds",
        StatScope::Lds => "listener_manager_lds",
        StatScope::Server => "server",
    };
    format!("envoy_{scope}_{}", stat.name.replace('.', "_"))
}

fn prometheus_of(stat: &KeptStat) -> Vec<String> {
    let name = prometheus_name(stat);
    match stat.kind {
        StatKind::Counter | StatKind::Gauge => vec![name],
        StatKind::Histogram => ["bucket", "sum", "count"]
            .iter()
            .map(|part| format!("{name}_{part}"))
            .collect(),
    }
}

/// Regular expressions over whole names, one for each scope in use.
pub(super) fn patterns() -> Vec<String> {
    let scopes: BTreeSet<StatScope> = KEPT_STATS.iter().map(|stat| stat.scope).collect();
    let pattern = |scope: StatScope| {
        let names: Vec<String> = KEPT_STATS
            .iter()
            .filter(|stat| stat.scope == scope)
            .map(|stat| match stat.name.strip_suffix("_xx") {
                Some(stem) => format!("{stem}_[1-5]xx"),
                None => stat.name.replace('.', r"\."),
            })
            .collect();
        format!("{}({})", front(scope), names.join("|"))
    };
    scopes.into_iter().map(pattern).collect()
}

/// The front of the names of a scope, as a regular expression. Prefixes of ours have no dots.
const fn front(scope: StatScope) -> &'static str {
    match scope {
        StatScope::Cluster => r"cluster\.[^.]+\.",
        StatScope::Http => r"http\.[^.]+\.",
        StatScope::Rds => r"http\.[^.]+\.rds\.[^.]+\.",
        StatScope::Tcp => r"tcp\.[^.]+\.",
        StatScope::Cds => r"cluster_manager\.cds\.",
        StatScope::Lds => r"listener_manager\.lds\.",
        StatScope::Server => r"server\.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statistic_is_listed_once() {
        let distinct: BTreeSet<&KeptStat> = KEPT_STATS.iter().collect();
        assert_eq!(distinct.len(), KEPT_STATS.len());
    }

    #[test]
    fn series_are_named_as_prometheus_shows_them() {
        let names = prometheus_names();
        for name in [
            "envoy_cluster_upstream_rq_xx",
            "envoy_cluster_upstream_rq_time_bucket",
            "envoy_cluster_outlier_detection_ejections_active",
            "envoy_http_adaptive_concurrency_gradient_controller_concurrency_limit",
            "envoy_tcp_downstream_cx_total",
            "envoy_server_live",
        ] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn there_is_one_pattern_for_each_scope() {
        let patterns = patterns();
        assert_eq!(patterns.len(), 7);
        assert!(patterns[0].starts_with(r"cluster\.[^.]+\.(upstream_rq_total|"));
        assert!(patterns[0].contains("upstream_rq_[1-5]xx|"));
    }
}

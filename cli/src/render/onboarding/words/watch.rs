//! What to watch during a canary, by the metrics that generated sidecars really expose.
//!
//! Names come from the list that the bootstrap keeps and the dashboard reads; a test holds the three together. `$service` stands for the
//! value of the service label: the node id without its class.

use tracemesh_graph::onboarding::{Canary, Watch, WatchMetric};

use super::{fine_percent, number};
use crate::render::observability::SERVICE_LABEL;
use crate::render::observability::metrics::{
    ATTEMPTS, CONNECTIONS, INCOMING, LATENCY, SERVED, SHED,
};

/// A metric with all that a person needs to look at it.
#[derive(Debug, Clone)]
pub(in super::super) struct Described {
    /// A few words.
    pub(in super::super) title: &'static str,
    /// PromQL, or where else to look.
    pub(in super::super) query: String,
    /// Panel of the generated dashboard, where one shows it.
    pub(in super::super) panel: Option<&'static str>,
    /// What it means when it is above its limit.
    pub(in super::super) then: &'static str,
}

/// In the order in which they are watched.
pub(in super::super) const ALL: [WatchMetric; 6] = [
    WatchMetric::ErrorShare,
    WatchMetric::P99Ms,
    WatchMetric::PassthroughCalls,
    WatchMetric::LoadSkew,
    WatchMetric::PlaintextConnections,
    WatchMetric::ShedShare,
];

/// The description of a metric.
pub(in super::super) fn described(metric: WatchMetric) -> Described {
    let own = format!(r#"{SERVICE_LABEL}="$service""#);
    let inbound = format!(r#"{own},envoy_http_conn_manager_prefix=~"inbound_.*""#);
    let rate = |name: &str, labels: &str| format!("sum(rate({name}{{{labels}}}[5m]))");
    let incoming = rate(INCOMING, &inbound);
    match metric {
        WatchMetric::ErrorShare => Described {
            title: "errors",
            query: format!(
                r#"{} / {incoming}"#,
                rate(SERVED, &format!(r#"{inbound},envoy_response_code_class="5""#))
            ),
            panel: Some("Calls per second"),
            then: "roll back; failures in gRPC trailers are not in it, look at the traces for those",
        },
        WatchMetric::P99Ms => Described {
            title: "p99",
            query: format!(
                r#"histogram_quantile(0.99, sum by (le) (rate({LATENCY}_bucket{{{own},envoy_cluster_name=~"inbound_.*"}}[5m])))"#
            ),
            panel: None,
            then: "roll back, if the instances without a sidecar are not as slow",
        },
        WatchMetric::PassthroughCalls => Described {
            title: "calls without egress",
            query: format!(
                "{} + {}",
                rate(ATTEMPTS, &format!(r#"{own},envoy_cluster_name="passthrough_http""#)),
                rate(CONNECTIONS, &format!(r#"{own},envoy_cluster_name="passthrough""#)),
            ),
            panel: Some("Share without egress"),
            then: "an edge is missing: the calls work, without any feature of the mesh; `tracemesh verify --drift-log` names it",
        },
        WatchMetric::LoadSkew => Described {
            title: "load of an instance with a sidecar against the others",
            query: format!(
                "max(sum by (instance) (rate({INCOMING}{{{inbound}}}[5m]))), against the same of the others from the service's own metrics"
            ),
            panel: None,
            then: "roll back: callers in the mesh prefer the instances that are in it (linkerd2#9652); give more instances a sidecar at once",
        },
        WatchMetric::ShedShare => Described {
            title: "calls shed",
            query: format!("{} / {incoming}", rate(SHED, &inbound)),
            panel: Some("Shed"),
            then: "raise `min_concurrency` in the policy, if the service is healthy; 0 until the tuned phase",
        },
        WatchMetric::PlaintextConnections => Described {
            title: "calls in plaintext",
            query: "no metric of the generated sidecars: count it where mTLS ends, in Istio sum(rate(istio_requests_total{reporter=\"destination\",connection_security_policy!=\"mutual_tls\"}[5m])) by source".to_owned(),
            panel: None,
            then: "before strict mTLS only: find the caller and give it a sidecar; strict needs 0 for the whole bake",
        },
    }
}

/// `errors above 0.40 % (today 0.20 %)`.
pub(in super::super) fn limit(watch: &Watch) -> String {
    let title = described(watch.metric).title;
    let show = |value: f64| match watch.metric {
        WatchMetric::ErrorShare | WatchMetric::ShedShare => fine_percent(value),
        WatchMetric::P99Ms => format!("{} ms", number(value, usize::from(value < 10.0))),
        WatchMetric::LoadSkew => format!("x{}", number(value, 1)),
        WatchMetric::PassthroughCalls | WatchMetric::PlaintextConnections => number(value, 0),
    };
    let mut text = format!("{title} above {}", show(watch.limit));
    match (watch.metric, watch.today) {
        (_, Some(today)) => text.push_str(&format!(" (today {})", show(today))),
        (WatchMetric::ErrorShare, None) => text.push_str(" (today not known: the least limit)"),
        _ => {}
    }
    text
}

/// How many instances, for how long.
pub(in super::super) fn canary(canary: &Canary, instances: Option<u64>, bake_days: u32) -> String {
    let of = instances.map_or_else(
        || " (how many there are is not known)".to_owned(),
        |all| format!(" of {all}"),
    );
    let mut text = format!(
        "{} {}{of} for {bake_days} days",
        canary.instances,
        if canary.instances == 1 {
            "instance"
        } else {
            "instances"
        }
    );
    let Some(requests) = canary.requests else {
        text.push_str(
            "; today's error share is not known, so neither is how many requests tell a difference",
        );
        return text;
    };
    let requests = crate::text::thousands(requests);
    text.push_str(&format!(
        " and until it had {requests} requests, which show twice the errors of today"
    ));
    match canary.days {
        Some(days) if days > f64::from(bake_days) => text.push_str(&format!(
            "; at today's rate these take {} days: wait for them, give more instances a sidecar, or accept to see less",
            number(days, 0)
        )),
        Some(days) if days < 0.1 => text.push_str(" (hours at today's rate)"),
        Some(days) => text.push_str(&format!(" ({} days at today's rate)", number(days, 1))),
        None => text.push_str(" (how long that takes is not known)"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::envoy::stats::prometheus_names;
    use crate::render::observability::{Thresholds, render};

    /// The runbook must not name a metric or a panel that nobody has.
    #[test]
    fn every_metric_is_exposed_and_every_panel_is_there() {
        let exposed = prometheus_names();
        let files = format!("{:?}", render(&Thresholds::default()));
        for metric in ALL {
            let described = described(metric);
            for word in described
                .query
                .split(|c: char| !c.is_alphanumeric() && c != '_')
            {
                let is_metric = word.starts_with("envoy_cluster_up")
                    || word.starts_with("envoy_http_down")
                    || word.starts_with("envoy_http_adaptive");
                assert!(!is_metric || exposed.contains(word), "{word}");
            }
            if let Some(panel) = described.panel {
                assert!(
                    files.contains(&format!("\\\"title\\\": \\\"{panel}\\\"")),
                    "{panel}"
                );
            }
        }
    }
}

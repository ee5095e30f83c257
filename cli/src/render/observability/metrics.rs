//! The metrics that the dashboard and the rules read, as Prometheus sees them.
//!
//! Envoy makes them from its statistics: dots become underscores, what varies becomes a label.

/// A metric of the sidecars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name at `/stats/prometheus`; of a histogram without `_bucket`.
    pub name: &'static str,
    /// An example of Envoy's own name for it: what the inclusion list of the bootstrap has to let through.
    pub stat: &'static str,
    /// Kind of metric.
    pub kind: Kind,
}

/// Kind of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// A level.
    Gauge,
    /// Buckets of a distribution.
    Histogram,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $constant:ident: $kind:ident = $name:literal from $stat:literal;)+) => {
        $($(#[$doc])* pub const $constant: &str = $name;)+

        /// Every metric that is read.
        pub const ALL: &[Metric] = &[
            $(Metric { name: $name, stat: $stat, kind: Kind::$kind },)+
        ];
    };
}

metrics! {
    /// Attempts sent to a destination, retries included.
    ATTEMPTS: Counter = "envoy_cluster_upstream_rq_total" from "cluster.cart_8080.upstream_rq_total";
    /// Calls answered, by class of status; a call that failed without an answer counts as 503.
    ANSWERS: Counter = "envoy_cluster_upstream_rq_xx" from "cluster.cart_8080.upstream_rq_5xx";
    /// Time that calls took.
    LATENCY: Histogram = "envoy_cluster_upstream_rq_time" from "cluster.cart_8080.upstream_rq_time";
    /// Calls that ran out of time.
    TIMEOUTS: Counter = "envoy_cluster_upstream_rq_timeout" from "cluster.cart_8080.upstream_rq_timeout";
    /// Retries sent.
    RETRIES: Counter = "envoy_cluster_upstream_rq_retry" from "cluster.cart_8080.upstream_rq_retry";
    /// Retries that the budget refused.
    RETRIES_REFUSED: Counter = "envoy_cluster_upstream_rq_retry_overflow" from "cluster.cart_8080.upstream_rq_retry_overflow";
    /// Calls refused because of a limit.
    CALLS_REFUSED: Counter = "envoy_cluster_upstream_rq_pending_overflow" from "cluster.cart_8080.upstream_rq_pending_overflow";
    /// Connections opened.
    CONNECTIONS: Counter = "envoy_cluster_upstream_cx_total" from "cluster.cart_8080.upstream_cx_total";
    /// Connections that could not be opened.
    CONNECT_FAILURES: Counter = "envoy_cluster_upstream_cx_connect_fail" from "cluster.cart_8080.upstream_cx_connect_fail";
    /// Connections that a limit kept from being opened.
    CONNECTIONS_REFUSED: Counter = "envoy_cluster_upstream_cx_overflow" from "cluster.cart_8080.upstream_cx_overflow";
    /// Hosts ejected now.
    EJECTED: Gauge = "envoy_cluster_outlier_detection_ejections_active" from "cluster.cart_8080.outlier_detection.ejections_active";
    /// Hosts known.
    HOSTS: Gauge = "envoy_cluster_membership_total" from "cluster.cart_8080.membership_total";
    /// Incoming calls answered, by class of status.
    SERVED: Counter = "envoy_http_downstream_rq_xx" from "http.inbound_8080.downstream_rq_5xx";
    /// Incoming calls.
    INCOMING: Counter = "envoy_http_downstream_rq_total" from "http.inbound_8080.downstream_rq_total";
    /// Incoming calls shed by the adaptive limit.
    SHED: Counter = "envoy_http_adaptive_concurrency_gradient_controller_rq_blocked" from "http.inbound_8080.adaptive_concurrency.gradient_controller.rq_blocked";
    /// The adaptive limit.
    ADAPTIVE_LIMIT: Gauge = "envoy_http_adaptive_concurrency_gradient_controller_concurrency_limit" from "http.inbound_8080.adaptive_concurrency.gradient_controller.concurrency_limit";
    /// Cluster updates that Envoy refused.
    CLUSTERS_REJECTED: Counter = "envoy_cluster_manager_cds_update_rejected" from "cluster_manager.cds.update_rejected";
    /// Listener updates that Envoy refused.
    LISTENERS_REJECTED: Counter = "envoy_listener_manager_lds_update_rejected" from "listener_manager.lds.update_rejected";
    /// Route updates that Envoy refused.
    ROUTES_REJECTED: Counter = "envoy_http_rds_update_rejected" from "http.outbound_8080.rds.outbound_8080.update_rejected";
    /// Fields that Envoy does not know and ignored.
    UNKNOWN_FIELDS: Counter = "envoy_server_dynamic_unknown_fields" from "server.dynamic_unknown_fields";
    /// Memory of the sidecar in bytes.
    MEMORY: Gauge = "envoy_server_memory_allocated" from "server.memory_allocated";
    /// 1 while the sidecar serves.
    LIVE: Gauge = "envoy_server_live" from "server.live";
}

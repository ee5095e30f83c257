//! The metrics that the dashboard and the rules read, as Prometheus sees them.
//!
//! Envoy makes them from its statistics: dots become underscores, what varies becomes a label.

macro_rules! metrics {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)+) => {
        $($(#[$doc])* pub const $constant: &str = $name;)+

        /// Every metric that is read; of a histogram without `_bucket`.
        pub const ALL: &[&str] = &[$($name,)+];
    };
}

metrics! {
    /// Attempts sent to a destination, retries included.
    ATTEMPTS = "envoy_cluster_upstream_rq_total";
    /// Calls answered, by class of status; a call that failed without an answer counts as 503.
    ANSWERS = "envoy_cluster_upstream_rq_xx";
    /// Time that calls took.
    LATENCY = "envoy_cluster_upstream_rq_time";
    /// Calls that ran out of time.
    TIMEOUTS = "envoy_cluster_upstream_rq_timeout";
    /// Attempts that ran out of the time of one attempt.
    ATTEMPT_TIMEOUTS = "envoy_cluster_upstream_rq_per_try_timeout";
    /// Calls under way.
    UNDER_WAY = "envoy_cluster_upstream_rq_active";
    /// Retries sent.
    RETRIES = "envoy_cluster_upstream_rq_retry";
    /// Retries that were answered well.
    RETRIES_HELPED = "envoy_cluster_upstream_rq_retry_success";
    /// Retries that the budget refused.
    RETRIES_REFUSED = "envoy_cluster_upstream_rq_retry_overflow";
    /// Calls refused because of a limit.
    CALLS_REFUSED = "envoy_cluster_upstream_rq_pending_overflow";
    /// 1 while as many calls are under way as may be. Calls that are refused only once their connection is up are in no
    /// counter, so this tells of more than those do.
    LIMIT_REACHED = "envoy_cluster_circuit_breakers_default_rq_open";
    /// Connections opened.
    CONNECTIONS = "envoy_cluster_upstream_cx_total";
    /// Connections that could not be opened.
    CONNECT_FAILURES = "envoy_cluster_upstream_cx_connect_fail";
    /// Connections that a limit kept from being opened.
    CONNECTIONS_REFUSED = "envoy_cluster_upstream_cx_overflow";
    /// Hosts ejected now.
    EJECTED = "envoy_cluster_outlier_detection_ejections_active";
    /// Hosts that were ejected.
    EJECTIONS = "envoy_cluster_outlier_detection_ejections_enforced_total";
    /// Failing hosts that were not ejected, because too many are.
    EJECTIONS_REFUSED = "envoy_cluster_outlier_detection_ejections_overflow";
    /// Hosts known.
    HOSTS = "envoy_cluster_membership_total";
    /// Connections of unparsed ports, by where they arrived.
    RAW_CONNECTIONS = "envoy_tcp_downstream_cx_total";
    /// Incoming calls answered, by class of status.
    SERVED = "envoy_http_downstream_rq_xx";
    /// Incoming calls.
    INCOMING = "envoy_http_downstream_rq_total";
    /// Incoming calls shed by the adaptive limit.
    SHED = "envoy_http_adaptive_concurrency_gradient_controller_rq_blocked";
    /// The adaptive limit.
    ADAPTIVE_LIMIT = "envoy_http_adaptive_concurrency_gradient_controller_concurrency_limit";
    /// Cluster updates in force.
    CLUSTERS_TAKEN = "envoy_cluster_manager_cds_update_success";
    /// Listener updates in force.
    LISTENERS_TAKEN = "envoy_listener_manager_lds_update_success";
    /// Route updates in force.
    ROUTES_TAKEN = "envoy_http_rds_update_success";
    /// Cluster updates that Envoy refused.
    CLUSTERS_REJECTED = "envoy_cluster_manager_cds_update_rejected";
    /// Listener updates that Envoy refused.
    LISTENERS_REJECTED = "envoy_listener_manager_lds_update_rejected";
    /// Route updates that Envoy refused.
    ROUTES_REJECTED = "envoy_http_rds_update_rejected";
    /// Fields that Envoy does not know and ignored.
    UNKNOWN_FIELDS = "envoy_server_dynamic_unknown_fields";
    /// Memory of the sidecar in bytes.
    MEMORY = "envoy_server_memory_allocated";
    /// 1 while the sidecar serves.
    LIVE = "envoy_server_live";
}

//! What a sidecar offers to Prometheus is what the dashboard and the rules read, and says of which service it is.

use std::collections::BTreeSet;

use tracemesh::render::envoy::stats::prometheus_names;
use tracemesh_graph::egress::Phase;

use super::super::app::Manner;
use super::{CALM, Stage};
use crate::harness::envoy::envoy;

/// What there must be after calls of which some failed; the rest belongs to features that these do not use.
const CERTAIN: [&str; 9] = [
    "envoy_cluster_upstream_rq_total",
    "envoy_cluster_upstream_rq_xx",
    "envoy_cluster_upstream_rq_time_bucket",
    "envoy_cluster_upstream_rq_retry",
    "envoy_cluster_outlier_detection_ejections_active",
    "envoy_cluster_membership_total",
    "envoy_cluster_manager_cds_update_success",
    "envoy_http_rds_update_success",
    "envoy_server_live",
];

#[test]
fn metrics_are_the_kept_ones_and_name_their_service() {
    let Some(envoy) = envoy() else { return };
    let stage = Stage::open(82);
    stage.pods[0].behave(Manner {
        status: 503,
        ..Manner::default()
    });
    let sidecar = stage.prepare(CALM, Phase::Tuned).start(envoy);
    sidecar.wait_for_endpoints();
    stage.ask_together(&sidecar, "GET", 40);
    let text = sidecar.admin("/stats/prometheus").unwrap();
    let kept = prometheus_names();
    let mut seen = BTreeSet::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (name, labels) = line.split_once('{').unwrap_or((line, ""));
        assert!(kept.contains(name), "not read by anything: {line}");
        assert!(labels.contains(r#"mesh_service="shop/frontend""#), "{line}");
        seen.insert(name);
    }
    for name in CERTAIN {
        assert!(seen.contains(name), "{name} is missing: {seen:?}");
    }
}

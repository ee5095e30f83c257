//! How a cluster chooses among its endpoints: load balancing, slow start, zones and ejection.
//!
//! Each acts only where a cluster can have several endpoints of its own; elsewhere the setting is left out and listed as inert.

use tracemesh_graph::egress::SettingName;

use super::inert::obstacle;
use super::plan::{ClusterPlan, Discovery, ServicePlan};
use super::settings::{duration, flag, number, seconds};
use super::yaml::{Node, map};

/// Share of its load that a new host starts with.
const FIRST_SHARE_PERCENT: u64 = 10;

/// The entries of a cluster, in order.
pub(super) fn entries(
    plan: &ServicePlan<'_>,
    cluster: &ClusterPlan<'_>,
) -> Vec<(&'static str, Node)> {
    let mut entries = Vec::new();
    if obstacle(plan, cluster, SettingName::LeastRequest).is_none() {
        entries.extend(choice(cluster));
        entries.extend(outlier_detection(cluster).map(|node| ("outlier_detection", node)));
    }
    entries.extend(zone_awareness(plan, cluster).map(|node| ("common_lb_config", node)));
    entries
}

fn choice(cluster: &ClusterPlan<'_>) -> Vec<(&'static str, Node)> {
    let tuning = cluster.tuning();
    let slow_start = duration(tuning, SettingName::SlowStart).map(|window| {
        let share = map([("value", FIRST_SHARE_PERCENT.into())]);
        let config = map([
            ("slow_start_window", window.into()),
            ("min_weight_percent", share),
        ]);
        map([("slow_start_config", config)])
    });
    if flag(tuning, SettingName::LeastRequest) {
        let policy = ("lb_policy", "LEAST_REQUEST".into());
        let config = slow_start.map(|config| ("least_request_lb_config", config));
        [policy].into_iter().chain(config).collect()
    } else {
        let config = slow_start.map(|config| ("round_robin_lb_config", config));
        config.into_iter().collect()
    }
}

/// Ejection by failures in a row. Failures of connecting count as any other, which is Envoy's default: counted apart,
/// a successful connect forgives every reset and timeout.
fn outlier_detection(cluster: &ClusterPlan<'_>) -> Option<Node> {
    let tuning = cluster.tuning();
    let failures = number(tuning, SettingName::Consecutive5xx)?;
    let by_rate = flag(tuning, SettingName::SuccessRateEjection);
    let mut node = map([
        ("consecutive_5xx", failures.into()),
        ("consecutive_gateway_failure", failures.into()),
        ("enforcing_consecutive_gateway_failure", 100_u64.into()),
        (
            "enforcing_success_rate",
            if by_rate { 100_u64 } else { 0 }.into(),
        ),
    ]);
    if let Some(interval) = duration(tuning, SettingName::EjectionInterval) {
        node = node.with("interval", interval);
    }
    let base = number(tuning, SettingName::BaseEjection);
    if let Some(base) = base {
        node = node.with("base_ejection_time", seconds(base));
    }
    if let Some(longest) = number(tuning, SettingName::MaxEjection) {
        // Envoy refuses a longest time below the first one, whose default is 30 s.
        let longest = longest.max(base.unwrap_or(30_000));
        node = node.with("max_ejection_time", seconds(longest));
    }
    let percent = number(tuning, SettingName::MaxEjectionPercent);
    if let Some(percent) = percent {
        node = node.with("max_ejection_percent", percent);
    }
    // A policy may give the failures alone. Envoy's default of 10 % would then eject nothing of fewer than ten hosts.
    let is_open = !tuning
        .settings
        .contains_key(&SettingName::AlwaysEjectOneHost);
    let always = flag(tuning, SettingName::AlwaysEjectOneHost) || (percent.is_none() && is_open);
    Some(node.with("always_eject_one_host", always))
}

/// Once the service's own endpoints are known, Envoy keeps calls in their zone in every cluster that has zones:
/// clusters without the setting are told not to.
fn zone_awareness(plan: &ServicePlan<'_>, cluster: &ClusterPlan<'_>) -> Option<Node> {
    if cluster.discovery != Discovery::Endpoints || plan.local.is_none() {
        return None;
    }
    let usable = obstacle(plan, cluster, SettingName::ZoneAwareMinHosts).is_none();
    let hosts = number(cluster.tuning(), SettingName::ZoneAwareMinHosts).filter(|_| usable);
    let config = match hosts {
        Some(hosts) => map([("min_cluster_size", hosts.into())]),
        None => map([("routing_enabled", map([("value", 0_u64.into())]))]),
    };
    Some(map([("zone_aware_lb_config", config)]))
}

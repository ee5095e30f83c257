//! What does nothing in a cluster, and why: the model's own list, and what this renderer could not express.
//!
//! It is written where operators look: into the metadata of the cluster (`/config_dump`) and into `index.json`. It is the
//! list of reasons to make a destination headless or to keep its endpoints in files.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::egress::{Absent, Feature, SettingName};
use tracemesh_graph::inventory::Addressing;

use super::plan::{ClusterPlan, Discovery, ServicePlan};
use super::{settings, zones};

/// Features that do nothing in a cluster, sorted.
pub(super) fn inert(plan: &ServicePlan<'_>, cluster: &ClusterPlan<'_>) -> BTreeSet<Absent> {
    let tuning = cluster.tuning();
    let unusable = settings::unusable(tuning)
        .map(|(name, reason)| absent(name, format!("`{}`: {reason}", name.as_str())));
    let out_of_place = tuning.settings.keys().filter_map(|&name| {
        let reason = obstacle(plan, cluster, name)?;
        is_on(cluster, name).then(|| absent(name, reason.to_owned()))
    });
    let known = tuning.inert.iter().cloned();
    known.chain(unusable).chain(out_of_place).collect()
}

/// Settings of the service's inbound traffic that are not used.
pub(super) fn inert_inbound(plan: &ServicePlan<'_>) -> BTreeSet<Absent> {
    let tuning = plan.inbound_tuning;
    let unusable = settings::unusable(tuning)
        .map(|(name, reason)| absent(name, format!("`{}`: {reason}", name.as_str())));
    let nowhere = plan.inbound.is_empty() && !tuning.settings.is_empty();
    let nowhere = nowhere.then(|| Absent {
        feature: Feature::AdaptiveConcurrency,
        reason: "no port on which the service speaks HTTP in clear text is known".to_owned(),
    });
    let known = tuning.inert.iter().cloned();
    known.chain(unusable).chain(nowhere).collect()
}

/// Features with one reason together, for people: `outlier-detection, slow-start: one address`.
pub(super) fn sentences(absent: &BTreeSet<Absent>) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in absent {
        reasons.entry(&one.reason).or_default().push(word(one));
    }
    reasons
        .into_iter()
        .map(|(reason, features)| format!("{}: {reason}", features.join(", ")))
        .collect()
}

/// The feature alone.
pub(super) fn word(absent: &Absent) -> String {
    super::index::spelling(&absent.feature).replace('_', "-")
}

fn absent(name: SettingName, reason: String) -> Absent {
    Absent {
        feature: name.feature(),
        reason,
    }
}

fn is_on(cluster: &ClusterPlan<'_>, name: SettingName) -> bool {
    let tuning = cluster.tuning();
    settings::flag(tuning, name) || settings::number(tuning, name).is_some_and(|number| number > 0)
}

/// Why a setting cannot act in this cluster; `None` when it can.
pub(super) fn obstacle(
    plan: &ServicePlan<'_>,
    cluster: &ClusterPlan<'_>,
    name: SettingName,
) -> Option<&'static str> {
    match name.feature() {
        Feature::Timeouts | Feature::Retries if cluster.upstream.is_none() => {
            Some("calls cannot be told apart: not HTTP in clear text")
        }
        Feature::Connections
            if cluster.upstream.is_none() && name != SettingName::ConnectTimeout =>
        {
            Some("connections belong to the application: not HTTP in clear text")
        }
        Feature::OutlierDetection | Feature::LeastRequest | Feature::SlowStart => {
            one_address(cluster)
        }
        Feature::ZoneAware => one_address(cluster).or_else(|| no_zones(plan, cluster)),
        Feature::AdaptiveConcurrency => Some("for inbound traffic only"),
        _ => None,
    }
}

fn one_address(cluster: &ClusterPlan<'_>) -> Option<&'static str> {
    match &cluster.discovery {
        Discovery::KubeDns {
            addressing: Some(Addressing::VirtualIp),
            ..
        } => Some("one virtual address: ask for a headless service"),
        Discovery::KubeDns { .. } | Discovery::Endpoints => None,
        Discovery::OtherDns { .. } => Some("one address at a time behind one name"),
        Discovery::Static(_) => Some("one address"),
        Discovery::OriginalDst => Some("connections keep the dialled address"),
    }
}

fn no_zones(plan: &ServicePlan<'_>, cluster: &ClusterPlan<'_>) -> Option<&'static str> {
    if cluster.discovery != Discovery::Endpoints {
        Some("names carry no zone: needs endpoint files")
    } else if !zones::has_zones(cluster) {
        Some("the inventory knows no zone of its endpoints")
    } else if plan.local.is_none() {
        Some("the zones of the service's own endpoints are unknown")
    } else {
        None
    }
}

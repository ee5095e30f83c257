//! What acts on the hosts behind a name: ejection, least request, slow start, zones.

use std::collections::BTreeMap;

use super::super::super::settings::{Feature, SettingName};
use super::super::draft::{Draft, Formula};
use super::super::facts::{FAULT_SHARE, HOSTS, RATE, RATE_OF_ONE};
use super::super::formulas;
use super::super::hosts::Hosts;
use super::super::rounding::whole_to_f64;
use super::{Outbound, SettingName as Name};
use crate::egress::model::DestinationProtocol;

/// What needs more than one host.
const FEATURES: [Feature; 4] = [
    Feature::OutlierDetection,
    Feature::LeastRequest,
    Feature::SlowStart,
    Feature::ZoneAware,
];

impl Outbound<'_> {
    pub(super) fn balancing(&self, draft: &mut Draft<'_>) {
        let (count, zones) = match &self.hosts {
            Hosts::One(why) => {
                FEATURES
                    .iter()
                    .for_each(|feature| draft.inert(*feature, why));
                return;
            }
            Hosts::Unknown => {
                let why = "whether the name has one address or many is unknown: no socket was seen; an inventory tells";
                FEATURES
                    .iter()
                    .for_each(|feature| draft.withhold(*feature, why));
                return;
            }
            Hosts::Many { count, zones } => (*count, zones.as_ref()),
        };
        if count < 2 {
            let why = "one address at present";
            FEATURES
                .iter()
                .for_each(|feature| draft.inert(*feature, why));
            return;
        }
        if !self.is_http() {
            let why = "connections are balanced as they open; spans tell calls, not connections";
            FEATURES
                .iter()
                .for_each(|feature| draft.withhold(*feature, why));
            return;
        }
        let missing = FEATURES
            .iter()
            .filter(|feature| self.is_short_of_evidence(**feature, draft));
        if missing.count() > 0 {
            return;
        }
        self.spread(count, draft);
        self.ejection(count, draft);
        self.zones(count, zones, draft);
    }

    fn spread(&self, hosts: u64, draft: &mut Draft<'_>) {
        let formula = Formula {
            text: "from 2 hosts on",
            facts: &[HOSTS],
        };
        draft.flag(Name::LeastRequest, true, formula);
        if hosts < 3 {
            let why = "two hosts: the other one could not take the load of a host that warms up";
            draft.inert(Feature::SlowStart, why);
            return;
        }
        let formula = Formula {
            text: "60 s from 3 hosts on",
            facts: &[HOSTS],
        };
        draft.exact(Name::SlowStart, 60_000, formula);
    }

    fn ejection(&self, hosts: u64, draft: &mut Draft<'_>) {
        let is_known = [FAULT_SHARE, RATE]
            .iter()
            .all(|name| self.facts.get(name).is_some());
        let Some(row) = self.row() else {
            let why = match is_known {
                true => "half of the calls or more fail: failures in a row tell nothing",
                false => {
                    "the rate of calls is unknown: facts of this edge are missing, or the graph is of an older version"
                }
            };
            draft.withhold(Feature::OutlierDetection, why);
            return;
        };
        let formula = Formula {
            text: "max(5, ln(0.1 / R) / ln server_fault_share), R = calls_per_second / hosts x 86400",
            facts: &[FAULT_SHARE, RATE, HOSTS],
        };
        draft.at_least(Name::Consecutive5xx, row, 5, formula);
        draft.number(Name::EjectionInterval, 10_000, "10 s");
        draft.number(Name::BaseEjection, 30_000, "30 s");
        draft.number(Name::MaxEjection, 300_000, "300 s");
        let formula = Formula {
            text: "clamp(100 / hosts, 10, 50)",
            facts: &[HOSTS],
        };
        let percent = formulas::max_ejection_percent(whole_to_f64(hosts));
        draft.at_least(Name::MaxEjectionPercent, percent, 10, formula);
        let formula = Formula {
            text: "from 3 hosts on",
            facts: &[HOSTS],
        };
        draft.flag(Name::AlwaysEjectOneHost, hosts >= 3, formula);
        let rate = self.facts.get(RATE_OF_ONE).unwrap_or(0.0);
        let rate = draft.sticky(Name::SuccessRateEjection, rate);
        let formula = Formula {
            text: "from 5 hosts and 100 calls of one client to each in 10 s on",
            facts: &[HOSTS, RATE_OF_ONE],
        };
        let compares = formulas::can_compare_hosts(rate, whole_to_f64(hosts));
        draft.flag(Name::SuccessRateEjection, compares, formula);
        if self.destination.protocol == DestinationProtocol::Grpc {
            let why = "in part: Envoy sees gRPC statuses of replies without messages, not those in trailers after a message";
            draft.inert(Feature::OutlierDetection, why);
        }
    }

    fn zones(&self, hosts: u64, zones: Option<&BTreeMap<String, u64>>, draft: &mut Draft<'_>) {
        let Some(zones) = zones else {
            let why = "the zones of the hosts are unknown: names carry none, an inventory with endpoints does";
            draft.withhold(Feature::ZoneAware, why);
            return;
        };
        let Some(clients) = &self.client_zones else {
            let why = "the zones of the caller's instances are unknown: their spans name none (`cloud.availability_zone`)";
            draft.withhold(Feature::ZoneAware, why);
            return;
        };
        if zones.len() < 2 {
            draft.inert(Feature::ZoneAware, "every host is in one zone");
            return;
        }
        if zones.values().any(|hosts| *hosts < 2) {
            draft.withhold(Feature::ZoneAware, "a zone has fewer than two hosts");
            return;
        }
        let formula = Formula {
            text: "min(6, hosts): with Envoy's default of 6, fewer hosts switch it off silently",
            facts: &[HOSTS],
        };
        draft.exact(SettingName::ZoneAwareMinHosts, hosts.min(6), formula);
        if differ(zones, clients) {
            let why = "in part: clients and hosts spread differently over the zones, so some calls leave theirs";
            draft.inert(Feature::ZoneAware, why);
        }
    }
}

/// Whether the shares of some zone differ by more than 20 points.
fn differ(hosts: &BTreeMap<String, u64>, clients: &BTreeMap<&str, u64>) -> bool {
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.map(u128::from).sum::<u128>().max(1);
    let all_hosts = sum(&mut hosts.values().copied());
    let all_clients = sum(&mut clients.values().copied());
    let zones = hosts
        .keys()
        .map(String::as_str)
        .chain(clients.keys().copied());
    let points = |count: u64, all: u128| u128::from(count) * 100 / all;
    zones.into_iter().any(|zone| {
        let host = points(hosts.get(zone).copied().unwrap_or(0), all_hosts);
        let client = points(clients.get(zone).copied().unwrap_or(0), all_clients);
        host.abs_diff(client) > 20
    })
}

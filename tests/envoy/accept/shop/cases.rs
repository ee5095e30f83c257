//! What a service of the shop must be able to call, and what it calls without anybody having seen it do so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

use serde_json::Value;

use super::truth::{Address, Dial};
use super::{STRANGER, Shop, UNOBSERVED_GREETING, UNOBSERVED_HTTP};
use crate::envoy::accept::case::{Case, Says};
use crate::envoy::reach;
use crate::envoy::sidecar::Sidecar;

/// Two hosts that do not run: nothing ever answered there, so nothing is generated for them.
const DEAD: [&str; 2] = ["payments/archive", "shop/wishlist"];

impl Shop {
    /// Every call that a service must be able to make, and what must become of it.
    pub(in crate::envoy::accept) fn cases(&self, service: &str, sidecar: &Sidecar) -> Vec<Case> {
        let clusters = sidecar.clusters();
        let dials = self.truth.dials();
        let own: Vec<&Dial> = dials.iter().filter(|dial| dial.caller == service).collect();
        let mut cases: Vec<Case> = own
            .iter()
            .flat_map(|dial| self.cases_of(dial, &clusters))
            .collect();
        cases.extend(unobserved(&own));
        cases
    }

    fn cases_of(&self, dial: &Dial, clusters: &BTreeMap<String, Value>) -> Vec<Case> {
        let (ip, port) = (self.truth.names[&dial.address.host][0], dial.address.port);
        let is_dead = DEAD.contains(&dial.callee.as_str());
        let says: Vec<Says> = match dial.protocol.as_str() {
            "http" => self
                .truth
                .spellings(dial)
                .into_iter()
                .map(Says::Http1)
                .collect(),
            "grpc" => self
                .truth
                .spellings(dial)
                .into_iter()
                .map(Says::Grpc)
                .collect(),
            "https" => vec![Says::Tls(dial.address.host.clone())],
            _ => vec![Says::Opaque],
        };
        let cluster = if is_dead {
            "passthrough_http".to_owned()
        } else {
            self.cluster(dial, clusters)
        };
        says.into_iter()
            .map(|says| Case {
                destination: SocketAddrV4::new(ip, port),
                says,
                cluster: cluster.clone(),
                drift: is_dead.then(|| format!("{ip}:{port}")),
            })
            .collect()
    }

    /// The one cluster that says of itself that it is for what was dialled.
    fn cluster(&self, dial: &Dial, clusters: &BTreeMap<String, Value>) -> String {
        let Address { host, port } = &dial.address;
        let ips = self.truth.names[host].iter().map(ToString::to_string);
        let known: BTreeSet<String> = self
            .truth
            .names_of(dial)
            .into_iter()
            .chain(ips)
            .map(|host| format!("{host}:{port}"))
            .collect();
        let fits = |facts: &Value| {
            let addresses = facts["addresses"].as_array().into_iter().flatten();
            let mut addresses = addresses.filter_map(Value::as_str);
            addresses.any(|address| known.contains(address))
        };
        let fitting: Vec<_> = clusters.iter().filter(|(_, facts)| fits(facts)).collect();
        let [(name, facts)] = fitting[..] else {
            panic!("{} -> {host}:{port}: {fitting:#?}", dial.caller);
        };
        if let Some(service) = &dial.service {
            assert_eq!(facts["to"], *service, "{} -> {host}:{port}", dial.caller);
        }
        name.clone()
    }
}

/// What nobody saw the service do: each must pass, unchanged, and be named.
fn unobserved(own: &[&Dial]) -> Vec<Case> {
    let case = |port: u16, says: Says, cluster: &str, drift: &str| Case {
        destination: SocketAddrV4::new(reach::address(STRANGER), port),
        says,
        cluster: cluster.to_owned(),
        drift: Some(drift.to_owned()),
    };
    let other_host = "other.example.com".to_owned();
    let ports: BTreeSet<(u16, &str)> = own
        .iter()
        .map(|dial| (dial.address.port, dial.protocol.as_str()))
        .collect();
    let mut cases = Vec::new();
    for (port, protocol) in ports {
        let says = match protocol {
            "http" => Says::LargeHttp1(other_host.clone()),
            "grpc" => Says::Grpc(other_host.clone()),
            "https" => {
                let says = Says::LargeTls(other_host.clone());
                cases.push(case(port, says, "passthrough", &other_host));
                continue;
            }
            _ => continue,
        };
        cases.push(case(port, says, "passthrough_http", &other_host));
    }
    let raw = |port| format!("{}:{port}", reach::address(STRANGER));
    cases.extend([
        case(
            UNOBSERVED_HTTP,
            Says::LargeHttp1(other_host),
            "passthrough",
            &raw(UNOBSERVED_HTTP),
        ),
        case(
            UNOBSERVED_GREETING,
            Says::LargeAfterGreeting,
            "passthrough",
            &raw(UNOBSERVED_GREETING),
        ),
    ]);
    cases
}

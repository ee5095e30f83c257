//! The recorded shop: every address that every service dialled, by every name it has, and what no trace has seen.
//!
//! `truth/calls.json` says who dialled what and what the names resolve to. The recording was made on loopback, so its
//! addresses are moved to ones of this process, in what the spans say as in what the resolver answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracemesh::render::envoy::directories;
use tracemesh_graph::egress::{EgressModel, EgressOptions, derive};

use super::super::fakes::Fake;
use super::super::sidecar::{Prepared, Sidecar};
use super::super::{dns, reach, recorded};
use super::app::App;
use super::case::{Case, Says, faults};
use crate::harness::envoy::envoy;
use crate::harness::root;

#[derive(Deserialize)]
struct Truth {
    services: Vec<TrueService>,
    edges: Vec<TrueEdge>,
    messages: Vec<TrueMessage>,
    names: BTreeMap<String, Vec<Ipv4Addr>>,
}

#[derive(Deserialize)]
struct TrueService {
    name: String,
    namespace: String,
    instrumented: bool,
}

#[derive(Deserialize)]
struct TrueEdge {
    caller: String,
    callee: String,
    kind: String,
    protocol: String,
    targets: Vec<Address>,
}

#[derive(Deserialize)]
struct TrueMessage {
    service: String,
    broker: Address,
}

#[derive(Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    host: String,
    port: u16,
}

/// An address that a service dialled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Dial {
    caller: String,
    /// Node of the callee, when it is a service with spans of its own.
    service: Option<String>,
    callee: String,
    protocol: String,
    address: Address,
}

/// Two hosts that do not run: nothing ever answered there, so nothing is generated for them.
const DEAD: [&str; 2] = ["payments/archive", "shop/wishlist"];

/// Last byte of the address of what no trace has seen.
const STRANGER: u8 = 99;
/// Last byte of the first address of the shop.
const FIRST: u8 = 100;
/// A port on which no service was seen to dial anything.
const UNOBSERVED_HTTP: u16 = 8089;
/// The same for a server that speaks first.
const UNOBSERVED_GREETING: u16 = 3306;

/// The shop on addresses of this process, with something that answers at each of them.
pub(super) struct Shop {
    truth: Truth,
    /// Egress of all services.
    model: EgressModel,
    /// Knows every name of the shop.
    resolver: SocketAddr,
}

/// The shop of this process: fakes live as long as it does.
pub(super) fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(Shop::open)
}

impl Shop {
    fn open() -> Self {
        let path = root().join("fixtures/shop/truth/calls.json");
        let text = std::fs::read_to_string(path).unwrap();
        let recorded: Truth = serde_json::from_str(&text).unwrap();
        let moves = Moves::new(recorded.names.values().flatten().copied());
        let snapshot = moves.apply(&recorded::snapshot());
        // The recording was made on one machine.
        let options = EgressOptions {
            accept_loopback: true,
            ..EgressOptions::default()
        };
        let model = derive(&snapshot, &options);
        let truth: Truth = moves.apply(&serde_json::from_str::<Value>(&text).unwrap());
        let resolver = dns::serve_all(truth.names.clone());
        let shop = Self {
            truth,
            model,
            resolver,
        };
        shop.listen();
        shop
    }

    /// Fakes at every address that was dialled, and a stranger on the same ports and on others.
    fn listen(&self) {
        let dials = self.dials();
        let addresses = dials.iter().flat_map(|dial| {
            let ips = &self.truth.names[&dial.address.host];
            ips.iter().map(|ip| (*ip, dial.address.port))
        });
        for (ip, port) in addresses.collect::<BTreeSet<_>>() {
            Fake::start(ip, port, false);
        }
        let stranger = reach::address(STRANGER);
        let ports: BTreeSet<u16> = dials.iter().map(|dial| dial.address.port).collect();
        for port in ports.into_iter().chain([UNOBSERVED_HTTP]) {
            if port == GRPC {
                Fake::start(stranger, port, false);
            } else {
                App::start(stranger, port);
            }
        }
        App::start_greeting(stranger, UNOBSERVED_GREETING);
    }

    /// Everything that was dialled.
    fn dials(&self) -> BTreeSet<Dial> {
        let calls = self.truth.edges.iter().flat_map(|edge| {
            edge.targets.iter().map(|address| Dial {
                caller: edge.caller.clone(),
                service: (edge.kind == "service").then(|| format!("service/{}", edge.callee)),
                callee: edge.callee.clone(),
                protocol: edge.protocol.clone(),
                address: address.clone(),
            })
        });
        let brokers = self.truth.messages.iter().map(|message| Dial {
            caller: message.service.clone(),
            service: None,
            callee: message.broker.host.clone(),
            protocol: "broker".to_owned(),
            address: message.broker.clone(),
        });
        calls.chain(brokers).collect()
    }

    /// Services with spans, as `namespace/name`.
    fn services(&self) -> Vec<String> {
        let traced = self
            .truth
            .services
            .iter()
            .filter(|service| service.instrumented);
        traced
            .map(|service| format!("{}/{}", service.namespace, service.name))
            .collect()
    }

    /// Every call that a service must be able to make, and what must become of it.
    pub(super) fn cases(&self, service: &str, sidecar: &Sidecar) -> Vec<Case> {
        let clusters = sidecar.clusters();
        let dials = self.dials();
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
            "http" => self.spellings(dial).into_iter().map(Says::Http1).collect(),
            "grpc" => self.spellings(dial).into_iter().map(Says::Grpc).collect(),
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

    /// The names by which a host is known to the caller: a name without namespace is known to its neighbours only.
    fn names_of(&self, dial: &Dial) -> Vec<String> {
        let names = &self.truth.names;
        let host = &dial.address.host;
        let label = host.split('.').next().unwrap();
        let namespace = dial.caller.split('/').next().unwrap();
        let neighbours = names.contains_key(&format!("{label}.{namespace}"));
        let qualified = format!("{label}.");
        let same = names.iter().filter(|(name, ips)| {
            let fits = name.starts_with(&qualified) || (neighbours && *name == label);
            fits && **ips == names[host]
        });
        same.map(|(name, _)| name.clone()).collect()
    }

    /// The host as it was dialled in every spelling, and the other names of a service in one each. What has no spans may
    /// be anywhere: `loyalty.shop` need not be `loyalty` in the namespace `shop`.
    fn spellings(&self, dial: &Dial) -> BTreeSet<String> {
        let Address { host, port } = &dial.address;
        let spell = |name: &str| {
            [
                name.to_owned(),
                format!("{name}:{port}"),
                name.to_uppercase(),
                format!("{name}."),
                format!("{name}.:{port}"),
            ]
        };
        let others = dial.service.iter().flat_map(|_| self.names_of(dial));
        let others = others.enumerate();
        let one_each = others.map(|(index, name)| spell(&name)[index % 5].clone());
        spell(host).into_iter().chain(one_each).collect()
    }
}

const GRPC: u16 = 50051;

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

/// Recorded addresses and ports, and those of this process that stand for them.
struct Moves {
    addresses: BTreeMap<Ipv4Addr, Ipv4Addr>,
    /// Added to ports that only a privileged process may listen on: 0 where every process may.
    above_privileged: u16,
}

/// Ports of the recording that not every process may listen on.
const PRIVILEGED: [u16; 2] = [80, 443];

impl Moves {
    fn new(recorded: impl Iterator<Item = Ipv4Addr>) -> Self {
        let recorded: BTreeSet<Ipv4Addr> = recorded.collect();
        let moved = recorded.into_iter().zip((FIRST..=254).map(reach::address));
        let may_listen = TcpListener::bind((reach::address(STRANGER), PRIVILEGED[0])).is_ok();
        Self {
            addresses: moved.collect(),
            above_privileged: if may_listen { 0 } else { 8000 },
        }
    }

    /// The same value with every address and port replaced, wherever it stands: alone, or an address before a port.
    fn apply<T: DeserializeOwned>(&self, value: &impl Serialize) -> T {
        let mut text = serde_json::to_string(value).unwrap();
        for (from, to) in &self.addresses {
            for end in ["\"", ":"] {
                text = text.replace(&format!("\"{from}{end}"), &format!("\"{to}{end}"));
            }
        }
        for port in PRIVILEGED {
            let moved = port + self.above_privileged;
            text = text.replace(&format!(":{port}\""), &format!(":{moved}\""));
            for end in [",", "}"] {
                let from = format!("\"port\":{port}{end}");
                text = text.replace(&from, &format!("\"port\":{moved}{end}"));
            }
        }
        serde_json::from_str(&text).unwrap()
    }
}

/// The files of a service of the shop, before its sidecar starts.
pub(super) fn prepare(service: &str) -> Prepared {
    let shop = shop();
    let directories = directories(&shop.model);
    let directory = directories[&format!("service/{service}")].strip_prefix("services/");
    Prepared::write(&shop.model, directory.unwrap(), shop.resolver)
}

#[test]
fn every_service_of_the_shop_reaches_what_it_dialled_and_what_it_did_not() {
    let Some(envoy) = envoy() else { return };
    let shop = shop();
    let (mut observed, mut unobserved) = (0, 0);
    let services = shop.services();
    for service in &services {
        let sidecar = prepare(service).start(envoy);
        sidecar.wait_for_endpoints();
        let cases = shop.cases(service, &sidecar);
        let faults = faults(&sidecar, &cases);
        assert!(faults.is_empty(), "{service}:\n{}", faults.join("\n"));
        let passed = cases.iter().filter(|case| case.drift.is_some()).count();
        observed += cases.len() - passed;
        unobserved += passed;
    }
    assert_eq!((services.len(), observed, unobserved), (18, 171, 60));
}

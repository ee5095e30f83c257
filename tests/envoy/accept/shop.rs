//! The recorded shop: every address that every service dialled, by every name it has, and what no trace has seen.
//!
//! `truth/calls.json` says who dialled what and what the names resolve to. The recording was made on loopback, so its
//! addresses are moved to ones of this process, in what the spans say as in what the resolver answers.

mod cases;
mod truth;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;
use tracemesh::render::envoy::directories;
use tracemesh_graph::egress::{
    EgressModel, EgressOptions, Phase, SettingName, SettingValue, derive,
};
use tracemesh_graph::policy::{Overrides, Policy, Thresholds};

use super::super::fakes::Fake;
use super::super::matcher;
use super::super::sidecar::Prepared;
use super::super::{dns, reach, recorded};
use super::app::App;
use super::case::faults;
use crate::harness::envoy::envoy;
use crate::harness::root;
use truth::{Moves, Truth};

/// Last byte of the address of what no trace has seen.
const STRANGER: u8 = 99;
/// The port of gRPC in the shop.
const GRPC: u16 = 50051;
/// A port on which no service was seen to dial anything.
const UNOBSERVED_HTTP: u16 = 8089;
/// The same for a server that speaks first.
const UNOBSERVED_GREETING: u16 = 3306;

/// The shop on addresses of this process, with something that answers at each of them.
pub(super) struct Shop {
    truth: Truth,
    /// Egress of all services, where nothing changes but that it is defined.
    transparent: EgressModel,
    /// The same with settings.
    tuned: EgressModel,
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
        let model = |phase| derive(&snapshot, &options(phase));
        let (transparent, tuned) = (model(Phase::Transparent), model(Phase::Tuned));
        let truth: Truth = moves.apply(&serde_json::from_str::<Value>(&text).unwrap());
        let resolver = dns::serve_all(truth.names.clone());
        let shop = Self {
            truth,
            transparent,
            tuned,
            resolver,
        };
        shop.listen();
        shop
    }

    /// Fakes at every address that was dialled, and a stranger on the same ports and on others.
    fn listen(&self) {
        let dials = self.truth.dials();
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
}

/// Options for a phase. Half a minute of the shop would not do for settings, and machines are slower when they are busy
/// than in the recording: the policy says that it does, and gives the times.
fn options(phase: Phase) -> EgressOptions {
    let times = [
        (SettingName::PerTryTimeout, 10_000),
        (SettingName::RouteTimeout, 30_000),
    ];
    let times = times.map(|(name, ms)| (name, SettingValue::Number(ms)));
    let policy = Policy {
        defaults: Overrides {
            phase: Some(phase),
            settings: times.into(),
        },
        thresholds: Thresholds {
            tuned_calls: 10,
            ..Thresholds::default()
        },
        ..Policy::default()
    };
    EgressOptions {
        // The recording was made on one machine.
        accept_loopback: true,
        phase,
        policy: match phase {
            Phase::Transparent => Policy::default(),
            Phase::Tuned => policy,
        },
        ..EgressOptions::default()
    }
}

/// The files of a service of the shop, before its sidecar starts.
pub(super) fn prepare(service: &str, phase: Phase) -> Prepared {
    let shop = shop();
    let model = match phase {
        Phase::Transparent => &shop.transparent,
        Phase::Tuned => &shop.tuned,
    };
    let directories = directories(model);
    let directory = directories[&format!("service/{service}")].strip_prefix("services/");
    Prepared::write(model, directory.unwrap(), shop.resolver)
}

/// Makes every call of a service; returns how many were of what was observed, and how many were not.
fn assert_accepted(envoy: &Path, service: &str, phase: Phase) -> (usize, usize) {
    let prepared = prepare(service, phase);
    let tables = matcher::tables_in(&prepared.files());
    let sidecar = prepared.start(envoy);
    sidecar.wait_for_endpoints();
    let cases = shop().cases(service, &sidecar);
    let mut faults = faults(&sidecar, &cases);
    // What Envoy does is what `tracemesh verify` says of it.
    faults.extend(cases.iter().filter_map(|case| {
        let found = matcher::cluster_of(&tables, case.destination, &case.says.speech());
        (found != case.cluster).then(|| format!("{case:?}: the matcher says {found}"))
    }));
    assert!(faults.is_empty(), "{service}:\n{}", faults.join("\n"));
    let unobserved = cases.iter().filter(|case| case.drift.is_some()).count();
    (cases.len() - unobserved, unobserved)
}

#[test]
fn every_service_of_the_shop_reaches_what_it_dialled_and_what_it_did_not() {
    let Some(envoy) = envoy() else { return };
    let services = shop().truth.services();
    let calls = services
        .iter()
        .map(|service| assert_accepted(envoy, service, Phase::Transparent));
    let sum = calls.fold((0, 0), |sum, calls| (sum.0 + calls.0, sum.1 + calls.1));
    assert_eq!((services.len(), sum), (18, (171, 60)));
}

#[test]
fn settings_send_nothing_elsewhere() {
    let Some(envoy) = envoy() else { return };
    // HTTP, gRPC, TLS and several databases; one of them dials by address.
    for service in [
        "shop/frontend",
        "shop/shipping",
        "payments/payment",
        "shop/checkout",
    ] {
        let tuned = &shop().tuned.services;
        let own = tuned.iter().find(|own| own.id.ends_with(service)).unwrap();
        let mut destinations = own.destinations.iter();
        assert!(destinations.all(|destination| destination.tuning.phase == Phase::Tuned));
        assert_accepted(envoy, service, Phase::Tuned);
    }
}

//! A million services, hosts, routes, methods and instances that are made up, over the real receiver. Small caps are tried by the tests
//! of the collector.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

use super::sender::{Sender, memory_kib};
use super::{graph_of, metric};
use crate::harness::process::{Collector, get};
use crate::harness::python::say;
use crate::harness::{Kind, attribute, request, service, span};

const SERVICES: u64 = 1_000_000;
const PER_REQUEST: usize = 500;

/// A service of which everything is new, with a served call and a call to a host of its own.
fn made_up(id: u64) -> ResourceSpans {
    let trace = u128::from(id) + 1;
    let mut served = span(trace, 2 * id + 1, 0, Kind::Server);
    served.name = format!("operation-{id}");
    served.attributes = vec![
        attribute("http.request.method", &format!("M{id}")),
        attribute("http.route", &format!("/route-{id}")),
        attribute("error.type", &format!("error-{id}")),
    ];
    let mut called = span(trace, 2 * id + 2, 2 * id + 1, Kind::Client);
    called.attributes = vec![
        attribute("server.address", &format!("host-{id}.example.com")),
        attribute(
            "network.peer.address",
            &format!("10.{}.{}.{}", id >> 16, (id >> 8) & 255, id & 255),
        ),
        attribute("url.full", &format!("http://host-{id}.example.com/words/x")),
        attribute("rpc.method", &format!("shop.Cart/Method{id}")),
    ];
    let mut all = service(&format!("service-{id}"), vec![served, called]);
    if let Some(resource) = &mut all.resource {
        resource.attributes.extend([
            attribute("service.namespace", &format!("namespace-{id}")),
            attribute("service.instance.id", &format!("instance-{id}")),
            attribute("cloud.availability_zone", &format!("zone-{id}")),
        ]);
    }
    all
}

#[test]
#[ignore = "takes minutes and a gigabyte; run with `--ignored --nocapture` for the numbers"]
fn a_million_of_everything() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = Collector::start(
        &store,
        &["--flush-interval", "10s", "--memory-budget", "256MiB"],
    );
    let mut sender = Sender::connect(&collector.http);
    for first in (0..SERVICES).step_by(PER_REQUEST) {
        let body = request((first..).take(PER_REQUEST).map(made_up).collect());
        while sender.post(&body).status != 200 {
            std::thread::sleep(Duration::from_millis(100));
        }
        if first % 50_000 == 0 {
            let rss = memory_kib(collector.pid(), "VmRSS").unwrap_or_default();
            say(&format!("{first} services: {} MiB", rss >> 10));
        }
    }
    let (_, _, text) = get(&collector.admin, "/metrics", &[]);
    for line in text
        .lines()
        .filter(|line| line.contains("interned") || line.contains("folded"))
    {
        say(line);
    }
    assert!(metric(&text, "tracemesh_series").expect("a gauge") <= 10_001);
    say(&format!("scrape: {} bytes", text.len()));
    let peak = memory_kib(collector.pid(), "VmHWM").unwrap_or_default();
    collector.terminate();
    say(&format!("peak {} MiB", peak >> 10));
    let graph = graph_of(&store);
    let told = &graph.diagnostics;
    say(&format!(
        "{} nodes, {} edges, dropped {:?}, {:?}",
        graph.nodes.len(),
        graph.edges.len(),
        told.dropped,
        told.counters
    ));
    assert_eq!((told.spans, told.used), (2 * SERVICES, 2 * SERVICES));
    assert!(told.counters["names_folded"] > SERVICES, "{told:?}");
}

//! Spans of real Envoys: a gateway and two sidecars, set up and named as Istio does it, before applications that have no
//! spans and pass headers on. What they send over OTLP to `tracemesh collect` must give the calls that were made.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Relation};

use crate::harness::envoy::envoy;
use crate::harness::process::{Collector, stop};
use crate::harness::tracemesh_in;

const CALLS: u32 = 10;

/// details refuses every third request, and the sidecar that asks it tries once more.
const REFUSES_EVERY: u32 = 3;

const PRODUCTPAGE: &str = "outbound|9080||productpage.bookinfo.svc.cluster.local";
const DETAILS: &str = "outbound|9080||details.bookinfo.svc.cluster.local";
const INBOUND: &str = "inbound|9080||";

/// Steps of 100 ms that anything may take.
const STEPS: u32 = 200;

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn cluster(name: &str, port: u16) -> Value {
    json!({
        "name": name, "type": "STATIC", "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
        ]}]},
    })
}

/// Where spans go: OTLP over gRPC.
fn otlp(address: &str) -> Value {
    let (_, port) = address.rsplit_once(':').unwrap();
    let mut cluster = cluster("otlp", port.parse().unwrap());
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    cluster["typed_extension_protocol_options"] = json!({options: {
        "@type": format!("type.googleapis.com/{options}"),
        "explicit_http_config": {"http2_protocol_options": {}},
    }});
    cluster
}

/// One listener of a proxy.
struct Way<'a> {
    port: u16,
    direction: &'a str,
    service: &'a str,
    cluster: &'a str,
    retries: u32,
}

impl Way<'_> {
    fn listener(&self, has_span_per_side: bool) -> Value {
        let filters = "type.googleapis.com/envoy.extensions.filters";
        let tracing = json!({
            "random_sampling": {"value": 100},
            "spawn_upstream_span": has_span_per_side,
            "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": self.service,
                "grpc_service": {"envoy_grpc": {"cluster_name": "otlp"}, "timeout": "2s"},
            }},
        });
        let route = json!({
            "cluster": self.cluster,
            "retry_policy": {"retry_on": "5xx", "num_retries": self.retries},
        });
        json!({
            "name": self.cluster, "traffic_direction": self.direction,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": {
                "@type": format!("{filters}.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "http", "tracing": tracing,
                "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                    {"match": {"prefix": "/"}, "route": route}
                ]}]},
                "http_filters": [{"name": "router", "typed_config": {
                    "@type": format!("{filters}.http.router.v3.Router")
                }}],
            }}]}],
        })
    }
}

/// A running Envoy; it ends when dropped.
struct Proxy {
    process: Child,
    admin_port: u16,
}

impl Proxy {
    fn start(binary: &Path, place: &Path, node: &str, mut config: Value) -> Self {
        let name = node.split('~').nth(2).unwrap();
        let admin_port = free_port();
        config["admin"] = json!({"address": {"socket_address": {
            "address": "127.0.0.1", "port_value": admin_port
        }}});
        let file = place.join(format!("{name}.json"));
        fs::write(&file, config.to_string()).unwrap();
        let process = Command::new(binary)
            .arg("-c")
            .arg(&file)
            .args(["--service-node", node, "--service-cluster", name])
            .args(["--concurrency", "1", "--disable-hot-restart"])
            .args(["--log-level", "warning"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(place.join(format!("{name}.log"))).unwrap())
            .spawn()
            .unwrap();
        Self {
            process,
            admin_port,
        }
    }

    /// Spans that have arrived where they were sent; none while some are on their way.
    fn delivered_spans(&self) -> Option<u64> {
        let stats = fetch(self.admin_port, "/stats", "admin", &[])?;
        let stat = |name: &str| -> Option<u64> {
            let line = stats.lines().find_map(|line| line.strip_prefix(name))?;
            line.strip_prefix(": ")?.trim().parse().ok()
        };
        let is_idle = stat("cluster.otlp.upstream_rq_active")? == 0;
        is_idle.then(|| stat("tracing.opentelemetry.spans_sent"))?
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}

/// One HTTP request as an application reads it: the headers that it passes on.
fn read_headers(stream: &TcpStream) -> Vec<String> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head = lines.take_while(|line| !line.is_empty());
    let passed_on = ["traceparent:", "tracestate:", "x-request-id:"];
    head.filter(|line| passed_on.iter().any(|name| line.starts_with(name)))
        .collect()
}

/// The whole answer to a GET.
fn fetch(port: u16, path: &str, host: &str, headers: &[String]) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).ok()?;
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The status of a GET.
fn get(port: u16, host: &str, headers: &[String]) -> Option<u16> {
    let answer = fetch(port, "/", host, headers)?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// An application that answers with the status that its work gives; it lives as long as the process.
fn application(work: impl Fn(&[String]) -> u16 + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            let status = work(&read_headers(&stream));
            let head =
                format!("HTTP/1.1 {status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            drop(stream.write_all(head.as_bytes()));
        }
    });
    port
}

/// The mesh: users -> gateway -> productpage -> details. Returns its proxies and the port of the gateway.
fn start_mesh(binary: &Path, place: &Path, otlp_address: &str, halves: bool) -> (Vec<Proxy>, u16) {
    let [gateway, page_in, page_out, details_in] = [(); 4].map(|()| free_port());
    let asked = AtomicU32::new(0);
    let details = application(move |_| {
        let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
        if number.is_multiple_of(REFUSES_EVERY) {
            503
        } else {
            200
        }
    });
    let page = application(move |headers| get(page_out, "details:9080", headers).unwrap_or(500));
    let way = |port, direction, service, cluster| Way {
        port,
        direction,
        service,
        cluster,
        retries: u32::from(cluster == DETAILS),
    };
    let service = "productpage.bookinfo";
    let ways = [
        (
            "router~10.0.0.1~gateway-1.istio-system~istio-system.svc.cluster.local",
            vec![way(
                gateway,
                "OUTBOUND",
                "istio-ingressgateway.istio-system",
                PRODUCTPAGE,
            )],
            vec![cluster(PRODUCTPAGE, page_in)],
        ),
        (
            "sidecar~10.0.0.2~productpage-1.bookinfo~bookinfo.svc.cluster.local",
            vec![
                way(page_in, "INBOUND", service, INBOUND),
                way(page_out, "OUTBOUND", service, DETAILS),
            ],
            vec![cluster(INBOUND, page), cluster(DETAILS, details_in)],
        ),
        (
            "sidecar~10.0.0.3~details-1.bookinfo~bookinfo.svc.cluster.local",
            vec![way(details_in, "INBOUND", "details.bookinfo", INBOUND)],
            vec![cluster(INBOUND, details)],
        ),
    ];
    let start = |(node, ways, clusters): (&str, Vec<Way<'_>>, Vec<Value>)| {
        let listeners: Vec<Value> = ways.iter().map(|way| way.listener(halves)).collect();
        let clusters: Vec<Value> = clusters.into_iter().chain([otlp(otlp_address)]).collect();
        let at_once = json!({"tracing.opentelemetry.min_flush_spans": 1});
        let config = json!({
            "static_resources": {"listeners": listeners, "clusters": clusters},
            "layered_runtime": {"layers": [{"name": "test", "static_layer": at_once}]},
        });
        Proxy::start(binary, place, node, config)
    };
    let proxies = ways.into_iter().map(start).collect();
    for port in [gateway, page_in, page_out, details_in] {
        wait_for(|| TcpStream::connect(("127.0.0.1", port)).ok());
    }
    (proxies, gateway)
}

fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..STEPS {
        if let Some(found) = attempt() {
            return found;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("waited in vain");
}

/// Calls through the mesh, and the graph once all spans have arrived.
fn graph_of_mesh(binary: &Path, has_span_per_side: bool, spans: u64) -> GraphSnapshot {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("data");
    let collector = Collector::start(&store, &[]);
    let (proxies, port) = start_mesh(binary, place.path(), &collector.grpc, has_span_per_side);
    for _ in 0..CALLS {
        assert_eq!(get(port, "10.96.0.7:31380", &[]), Some(200));
    }
    wait_for(|| {
        let delivered = proxies.iter().map(Proxy::delivered_spans);
        (delivered.sum::<Option<u64>>()? == spans).then_some(())
    });
    drop(proxies);
    let said = collector.terminate();
    assert!(said.contains(&format!("received {spans} spans")), "{said}");
    let store = store.display().to_string();
    let arguments = ["graph", "--store", &store, "--format", "json"];
    let run = tracemesh_in(place.path(), &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).unwrap()
}

/// An edge as caller, callee, relation, calls, attempts, failed, failed attempts, and the address dialled.
fn told(edge: &Edge) -> (&str, &str, Relation, [u64; 4], String) {
    let targets = edge.targets.iter();
    let targets: Vec<String> = targets
        .map(|target| format!("{}:{:?}", target.host, target.port))
        .collect();
    let counts = [edge.calls, edge.attempts, edge.failed, edge.failed_attempts];
    assert_eq!(edge.evidence.paired, edge.calls, "{edge:?}");
    (
        &edge.caller,
        &edge.callee,
        edge.relation,
        counts,
        targets.join(","),
    )
}

/// Ten calls; four of the fourteen attempts that details sees are refused, and none twice in a row.
fn expect_the_calls(graph: &GraphSnapshot) {
    let mut told: Vec<_> = graph.edges.iter().map(told).collect();
    told.sort_by_key(|edge| (edge.0, edge.1));
    let (gateway, page, details) = (
        "service/istio-ingressgateway.istio-system",
        "service/productpage.bookinfo",
        "service/details.bookinfo",
    );
    let dialled = |name: &str| format!("{name}.bookinfo.svc.cluster.local:Some(9080)");
    let sync = Relation::Sync;
    assert_eq!(
        told,
        [
            (gateway, page, sync, [10, 10, 0, 0], dialled("productpage")),
            (page, details, sync, [10, 14, 0, 4], dialled("details")),
        ]
    );
    for service in &graph.diagnostics.per_service {
        assert_eq!(service.orphans + service.unresolved, 0, "{service:?}");
    }
}

/// A span for each listener: the gateway's is CLIENT, because its listener is outbound.
#[test]
fn spans_of_real_sidecars_give_the_calls_of_applications_without_spans() {
    let Some(binary) = envoy() else { return };
    let graph = graph_of_mesh(binary, false, 10 + 10 + 10 + 14);
    expect_the_calls(&graph);
    assert_eq!(
        graph.nodes.iter().map(|node| node.entry_calls).sum::<u64>(),
        0
    );
}

/// A span for each side of each proxy: attempts lie below the span of their request, and the gateway is entered.
#[test]
fn spans_for_each_side_of_real_sidecars_give_the_same_calls() {
    let Some(binary) = envoy() else { return };
    let graph = graph_of_mesh(binary, true, 20 + 20 + 24 + 28);
    expect_the_calls(&graph);
    let gateway = graph.node("service/istio-ingressgateway.istio-system");
    assert_eq!(gateway.expect("the gateway is a node").entry_calls, 10);
}

//! The matcher of `tracemesh verify` against a real Envoy on the same files: for every connection, the cluster whose counter
//! rises is the one that the matcher names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tracemesh::output_dir::envoy::write_envoy;
use tracemesh::render::envoy::{Capture, EnvoyOptions};
use tracemesh::verify::{read_index, read_tables};
use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::snapshot::NodeKind;
use tracemesh_graph::verify::{Connection, End, Request, SidecarTables, Speech, deliver};

use super::dns;
use super::fakes::{self, Fake};
use super::reach::dial_each_kind;
use super::snapshots::{Dialled, Graph, node};
use crate::harness::envoy::envoy;
use crate::harness::process::stop;
use crate::harness::root;

/// An address of this process alone.
fn address(host: u8) -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | (high & 63), low, host)
}

/// The tables of the service whose files lie in a directory.
pub(super) fn tables_in(directory: &Path) -> SidecarTables {
    let own = directory.file_name().unwrap().to_str().unwrap();
    read_tables(directory.parent().unwrap(), own).unwrap()
}

/// The cluster that the matcher names for a connection, or its other answer.
pub(super) fn cluster_of(tables: &SidecarTables, to: SocketAddrV4, speech: &Speech<'_>) -> String {
    let connection = Connection {
        ip: Some(IpAddr::V4(*to.ip())),
        port: to.port(),
        speech: speech.clone(),
    };
    match deliver(tables, &connection).end {
        End::Cluster(name) => name.to_owned(),
        other => format!("{other:?}"),
    }
}

/// What a client says, and how the matcher calls it.
#[derive(Debug, Clone)]
enum Say {
    Http {
        method: &'static str,
        path: &'static str,
        host: String,
    },
    Grpc(String),
    Tls(String),
    Opaque,
}

fn get(host: &str) -> Say {
    Say::Http {
        method: "GET",
        path: "/",
        host: host.to_owned(),
    }
}

impl Say {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Http { method, path, host } => {
                let line = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
                format!("{line}Connection: close\r\nContent-Length: 0\r\n\r\n").into_bytes()
            }
            Self::Grpc(host) => fakes::Speech::Grpc(host).bytes(),
            Self::Tls(name) => fakes::Speech::Tls(name).bytes(),
            Self::Opaque => fakes::Speech::Opaque.bytes(),
        }
    }

    fn speech(&self) -> Speech<'_> {
        match self {
            Self::Http { method, path, host } => Speech::Http(Request {
                is_http2: false,
                is_grpc: false,
                authority: host,
                method,
                path,
            }),
            Self::Grpc(host) => Speech::Http(Request {
                is_http2: true,
                is_grpc: true,
                authority: host,
                method: "POST",
                path: "/",
            }),
            Self::Tls(name) => Speech::Tls {
                server_name: Some(name),
                protocols: &["h2", "http/1.1"],
            },
            Self::Opaque => Speech::Opaque,
        }
    }
}

/// A running Envoy on files that the matcher reads too.
struct Stage {
    process: Child,
    directory: TempDir,
    tables: SidecarTables,
    admin: u16,
    capture: u16,
    hits: BTreeMap<String, u64>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}

impl Stage {
    /// Starts Envoy in a directory below `place`.
    fn start(envoy: &Path, place: TempDir, own: &str, [capture, admin]: [u16; 2]) -> Self {
        let directory = place.path().join(own);
        let log = |name: &str| File::create(place.path().join(name)).unwrap();
        let process = Command::new(envoy)
            .current_dir(&directory)
            .args(["-c", "bootstrap.yaml", "--disable-hot-restart"])
            .args(["--concurrency", "1", "--reject-unknown-dynamic-fields"])
            .args(["--log-level", "warning"])
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .unwrap();
        let tables = read_tables(place.path(), own).unwrap();
        let stage = Self {
            process,
            directory: place,
            tables,
            admin,
            capture,
            hits: BTreeMap::new(),
        };
        let listeners = stage.tables.listeners.len() + 1;
        stage.wait("ready", || {
            let ready = stage
                .ask("/ready")
                .is_some_and(|text| text.contains("LIVE"));
            let listed = stage.ask("/listeners").unwrap_or_default();
            ready && listed.lines().filter(|line| line.contains("::")).count() >= listeners
        });
        stage
    }

    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..200 {
            if done() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.directory.path().join("stderr")).unwrap();
        panic!("waited in vain for {what}\n{log}");
    }

    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Clusters whose counters rose since the last time.
    fn risen(&mut self) -> Vec<String> {
        let text = self.ask("/stats?filter=upstream_rq_total").unwrap();
        let now: BTreeMap<String, u64> = text.lines().filter_map(read_hit).collect();
        let rose = |(name, count): (&String, &u64)| {
            let before = self.hits.get(name).copied().unwrap_or(0);
            (*count > before).then(|| name.clone())
        };
        let risen = now.iter().filter_map(rose).collect();
        self.hits = now;
        risen
    }

    /// Makes a connection, and returns what Envoy did with it: a cluster, or what came back instead.
    fn envoy_says(&mut self, to: SocketAddrV4, say: &Say) -> String {
        let answer = exchange(self.capture, to, &say.bytes());
        match self.risen().as_slice() {
            [cluster] => format!("cluster {cluster}"),
            [] if answer.starts_with(b"HTTP/1.1 404") => "no route".to_owned(),
            [] if answer.starts_with(b"HTTP/1.1 204") => "answered".to_owned(),
            [] if answer.is_empty() => "closed".to_owned(),
            [] => format!("answer {:?}", String::from_utf8_lossy(&answer)),
            several => format!("clusters {several:?}"),
        }
    }

    fn matcher_says(&self, to: SocketAddrV4, say: &Say) -> String {
        let connection = Connection {
            ip: Some(IpAddr::V4(*to.ip())),
            port: to.port(),
            speech: say.speech(),
        };
        match deliver(&self.tables, &connection).end {
            End::Cluster(name) => format!("cluster {name}"),
            End::NoRoute | End::NoRouteTable => "no route".to_owned(),
            End::Answered => "answered".to_owned(),
            End::NoChain => "closed".to_owned(),
            other => format!("{other:?}"),
        }
    }

    /// Asserts that both agree on every case, and returns how many clusters were reached.
    fn compare(&mut self, cases: &[(u8, u16, Say)]) -> usize {
        self.risen();
        let mut differences = Vec::new();
        let mut reached = std::collections::BTreeSet::new();
        for (host, port, say) in cases {
            let to = SocketAddrV4::new(address(*host), *port);
            let (expected, found) = (self.matcher_says(to, say), self.envoy_says(to, say));
            if expected != found {
                differences.push(format!("{to} {say:?}: matcher {expected}, Envoy {found}"));
            }
            reached.insert(found);
        }
        let count = cases.len();
        assert!(
            differences.is_empty(),
            "{} of {count} differ:\n{}",
            differences.len(),
            differences.join("\n")
        );
        reached.len()
    }
}

fn read_hit(line: &str) -> Option<(String, u64)> {
    let (name, count) = line.split_once(": ")?;
    let cluster = name
        .strip_prefix("cluster.")?
        .strip_suffix(".upstream_rq_total")?;
    Some((cluster.to_owned(), count.trim().parse().ok()?))
}

/// Says something to a destination through the sidecar, and hears it out.
fn exchange(capture: u16, to: SocketAddrV4, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", capture)).unwrap();
    let timeout = Some(Duration::from_millis(100));
    stream.set_read_timeout(timeout).unwrap();
    let preamble = format!("PROXY TCP4 127.0.0.1 {} 40000 {}\r\n", to.ip(), to.port());
    let mut answer = Vec::new();
    // A connection that nobody takes may be closed before everything is said.
    let said = stream
        .write_all(preamble.as_bytes())
        .and_then(|()| stream.write_all(bytes));
    if said.is_err() {
        return answer;
    }
    let mut buffer = [0; 4096];
    for _ in 0..50 {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            // HTTP/2 connections stay open.
            Err(_) if answer.len() > 30 => break,
            Err(_) => {}
        }
    }
    answer
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("0.0.0.0:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The configuration of `fixtures/verify/matcher`, with its places filled in.
fn by_hand(ports: [u16; 2]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("client");
    fs::create_dir_all(own.join("xds/rds")).unwrap();
    let [first, second, third, _] = address(0).octets();
    let fixture = root().join("fixtures/verify/matcher");
    for file in [
        "bootstrap.yaml",
        "xds/cds.yaml",
        "xds/lds.yaml",
        "xds/rds/http.yaml",
        "xds/rds/plain.yaml",
    ] {
        let text = fs::read_to_string(fixture.join(file)).unwrap();
        let text = text
            .replace("@NET@", &format!("{first}.{second}.{third}"))
            .replace("@CAPTURE@", &ports[0].to_string())
            .replace("@ADMIN@", &ports[1].to_string());
        fs::write(own.join(file), text).unwrap();
    }
    directory
}

/// Hosts in every spelling: case, port, dot at the end.
fn spellings(hosts: &[&str], port: u16) -> Vec<String> {
    let mut all = Vec::new();
    for host in hosts {
        for host in [(*host).to_owned(), host.to_ascii_uppercase()] {
            for dot in ["", "."] {
                for port in [String::new(), format!(":{port}"), ":1".to_owned()] {
                    all.push(format!("{host}{dot}{port}"));
                }
            }
        }
    }
    all
}

const HOSTS: [&str; 16] = [
    "cart",
    "cart.shop",
    "cart.shop.extra",
    "x.wild.shop",
    "wild.shop",
    ".wild.shop",
    "a.b.wild.shop",
    "b.wild.shop",
    "a-b.wild.shop",
    "exact.wild.shop",
    "pre.anything",
    "pre",
    "prefixed",
    "[2001:db8::1]",
    "[2001:db8:0::1]",
    "10.0.0.1",
];

fn cases_by_hand() -> Vec<(u8, u16, Say)> {
    let mut cases = Vec::new();
    for port in [8080, 8081] {
        let hosts = spellings(&HOSTS, port);
        cases.extend(hosts.iter().map(|host| (1, port, get(host))));
    }
    for host in [
        "cart",
        "cart.shop:8080",
        "CART.",
        "x.wild.shop",
        "nobody",
        "methods.shop",
    ] {
        cases.push((1, 8080, Say::Grpc(host.to_owned())));
    }
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"] {
        for path in [
            "/",
            "/exact",
            "/exact?x=/api",
            "/exact/",
            "/api/x",
            "/apix",
            "/direct",
        ] {
            let host = "methods.shop:8080".to_owned();
            cases.push((1, 8080, Say::Http { method, path, host }));
        }
    }
    for name in [
        "a.example.com",
        "A.Example.COM",
        "b.example.com",
        "x.b.example.com",
        "exact.b.example.com",
        "x.y.b.example.com",
        "plain.example.com",
        "example.com",
        "other.org",
        "upper.org",
        "UPPER.org",
        "com",
    ] {
        for port in [8443, 8080, 7777] {
            cases.push((1, port, Say::Tls(name.to_owned())));
        }
    }
    cases.push((1, 8443, get("cart:8443")));
    cases.push((1, 8443, Say::Grpc("cart:8443".to_owned())));
    for port in [6379, 7777, 7778, 8080, 8443, 9000] {
        cases.extend((1..=9).map(|host| (host, port, Say::Opaque)));
    }
    for host in 1..=3 {
        cases.push((host, 9000, get("cart.shop:9000")));
        cases.push((host, 6379, get("cart.shop:6379")));
        cases.push((host, 7778, Say::Tls("a.example.com".to_owned())));
    }
    cases
}

#[test]
fn every_kind_of_condition_matches_as_in_envoy() {
    let Some(envoy) = envoy() else { return };
    let ports = [6379, 7777, 7778, 8080, 8081, 8443, 9000];
    let fakes: Vec<Fake> = (1..=9)
        .flat_map(|host| ports.map(|port| Fake::start(address(host), port, false)))
        .collect();
    let own = free_ports();
    let mut stage = Stage::start(envoy, by_hand(own), "client", own);
    let cases = cases_by_hand();
    assert!(cases.len() > 500, "{}", cases.len());
    let reached = stage.compare(&cases);
    // All clusters but the one whose chain wants a server name in clear text; 404, an answer of its own, and closed.
    assert_eq!(reached, 22 + 3);
    assert!(fakes.iter().any(|fake| fake.connections() > 0));
}

/// A caller with every kind of target that the generator tells apart.
fn generated() -> Graph {
    let client = node(NodeKind::Service, "client", "shop");
    let [literal, first, second, mail] = [115, 121, 122, 125].map(|host| address(host).to_string());
    let edges: [(&str, &[Dialled<'_>], &str); 4] = [
        (
            "redis-a",
            &[("redis", "redis-a.shop.svc", 6379, Some(&first))],
            "redis",
        ),
        (
            "redis-b",
            &[("redis", "redis-b.shop.svc", 6379, Some(&second))],
            "redis",
        ),
        ("kafka", &[("kafka", "kafka.shop.svc", 9092, None)], "kafka"),
        (
            "mail",
            &[("redis", "mail.shop.svc", 8443, Some(&mail))],
            "redis",
        ),
    ];
    let mut graph = Graph::default();
    dial_each_kind(&mut graph, "client", &literal);
    for (name, targets, protocol) in edges {
        let callee = node(NodeKind::Service, name, "shop");
        graph.dial(&client, &callee, targets, protocol);
    }
    graph
}

fn generated_cases() -> Vec<(u8, u16, Say)> {
    let mut cases = Vec::new();
    let hosts = [
        "cart",
        "cart.shop",
        "cart.shop.svc",
        "cart.shop.svc.cluster.local",
        "never.seen.example.com",
        "search.shop",
        "[2001:db8::1]",
    ];
    for host in spellings(&hosts, 8080) {
        cases.push((111, 8080, get(&host)));
        cases.push((115, 8080, get(&host)));
    }
    for host in spellings(&["search.shop", "cart.shop"], 8443) {
        cases.push((114, 8443, get(&host)));
    }
    for host in ["checkout.shop:50051", "checkout", "nobody:50051"] {
        cases.push((112, 50051, Say::Grpc(host.to_owned())));
    }
    for name in [
        "payments.example.com",
        "PAYMENTS.example.com",
        "x.example.com",
    ] {
        cases.push((113, 8443, Say::Tls(name.to_owned())));
    }
    for port in [6379, 9092, 8443, 8080, 7777] {
        let hosts = [121, 122, 125, 115, 129];
        cases.extend(hosts.map(|host| (host, port, Say::Opaque)));
    }
    cases
}

#[test]
fn generated_files_match_as_in_envoy() {
    let Some(envoy) = envoy() else { return };
    let names = [
        ("cart.shop.svc.cluster.local", 111),
        ("checkout.shop.svc.cluster.local", 112),
        ("payments.example.com", 113),
        ("search.shop.svc.cluster.local", 114),
    ];
    let names = names.map(|(name, host)| (name.to_owned(), address(host)));
    let fakes: Vec<Fake> = [111, 112, 113, 114, 115, 121, 122, 125, 129]
        .into_iter()
        .flat_map(|host| [6379, 7777, 8080, 8443, 9092, 50051].map(|port| (host, port)))
        .map(|(host, port)| Fake::start(address(host), port, false))
        .collect();
    let [outbound_port, admin_port] = free_ports();
    let [inbound_port, _] = free_ports();
    let options = EnvoyOptions {
        outbound_port,
        inbound_port,
        admin_port,
        capture: Capture::ProxyProtocol,
        dns_resolvers: vec![dns::serve(names.into())],
        ..EnvoyOptions::default()
    };
    let model = derive(
        &generated().finish(),
        &EgressOptions {
            accept_loopback: true,
            ..EgressOptions::default()
        },
    );
    let place = tempfile::tempdir().unwrap();
    write_envoy(place.path(), &model, &options).unwrap();
    let own = read_index(place.path()).unwrap()["service/shop/client"].clone();
    let mut stage = Stage::start(envoy, place, &own, [outbound_port, admin_port]);
    // Names that Kubernetes does not serve do not delay the start.
    stage.wait("an endpoint", || {
        let stats = stage.ask("/stats?filter=payments.*membership_total");
        stats.is_some_and(|text| text.contains(": 1"))
    });
    let reached = stage.compare(&generated_cases());
    assert_eq!(reached, 9 + 2, "nine destinations and two ways to pass");
    assert!(fakes.iter().any(|fake| fake.connections() > 0));
}

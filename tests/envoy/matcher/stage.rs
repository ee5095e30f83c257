//! A running Envoy and the matcher on the same files, asked the same.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tracemesh::verify::read_tables;
use tracemesh_graph::verify::{Connection, End, SidecarTables, deliver};

use super::address;
use super::cases::Say;
use crate::harness::process::stop;

/// A running Envoy on files that the matcher reads too.
pub(super) struct Stage {
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
    pub(super) fn start(
        envoy: &Path,
        place: TempDir,
        own: &str,
        [capture, admin]: [u16; 2],
    ) -> Self {
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

    pub(super) fn wait(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..200 {
            if done() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.directory.path().join("stderr")).unwrap();
        panic!("waited in vain for {what}\n{log}");
    }

    pub(super) fn ask(&self, path: &str) -> Option<String> {
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
    pub(super) fn compare(&mut self, cases: &[(u8, u16, Say)]) -> usize {
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

//! One call that an application may make, what must become of it, and whether it does.

use std::collections::BTreeMap;
use std::io::{Error, Read, Write};
use std::net::{Shutdown, SocketAddrV4};

use tracemesh_graph::verify::{Request as SpokenRequest, Speech as Spoken};

use super::super::fakes::{Speech, answered, client_hello, dial};
use super::super::sidecar::Sidecar;
use super::app::GREETING;
use super::client::{Connection, PATIENCE, Request};

/// What the client says.
#[derive(Debug, Clone)]
pub(super) enum Says {
    /// A request of HTTP/1.1 with this Host header.
    Http1(String),
    /// A call of gRPC with this authority.
    Grpc(String),
    /// A TLS handshake with this server name.
    Tls(String),
    /// Bytes of no known protocol.
    Opaque,
    /// A large request of HTTP/1.1 with this Host header, which must come back unchanged.
    LargeHttp1(String),
    /// A TLS handshake with this server name and many more bytes, which must come back unchanged.
    LargeTls(String),
    /// Many bytes after the server has greeted, which must come back unchanged.
    LargeAfterGreeting,
}

impl Says {
    /// The same in the words of the matcher.
    pub(super) fn speech(&self) -> Spoken<'_> {
        let request = |authority, is_http2| {
            Spoken::Http(SpokenRequest {
                is_http2,
                is_grpc: is_http2,
                authority,
                method: if is_http2 { "POST" } else { "GET" },
                path: "/",
            })
        };
        match self {
            Self::Http1(host) | Self::LargeHttp1(host) => request(host, false),
            Self::Grpc(authority) => request(authority, true),
            Self::Tls(name) | Self::LargeTls(name) => Spoken::Tls {
                server_name: Some(name),
                protocols: &["h2", "http/1.1"],
            },
            Self::Opaque => Spoken::Opaque,
            Self::LargeAfterGreeting => Spoken::Silent,
        }
    }
}

/// A call and what must become of it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// Where the application dials.
    pub destination: SocketAddrV4,
    /// What it says there.
    pub says: Says,
    /// The cluster that must count it, and the only one that may.
    pub cluster: String,
    /// What the drift log must name; absent for what was observed, which must not be logged.
    pub drift: Option<String>,
}

/// Faults after which no further call is made.
const ENOUGH: usize = 10;

/// What is wrong with a running sidecar: empty when every call gets its answer, is counted by its cluster alone, and
/// the drift log names exactly the calls that were not observed.
pub(super) fn faults(sidecar: &Sidecar, cases: &[Case]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut before = sidecar.hits();
    for case in cases {
        if let Err(fault) = make(sidecar.port(), case) {
            faults.push(format!("{case:?}: no answer: {fault}"));
        }
        let after = sidecar.hits();
        let risen = difference(&before, &after);
        if risen != BTreeMap::from([(case.cluster.clone(), 1)]) {
            faults.push(format!("{case:?}: counted by {risen:?}"));
        }
        before = after;
        if faults.len() >= ENOUGH {
            return faults;
        }
    }
    if faults.is_empty() {
        faults.extend(drift_faults(sidecar, cases));
    }
    let complaints = sidecar.complaints();
    if !complaints.is_empty() {
        faults.push(format!("Envoy complains: {complaints}"));
    }
    faults
}

fn difference(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let mut risen = after.clone();
    for (cluster, count) in before {
        risen
            .entry(cluster.clone())
            .and_modify(|total| *total -= count);
    }
    risen.retain(|_, count| *count > 0);
    risen
}

/// The log is written in order, so when the last of the lines is there, all are.
fn drift_faults(sidecar: &Sidecar, cases: &[Case]) -> Vec<String> {
    let expected: Vec<&str> = cases
        .iter()
        .filter_map(|case| case.drift.as_deref())
        .collect();
    let lines = sidecar.drift_of(expected.len());
    let mut faults = Vec::new();
    if lines.len() != expected.len() {
        faults.push(format!(
            "drift log: {} lines instead of {}",
            lines.len(),
            expected.len()
        ));
    }
    for name in expected {
        if !lines.iter().any(|line| line.contains(name)) {
            faults.push(format!("drift log: no {name}"));
        }
    }
    if !faults.is_empty() {
        faults.extend(lines);
    }
    faults
}

/// Makes the call; an error when the answer is missing or not what the server said.
fn make(sidecar: u16, case: &Case) -> Result<(), String> {
    let to = case.destination;
    let speak = |speech: &Speech<'_>| answered(sidecar, to, speech);
    match &case.says {
        Says::Http1(host) => speak(&Speech::Http1(host)),
        Says::Grpc(authority) => speak(&Speech::Grpc(authority)),
        Says::Tls(name) => speak(&Speech::Tls(name)),
        Says::Opaque => speak(&Speech::Opaque),
        Says::LargeHttp1(host) => ask_large(sidecar, to, host),
        Says::LargeTls(name) => {
            let hello = [client_hello(name), large()].concat();
            come_back(sidecar, to, &[], &hello)
        }
        Says::LargeAfterGreeting => come_back(sidecar, to, GREETING, &large()),
    }
}

/// More than any buffer on the way, and every byte value.
fn large() -> Vec<u8> {
    const LENGTH: u32 = 300_000;
    let mixed = |index: u32| index.wrapping_mul(2_654_435_761).to_be_bytes()[0];
    (0..LENGTH).map(mixed).collect()
}

fn ask_large(sidecar: u16, to: SocketAddrV4, host: &str) -> Result<(), String> {
    let body = large();
    let request = Request {
        method: "POST",
        host,
        body: &body,
    };
    let answer = Connection::to(sidecar, to)
        .ask(request)
        .map_err(|error| error.to_string())?;
    if answer.status != 200 || answer.body != body {
        return Err(format!(
            "{} with {} bytes",
            answer.status,
            answer.body.len()
        ));
    }
    Ok(())
}

/// Hears a greeting, sends bytes and wants them back.
fn come_back(sidecar: u16, to: SocketAddrV4, greeting: &[u8], bytes: &[u8]) -> Result<(), String> {
    let heard = exchange(sidecar, to, greeting.len(), bytes).map_err(|error| error.to_string())?;
    if heard == [greeting, bytes].concat() {
        Ok(())
    } else {
        Err(format!("{} bytes came back changed", heard.len()))
    }
}

fn exchange(
    sidecar: u16,
    to: SocketAddrV4,
    greeting: usize,
    bytes: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut stream = dial(sidecar, to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut heard = vec![0; greeting];
    stream.read_exact(&mut heard)?;
    let mut writer = stream.try_clone()?;
    let said = bytes.to_vec();
    let writing = std::thread::spawn(move || {
        writer.write_all(&said)?;
        writer.shutdown(Shutdown::Write)
    });
    stream.read_to_end(&mut heard)?;
    writing.join().unwrap()?;
    Ok(heard)
}

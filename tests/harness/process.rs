//! Long-running processes of tests: a live collector, and ending what was started.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use super::BINARY;

/// A running `tracemesh collect`. Killed when dropped, unless it was stopped before.
#[derive(Debug)]
pub(crate) struct Collector {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// Address of the OTLP/gRPC receiver.
    pub(crate) grpc: String,
    /// Address of the OTLP/HTTP receiver.
    pub(crate) http: String,
    /// Address of metrics, health and the graph.
    pub(crate) admin: String,
    /// Standard error up to and with the line that names the addresses.
    pub(crate) said_at_start: String,
}

impl Collector {
    /// Starts a collector on free ports and waits until it says where it listens.
    pub(crate) fn start(store: &Path, further: &[&str]) -> Self {
        Self::start_with(store.as_os_str(), further, &[])
    }

    /// The same on any store, with variables in its environment.
    pub(crate) fn start_with(
        store: &OsStr,
        further: &[&str],
        environment: &[(&str, String)],
    ) -> Self {
        let mut child = Command::new(BINARY)
            .args([
                "collect",
                // Recorded and made-up traces are as old as they are.
                "--max-start-off",
                "none",
                "--grpc",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--admin",
                "127.0.0.1:0",
                "--store",
            ])
            .arg(store)
            .args(further)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let mut said = String::new();
        let (grpc, http, admin) = loop {
            let from = said.len();
            let read = stderr.read_line(&mut said).expect("standard error is text");
            assert!(read > 0, "the collector ended early:\n{said}");
            if let Some(addresses) = addresses(said.get(from..).unwrap_or_default()) {
                break addresses;
            }
        };
        Self {
            child,
            stderr,
            grpc,
            http,
            admin,
            said_at_start: said,
        }
    }

    /// Posts one protobuf request to `/v1/traces` and returns the status line.
    pub(crate) fn post(&self, body: &[u8]) -> String {
        post(&self.http, "application/x-protobuf", body)
    }

    /// Asks the collector to end as an orchestrator does, and returns the rest of what it said.
    pub(crate) fn terminate(self) -> String {
        self.signal();
        let (code, said) = self.wait();
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends what an orchestrator sends first.
    pub(crate) fn signal(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("`kill` runs").success());
    }

    /// Waits for the end, and returns the exit code and the rest of what was said.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr
            .read_to_string(&mut said)
            .expect("standard error is text");
        let status = self.child.wait().expect("the collector ends");
        (status.code(), said)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Posts one request to `/v1/traces` of an OTLP/HTTP receiver and returns the status line.
pub(crate) fn post(address: &str, media_type: &str, body: &[u8]) -> String {
    try_post(address, media_type, body).expect("the receiver answers")
}

/// The same of a receiver that may be gone; `None` when no answer comes.
pub(crate) fn try_post(address: &str, media_type: &str, body: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: {address}\r\nContent-Type: {media_type}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    stream.write_all(&request).ok()?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).ok()?;
    Some(status.trim_end().to_owned())
}

/// The three addresses of the line that announces them.
fn addresses(line: &str) -> Option<(String, String, String)> {
    let (_, rest) = line.split_once("OTLP/gRPC on ")?;
    let (grpc, rest) = rest.split_once(", OTLP/HTTP on ")?;
    let (http, rest) = rest.split_once(',')?;
    let (_, rest) = rest.split_once("health on http://")?;
    let (admin, _) = rest.split_once(';')?;
    Some((grpc.to_owned(), http.to_owned(), admin.to_owned()))
}

/// Asks for a page and returns status line, headers and body.
pub(crate) fn get(address: &str, path: &str, headers: &[&str]) -> (String, String, String) {
    let mut stream = TcpStream::connect(address).expect("the collector listens");
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the collector reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let (status, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    (
        status.to_owned(),
        headers.to_owned(),
        unchunked(headers, body),
    )
}

/// The body without the lengths of its chunks, where it has any.
fn unchunked(headers: &str, body: &str) -> String {
    if !headers
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return body.to_owned();
    }
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).expect("the length of a chunk");
        whole.push_str(after.get(..length).expect("a whole chunk"));
        rest = after.get(length + 2..).unwrap_or_default();
    }
    whole
}

/// Ends a child and waits for it.
pub(crate) fn stop(child: &mut Child) {
    // It may be gone already, which is what is wanted.
    drop(child.kill());
    drop(child.wait());
}

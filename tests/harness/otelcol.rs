//! A real OpenTelemetry Collector for tests: found, or built once beside the build.
//!
//! `TRACEMESH_OTELCOL` names a binary to use. Otherwise `tests/otelcol` is built from pinned modules with Go: no package
//! registry that this project uses carries the Collector as a binary of its makers.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::OnceLock;

use super::golang::{self, Program};
use super::process::stop;
use super::{python, setting};

const PROGRAM: Program = Program {
    name: "otelcol",
    title: "the OpenTelemetry Collector",
    module: "tests/otelcol",
    sources: &["go.mod", "go.sum", "main.go"],
    package: ".",
};

/// The binary, or `None` when the calling test is to return at once.
pub(crate) fn otelcol() -> Option<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let what = "OpenTelemetry Collector (TRACEMESH_OTELCOL names a binary)";
    python::or_skip(FOUND.get_or_init(find), what).map(PathBuf::as_path)
}

fn find() -> Result<PathBuf, String> {
    match setting("TRACEMESH_OTELCOL") {
        Some(path) => golang::check(Path::new(&path)).map(|()| path.into()),
        None => PROGRAM.built(),
    }
}

/// A running OpenTelemetry Collector. Killed when dropped, unless it was stopped before.
#[derive(Debug)]
pub(crate) struct Otelcol {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// Address of its OTLP/HTTP receiver.
    pub(crate) http: String,
}

impl Otelcol {
    /// Starts it in a directory of its own with an `otlp` receiver on a free port, and with the processors, exporters
    /// and pipelines of `further`; waits until it is ready.
    pub(crate) fn start(binary: &Path, place: &Path, further: &str) -> Self {
        let http = free_address();
        let config = place.join("otelcol.yaml");
        let text = format!(
            "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: {http}\n{further}"
        );
        fs::write(&config, text).expect("a writable directory");
        let mut child = Command::new(binary)
            .arg("--config")
            .arg(format!("file:{}", config.display()))
            .env("GOMEMLIMIT", "400MiB")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was run before");
        let mut stderr = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let mut said = String::new();
        while !said.contains("Everything is ready") {
            let read = stderr.read_line(&mut said).expect("standard error is text");
            assert!(read > 0, "the OpenTelemetry Collector ended early:\n{said}");
        }
        Self {
            child,
            stderr,
            http,
        }
    }

    /// Asks it to end, which exports what it still holds, and asserts that it lost nothing on the way.
    pub(crate) fn terminate(self) {
        assert_eq!(self.terminate_with_errors(), Vec::<String>::new());
    }

    /// Asks it to end, which exports what it still holds, and returns the errors that it logged after its start.
    pub(crate) fn terminate_with_errors(mut self) -> Vec<String> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("`kill` runs").success());
        let mut said = String::new();
        self.stderr
            .read_to_string(&mut said)
            .expect("standard error is text");
        let status = self.child.wait().expect("the process ends");
        assert!(status.success(), "{status}:\n{said}");
        let complaints = said.lines().filter(|line| line.contains("\terror\t"));
        complaints.map(str::to_owned).collect()
    }
}

impl Drop for Otelcol {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// An address that was free a moment ago, for programs that cannot say which port they took.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the listener is bound");
    address.to_string()
}

//! What the end-to-end tests share: running the binary, temporary directories, OTLP input.

pub(crate) mod envoy;
pub(crate) mod golang;
pub(crate) mod node;
pub(crate) mod otelcol;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod recording;
pub(crate) mod s3;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};
use prost::Message as _;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tracemesh");

/// Seconds after which a run is killed; generous, because several builds may share the machine.
const TIME_LIMIT_S: &str = "400";

/// Kilobytes of address space a run may use.
const MEMORY_LIMIT_KB: &str = "4000000";

/// A setting of the environment, unless it is empty.
pub(crate) fn setting(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the cli crate lies in the workspace")
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    command: String,
}

impl Run {
    /// Asserts the exit code, and shows everything when it is another.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\n$ {}\n-- stdout\n{}\n-- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Asserts that the command failed with a message and a hint, and returns standard error.
    #[track_caller]
    pub(crate) fn expect_refusal(self, message: &str) -> String {
        let run = self.expect_code(2);
        assert_eq!(run.stdout, "", "a refusal has no answer");
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
        assert!(
            run.stderr.contains(message),
            "no `{message}` in: {}",
            run.stderr
        );
        assert!(
            run.stderr.contains("\nhint: "),
            "no hint in: {}",
            run.stderr
        );
        run.stderr
    }
}

/// Runs the binary in a directory, within limits of time and memory.
pub(crate) fn tracemesh_in(directory: &Path, arguments: &[&str], stdin: &[u8]) -> Run {
    tracemesh_with(directory, &[], arguments, stdin)
}

/// The same with variables in its environment.
pub(crate) fn tracemesh_with(
    directory: &Path,
    environment: &[(&str, String)],
    arguments: &[&str],
    stdin: &[u8],
) -> Run {
    let script = "ulimit -v \"$1\" && shift && exec timeout \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh", MEMORY_LIMIT_KB, TIME_LIMIT_S, BINARY])
        .args(arguments)
        .current_dir(directory)
        .env_remove("NO_COLOR")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a POSIX shell starts");
    let mut input = child.stdin.take().expect("standard input is a pipe");
    let bytes = stdin.to_vec();
    // A run that never reads its input breaks the pipe, and that is its right.
    let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("the writer does not panic");
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        command: format!("tracemesh {}", arguments.join(" ")),
    }
}

/// Runs the binary with nothing on standard input, in a directory of its own.
pub(crate) fn tracemesh(arguments: &[&str]) -> Run {
    let empty = tempfile::tempdir().expect("a temporary directory");
    tracemesh_in(empty.path(), arguments, b"")
}

/// All files and links under a directory, relative and sorted. Links are not followed.
pub(crate) fn files_under(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a readable directory") {
            let entry = entry.expect("a readable entry");
            if entry.file_type().expect("a file type").is_dir() {
                open.push(entry.path());
            } else {
                let path = entry.path();
                files.push(
                    path.strip_prefix(directory)
                        .expect("inside the directory")
                        .to_owned(),
                );
            }
        }
    }
    files.sort();
    files
}

/// Whether Graphviz is installed; without it a test that draws is skipped, except in CI.
pub(crate) fn graphviz_is_here() -> bool {
    is_here("dot", "-V")
}

/// Whether Prometheus' `promtool` is installed, likewise.
pub(crate) fn promtool_is_here() -> bool {
    is_here("promtool", "--version")
}

/// Whether `kubectl` is installed, likewise.
pub(crate) fn kubectl_is_here() -> bool {
    is_here("kubectl", "version --client")
}

fn is_here(tool: &str, question: &str) -> bool {
    let asked = Command::new(tool).args(question.split(' ')).output();
    let is_here = asked.is_ok_and(|output| output.status.success());
    if !is_here {
        assert!(
            setting("CI").is_none(),
            "`{tool}` is not installed, and CI must not skip what it checks"
        );
        python::say(&format!(
            "SKIPPED: `{tool}` is not installed, so what it checks was not checked"
        ));
    }
    is_here
}

/// The drawing of a DOT text as SVG; `None` without Graphviz. Anything that Graphviz complains about is a failure.
pub(crate) fn draw(dot: &str) -> Option<String> {
    if !graphviz_is_here() {
        return None;
    }
    let mut child = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Graphviz starts");
    let mut input = child.stdin.take().expect("standard input is a pipe");
    input
        .write_all(dot.as_bytes())
        .expect("Graphviz reads its input");
    drop(input);
    let output = child.wait_with_output().expect("Graphviz ends");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}\n{dot}"
    );
    Some(String::from_utf8(output.stdout).expect("SVG is UTF-8"))
}

/// A string attribute.
pub(crate) fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// Spans of one service.
pub(crate) fn service(name: &str, spans: Vec<OtlpSpan>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![attribute("service.name", name)],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

/// OTLP numbers of the two span kinds that calls are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Server = 2,
    Client = 3,
}

/// A span of a trace; ids are numbers, 0 is no parent.
pub(crate) fn span(trace: u128, id: u64, parent: u64, kind: Kind) -> OtlpSpan {
    OtlpSpan {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 {
            Vec::new()
        } else {
            parent.to_be_bytes().to_vec()
        },
        name: "GET".to_owned(),
        kind: kind as i32,
        start_time_unix_nano: 1_760_000_000_000_000_000 + id * 1_000,
        end_time_unix_nano: 1_760_000_000_000_900_000 + id * 1_000,
        ..OtlpSpan::default()
    }
}

/// One paired call from `caller` to `callee`, dialled at `host`.
pub(crate) fn call(trace: u128, caller: &str, callee: &str, host: &str) -> Vec<ResourceSpans> {
    let mut client = span(trace, 2, 1, Kind::Client);
    client.attributes = vec![attribute("server.address", host)];
    vec![
        service(caller, vec![span(trace, 1, 0, Kind::Server), client]),
        service(callee, vec![span(trace, 3, 2, Kind::Server)]),
    ]
}

/// The bytes of one export request.
pub(crate) fn request(resource_spans: Vec<ResourceSpans>) -> Vec<u8> {
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

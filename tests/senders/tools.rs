//! The senders: what they need, found or installed once beside the build, and how they are started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::collect::sdk_python;
use crate::harness::golang::{self, Program};
use crate::harness::{python, root, setting};

/// Five minutes suit a slow line.
const INSTALL_SECONDS: u32 = 300;

/// The SDK of a language.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sdk {
    Python,
    Node,
    Go,
    Java,
}

/// How one company sends: protocol and compression, as the senders read them.
pub(super) type Way = (&'static str, &'static str);

impl Sdk {
    /// Everything that the exporters of this SDK can do.
    pub(super) const fn ways(self) -> &'static [Way] {
        match self {
            Self::Python | Self::Go | Self::Java => &[
                ("grpc", "none"),
                ("grpc", "gzip"),
                ("http/protobuf", "none"),
                ("http/protobuf", "gzip"),
            ],
            Self::Node => &[
                ("grpc", "none"),
                ("grpc", "gzip"),
                ("http/protobuf", "none"),
                ("http/protobuf", "gzip"),
                ("http/json", "none"),
                ("http/json", "gzip"),
            ],
        }
    }

    /// Starts the sender with these arguments; `None` when the calling test is to return at once.
    pub(super) fn start(self, arguments: &[String]) -> Option<Child> {
        let mut command = self.command()?;
        command
            .args(arguments)
            // Nothing of the environment may configure an exporter or lead it elsewhere.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Some(command.spawn().expect("the sender starts"))
    }

    fn command(self) -> Option<Command> {
        let source = |name: &str| root().join("tests/senders").join(name);
        let mut command;
        match self {
            Self::Python => {
                command = Command::new(sdk_python()?);
                command.arg(source("python/senders.py"));
            }
            Self::Node => {
                let modules = node_modules()?;
                command = Command::new("node");
                command.arg(source("node/senders.js")).arg(modules);
            }
            Self::Go => command = Command::new(go_sender()?),
            Self::Java => {
                command = Command::new("java");
                // Compilers for speed and memory for many cores are not what is tested.
                command.args([
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    "--class-path",
                ]);
                command.arg(java_libraries()?.join("*"));
                command.arg(source("java/Senders.java"));
            }
        }
        Some(command)
    }
}

/// Waits for a sender, and asserts that it saw every span acknowledged.
#[track_caller]
pub(super) fn expect_success(sender: Child) {
    let ended = sender.wait_with_output().expect("the sender ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}:\n{said}", ended.status);
}

const GO_SENDER: Program = Program {
    name: "senders",
    title: "a sender with the OpenTelemetry SDK for Go",
    module: "tests/senders/go",
    sources: &["go.mod", "go.sum", "main.go"],
    package: ".",
};

const TELEMETRYGEN: Program = Program {
    name: "telemetrygen",
    title: "telemetrygen",
    module: "tests/senders/go",
    sources: &["go.mod", "go.sum"],
    package: "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen",
};

fn go_sender() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| GO_SENDER.built());
    python::or_skip(found, "OpenTelemetry SDK for Go")
}

/// The real `telemetrygen`; `TRACEMESH_TELEMETRYGEN` names a binary to use.
pub(super) fn telemetrygen() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| match setting("TRACEMESH_TELEMETRYGEN") {
        Some(path) => golang::check(Path::new(&path)).map(|()| path.into()),
        None => TELEMETRYGEN.built(),
    });
    python::or_skip(
        found,
        "telemetrygen (TRACEMESH_TELEMETRYGEN names a binary)",
    )
}

/// A directory with the packages of the lock file below `node_modules`.
fn node_modules() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let source = root().join("tests/senders/node");
        installed("senders-node", &source.join("package-lock.json"), |place| {
            for file in ["package.json", "package-lock.json"] {
                let copied = fs::copy(source.join(file), place.join(file));
                copied.map_err(|error| format!("{file}: {error}"))?;
            }
            let mut install = Command::new("npm");
            install.args([
                "ci",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ]);
            python::run(install.current_dir(place), INSTALL_SECONDS)
        })
    });
    python::or_skip(found, "OpenTelemetry SDK for Node.js")
}

/// A directory with the jars that the project file asks for.
fn java_libraries() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let project = root().join("tests/senders/java/pom.xml");
        installed("senders-java", &project, |place| {
            let mut fetch = Command::new("mvn");
            fetch.args(["-q", "-B", "-f"]).arg(&project);
            fetch.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
            fetch.arg(format!("-DoutputDirectory={}", place.display()));
            // Its output tells what could not be fetched, and is nothing that a test says.
            python::run(fetch.stdout(Stdio::null()), INSTALL_SECONDS)
        })
    });
    python::or_skip(found, "OpenTelemetry SDK for Java")
}

/// A directory of this name that was made from this list of packages. The list is kept in it once everything is there.
fn installed(
    name: &str,
    list: &Path,
    install: impl Fn(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let (tools, _lock) = python::locked(name)?;
    let place = tools.join(name);
    let wanted = fs::read(list).map_err(|error| format!("{}: {error}", list.display()))?;
    let kept = place.join("installed-from");
    if fs::read(&kept).is_ok_and(|found| found == wanted) {
        return Ok(place);
    }
    python::say(&format!("installing {name} for the tests"));
    // What is left of other versions would be found as well.
    drop(fs::remove_dir_all(&place));
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    install(&place)?;
    fs::write(&kept, &wanted).map_err(|error| format!("{}: {error}", kept.display()))?;
    Ok(place)
}

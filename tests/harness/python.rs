//! Python packages for tests: real peers, installed once beside the build.
//!
//! Where installing is impossible the tests that need a package are skipped with a message; with `CI` set they fail
//! instead.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::process::stop;

/// Five minutes suit a slow line.
const INSTALL_SECONDS: u32 = 300;

/// A virtual environment of this name with these packages, made when it is missing. `usable` finds what is wanted in it.
pub(crate) fn environment<T>(
    name: &str,
    packages: &[&str],
    usable: impl Fn(&Path) -> Option<T>,
) -> Result<T, String> {
    let (tools, _lock) = locked(name)?;
    let venv = tools.join(name);
    if let Some(found) = usable(&venv) {
        return Ok(found);
    }
    say(&format!("installing {} for the tests", packages.join(", ")));
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&venv);
    run(&mut make, INSTALL_SECONDS)?;
    let mut install = Command::new(venv.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check"]);
    run(install.args(packages), INSTALL_SECONDS)?;
    usable(&venv).ok_or_else(|| format!("{} do not work here", packages.join(", ")))
}

/// The directory beside the build where tools for tests are kept, and the sole right to make the one of this name.
pub(crate) fn locked(name: &str) -> Result<(PathBuf, File), String> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .ok_or("the target directory has no parent")?
        .join("test-tools");
    fs::create_dir_all(&tools).map_err(|error| format!("{}: {error}", tools.display()))?;
    // Several test processes may start at once; the lock goes with the file handle.
    let lock =
        File::create(tools.join(format!("{name}.lock"))).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    Ok((tools, lock))
}

/// What was found, or `None` when the calling test is to return at once.
#[expect(
    clippy::panic,
    reason = "a test that cannot run must fail where all tests must run"
)]
pub(crate) fn or_skip<'a, T>(found: &'a Result<T, String>, what: &str) -> Option<&'a T> {
    match found {
        Ok(found) => Some(found),
        Err(reason) if super::setting("CI").is_some() => {
            panic!("no {what} for the tests: {reason}")
        }
        Err(reason) => {
            say(&format!("SKIPPED: no {what}: {reason}"));
            None
        }
    }
}

/// The interpreter of an environment in which a module can be imported.
pub(crate) fn interpreter(venv: &Path, module: &str) -> Option<PathBuf> {
    let python = venv.join("bin/python");
    let import = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status();
    import
        .is_ok_and(|status| status.success())
        .then_some(python)
}

/// Runs a command that may take this long.
pub(crate) fn run(command: &mut Command, seconds: u32) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    for _ in 0..seconds * 10 {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{command:?}: {status}")),
            Ok(None) => thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(error.to_string()),
        }
    }
    stop(&mut child);
    Err(format!("{command:?}: no end after {seconds} s"))
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

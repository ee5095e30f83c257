//! npm packages for tests: parsers of their makers, installed once beside the build.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python::{locked, run, say};

/// Five minutes suit a slow line.
const INSTALL_SECONDS: u32 = 300;

/// A directory of this name in which Node.js finds these packages, made when it is missing. They need not run any script to
/// be installed.
pub(crate) fn packages(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let (tools, _lock) = locked(name)?;
    let place = tools.join(name);
    let is_usable = || {
        let found = packages.iter().all(|package| {
            let name = package.split('@').next().unwrap_or(package);
            let manifest = place.join("node_modules").join(name).join("package.json");
            let version = package.split('@').next_back().unwrap_or_default();
            let text = std::fs::read_to_string(manifest).unwrap_or_default();
            text.contains(&format!("\"version\": \"{version}\""))
        });
        found && answers(&place)
    };
    if is_usable() {
        return Ok(place);
    }
    say(&format!("installing {} for the tests", packages.join(", ")));
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let mut install = Command::new("npm");
    install
        .args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ])
        .arg("--prefix")
        .arg(&place);
    run(install.args(packages), INSTALL_SECONDS)?;
    if is_usable() {
        Ok(place)
    } else {
        Err(format!("{} do not work here", packages.join(", ")))
    }
}

fn answers(place: &Path) -> bool {
    let asked = Command::new("node")
        .arg("--version")
        .current_dir(place)
        .stdout(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

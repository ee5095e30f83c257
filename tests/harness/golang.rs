//! Go programs for tests: real peers, built once beside the build from modules that are pinned in this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{python, root};

/// Ten minutes: three and a half were measured on two cores, with everything to download and to compile.
const BUILD_SECONDS: u32 = 600;

/// A program to build.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name, and that of the binary.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// Directory of its module in this repository.
    pub(crate) module: &'static str,
    /// What it is built from: a change of one of these builds it again.
    pub(crate) sources: &'static [&'static str],
    /// The package to build.
    pub(crate) package: &'static str,
}

impl Program {
    /// The binary, built when it is missing or made from other sources.
    pub(crate) fn built(&self) -> Result<PathBuf, String> {
        let (tools, _lock) = python::locked(self.name)?;
        let place = tools.join(self.name);
        let (source, binary) = (root().join(self.module), place.join(self.name));
        if self.is_built_from(&source, &place) && check(&binary).is_ok() {
            return Ok(binary);
        }
        python::say(&format!(
            "building {} for the tests, which takes minutes",
            self.title
        ));
        fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
        let mut build = Command::new("go");
        build.args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly"]);
        build.args(["-ldflags", "-s -w", "-o"]).arg(&binary);
        python::run(build.arg(self.package).current_dir(&source), BUILD_SECONDS)?;
        check(&binary)?;
        for file in self.sources {
            let copied = fs::copy(source.join(file), place.join(file));
            copied.map_err(|error| format!("{file}: {error}"))?;
        }
        Ok(binary)
    }

    /// What a binary was built from is kept beside it.
    fn is_built_from(&self, source: &Path, place: &Path) -> bool {
        self.sources.iter().all(|file| {
            let [now, then] = [source, place].map(|folder| fs::read(folder.join(file)).ok());
            now.is_some() && now == then
        })
    }
}

/// Whether a binary starts: all of them know this flag, not all tell a version.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    let output = Command::new(path)
        .arg("--help")
        .output()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{} --help fails", path.display()))
    }
}

//! Where the onboarding packs of services are: in a directory that `tracemesh egress` wrote.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::error::CliError;
use crate::output_dir::FileSet;
use crate::verify::read_index;

/// What makes a pack more than a page.
const COMPONENT: &str = "kustomization.yaml";

/// Packs of services, by node id.
#[derive(Debug)]
pub(in crate::commands) struct Packs {
    /// Absolute path of the egress directory.
    root: PathBuf,
    /// Directory of the pack below the root, where it has a component.
    packs: BTreeMap<String, String>,
}

impl Packs {
    /// Packs that an earlier run of `egress` wrote.
    pub(super) fn read(root: &Path) -> Result<Self, CliError> {
        let directories = read_index(root).map_err(|fault| {
            CliError::new(format!("cannot find packs in `{}`: {fault}", root.display()))
                .hint("`--packs` takes a directory of `tracemesh egress`, or `egress` in that of `tracemesh analyze`")
        })?;
        let packs = directories.into_iter().filter_map(|(id, directory)| {
            let pack = format!("{directory}/onboarding");
            root.join(&pack)
                .join(COMPONENT)
                .is_file()
                .then_some((id, pack))
        });
        let packs = packs.collect();
        let root = resolved(root)?;
        Ok(Self { root, packs })
    }

    /// Packs that are about to be written below `root`.
    pub(in crate::commands) fn of_files(
        root: &Path,
        directories: &BTreeMap<String, String>,
        files: &FileSet,
    ) -> Result<Self, CliError> {
        let packs = directories.iter().filter_map(|(id, directory)| {
            let pack = format!("{directory}/onboarding");
            let component = format!("{pack}/{COMPONENT}");
            files
                .contains_key(component.as_str())
                .then(|| (id.clone(), pack))
        });
        Ok(Self {
            packs: packs.collect(),
            root: resolved(root)?,
        })
    }

    /// Path of the pack of a service as seen from a directory; none when it has no component.
    pub(super) fn from(&self, directory: &Path, service: &str) -> Result<Option<String>, CliError> {
        let Some(pack) = self.packs.get(service) else {
            return Ok(None);
        };
        let steps = steps(&resolved(directory)?, &self.root);
        let steps = steps.iter().map(|step| step.to_str());
        let steps: Option<Vec<&str>> = steps.collect();
        let steps = steps.ok_or_else(|| {
            CliError::new(format!("`{}` is no UTF-8 path", self.root.display()))
                .hint("kustomizations cannot name it: move the egress directory")
        })?;
        Ok(Some(format!("{}/{pack}", steps.join("/"))))
    }
}

/// An absolute path without links and `..`, also of what is not there yet.
fn resolved(path: &Path) -> Result<PathBuf, CliError> {
    let unusable =
        |error| CliError::file("cannot resolve", path, error).hint("give another directory");
    let path = std::path::absolute(path).map_err(unusable)?;
    let mut known = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = known.pop(),
            Component::CurDir => {}
            other => {
                known.push(other);
                if let Ok(real) = known.canonicalize() {
                    known = real;
                }
            }
        }
    }
    Ok(known)
}

/// The way from one directory to another: up as often as needed, then down.
fn steps(from: &Path, to: &Path) -> Vec<PathBuf> {
    let mut from: Vec<&OsStr> = from.iter().collect();
    let mut to: Vec<&OsStr> = to.iter().collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    from.drain(..shared);
    to.drain(..shared);
    let up = from.iter().map(|_| PathBuf::from(".."));
    up.chain(to.into_iter().map(PathBuf::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_leads_up_and_down() {
        let way = |from: &str, to: &str| -> String {
            let steps = steps(Path::new(from), Path::new(to));
            let steps: Vec<&str> = steps.iter().map(|step| step.to_str().unwrap()).collect();
            steps.join("/")
        };
        assert_eq!(
            way("/a/b/kustomize/wave-01", "/a/egress"),
            "../../../egress"
        );
        assert_eq!(way("/a", "/a/b/c"), "b/c");
        assert_eq!(way("/x/y", "/z"), "../../z");
    }

    #[test]
    fn a_link_on_the_way_is_followed_before_steps_are_counted() {
        let place = tempfile::tempdir().unwrap();
        let real = place.path().join("far/away");
        std::fs::create_dir_all(&real).unwrap();
        let link = place.path().join("near");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let found = resolved(&link.join("new/../other")).unwrap();
        assert_eq!(found, real.canonicalize().unwrap().join("other"));
    }
}

//! Generations as they are on disk: which is in force, what is in it, and which numbers are taken.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::output_dir::is_safe_component;
use crate::render::envoy::diff::Older;
use crate::render::envoy::generation_directory;

/// The generation that `current` points to, or points to the step before, with the files there.
pub(super) fn current(xds: &Path) -> Result<Option<Older>> {
    let target = match fs::read_link(xds.join("current")) {
        Ok(target) => target,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {
            return Ok(None);
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", xds.display()));
        }
    };
    let name = target.to_str().unwrap_or_default();
    let of_step = || read_number(&name.replacen("step-", "gen-", 1));
    let Some(generation) = read_number(name).or_else(of_step) else {
        return Ok(None);
    };
    let files = files(&xds.join(name))?;
    Ok(Some(Older { generation, files }))
}

/// The highest generation there is, 0 when there is none.
pub(super) fn newest(xds: &Path) -> Result<u32> {
    let names = names_in(xds)?;
    let generations = names.iter().filter_map(|name| read_number(name));
    Ok(generations.max().unwrap_or(0))
}

/// The number in a name that [`generation_directory`] could have made, with a successor.
fn read_number(name: &str) -> Option<u32> {
    let generation: u32 = name.strip_prefix("gen-")?.parse().ok()?;
    let own = generation_directory(generation) == name && generation < u32::MAX;
    own.then_some(generation)
}

/// The files of a generation: path below its directory -> text, those with other names than ours left out. What is not UTF-8
/// is no file of ours and reads as empty, so that it differs.
fn files(directory: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (prefix, directory) in [("", directory.to_owned()), ("rds/", directory.join("rds"))] {
        for name in names_in(&directory)? {
            let path = directory.join(&name);
            if !is_safe_component(&name) || !name.ends_with(".yaml") || !path.is_file() {
                continue;
            }
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.insert(format!("{prefix}{name}"), text);
        }
    }
    Ok(files)
}

/// Names of what is in a directory that can be one of ours; none when it does not exist.
fn names_in(directory: &Path) -> Result<Vec<String>> {
    let cannot = || format!("cannot read `{}`", directory.display());
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(cannot),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(cannot)?.file_name();
        names.extend(name.into_string().ok());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_no_generations() {
        for name in [
            "gen-1",
            "gen-00001",
            "gen--1",
            "gen-4294967295",
            "x",
            "gen-",
        ] {
            assert_eq!(read_number(name), None, "{name}");
        }
        assert_eq!(read_number("gen-0012"), Some(12));
        assert_eq!(read_number("gen-12345"), Some(12345));
    }
}

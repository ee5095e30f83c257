//! Writes a set of generated files under one directory.
//!
//! Place in the flow: renderers return a [`FileSet`] as data; this is the only place that turns one into files. Each
//! file is written beside its place and renamed onto it, links are switched after all files are there, and what is
//! already right is not touched, because readers that watch the directory reload on every rename.
//!
//! It refuses to write through a symbolic link below the root and to replace a link by a file, and it removes
//! nothing. A [`RelativePath`] cannot name anything outside the root. It does not defend against another process that
//! swaps directories for links while it writes.

pub mod envoy;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Files and links by path.
pub type FileSet = BTreeMap<RelativePath, Entry>;

/// What is to be at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file with this text.
    File(String),
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A symbolic link to a sibling of this name.
    Link(String),
}

/// A path below the root, with `/` between its components.
///
/// Components have 1 to 100 bytes of `A-Z a-z 0-9 . _ ~ -` and do not start with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelativePath(String);

impl RelativePath {
    /// Reads a path.
    ///
    /// # Errors
    /// When a component is empty, too long, starts with a dot or has a byte that is not allowed.
    pub fn new(path: &str) -> Result<Self> {
        for component in path.split('/') {
            if !is_safe_component(component) {
                bail!("`{}` is not a safe relative path", path.escape_debug());
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for RelativePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether a name can be one component of a [`RelativePath`].
#[must_use]
pub fn is_safe_component(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
}

/// What [`write_files`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteSummary {
    /// Files and links made or replaced.
    pub written: usize,
    /// Files and links that were already right.
    pub unchanged: usize,
}

/// Writes the files below `root`, then switches the links.
///
/// Files are durable before a link leads to them, so that a crash leaves the old files or the new ones in force and
/// never half of them.
///
/// # Errors
/// When a directory on the way is a link or no directory, a link stands where a file belongs, or the system refuses.
/// Files written before the fault stay; no link is switched.
pub fn write_files(root: &Path, files: &FileSet) -> Result<WriteSummary> {
    let mut writer = Writer::new(root)?;
    writer.write(files)?;
    let Writer {
        mut places,
        mut summary,
    } = writer;
    let stale = stale_links(&mut places, files, &mut summary)?;
    if stale.is_empty() {
        return Ok(summary);
    }
    sync(root)?;
    for (place, target) in &stale {
        switch_link(place, target).with_context(|| format!("cannot link `{}`", place.display()))?;
        summary.count(true);
    }
    sync(root)?;
    Ok(summary)
}

/// Writes files without links, set after set: what is not linked yet is not in force.
struct Writer<'a> {
    places: Places<'a>,
    summary: WriteSummary,
}

impl<'a> Writer<'a> {
    fn new(root: &'a Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("cannot create `{}`", root.display()))?;
        Ok(Self {
            places: Places::new(root),
            summary: WriteSummary::default(),
        })
    }

    fn write(&mut self, files: &FileSet) -> Result<()> {
        for (path, entry) in files {
            let bytes = match entry {
                Entry::File(text) => text.as_bytes(),
                Entry::Bytes(bytes) => bytes,
                Entry::Link(_) => continue,
            };
            let place = self.places.prepare(path)?;
            let changed = write_file(&place, bytes)
                .with_context(|| format!("cannot write `{}`", place.display()))?;
            self.summary.count(changed);
        }
        Ok(())
    }
}

/// The links that do not lead where they should.
fn stale_links<'a>(
    places: &mut Places<'_>,
    files: &'a FileSet,
    summary: &mut WriteSummary,
) -> Result<Vec<(PathBuf, &'a str)>> {
    let mut stale = Vec::new();
    for (path, entry) in files {
        if let Entry::Link(target) = entry {
            if !is_safe_component(target) {
                bail!("link target `{}` is no sibling", target.escape_debug());
            }
            let place = places.prepare(path)?;
            let right = leads_to(&place, target)
                .with_context(|| format!("cannot link `{}`", place.display()))?;
            if right {
                summary.count(false);
            } else {
                stale.push((place, target.as_str()));
            }
        }
    }
    Ok(stale)
}

/// Waits until what was written is on disk: one call for the whole file system, because one for each of ten thousand
/// files takes minutes.
#[cfg(target_os = "linux")]
fn sync(root: &Path) -> Result<()> {
    let cannot = || format!("cannot sync `{}`", root.display());
    let directory = fs::File::open(root).with_context(cannot)?;
    rustix::fs::syncfs(&directory).with_context(cannot)
}

/// Where there is no such call, each file is on disk before it gets its name.
#[cfg(not(target_os = "linux"))]
fn sync(_root: &Path) -> Result<()> {
    Ok(())
}

impl WriteSummary {
    const fn add(&mut self, other: Self) {
        self.written += other.written;
        self.unchanged += other.unchanged;
    }

    const fn count(&mut self, changed: bool) {
        if changed {
            self.written += 1;
        } else {
            self.unchanged += 1;
        }
    }
}

/// Places below a root, and the directories that are known to be there.
struct Places<'a> {
    root: &'a Path,
    ready: BTreeSet<PathBuf>,
}

impl<'a> Places<'a> {
    const fn new(root: &'a Path) -> Self {
        Self {
            root,
            ready: BTreeSet::new(),
        }
    }

    /// Makes the directories of a path, none of which may be a link.
    fn prepare(&mut self, path: &RelativePath) -> Result<PathBuf> {
        let mut place = self.root.to_owned();
        let mut components = path.as_str().split('/').peekable();
        while let Some(component) = components.next() {
            place.push(component);
            if components.peek().is_some() && !self.ready.contains(&place) {
                ensure_directory(&place)?;
                self.ready.insert(place.clone());
            }
        }
        Ok(place)
    }
}

fn ensure_directory(place: &Path) -> Result<()> {
    match fs::create_dir(place) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot create `{}`", place.display()));
        }
    }
    let kind = fs::symlink_metadata(place)
        .with_context(|| format!("cannot inspect `{}`", place.display()))?
        .file_type();
    if !kind.is_dir() {
        bail!(
            "`{}` is in the way: not a directory, and links are not followed",
            place.display()
        );
    }
    Ok(())
}

/// Whether the file had to be written.
fn write_file(place: &Path, bytes: &[u8]) -> Result<bool> {
    match fs::symlink_metadata(place) {
        Ok(metadata) if metadata.is_file() => {
            if fs::read(place)? == bytes {
                return Ok(false);
            }
        }
        Ok(_) => bail!("something that is not a file is in the way"),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mut temporary = temporary_name().tempfile_in(parent(place))?;
    temporary.write_all(bytes)?;
    if !cfg!(target_os = "linux") {
        temporary.as_file().sync_all()?;
    }
    temporary.persist(place)?;
    Ok(true)
}

/// Whether a link leads to its target already. Something else in its place is an error.
fn leads_to(place: &Path, target: &str) -> Result<bool> {
    match fs::symlink_metadata(place) {
        Ok(metadata) if metadata.is_symlink() => Ok(fs::read_link(place)? == Path::new(target)),
        Ok(_) => bail!("something that is not a link is in the way"),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Puts a new link in the place of the old one by a rename: a reader finds one of them at any time.
fn switch_link(place: &Path, target: &str) -> Result<()> {
    temporary_name()
        .make_in(parent(place), |path| {
            std::os::unix::fs::symlink(target, path)
        })?
        .persist(place)?;
    Ok(())
}

fn temporary_name() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(".tracemesh-")
        // The default of 0600 would hide the files from the proxy's user; the umask still applies.
        .permissions(fs::Permissions::from_mode(0o666));
    builder
}

fn parent(place: &Path) -> &Path {
    place.parent().unwrap_or_else(|| Path::new("."))
}

#[cfg(test)]
mod tests;

//! An object store as a place: `s3://`, `gs://` and `az://`, through the `object_store` crate.
//!
//! ```text
//! PREFIX/segments/<segment>/segment.json, edges.parquet, ...
//! PREFIX/runs/<writer>.json                                    the note of a writer that runs, or died
//! ```
//! Objects appear as a whole, directories do not exist: the manifest is put last and taken away first, and what has no manifest is
//! no segment. There are no locks. A manifest is created and never replaced, so of two processes that write under one name
//! the second is refused at its next flush; names of instances must differ.
//!
//! Credentials and endpoints come from the environment, as `object_store` documents them (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
//! `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`, ...); they are never printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::mpsc;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, parse_url_opts,
};
use tokio::runtime::Runtime;

use super::{Files, Guard, Listing, Place};
use crate::store::StoreError;
use crate::store::compact;
use crate::store::manifest::{FILE_NAME, Level, SegmentName};

/// Prefixes of environment variables that configure object stores.
const SETTINGS: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Longest note that is read, in bytes.
const MAX_NOTE_BYTES: u64 = 1 << 16;

/// Objects under a prefix of a bucket.
pub(in crate::store) struct Objects {
    url: String,
    prefix: Path,
    store: Arc<dyn ObjectStore>,
    /// Waits happen outside of any other runtime: callers block, and may not do so on threads of theirs.
    runtime: Option<Runtime>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({})", self.url)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its threads is forbidden on threads of another runtime; nothing is under way any more.
            runtime.shutdown_background();
        }
    }
}

impl Objects {
    /// The place that a URL names. No connection is made yet.
    ///
    /// # Errors
    /// When the URL or the configuration in the environment is no good.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let settings = std::env::vars_os().filter_map(|(key, value)| {
            let key = key.into_string().ok()?;
            let is_setting = SETTINGS.iter().any(|prefix| key.starts_with(prefix));
            Some((key, value.into_string().ok()?)).filter(|_| is_setting)
        });
        let parsed = url::Url::parse(url).map_err(|error| failed("is no URL", url, error))?;
        let (store, prefix) = parse_url_opts(&parsed, settings)
            .map_err(|error| failed("cannot be used", url, error))?;
        Self::over(Arc::from(store), prefix, url)
    }

    /// The same over any store.
    pub(super) fn over(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        url: &str,
    ) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("object-store")
            .enable_all()
            .build()
            .map_err(|error| failed("cannot start its thread", url, error))?;
        Ok(Self {
            url: url.to_owned(),
            prefix,
            store,
            runtime: Some(runtime),
        })
    }

    /// Runs a future to its end on the runtime of this place.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, io::Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let Some(runtime) = &self.runtime else {
            return Err(io::Error::other("the object store is closed"));
        };
        runtime.spawn(async move {
            // Nobody waits any more only when this thread unwinds.
            drop(sender.send(work.await));
        });
        let outcome = receiver
            .recv()
            .map_err(|gone| io::Error::other(format!("the request was given up: {gone}")))?;
        outcome.map_err(into_io)
    }

    fn segments(&self) -> Path {
        self.prefix.clone().join("segments")
    }

    fn object(&self, segment: &str, file: &str) -> Path {
        let parts = file.split('/');
        let segment = self.segments().join(segment);
        parts.fold(segment, |path, part| path.join(part))
    }

    /// Every object of a segment.
    fn objects_of(&self, segment: &str) -> io::Result<Vec<Path>> {
        let store = Arc::clone(&self.store);
        let prefix = self.segments().join(segment);
        let found = self.wait(async move {
            let all: Vec<ObjectMeta> = store.list(Some(&prefix)).try_collect().await?;
            Ok(all)
        })?;
        Ok(found.into_iter().map(|object| object.location).collect())
    }

    fn delete(&self, object: Path) -> io::Result<()> {
        let store = Arc::clone(&self.store);
        let outcome = self.wait(async move { store.delete(&object).await });
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn put(&self, object: Path, content: Vec<u8>, mode: PutMode) -> io::Result<()> {
        let store = Arc::clone(&self.store);
        let options = PutOptions {
            mode,
            ..PutOptions::default()
        };
        self.wait(async move {
            let payload = PutPayload::from(content);
            store.put_opts(&object, payload, options).await.map(drop)
        })
    }

    /// The manifest of a segment, if it has one.
    fn manifest(&self, segment: &str) -> io::Result<Option<Vec<u8>>> {
        match self.read(segment, FILE_NAME, u64::from(u32::MAX)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Names of segments of a writer of which objects are there and the manifest is not.
    fn half_done(&self, writer: &str) -> io::Result<BTreeSet<String>> {
        let store = Arc::clone(&self.store);
        let prefix = self.segments();
        let root = prefix.clone();
        let objects = self.wait(async move {
            let all: Vec<ObjectMeta> = store.list(Some(&prefix)).try_collect().await?;
            Ok(all)
        })?;
        let mut has_manifest: BTreeMap<String, bool> = BTreeMap::new();
        for object in objects {
            let Some(mut parts) = object.location.prefix_match(&root) else {
                continue;
            };
            let segment = parts.next().map(|part| part.as_ref().to_owned());
            let file = parts.next().map(|part| part.as_ref().to_owned());
            if let (Some(segment), Some(file)) = (segment, file) {
                *has_manifest.entry(segment).or_default() |= file == FILE_NAME;
            }
        }
        let is_of_writer = |segment: &str| {
            let name = SegmentName::parse(segment);
            name.is_some_and(|name| match name.level {
                Level::Flush => name.is_of(writer),
                Level::Hour | Level::Day => writer == compact::WRITER,
            })
        };
        let open = has_manifest.into_iter().filter(|(_, is_done)| !is_done);
        let names = open.map(|(segment, _)| segment);
        Ok(names.filter(|segment| is_of_writer(segment)).collect())
    }

    fn error(&self, action: &'static str) -> impl Fn(io::Error) -> StoreError + use<'_> {
        move |error| failed(action, &self.url, error)
    }
}

impl Place for Objects {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn list(&self) -> Result<Listing, StoreError> {
        let store = Arc::clone(&self.store);
        let prefix = self.segments();
        let listed = self
            .wait(async move { store.list_with_delimiter(Some(&prefix)).await })
            .map_err(self.error("cannot be listed"))?;
        let mut listing = Listing::default();
        let loose = listed.objects.iter().map(|object| &object.location);
        for path in listed.common_prefixes.iter().chain(loose) {
            let name = path.filename().unwrap_or_default().to_owned();
            match SegmentName::parse(&name) {
                Some(_) => listing.segments.push(name),
                None => listing.foreign.push((name, "no segment".to_owned())),
            }
        }
        listing.segments.sort_unstable();
        listing.foreign.sort_unstable();
        Ok(listing)
    }

    fn read(&self, segment: &str, file: &str, max_bytes: u64) -> io::Result<Vec<u8>> {
        self.get(self.object(segment, file), max_bytes)
    }

    fn commit(&self, writer: &str, segment: &str, files: &Files) -> Result<(), StoreError> {
        let error = self.error("cannot be written");
        let Some(((manifest, text), tables)) = files.split_last() else {
            return Ok(());
        };
        if let Some(known) = self.manifest(segment).map_err(&error)? {
            // An answer was lost on the way, and this is the second try.
            return match known == *text {
                true => Ok(()),
                false => Err(self.in_use(writer)),
            };
        }
        for (file, content) in tables {
            let object = self.object(segment, file);
            self.put(object, content.clone(), PutMode::Overwrite)
                .map_err(&error)?;
        }
        let object = self.object(segment, manifest);
        match self.put(object, text.clone(), PutMode::Create) {
            Err(refused) if refused.kind() == io::ErrorKind::AlreadyExists => {
                Err(self.in_use(writer))
            }
            other => other.map_err(&error),
        }
    }

    fn remove(&self, _writer: &str, segment: &str) -> Result<(), StoreError> {
        let error = self.error("cannot be removed");
        self.delete(self.object(segment, FILE_NAME))
            .map_err(&error)?;
        for object in self.objects_of(segment).map_err(&error)? {
            self.delete(object).map_err(&error)?;
        }
        Ok(())
    }

    fn lock(&self, writer: &str) -> Result<(Box<dyn Guard>, usize), StoreError> {
        let error = self.error("cannot be cleaned up");
        let left = self.half_done(writer).map_err(&error)?;
        for segment in &left {
            for object in self.objects_of(segment).map_err(&error)? {
                self.delete(object).map_err(&error)?;
            }
        }
        Ok((Box::new(NoLock), left.len()))
    }

    /// Nobody can tell: whoever wrote may write again.
    fn is_locked(&self, _writer: &str) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn note(&self, writer: &str) -> io::Result<Option<Vec<u8>>> {
        match self.get(self.note_path(writer), MAX_NOTE_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            note => note.map(Some),
        }
    }

    fn set_note(&self, writer: &str, note: Option<&[u8]>) -> Result<(), StoreError> {
        let path = self.note_path(writer);
        let outcome = match note {
            Some(note) => self.put(path, note.to_vec(), PutMode::Overwrite),
            None => self.delete(path),
        };
        outcome.map_err(self.error("cannot be written"))
    }
}

impl Objects {
    fn note_path(&self, writer: &str) -> Path {
        let runs = self.prefix.clone().join("runs");
        runs.join(format!("{writer}.json"))
    }

    fn get(&self, object: Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        let store = Arc::clone(&self.store);
        let content = self.wait(async move {
            let found = store.get(&object).await?;
            match found.meta.size > max_bytes {
                true => Ok(None),
                false => found.bytes().await.map(Some),
            }
        })?;
        match content {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("more than {max_bytes} bytes"),
            )),
        }
    }

    fn in_use(&self, writer: &str) -> StoreError {
        StoreError::InUse {
            path: self.url.clone(),
            instance: writer.to_owned(),
        }
    }
}

/// Object stores have no locks: a name that is taken shows when a manifest is created.
#[derive(Debug)]
struct NoLock;

impl Guard for NoLock {
    fn hold(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn into_io(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => io::ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

fn failed(
    action: &'static str,
    url: &str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Io {
        action,
        path: url.to_owned(),
        source: io::Error::other(cause),
    }
}

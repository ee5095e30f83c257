//! One segment file: zstd with a checksum over three lines of JSON: the header, what settled, and what waited when it was
//! written. The last line counts only while no newer file of the same run is there.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::snapshot::Window;

use super::{SCHEMA, StoreError, io_error};

const SUFFIX: &str = ".segment.zst";
const TEMPORARY: &str = ".tmp-";
const LEVEL: i32 = 3;

/// Longest header line, and longest segments after decompression, in bytes.
const MAX_HEADER_BYTES: u64 = 4 << 10;
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// The first line of a segment file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) schema: String,
    pub(super) instance: String,
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    pub(super) window: Window,
}

impl Header {
    fn file_name(&self) -> String {
        format!(
            "{}-{:010}-{:08}{SUFFIX}",
            self.instance, self.epoch, self.sequence
        )
    }
}

pub(super) fn is_segment(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

pub(super) fn is_temporary_of(name: &str, instance: &str) -> bool {
    name.strip_prefix(TEMPORARY)
        .is_some_and(|name| epoch_of(name, instance).is_some())
}

/// The epoch in the name of a segment file of this instance.
pub(super) fn epoch_of(name: &str, instance: &str) -> Option<u64> {
    let numbers = name
        .strip_suffix(SUFFIX)?
        .strip_prefix(instance)?
        .strip_prefix('-')?;
    let (epoch, sequence) = numbers.split_once('-')?;
    let _sequence: u64 = sequence.parse().ok()?;
    epoch.parse().ok()
}

/// Writes the file under a temporary name, syncs it, renames it, and syncs the directory.
pub(super) fn write(
    directory: &Path,
    header: &Header,
    segments: [&Segment; 2],
) -> Result<PathBuf, StoreError> {
    let name = header.file_name();
    let path = directory.join(&name);
    let temporary = directory.join(format!("{TEMPORARY}{name}"));
    let written = write_content(&temporary, header, segments)
        .map_err(io_error("cannot be written", &temporary))
        .and_then(|()| {
            fs::rename(&temporary, &path).map_err(io_error("cannot be renamed", &temporary))
        });
    if let Err(error) = written {
        // What cannot be removed either is removed by the next `open`.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("cannot be synced", directory))?;
    Ok(path)
}

fn write_content(path: &Path, header: &Header, segments: [&Segment; 2]) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(File::create(path)?, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut output = BufWriter::new(encoder);
    serde_json::to_writer(&mut output, header)?;
    output.write_all(b"\n")?;
    for segment in segments {
        serde_json::to_writer(&mut output, segment)?;
        output.write_all(b"\n")?;
    }
    let encoder = output
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    encoder.finish()?.sync_all()
}

/// An open segment file of which only the header was read.
pub(super) struct SegmentFile {
    pub(super) header: Header,
    content: BufReader<zstd::Decoder<'static, BufReader<File>>>,
}

impl SegmentFile {
    /// Reads the header; the error is the reason to skip the file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(describe)?;
        let decoder = zstd::Decoder::new(file).map_err(describe)?;
        let mut content = BufReader::new(decoder);
        let mut line = Vec::new();
        (&mut content)
            .take(MAX_HEADER_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(describe)?;
        let header: Header = serde_json::from_slice(&line)
            .map_err(|error| format!("no header of a segment ({error})"))?;
        if header.schema != SCHEMA {
            let schema = crate::decode::quote(&header.schema);
            return Err(format!("schema `{schema}` where `{SCHEMA}` is read"));
        }
        Ok(Self { header, content })
    }

    /// Reads what settled and what waited; the error is the reason to skip the file.
    pub(super) fn read(self) -> Result<[Segment; 2], String> {
        let mut bytes = Vec::new();
        self.content
            .take(MAX_SEGMENT_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(describe)?;
        if bytes.len() as u64 > MAX_SEGMENT_BYTES {
            return Err(format!("more than {MAX_SEGMENT_BYTES} bytes"));
        }
        let parse =
            |line| serde_json::from_slice(line).map_err(|error| format!("no segment ({error})"));
        match bytes
            .split_inclusive(|byte| *byte == b'\n')
            .collect::<Vec<_>>()[..]
        {
            [settled, waiting] => Ok([parse(settled)?, parse(waiting)?]),
            ref lines => Err(format!("{} segments where 2 are read", lines.len())),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "shaped for `map_err`")]
fn describe(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "truncated".to_owned(),
        _ => format!("unreadable ({error})"),
    }
}

//! What a segment says of itself: which flushes it covers, which time, and its files with their checksums.
//!
//! A segment is its manifest and the files that the manifest lists. It exists as soon as the manifest does, and the manifest is
//! the last to be written. Names of segments sort by time and hold what a reader needs to pass over them unread.

use std::fmt;

use serde::{Deserialize, Serialize};
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

use super::cover::Cover;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.segment/v2";

/// Name of the manifest among the files of a segment.
pub(super) const FILE_NAME: &str = "segment.json";

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;

/// Longest manifest that is read, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// How a segment came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One flush of one instance, or a window of imported files.
    Flush,
    /// Segments of an hour, put together.
    Hour,
    /// Segments of a day, put together.
    Day,
}

impl Level {
    /// The spelling used in JSON and in names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flush => "flush",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// Which counts a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What will not change any more.
    Settled,
    /// What waited for late spans when it was written; it counts as long as no newer segment of the run exists.
    Waiting,
}

/// A file of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name of the table.
    pub table: String,
    /// Which counts it holds.
    pub part: Part,
    /// Rows of the table.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE) of the file.
    pub crc32: u32,
}

impl FileEntry {
    /// Path of the file inside the segment.
    #[must_use]
    pub fn path(&self) -> String {
        file_path(&self.table, self.part)
    }
}

/// Path of a table inside a segment.
pub(super) fn file_path(table: &str, part: Part) -> String {
    match part {
        Part::Settled => format!("{table}.parquet"),
        Part::Waiting => format!("waiting/{table}.parquet"),
    }
}

/// The file `segment.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// How it came to be.
    pub level: Level,
    /// The wall-clock time that it covers; for imported files the time of their spans.
    pub window: Window,
    /// The flushes that it holds.
    pub covers: Vec<Cover>,
    /// Its tables; those without rows have no file.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Size of all its tables in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.bytes);
        sizes.fold(0, u64::saturating_add)
    }

    /// The name of the segment, the same for the same content.
    #[must_use]
    pub fn name(&self) -> SegmentName {
        let (start, end) = (self.window.start, self.window.end);
        let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
        SegmentName {
            start: Timestamp(start.0 / MS * MS),
            end: Timestamp(end.0.div_ceil(MS).saturating_mul(MS)),
            level: self.level,
            tag: Cover::tag(&self.covers),
        }
    }
}

/// The name of a segment: `<start>-<end>-<level>-<tag>`, with times such as `20261122T084500.000Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// Start of its window, rounded down to milliseconds.
    pub start: Timestamp,
    /// End of its window, rounded up to milliseconds.
    pub end: Timestamp,
    /// How it came to be.
    pub level: Level,
    /// Instance, epoch and sequence of a flush; a hash of what it covers for all others.
    pub tag: String,
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (compact(self.start), compact(self.end));
        write!(f, "{start}-{end}-{}-{}", self.level.as_str(), self.tag)
    }
}

impl SegmentName {
    /// The time that it tells, to the millisecond.
    #[must_use]
    pub const fn window(&self) -> Window {
        Window {
            start: Some(self.start),
            end: Some(self.end),
        }
    }

    /// True for a flush of this instance.
    #[must_use]
    pub fn is_of(&self, instance: &str) -> bool {
        let rest = self.tag.strip_prefix(instance);
        let numbers = rest.and_then(|rest| rest.strip_prefix('-'));
        let mut numbers = numbers.unwrap_or_default().split('-');
        let is_number = |part: Option<&str>| {
            part.is_some_and(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
        };
        self.level == Level::Flush
            && is_number(numbers.next())
            && is_number(numbers.next())
            && numbers.next().is_none()
    }

    /// Reads a name; `None` when it is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(4, '-');
        let start = expand(parts.next()?)?;
        let end = expand(parts.next()?)?;
        let level = match parts.next()? {
            "flush" => Level::Flush,
            "hour" => Level::Hour,
            "day" => Level::Day,
            _ => return None,
        };
        let tag = parts.next().filter(|tag| is_tag(tag))?.to_owned();
        Some(Self {
            start,
            end,
            level,
            tag,
        })
    }
}

fn is_tag(tag: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !tag.is_empty() && tag.len() <= 128 && tag.chars().all(fits)
}

/// `20261122T084500.000Z`: ISO 8601 in basic format, UTC, to the millisecond.
fn compact(time: Timestamp) -> String {
    let text = time.to_string();
    let text = text.get(..23).unwrap_or(&text);
    let kept: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{kept}Z")
}

fn expand(text: &str) -> Option<Timestamp> {
    let is_shaped = text.len() == 20 && text.is_ascii();
    let part = |range| text.get(range).filter(|_| is_shaped);
    let (date, time) = (part(0..8)?, part(8..20)?);
    let (year, month, day) = (date.get(0..4)?, date.get(4..6)?, date.get(6..8)?);
    let (hour, minute, rest) = (time.get(1..3)?, time.get(3..5)?, time.get(5..)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{rest}");
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = SegmentName {
            start: Timestamp(1_700_000_000_123_000_000),
            end: Timestamp(1_700_000_060_123_000_000),
            level: Level::Flush,
            tag: "a-b.c-1700000000-00000012".to_owned(),
        };
        let text = "20231114T221320.123Z-20231114T221420.123Z-flush-a-b.c-1700000000-00000012";
        assert_eq!(name.to_string(), text);
        assert_eq!(SegmentName::parse(text), Some(name));
    }

    #[test]
    fn a_flush_belongs_to_one_instance() {
        let text = "20231114T221320.123Z-20231114T221420.123Z-flush-a-b-1700000000-00000012";
        let name = SegmentName::parse(text).unwrap();
        let owners = ["a-b", "a", "b", "a-b-1700000000", ""].map(|instance| name.is_of(instance));
        assert_eq!(owners, [true, false, false, false, false]);
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in [
            "",
            "README.md",
            "20231114T221320.123Z-20231114T221420.123Z-week-a",
            "20231114T221320.123Z-20231114T221420.123Z-hour-",
            "20231114T221320.123Z-20231114T221420.123Z-hour-a/b",
            "2023111XT221320.123Z-20231114T221420.123Z-hour-a",
            "\u{e9}0231114T221320.12Z-20231114T221420.123Z-hour-a",
        ] {
            assert_eq!(SegmentName::parse(text), None, "{text}");
        }
    }
}

//! Recognises what a file holds from its first bytes.
//!
//! Protobuf has no magic, and a length-delimited file can look like a single request for a few bytes. So every layout is
//! tried on the prefix by walking the message structure down to spans: all lengths must nest, and only a span with ids
//! of the right lengths is taken as proof. Failure mode: a file whose first 256 KiB hold only resources and no span
//! is accepted only when it has no unknown field at all.

mod describe;

use super::Format;
use super::compression::recognise;
use crate::decode::{Reader, Value, WireFault};
use crate::input::Compression;

pub(crate) use describe::describe;

/// Bytes of a file that are looked at.
pub(crate) const PREFIX_BYTES: usize = 256 << 10;

/// The layout of the file that begins with `prefix`, or what was found instead. `at_end` says that the prefix is the
/// whole file. Of JSON no more is said here: its objects tell, one by one, whose they are.
pub(crate) fn detect(prefix: &[u8], at_end: bool) -> Result<Format, String> {
    let mut candidates: Vec<(Format, Probe)> = [
        Format::Protobuf,
        Format::VarintDelimited,
        Format::FixedDelimited,
    ]
    .into_iter()
    .map(|format| (format, probe(format, prefix, at_end)))
    .filter(|(_, probe)| probe.is_plausible())
    .collect();
    candidates.sort_by_key(|(_, probe)| std::cmp::Reverse(probe.rank()));
    match candidates.as_slice() {
        [(_, first), (_, second), ..] if first.rank() == second.rank() => {
            Err("data that could be OTLP protobuf in more than one layout".to_owned())
        }
        [(format, _), ..] => Ok(*format),
        [] if looks_like_json(prefix) => Ok(Format::Json),
        [] => Err(describe(prefix)),
    }
}

/// The text after a byte order mark and white space begins an object or array.
fn looks_like_json(prefix: &[u8]) -> bool {
    let text = prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix);
    matches!(text.trim_ascii_start(), [b'{' | b'[', ..])
}

/// How far the structure could be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// A length or tag that cannot be.
    Broken,
    /// The file ends inside a message.
    Truncated,
    /// Consistent to the end of the prefix or file.
    Consistent,
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    end: End,
    resource_spans: usize,
    spans: usize,
    /// Passed something that no version of OTLP writes.
    unknown: bool,
}

impl Probe {
    fn is_plausible(&self) -> bool {
        self.spans > 0 || (self.end == End::Consistent && self.resource_spans > 0 && !self.unknown)
    }

    /// A wrong layout gets back in step after a while, but not without passing what it cannot know.
    fn rank(&self) -> (End, bool, usize) {
        (self.end, !self.unknown, self.spans)
    }

    /// Walks one message of which `bytes` are at hand and `declared` should be there.
    fn message(&mut self, bytes: &[u8], declared: u64, level: Level) -> End {
        let mut reader = Reader::new(bytes, 0);
        while !reader.bytes().is_empty() {
            let rest = declared.saturating_sub(reader.offset() as u64);
            let mut fields = reader;
            match fields.next_field() {
                Ok(Some((number, Value::Block(block)))) => {
                    let inner =
                        self.enter(block.bytes(), block.bytes().len() as u64, level, number);
                    if inner != End::Consistent {
                        return End::Broken;
                    }
                }
                Ok(Some((number, _))) if level.child(number).is_some() => return End::Broken,
                Ok(_) => self.unknown = true,
                Err(error) => return self.cut(reader, rest, error.fault, level),
            }
            reader = fields;
        }
        End::Consistent
    }

    /// A field that does not fit into what is at hand: fine when more was declared, and worth a look inside.
    fn cut(&mut self, reader: Reader<'_>, rest: u64, fault: WireFault, level: Level) -> End {
        let at_hand = reader.bytes().len() as u64;
        if at_hand >= rest {
            return End::Broken;
        }
        match fault {
            WireFault::Truncated => End::Truncated,
            WireFault::Overrun => {
                let mut header = reader;
                let (Ok(tag), Ok(length)) = (header.varint(), header.varint()) else {
                    return End::Broken;
                };
                let spent = at_hand - header.bytes().len() as u64;
                if length > rest.saturating_sub(spent) {
                    return End::Broken;
                }
                let number = u32::try_from(tag >> 3).unwrap_or(0);
                match self.enter(header.bytes(), length, level, number) {
                    End::Broken => End::Broken,
                    End::Truncated | End::Consistent => End::Truncated,
                }
            }
            _ => End::Broken,
        }
    }

    fn enter(&mut self, bytes: &[u8], declared: u64, level: Level, number: u32) -> End {
        match level.child(number) {
            Some(Level::Span) => {
                self.spans += usize::from(is_span(bytes));
                // A broken span costs that span only.
                End::Consistent
            }
            Some(Level::Opaque) => End::Consistent,
            Some(child) => {
                self.resource_spans += usize::from(child == Level::ResourceSpans);
                self.message(bytes, declared, child)
            }
            None => {
                self.unknown = true;
                End::Consistent
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Request,
    ResourceSpans,
    ScopeSpans,
    Span,
    Opaque,
}

impl Level {
    const fn child(self, number: u32) -> Option<Self> {
        match (self, number) {
            (Self::Request, 1) => Some(Self::ResourceSpans),
            (Self::ResourceSpans, 2) => Some(Self::ScopeSpans),
            (Self::ScopeSpans, 2) => Some(Self::Span),
            (Self::ResourceSpans | Self::ScopeSpans, 1 | 3) => Some(Self::Opaque),
            _ => None,
        }
    }
}

/// Ids of the right lengths at their places.
fn is_span(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes, 0);
    let (mut trace, mut span) = (false, false);
    while let Ok(Some((number, value))) = reader.next_field() {
        match (number, value) {
            (1, Value::Block(id)) => trace = id.bytes().len() == 16,
            (2, Value::Block(id)) => span = id.bytes().len() == 8,
            _ => {}
        }
    }
    trace && span
}

fn probe(format: Format, prefix: &[u8], at_end: bool) -> Probe {
    let mut probe = Probe {
        end: End::Consistent,
        resource_spans: 0,
        spans: 0,
        unknown: false,
    };
    let end = if format == Format::Protobuf {
        probe.message(prefix, u64::MAX, Level::Request)
    } else {
        frames(&mut probe, format, prefix)
    };
    // Running out of bytes is no fault when only the prefix ran out.
    probe.end = match end {
        End::Truncated if !at_end => End::Consistent,
        end => end,
    };
    probe
}

fn frames(probe: &mut Probe, format: Format, prefix: &[u8]) -> End {
    // White space before JSON text must not be taken for a length.
    let takes_others = format == Format::FixedDelimited && !looks_like_json(prefix);
    let mut rest = prefix;
    while !rest.is_empty() {
        let (length, body) = match frame_header(format, rest) {
            Ok(Some(header)) => header,
            Ok(None) => return End::Truncated,
            Err(_) => return End::Broken,
        };
        // The high bytes of a short 4-byte length look like empty messages, which nobody writes.
        probe.unknown |= length == 0 && format == Format::VarintDelimited;
        let at_hand = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(body.len());
        let (frame, after) = body.split_at(at_hand);
        let whole = at_hand as u64 == length;
        let end = if takes_others && is_framed_otherwise(frame) {
            probe.resource_spans += 1;
            probe.spans += 1;
            End::Consistent
        } else {
            probe.message(frame, length, Level::Request)
        };
        match (end, whole) {
            (End::Broken, _) | (End::Truncated, true) => return End::Broken,
            (_, false) => return End::Truncated,
            (End::Consistent, true) => {}
        }
        rest = after;
    }
    End::Consistent
}

/// A message of another encoding behind a 4-byte length.
///
/// The Collector's file exporter compresses each message on its own, and frames JSON too when it compresses.
fn is_framed_otherwise(frame: &[u8]) -> bool {
    let is_compressed = recognise(frame) != Compression::None && frame.len() > 8;
    is_compressed || frame.starts_with(b"{\"resourceSpans\"")
}

/// The length of the frame at the start of `bytes` and what follows the length; `None` when the length is cut off.
pub(crate) fn frame_header(
    format: Format,
    bytes: &[u8],
) -> Result<Option<(u64, &[u8])>, WireFault> {
    if format == Format::FixedDelimited {
        return Ok(bytes
            .split_first_chunk::<4>()
            .map(|(length, body)| (u64::from(u32::from_be_bytes(*length)), body)));
    }
    let mut reader = Reader::new(bytes, 0);
    match reader.varint() {
        Ok(length) => Ok(Some((length, reader.bytes()))),
        Err(error) if error.fault == WireFault::Truncated => Ok(None),
        Err(error) => Err(error.fault),
    }
}

#[cfg(test)]
mod tests;

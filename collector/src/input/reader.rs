//! One trace file as a series of requests, each decoded on its own.
//!
//! A file that is one protobuf request is read `ResourceSpans` by `ResourceSpans`, because a request is nothing but
//! their concatenation; so memory stays bounded for it as well.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use tracemesh_graph::span::SpanSink;

use super::compression::{self, CompressionFault, Opened, recognise};
use super::dated::Dated;
use super::detect::{PREFIX_BYTES, detect, frame_header};
use super::feed::Feed;
use super::json_text::{SplitFault, Splitter};
use super::shape::{Shape, shape_of};
use super::{Compression, Format, ReadLimits, quoted};
use crate::decode::{
    DecodeError, JsonContents, Reader, WireFault, decode_jaeger, decode_json, decode_protobuf,
    decode_zipkin,
};

/// What broken JSON has somewhere if it was OTLP, even where the brokenness comes first.
const NAME: &[u8] = b"\"resourceSpans\"";

/// Why a file cannot be read on.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The file or pipe itself failed.
    Io(io::Error),
    /// No trace file; completes "found ...".
    NotTraces(String),
    /// A trace file that is damaged.
    Broken {
        /// Byte offset after decompression.
        offset: u64,
        /// Line from 1, for JSON.
        line: Option<u64>,
        cause: String,
    },
}

/// What one call of [`TraceReader::next`] fed to the sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) requests: u64,
    pub(crate) spans: u64,
    pub(crate) rejected: u64,
    /// JSON objects that hold no spans, such as log exports in the same file.
    pub(crate) other_objects: u64,
}

pub(crate) struct TraceReader<'r> {
    feed: Feed<'r>,
    limits: ReadLimits,
    format: Format,
    compression: Compression,
    raw_bytes: Rc<Cell<u64>>,
    splitter: Splitter,
    /// True once something in the file was known to be a trace request.
    recognised: bool,
    /// What the last JSON object was that could be told.
    shape: Option<Shape>,
    /// Keys of the first JSON object, for the message when nothing is recognised.
    first_keys: Option<Vec<String>>,
}

impl<'r> TraceReader<'r> {
    /// Recognises the file.
    pub(crate) fn open(raw: Box<dyn Read + 'r>, limits: ReadLimits) -> Result<Self, Fault> {
        let Opened {
            compression,
            reader,
            raw_bytes,
        } = compression::open(raw).map_err(Fault::Io)?;
        let mut feed = Feed::new(reader);
        feed.prefetch(PREFIX_BYTES);
        let format = match detect(feed.buffered(), feed.at_end()) {
            Ok(format) => format,
            Err(found) => return Err(not_traces(found, feed.take_failure())),
        };
        Ok(Self {
            feed,
            limits,
            format,
            compression,
            raw_bytes,
            splitter: Splitter::new(limits.max_json_bytes),
            recognised: format != Format::Json,
            shape: None,
            first_keys: None,
        })
    }

    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    pub(crate) const fn compression(&self) -> Compression {
        self.compression
    }

    /// Bytes of the file read so far, before decompression.
    pub(crate) fn raw_bytes(&self) -> u64 {
        self.raw_bytes.get()
    }

    /// Feeds the next request to the sink; `None` at the end of the file.
    pub(crate) fn next(&mut self, sink: &mut dyn SpanSink) -> Result<Option<Portion>, Fault> {
        match self.format {
            Format::Json | Format::Zipkin | Format::Jaeger => self.next_json(sink),
            Format::Protobuf => self.next_field(sink),
            Format::VarintDelimited | Format::FixedDelimited => self.next_frame(sink),
        }
    }

    fn next_json(&mut self, sink: &mut dyn SpanSink) -> Result<Option<Portion>, Fault> {
        let length = match self.splitter.next_object(&mut self.feed) {
            Ok(Some(length)) => length,
            Ok(None) if self.recognised => return Ok(None),
            Ok(None) => return Err(self.no_traces()),
            Err(SplitFault::Io(error)) => return Err(io_fault(error, self.feed.offset())),
            Err(SplitFault::Text(cause)) => {
                return Err(self.json_fault(self.feed.offset(), self.splitter.line(), cause));
            }
        };
        let object = self.feed.buffered().get(..length).unwrap_or_default();
        let shape = self.shape_of(object);
        let mut dated = Dated::new(sink);
        let contents = match decode_object(shape, object, &mut dated) {
            Ok(contents) => contents,
            Err(error) => return Err(self.json_error(error)),
        };
        let mut portion = portion_of(dated);
        if let JsonContents::Other(keys) = contents {
            portion.requests = 0;
            portion.other_objects = 1;
            self.first_keys.get_or_insert(keys);
        } else {
            let is_first = !self.recognised;
            portion.requests = u64::from(is_first || !is_lone(shape));
            self.recognise(shape);
        }
        self.splitter.consume(&mut self.feed, length);
        Ok(Some(portion))
    }

    /// The shape of an object. Beside spans that stand alone, what cannot be told is taken for a broken one of them.
    fn shape_of(&self, object: &[u8]) -> Option<Shape> {
        shape_of(object).or(self.shape.filter(|shape| is_lone(Some(*shape))))
    }

    /// A file is called after the first thing in it that is known.
    fn recognise(&mut self, shape: Option<Shape>) {
        if !self.recognised {
            self.format = match shape {
                Some(Shape::ZipkinSpan) => Format::Zipkin,
                Some(Shape::JaegerTraces | Shape::JaegerSpan) => Format::Jaeger,
                Some(Shape::Otlp) | None => Format::Json,
            };
        }
        self.recognised = true;
        self.shape = shape;
    }

    fn json_error(&self, error: DecodeError) -> Fault {
        match error {
            DecodeError::Json {
                offset,
                line,
                column,
                cause,
            } => self.json_fault(
                self.feed.offset() + offset as u64,
                self.splitter.line() + (line as u64).saturating_sub(1),
                format!("{cause} (column {column})"),
            ),
            other @ DecodeError::Protobuf { .. } => {
                self.json_fault(self.feed.offset(), self.splitter.line(), other.to_string())
            }
        }
    }

    /// Broken JSON is a broken trace file only when something says that it holds traces.
    fn json_fault(&self, offset: u64, line: u64, cause: String) -> Fault {
        let text = self.feed.buffered();
        let is_traces = self.recognised || shape_of(text).is_some() || contains(text, NAME);
        if is_traces {
            Fault::Broken {
                offset,
                line: Some(line),
                cause,
            }
        } else if self.first_keys.is_some() {
            self.no_traces()
        } else {
            Fault::NotTraces(format!(
                "text that begins like JSON and is none that holds traces (line {line}: {cause})"
            ))
        }
    }

    fn no_traces(&self) -> Fault {
        let keys = self.first_keys.as_deref().unwrap_or_default();
        let keys: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
        let known = if keys.is_empty() {
            "no keys".to_owned()
        } else {
            keys.join(", ")
        };
        Fault::NotTraces(format!(
            "JSON that is neither OTLP, Zipkin v2 nor Jaeger (it has {known})"
        ))
    }

    /// The next top-level field of a file that is a single request.
    fn next_field(&mut self, sink: &mut dyn SpanSink) -> Result<Option<Portion>, Fault> {
        let offset = self.feed.offset();
        // A tag takes at most 5 bytes, a length or number at most 10.
        self.feed
            .fill(15)
            .map_err(|error| io_fault(error, offset))?;
        let buffered = self.feed.buffered();
        if buffered.is_empty() {
            return Ok(None);
        }
        let length = match field_length(buffered) {
            Some(length) => self.whole(0, length, "the field that starts here")?,
            // The decoder names the fault.
            None => buffered.len().min(15),
        };
        let portion = self.decode_frame(0, length, sink)?;
        self.feed.consume(length);
        let first = u64::from(offset == 0);
        Ok(Some(Portion {
            requests: first,
            ..portion
        }))
    }

    fn next_frame(&mut self, sink: &mut dyn SpanSink) -> Result<Option<Portion>, Fault> {
        let offset = self.feed.offset();
        self.feed
            .fill(10)
            .map_err(|error| io_fault(error, offset))?;
        let buffered = self.feed.buffered();
        if buffered.is_empty() {
            return Ok(None);
        }
        let header = match frame_header(self.format, buffered) {
            Ok(Some((length, body))) => Ok((length, buffered.len() - body.len())),
            Ok(None) => Err(WireFault::Truncated.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        let (length, header) = header.map_err(|cause| broken(offset, cause))?;
        let total = self.whole(header, length, "the message that starts here")?;
        let portion = self.decode_frame(header, total, sink)?;
        self.feed.consume(total);
        Ok(Some(portion))
    }

    /// Buffers `header + length` bytes and returns that sum.
    fn whole(&mut self, header: usize, length: u64, what: &str) -> Result<usize, Fault> {
        let offset = self.feed.offset();
        let max = self.limits.max_protobuf_bytes;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > max {
            let cause = format!("{what} has {length} bytes, more than the limit of {max}");
            return Err(broken(offset, cause));
        }
        let total = header + length;
        self.feed
            .fill(total)
            .map_err(|error| io_fault(error, offset))?;
        let missing = total.saturating_sub(self.feed.buffered().len());
        if missing > 0 {
            let cause = format!("the file ends {missing} bytes before the end of {what}");
            return Err(broken(offset, cause));
        }
        Ok(total)
    }

    /// Decodes the buffered bytes from `header` to `total`.
    fn decode_frame(
        &self,
        header: usize,
        total: usize,
        sink: &mut dyn SpanSink,
    ) -> Result<Portion, Fault> {
        let offset = self.feed.offset() + header as u64;
        let frame = self.feed.buffered().get(header..total).unwrap_or_default();
        let compression = recognise(frame);
        let mut dated = Dated::new(sink);
        if compression == Compression::None {
            decode_message(frame, &mut dated)
                .map_err(|(inner, cause)| broken(offset + inner, cause))?;
        } else {
            let max = self.limits.max_protobuf_bytes;
            let message = compression::decompress(compression, frame, max)
                .map_err(|fault| broken(offset, format!("a {compression} message: {fault}")))?;
            decode_message(&message, &mut dated).map_err(|(inner, cause)| {
                let cause = format!("byte {inner} of a {compression} message: {cause}");
                broken(offset, cause)
            })?;
        }
        Ok(portion_of(dated))
    }
}

/// Decodes an object of a JSON file.
fn decode_object(
    shape: Option<Shape>,
    object: &[u8],
    sink: &mut dyn SpanSink,
) -> Result<JsonContents, DecodeError> {
    match shape {
        Some(Shape::Otlp) | None => decode_json(object, sink),
        Some(Shape::ZipkinSpan) => decode_zipkin(object, sink).map(|()| JsonContents::Traces),
        Some(Shape::JaegerTraces | Shape::JaegerSpan) => {
            decode_jaeger(object, sink).map(|()| JsonContents::Traces)
        }
    }
}

/// True for spans of which each is an object of its own; they count as one request.
fn is_lone(shape: Option<Shape>) -> bool {
    matches!(shape, Some(Shape::ZipkinSpan | Shape::JaegerSpan))
}

/// Decodes a framed message of either encoding. As a protobuf tag `{` begins a group, which no request does. White space
/// before it must not be skipped: a newline is the tag of resource spans, and `{` may be their length.
fn decode_message(message: &[u8], sink: &mut dyn SpanSink) -> Result<(), (u64, String)> {
    let outcome = if message.first() == Some(&b'{') {
        decode_json(message, sink).map(drop)
    } else {
        decode_protobuf(message, sink)
    };
    outcome.map_err(|error| match error {
        DecodeError::Protobuf { offset, fault } => (offset as u64, fault.to_string()),
        DecodeError::Json { offset, cause, .. } => (offset as u64, cause),
    })
}

/// Length of the first field with its tag, when the tag and length can be read.
fn field_length(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(bytes, 0);
    let tag = reader.varint().ok()?;
    let rest = match tag & 7 {
        0 => {
            reader.varint().ok()?;
            0
        }
        1 => 8,
        2 => reader.varint().ok()?,
        5 => 4,
        _ => return None,
    };
    rest.checked_add(reader.offset() as u64)
}

fn portion_of(dated: Dated<'_>) -> Portion {
    let tally = dated.finish();
    Portion {
        requests: 1,
        spans: tally.spans,
        rejected: tally.rejected_spans(),
        other_objects: 0,
    }
}

fn contains(text: &[u8], name: &[u8]) -> bool {
    text.windows(name.len()).any(|window| window == name)
}

/// Damaged compression explains why nothing was recognised; a failing disk says nothing about the content.
fn not_traces(found: String, failure: Option<io::Error>) -> Fault {
    match failure {
        None => Fault::NotTraces(found),
        Some(error) if is_damage(&error) => Fault::NotTraces(format!("{found}; {error}")),
        Some(error) => Fault::Io(error),
    }
}

fn is_damage(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| inner.is::<CompressionFault>())
}

const fn broken(offset: u64, cause: String) -> Fault {
    Fault::Broken {
        offset,
        line: None,
        cause,
    }
}

/// Damaged compression is the file's fault; anything else is the system's.
fn io_fault(error: io::Error, offset: u64) -> Fault {
    if is_damage(&error) {
        broken(offset, error.to_string())
    } else {
        Fault::Io(error)
    }
}

#[cfg(test)]
mod tests;

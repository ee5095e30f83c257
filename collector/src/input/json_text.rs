//! Splits a stream of JSON text into its top-level objects without reading ahead of them.
//!
//! Takes JSON lines, objects one after another with any white space, arrays of objects, and arrays of those. Finds only where objects
//! end; whether they are JSON is decided by the decoder, which gets one object at a time.

use std::io;

use super::feed::Feed;

/// Most arrays around an object: Zipkin answers with a list of traces, which are lists of spans.
const MAX_DEPTH: usize = 2;

/// Why the text cannot be split further.
#[derive(Debug)]
pub(super) enum SplitFault {
    Io(io::Error),
    /// What is wrong at the current position.
    Text(String),
}

impl From<io::Error> for SplitFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    ArrayStart,
    AfterElement,
    AfterComma,
}

/// Position in the text between two objects.
#[derive(Debug)]
pub(super) struct Splitter {
    place: Place,
    /// Arrays around the next byte.
    depth: usize,
    /// Line of the next byte, from 1.
    line: u64,
    max_bytes: usize,
}

impl Splitter {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self {
            place: Place::Top,
            depth: 0,
            line: 1,
            max_bytes,
        }
    }

    /// Line of the next byte of the feed, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Moves to the next object and returns its length; it is then buffered in the feed. `None` at the end.
    pub(super) fn next_object(&mut self, feed: &mut Feed<'_>) -> Result<Option<usize>, SplitFault> {
        if feed.offset() == 0 && feed.peek(3)?.starts_with(b"\xef\xbb\xbf") {
            feed.consume(3);
        }
        loop {
            self.skip_space(feed)?;
            let Some(next) = feed.peek(1)?.first().copied() else {
                return self.end();
            };
            match (self.place, next) {
                (Place::Top | Place::ArrayStart | Place::AfterComma, b'{') => {
                    let length = self.object_length(feed)?;
                    if self.place != Place::Top {
                        self.place = Place::AfterElement;
                    }
                    return Ok(Some(length));
                }
                (Place::Top | Place::ArrayStart | Place::AfterComma, b'[')
                    if self.depth < MAX_DEPTH =>
                {
                    self.depth += 1;
                    self.place = Place::ArrayStart;
                }
                (Place::AfterElement, b',') => self.place = Place::AfterComma,
                (Place::ArrayStart | Place::AfterElement, b']') => {
                    self.depth -= 1;
                    self.place = match self.depth {
                        0 => Place::Top,
                        _ => Place::AfterElement,
                    };
                }
                _ => return Err(SplitFault::Text(unexpected(self.place, next))),
            }
            feed.consume(1);
        }
    }

    /// Leaves the object of this length behind.
    pub(super) fn consume(&mut self, feed: &mut Feed<'_>, length: usize) {
        let object = feed.buffered().get(..length).unwrap_or_default();
        self.line += count_lines(object);
        feed.consume(length);
    }

    fn end(&self) -> Result<Option<usize>, SplitFault> {
        match self.place {
            Place::Top => Ok(None),
            _ => Err(SplitFault::Text("the file ends inside an array".to_owned())),
        }
    }

    fn skip_space(&mut self, feed: &mut Feed<'_>) -> io::Result<()> {
        loop {
            let available = feed.peek(1)?;
            let space = available
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
                .count();
            if space == 0 {
                return Ok(());
            }
            self.line += count_lines(available.get(..space).unwrap_or_default());
            feed.consume(space);
        }
    }

    fn object_length(&self, feed: &mut Feed<'_>) -> Result<usize, SplitFault> {
        let mut scan = Scan::default();
        loop {
            let end = scan.resume(feed.buffered());
            let seen = end.unwrap_or(feed.buffered().len());
            if seen > self.max_bytes {
                let cause = format!("an object is longer than {} bytes", self.max_bytes);
                return Err(SplitFault::Text(cause));
            }
            if let Some(length) = end {
                return Ok(length);
            }
            if feed.at_end() {
                return Err(SplitFault::Text(
                    "the file ends inside the object that starts here".to_owned(),
                ));
            }
            feed.fill(seen + 1)?;
        }
    }
}

fn unexpected(place: Place, byte: u8) -> String {
    let wanted = match place {
        Place::Top => "`{` or `[`",
        Place::ArrayStart => "`{` or `]`",
        Place::AfterElement => "`,` or `]`",
        Place::AfterComma => "`{`",
    };
    format!("expected {wanted}, found `{}`", byte.escape_ascii())
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Finds the closing brace, keeping its place while the buffer grows.
#[derive(Debug, Default)]
struct Scan {
    position: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    fn resume(&mut self, bytes: &[u8]) -> Option<usize> {
        for byte in bytes.get(self.position..).unwrap_or_default() {
            self.position += 1;
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    // A raw line end cannot be inside text: the line is cut off, and the decoder says where.
                    b'\n' => return Some(self.position),
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(self.position);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

//! A byte source with look-ahead: grows by what really arrives, never by what a length field promises.

use std::io::{self, Read};

const CHUNK_BYTES: usize = 64 << 10;

pub(super) struct Feed<'r> {
    source: Box<dyn Read + 'r>,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    failure: Option<io::Error>,
    offset: u64,
}

impl<'r> Feed<'r> {
    pub(super) fn new(source: Box<dyn Read + 'r>) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            ended: false,
            failure: None,
            offset: 0,
        }
    }

    /// Looks at what is next: at least `wanted` bytes, or all that are left when fewer.
    pub(super) fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        self.fill(wanted)?;
        Ok(self.buffered())
    }

    /// Reads on until `wanted` bytes are buffered or the source ends.
    ///
    /// A failing source fails here only when what came before the failure is not enough.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<()> {
        self.prefetch(wanted);
        match self.failure.take() {
            Some(error) if self.buffered().len() < wanted => Err(error),
            failure => {
                self.failure = failure;
                Ok(())
            }
        }
    }

    /// As [`fill`](Self::fill), but keeps a failure for later.
    pub(super) fn prefetch(&mut self, wanted: usize) {
        while !self.ended && self.buffered().len() < wanted {
            if self.start > 0 {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
            let missing = wanted.saturating_sub(self.buffer.len());
            let ask = u64::try_from(missing.clamp(CHUNK_BYTES, 16 * CHUNK_BYTES)).unwrap_or(0);
            let got = (&mut self.source).take(ask).read_to_end(&mut self.buffer);
            self.ended = !matches!(got, Ok(count) if count > 0);
            self.failure = got.err();
        }
    }

    /// Takes the failure that ended the source, if one did.
    pub(super) const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// What is buffered, without reading.
    pub(super) fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// True when everything left is buffered and nothing failed.
    pub(super) const fn at_end(&self) -> bool {
        self.ended && self.failure.is_none()
    }

    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.buffered().len());
        self.start += count;
        self.offset += count as u64;
    }

    /// Bytes consumed so far.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }
}

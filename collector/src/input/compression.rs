//! gzip and zstd, recognised by magic, with corrupt data told apart from a failing disk.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::Compression;

/// Largest zstd window accepted, as a power of two: what `zstd --ultra` writes without `--long`.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Recognises compressed data by its first bytes.
pub(crate) fn recognise(prefix: &[u8]) -> Compression {
    match prefix {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Compressed data that cannot be decompressed; travels inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error(
    "the {compression} data is {state} near byte {raw_offset} of the compressed file ({detail})"
)]
pub(crate) struct CompressionFault {
    compression: Compression,
    state: &'static str,
    raw_offset: u64,
    detail: String,
}

/// A decompressing reader and the number of raw bytes it has read.
pub(crate) struct Opened<'r> {
    pub(crate) compression: Compression,
    pub(crate) reader: Box<dyn Read + 'r>,
    pub(crate) raw_bytes: Rc<Cell<u64>>,
}

/// Recognises and undoes the compression of a file.
pub(crate) fn open<'r>(mut raw: Box<dyn Read + 'r>) -> io::Result<Opened<'r>> {
    let mut prefix = Vec::with_capacity(4);
    (&mut raw).take(4).read_to_end(&mut prefix)?;
    let compression = recognise(&prefix);
    let state = RawState::default();
    let raw_bytes = Rc::clone(&state.bytes);
    let raw = Raw {
        inner: Cursor::new(prefix).chain(raw),
        state: state.clone(),
    };
    let inner: Box<dyn Read + 'r> = match compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(raw))),
        Compression::Zstd => {
            let mut decoder = ZstdDecoder::new(raw)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    };
    let reader = Box::new(Decompressed {
        inner,
        compression,
        state,
    });
    Ok(Opened {
        compression,
        reader,
        raw_bytes,
    })
}

/// Why a compressed body of bounded size could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    #[error("it holds more than {0} bytes after decompression")]
    TooLarge(usize),
    #[error("it is truncated or damaged")]
    Corrupt,
}

/// Largest zstd window of a body: RFC 9659 holds senders over HTTP to 8 MiB.
const BODY_WINDOW_LOG_MAX: u32 = 23;

/// Decompresses a body in memory, stopping at `max_bytes` of output.
pub(crate) fn decompress(
    compression: Compression,
    body: &[u8],
    max_bytes: usize,
) -> Result<Vec<u8>, BodyFault> {
    let mut reader: Box<dyn Read + '_> = match compression {
        Compression::None => Box::new(body),
        Compression::Gzip => Box::new(MultiGzDecoder::new(body)),
        Compression::Zstd => {
            let mut decoder = ZstdDecoder::with_buffer(body).map_err(corrupt)?;
            decoder
                .window_log_max(BODY_WINDOW_LOG_MAX)
                .map_err(corrupt)?;
            Box::new(decoder)
        }
    };
    let mut output = Vec::new();
    let bound = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    (&mut reader)
        .take(bound.saturating_add(1))
        .read_to_end(&mut output)
        .map_err(corrupt)?;
    if output.len() > max_bytes {
        return Err(BodyFault::TooLarge(max_bytes));
    }
    Ok(output)
}

/// The libraries' own words ("incomplete frame") add nothing for the reader of the message.
fn corrupt(_: io::Error) -> BodyFault {
    BodyFault::Corrupt
}

#[derive(Clone, Default)]
struct RawState {
    bytes: Rc<Cell<u64>>,
    failed: Rc<Cell<bool>>,
}

/// The file itself: counts its bytes and remembers that an error was its own.
struct Raw<R> {
    inner: R,
    state: RawState,
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.state.bytes.set(self.state.bytes.get() + count as u64);
                Ok(count)
            }
            Err(error) => {
                self.state
                    .failed
                    .set(error.kind() != io::ErrorKind::Interrupted);
                Err(error)
            }
        }
    }
}

/// Turns a decoder's errors into [`CompressionFault`] unless the file itself failed.
struct Decompressed<'r> {
    inner: Box<dyn Read + 'r>,
    compression: Compression,
    state: RawState,
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            let own = self.state.failed.get()
                || self.compression == Compression::None
                || error.kind() == io::ErrorKind::Interrupted;
            if own {
                return error;
            }
            let state = match error.kind() {
                io::ErrorKind::UnexpectedEof => "truncated",
                _ => "damaged",
            };
            io::Error::other(CompressionFault {
                compression: self.compression,
                state,
                raw_offset: self.state.bytes.get(),
                detail: error.to_string(),
            })
        })
    }
}

//! Undoes the compression of a body in memory, within a bound on its output.
//!
//! Place in the flow: body as sent -> here -> decoder; one way for gRPC and HTTP. gzip and deflate go through libdeflate,
//! which wants the whole output in place: it is sized by what the sender says, but never beyond what the input can hold, the
//! bound, and the bytes in flight. What libdeflate cannot tell for sure (several gzip members) is read again by the
//! streaming decoder.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use libdeflater::{DecompressionError, Decompressor};
use zstd::stream::read::Decoder as ZstdDecoder;

use super::budget::Share;
use super::refusal::Refusal;

/// How a body is compressed, as headers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    /// RFC 1950, which the OpenTelemetry Collector also calls `zlib`. Some senders leave its wrapper away, which is
    /// recognised.
    Deflate,
    Zstd,
}

impl Coding {
    /// The codings that a peer may be told of.
    pub(crate) const NAMES: &'static str = "gzip, deflate, zstd";

    /// The coding of this name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" | "zlib" => Some(Self::Deflate),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// How a gzip member begins.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Output kept between two requests, so that most are inflated without asking for memory.
const KEPT_BYTES: usize = 4 << 20;

/// Deflate makes at most 1032 bytes of one.
const MOST_PER_BYTE: usize = 1_032;

/// What a body grows to when it does not say: traces shrink to a seventh.
const GUESS_PER_BYTE: usize = 8;

/// Least room for output.
const LEAST_BYTES: usize = 4 << 10;

/// Largest zstd window of a body: RFC 9659 holds senders over HTTP to 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Decompressors with their output, used again and again.
pub(super) struct Inflater {
    deflate: Decompressor,
    /// Initialised memory; its length is what may be written.
    output: Vec<u8>,
}

/// Decompresses input into output, and returns the length of it.
type OneShot = fn(&mut Decompressor, &[u8], &mut [u8]) -> Result<usize, DecompressionError>;

/// Bounds on the output of one body.
struct Room<'s> {
    max_bytes: usize,
    share: &'s mut Share,
    charged: usize,
}

impl Room<'_> {
    /// Makes the output at least `wanted` long, within the bound.
    fn make(&mut self, output: &mut Vec<u8>, wanted: usize) -> Result<(), Refusal> {
        let wanted = wanted.min(self.max_bytes);
        self.share.grow(wanted.saturating_sub(self.charged))?;
        self.charged = self.charged.max(wanted);
        if output.len() < wanted {
            // Nothing in it is worth copying to a new place.
            output.clear();
            output.resize(wanted, 0);
        }
        Ok(())
    }

    const fn bomb(&self) -> Refusal {
        Refusal::Bomb(self.max_bytes)
    }
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            deflate: Decompressor::new(),
            output: Vec::new(),
        }
    }

    /// The decompressed body, which lives until the next one.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`], [`Refusal::Bomb`], or [`Refusal::Busy`] when `share` cannot grow by the size of the output.
    pub(super) fn inflate(
        &mut self,
        coding: Coding,
        body: &[u8],
        max_bytes: usize,
        share: &mut Share,
    ) -> Result<&[u8], Refusal> {
        let mut room = Room {
            max_bytes,
            share,
            charged: 0,
        };
        let length = match coding {
            Coding::Identity => return Err(Refusal::Failed),
            Coding::Gzip => self.gzip(body, &mut room),
            Coding::Deflate => self.zlib(body, &mut room),
            Coding::Zstd => {
                let decoder = ZstdDecoder::with_buffer(body).and_then(|mut decoder| {
                    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                    Ok(decoder)
                });
                // The libraries' own words ("incomplete frame") add nothing for the sender.
                let decoder = decoder.map_err(|_error| Refusal::Corrupt)?;
                self.stream(decoder, body.len(), &mut room)
            }
        }?;
        self.output.get(..length).ok_or(Refusal::Failed)
    }

    /// Gives back what an unusually large body took.
    pub(super) fn rest(&mut self) {
        if self.output.len() > KEPT_BYTES {
            self.output = Vec::new();
        }
    }

    fn gzip(&mut self, body: &[u8], room: &mut Room<'_>) -> Result<usize, Refusal> {
        let said = last_word(body).filter(|_| body.starts_with(&MAGIC));
        // Without this, what is no gzip at all would be blamed for a length that it never told.
        let said = said.ok_or(Refusal::Corrupt)?;
        if said > room.max_bytes {
            return Err(room.bomb());
        }
        // Longer members may follow a lie about the last one, and shorter input cannot fill what is promised.
        let possible = body.len().saturating_mul(MOST_PER_BYTE);
        let length = self.attempts(
            body,
            said.min(possible),
            room,
            Decompressor::gzip_decompress,
        )?;
        if is_one_member(body, length) {
            return Ok(length);
        }
        self.stream(MultiGzDecoder::new(body), body.len(), room)
    }

    fn zlib(&mut self, body: &[u8], room: &mut Room<'_>) -> Result<usize, Refusal> {
        let guess = body.len().saturating_mul(GUESS_PER_BYTE);
        if has_zlib_header(body) {
            self.attempts(body, guess, room, Decompressor::zlib_decompress)
        } else {
            self.attempts(body, guess, room, Decompressor::deflate_decompress)
        }
    }

    /// Tries with more and more room. All attempts together cost at most twice the last.
    fn attempts(
        &mut self,
        body: &[u8],
        guess: usize,
        room: &mut Room<'_>,
        run: OneShot,
    ) -> Result<usize, Refusal> {
        let mut wanted = guess.max(LEAST_BYTES);
        loop {
            room.make(&mut self.output, wanted)?;
            let within = self.output.len().min(room.max_bytes);
            let output = self.output.get_mut(..within).ok_or(Refusal::Failed)?;
            match run(&mut self.deflate, body, output) {
                Ok(length) => return Ok(length),
                Err(DecompressionError::BadData) => return Err(Refusal::Corrupt),
                Err(DecompressionError::InsufficientSpace) if within >= room.max_bytes => {
                    return Err(room.bomb());
                }
                Err(DecompressionError::InsufficientSpace) => {
                    wanted = within.max(body.len()).saturating_mul(2);
                }
            }
        }
    }

    /// Reads to the end of a streaming decoder.
    fn stream(
        &mut self,
        mut reader: impl Read,
        compressed: usize,
        room: &mut Room<'_>,
    ) -> Result<usize, Refusal> {
        let guess = compressed.saturating_mul(GUESS_PER_BYTE).max(LEAST_BYTES);
        let mut filled = 0_usize;
        // One byte over the bound tells a body that fits from one that does not.
        let bound = room.max_bytes.saturating_add(1);
        loop {
            if filled == self.output.len().min(bound) || filled == 0 {
                let wanted = guess.max(filled.saturating_mul(2)).min(bound);
                room.share.grow(wanted.saturating_sub(room.charged))?;
                room.charged = room.charged.max(wanted);
                if self.output.len() < wanted {
                    self.output.resize(wanted, 0);
                }
            }
            let within = self.output.len().min(bound);
            let output = self.output.get_mut(filled..within).unwrap_or_default();
            match reader.read(output) {
                Ok(0) => return Ok(filled),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Refusal::Corrupt),
            }
            if filled > room.max_bytes {
                return Err(room.bomb());
            }
        }
    }
}

/// What the trailer of a gzip file says of its length, modulo 2^32.
fn last_word(body: &[u8]) -> Option<usize> {
    let word = body.last_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*word)).ok()
}

/// True when the input is certainly one gzip member of this length and nothing after it. libdeflate reads one member and
/// does not tell where it ended, but a second one begins with bytes that rarely stand within the first.
fn is_one_member(body: &[u8], length: usize) -> bool {
    // The trailer counts modulo 2^32, as this truncation does.
    let ends_here = last_word(body) == Some(length & 0xffff_ffff);
    let rest = body.get(1..).unwrap_or_default();
    ends_here && memchr::memmem::find(rest, &MAGIC).is_none()
}

/// RFC 1950: deflate with a window of at most 32 KiB, and a check over both bytes.
fn has_zlib_header(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..]
        if method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

#[cfg(test)]
mod tests;

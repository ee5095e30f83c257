//! The protobuf wire format: fields of one message, borrowed, with checked arithmetic.
//!
//! Knows tags, varints and lengths, and nothing about OTLP. Refuses groups: OTLP never had any, and skipping them
//! needs recursion that a peer controls.

/// What is wrong with an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// The bytes end inside a number, a tag or a fixed-width value.
    #[error("the message ends inside a value")]
    Truncated,
    /// A length points beyond the end of the message around it.
    #[error("a length points beyond the end of the message")]
    Overrun,
    /// More than 10 bytes, or more than 64 bits.
    #[error("a number has more than 64 bits")]
    Varint,
    /// Field number 0, or above 2^29 - 1.
    #[error("a field number is out of range")]
    FieldNumber,
    /// Wire types 3 and 4.
    #[error("a group, which OTLP does not use")]
    Group,
    /// Wire types 6 and 7.
    #[error("a wire type that does not exist")]
    WireType,
    /// A known field with another wire type than OTLP gives it.
    #[error("a field has another wire type than OTLP says")]
    Mismatch,
}

/// A fault and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireError {
    /// Byte offset in the whole request.
    pub(crate) offset: usize,
    pub(crate) fault: WireFault,
}

/// The value of one field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A length-delimited field: a message, string or bytes.
    Block(Reader<'a>),
}

/// Walks the fields of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of `rest` in the whole request.
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader over a whole message that starts at `offset` of the request.
    pub(crate) const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    /// The bytes not yet read.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the next field starts.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// The next field number and value, or `None` at the end.
    #[inline]
    pub(crate) fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let start = self.offset;
        let at_start = |fault| WireError {
            offset: start,
            fault,
        };
        let tag = u32::try_from(self.varint()?)
            .ok()
            .ok_or_else(|| at_start(WireFault::FieldNumber))?;
        let number = tag >> 3;
        if number == 0 {
            return Err(at_start(WireFault::FieldNumber));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Value::Block(self.block()?),
            3 | 4 => return Err(at_start(WireFault::Group)),
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(at_start(WireFault::WireType)),
        };
        Ok(Some((number, value)))
    }

    /// The content of the next field if it has this one-byte tag of a length-delimited field and a length of up to two bytes;
    /// whatever else it is stays where it is.
    #[inline]
    pub(crate) fn next_short_block(&mut self, tag: u8) -> Option<Self> {
        let (content, rest) = short_block(self.rest, tag)?;
        let offset = self.offset + (self.rest.len() - rest.len() - content.len());
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
        Some(Self::new(content, offset))
    }

    /// A base-128 number of at most 64 bits.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        if let [byte @ 0..0x80, ..] = self.rest {
            let value = u64::from(*byte);
            self.advance(1);
            return Ok(value);
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().copied().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(self.fault(WireFault::Varint));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.advance(index + 1);
                return Ok(value);
            }
        }
        // Ten bytes all continued cannot get here: the tenth is either final or refused above.
        Err(self.fault(WireFault::Truncated))
    }

    fn block(&mut self) -> Result<Self, WireError> {
        let start = self.offset;
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let Some(bytes) = self.rest.get(..length) else {
            return Err(WireError {
                offset: start,
                fault: WireFault::Overrun,
            });
        };
        let block = Self::new(bytes, self.offset);
        self.advance(length);
        Ok(block)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some(bytes) = self.rest.first_chunk::<N>() else {
            return Err(self.fault(WireFault::Truncated));
        };
        self.advance(N);
        Ok(*bytes)
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.offset += count;
    }

    const fn fault(&self, fault: WireFault) -> WireError {
        WireError {
            offset: self.offset,
            fault,
        }
    }
}

/// The content of the length-delimited field that has this one-byte tag and a length of up to two bytes, and what is behind.
#[inline]
pub(crate) fn short_block(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match bytes {
        [first, length @ 0..0x80, rest @ ..] if *first == tag => {
            rest.split_at_checked(usize::from(*length))
        }
        [first, low, high @ 0..0x80, rest @ ..] if *first == tag => {
            let length = usize::from(low & 0x7f) | usize::from(*high) << 7;
            rest.split_at_checked(length)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Option<(u32, Value<'_>)>, WireFault> {
        Reader::new(bytes, 0).next_field().map_err(|e| e.fault)
    }

    #[test]
    fn numbers_of_ten_bytes_are_read_and_longer_ones_refused() {
        let mut max = vec![0x08];
        max.extend([0xff; 9]);
        max.push(0x01);
        assert!(matches!(
            first(&max),
            Ok(Some((1, Value::Varint(u64::MAX))))
        ));
        *max.last_mut().unwrap() = 0x02;
        assert_eq!(first(&max).unwrap_err(), WireFault::Varint);
        *max.last_mut().unwrap() = 0x80;
        max.push(0);
        assert_eq!(first(&max).unwrap_err(), WireFault::Varint);
    }

    #[test]
    fn overlong_lengths_are_read_like_short_ones() {
        let bytes = [0x8a, 0x80, 0x00, 0x81, 0x80, 0x00, 7];
        let Ok(Some((1, Value::Block(block)))) = first(&bytes) else {
            panic!("a tag and a length of three bytes each are legal");
        };
        assert_eq!((block.bytes(), block.offset()), (&[7_u8][..], 6));
    }

    #[test]
    fn faults_are_told_apart() {
        let cases: [(&[u8], WireFault); 8] = [
            (&[0x08], WireFault::Truncated),
            (&[0x88], WireFault::Truncated),
            (&[0x09, 0, 0], WireFault::Truncated),
            (&[0x0a, 0x05, 0], WireFault::Overrun),
            (
                &[
                    0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
                ],
                WireFault::Overrun,
            ),
            (&[0x00], WireFault::FieldNumber),
            (&[0x0b, 0x0c], WireFault::Group),
            (&[0x0e], WireFault::WireType),
        ];
        for (bytes, fault) in cases {
            assert_eq!(first(bytes).unwrap_err(), fault, "{bytes:02x?}");
        }
    }
}

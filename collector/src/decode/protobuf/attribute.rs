//! One `KeyValue`: its value when some rule reads the key, else nothing but its framing.

use tracemesh_graph::attribute::{AttributeSet, Headers, Key, KeyAliases, NotUtf8, Value as Known};
use tracemesh_graph::span::RejectReason;

use super::canonical::Attribute;
use super::{MAX_ATTRIBUTES, Reader, Value};
use super::{block, canonical, headers, malformed};

/// What decides how an attribute is read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'s> {
    aliases: &'s KeyAliases,
    has_aliases: bool,
    is_careful: bool,
}

impl<'s> Reading<'s> {
    pub(super) fn of(aliases: &'s KeyAliases, is_careful: bool) -> Self {
        Self {
            aliases,
            has_aliases: !aliases.is_empty(),
            is_careful,
        }
    }

    /// True when an attribute of this name is not looked at; names of headers and aliases are.
    fn is_unread(self, name: &[u8]) -> bool {
        !self.has_aliases && (name.first() != Some(&b'h') || !name.starts_with(b"http.re"))
    }
}

/// Reads the attributes of a `Resource`.
pub(super) fn of_resource<'a>(
    mut resource: Reader<'a>,
    reading: Reading<'_>,
    attributes: &mut AttributeSet<'a>,
) -> Result<(), RejectReason> {
    let mut count = 0;
    while let Some((number, value)) = resource.next_field().map_err(malformed)? {
        if number == 1 {
            count_one(&mut count)?;
            add(block(value)?.bytes(), reading, attributes)?;
        }
    }
    Ok(())
}

/// Reads the attributes at the start of the fields of a span that cannot have too many, and gives what is behind them.
/// Apart from the rest of the span, because this loop needs all registers.
#[inline(never)]
pub(super) fn of_span<'a>(
    fields: &'a [u8],
    reading: Reading<'_>,
    attributes: &mut AttributeSet<'a>,
) -> Result<&'a [u8], RejectReason> {
    let mut rest = fields;
    loop {
        while let Some((attribute, behind)) = canonical::short_attribute(rest)
            && is_taken(attribute, reading, attributes)
        {
            rest = behind;
        }
        let Some((attribute, behind)) = canonical::block(rest, 0x4a) else {
            return Ok(rest);
        };
        add(attribute, reading, attributes)?;
        rest = behind;
    }
}

/// True for an attribute that nobody reads, and for one with a text or number of the usual kind, which is added.
#[inline(always)]
fn is_taken<'a>(
    attribute: Attribute<'a>,
    reading: Reading<'_>,
    attributes: &mut AttributeSet<'a>,
) -> bool {
    let Some(key) = Key::lookup_bytes(attribute.name) else {
        return reading.is_unread(attribute.name);
    };
    match attribute.value {
        [0x0a, length, text @ ..] if usize::from(*length) == text.len() => {
            attributes.insert_ascii(key, text)
        }
        [0x18, number @ ..] => {
            let number = match number {
                [low @ 0..0x80] => u64::from(*low),
                [low @ 0x80..=0xff, high @ 0..0x80] => canonical::two(*low, *high),
                _ => return false,
            };
            attributes.insert(key, Known::Int(number.cast_signed()));
            true
        }
        _ => false,
    }
}

/// Refuses a set with too many attributes.
pub(super) fn count_one(count: &mut usize) -> Result<(), RejectReason> {
    *count += 1;
    match *count > MAX_ATTRIBUTES {
        true => Err(RejectReason::Limit),
        false => Ok(()),
    }
}

/// Adds one `KeyValue`.
#[inline(never)]
pub(super) fn add<'a>(
    whole: &'a [u8],
    reading: Reading<'_>,
    attributes: &mut AttributeSet<'a>,
) -> Result<(), RejectReason> {
    if !reading.is_careful
        && let Some(Attribute { name, value }) = canonical::key_value(whole)
    {
        match Key::lookup_bytes(name) {
            None if reading.is_unread(name) => return Ok(()),
            Some(key) => {
                if let Some(scalar) = canonical::scalar(value) {
                    return insert(key, scalar, attributes);
                }
            }
            None => {}
        }
    }
    add_carefully(whole, reading.aliases, attributes)
}

#[inline(never)]
fn add_carefully<'a>(
    attribute: &'a [u8],
    aliases: &KeyAliases,
    attributes: &mut AttributeSet<'a>,
) -> Result<(), RejectReason> {
    let attribute = Reader::new(attribute, 0);
    let mut name: &[u8] = &[];
    let mut fields = attribute;
    while let Some((number, value)) = fields.next_field().map_err(malformed)? {
        if number == 1 {
            name = block(value)?.bytes();
        }
    }
    // A key that is not UTF-8 is no key of ours.
    let name = std::str::from_utf8(name).ok();
    let Some(key) = name.and_then(|name| aliases.lookup(name)) else {
        if let Some((side, name)) = name.and_then(Headers::name_of) {
            headers::add(attribute, (side, name), attributes);
        }
        return Ok(());
    };
    // A second walk, because a split `value` merges and the key may come last.
    let mut scalar = Scalar::Other;
    let mut fields = attribute;
    while let Some((number, value)) = fields.next_field().map_err(malformed)? {
        if number == 2 {
            read_any_value(block(value)?, &mut scalar)?;
        }
    }
    insert(key, scalar, attributes)
}

/// What an `AnyValue` holds; text is checked only once it is known to win.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar<'a> {
    Text(&'a [u8]),
    Plain(Known<'a>),
    Other,
}

#[inline]
fn insert<'a>(
    key: Key,
    scalar: Scalar<'a>,
    attributes: &mut AttributeSet<'a>,
) -> Result<(), RejectReason> {
    match scalar {
        Scalar::Text(bytes) => {
            let inserted = attributes.insert_text(key, bytes);
            return inserted.map_err(|NotUtf8| RejectReason::Utf8);
        }
        Scalar::Plain(value) => attributes.insert(key, value),
        Scalar::Other => {}
    }
    Ok(())
}

fn read_any_value<'a>(mut value: Reader<'a>, scalar: &mut Scalar<'a>) -> Result<(), RejectReason> {
    while let Some(field) = value.next_field().map_err(malformed)? {
        *scalar = match field {
            (1, Value::Block(text)) => Scalar::Text(text.bytes()),
            (2, Value::Varint(number)) => Scalar::Plain(Known::Bool(number != 0)),
            (3, Value::Varint(number)) => Scalar::Plain(Known::Int(number.cast_signed())),
            (4, Value::Fixed64(bits)) => Scalar::Plain(Known::Double(f64::from_bits(bits))),
            (5..=7, Value::Block(_)) => Scalar::Other,
            (1..=7, _) => return Err(RejectReason::Malformed),
            _ => continue,
        };
    }
    Ok(())
}

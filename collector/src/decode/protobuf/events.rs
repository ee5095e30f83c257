//! Events of a span: how many messages it moved, and the type of its exception.
//!
//! Nobody pairs by them, so a broken event is no reason to lose its span: it counts as none.

use tracemesh_graph::span::SpanEvents;

use crate::decode::wire::{Reader, Value};

/// Reads one event as far as it matters.
pub(super) fn read_event<'a>(event: Reader<'a>, events: &mut SpanEvents<'a>) {
    let mut name: &[u8] = &[];
    let mut fields = event;
    loop {
        // Its attributes, which are most of it and do not tell what it is.
        while fields.next_short_block(0x1a).is_some() {}
        let Ok(Some(field)) = fields.next_field() else {
            break;
        };
        if let (2, Value::Block(text)) = field {
            name = text.bytes();
        }
    }
    match name {
        b"message" | b"rpc.message" => events.messages = events.messages.saturating_add(1),
        b"exception" => {
            if let Some(kind) = exception_type(event) {
                events.exception = kind;
            }
        }
        _ => {}
    }
}

fn exception_type(mut event: Reader<'_>) -> Option<&str> {
    let mut found = None;
    while let Ok(Some(field)) = event.next_field() {
        if let (3, Value::Block(attribute)) = field {
            found = found.or_else(|| text_of(attribute, b"exception.type"));
        }
    }
    found
}

/// The text of an attribute with this key.
fn text_of<'a>(mut attribute: Reader<'a>, wanted: &[u8]) -> Option<&'a str> {
    let (mut key, mut text): (&[u8], Option<&[u8]>) = (&[], None);
    while let Ok(Some(field)) = attribute.next_field() {
        match field {
            (1, Value::Block(name)) => key = name.bytes(),
            (2, Value::Block(mut value)) => {
                while let Ok(Some(field)) = value.next_field() {
                    text = match field {
                        (1, Value::Block(found)) => Some(found.bytes()),
                        (1..=7, _) => None,
                        _ => text,
                    };
                }
            }
            _ => {}
        }
    }
    let text = text.filter(|_| key == wanted)?;
    std::str::from_utf8(text).ok()
}

//! Captured headers: attributes whose value is a text, or a list of texts.
//!
//! They are never needed to find an edge, so a broken one is no reason to lose its span: it counts as none.

use tracemesh_graph::attribute::{AttributeSet, HeaderSide};

use crate::decode::wire::{Reader, Value};

/// Notes the lines that an attribute holds.
pub(super) fn add(
    mut attribute: Reader<'_>,
    (side, name): (HeaderSide, &str),
    attributes: &mut AttributeSet<'_>,
) {
    while let Ok(Some(field)) = attribute.next_field() {
        if let (2, Value::Block(value)) = field {
            lines(value, &mut |line| attributes.header(side, name, line));
        }
    }
}

/// The texts of an `AnyValue`: its own, or those of its list.
fn lines(mut value: Reader<'_>, visit: &mut dyn FnMut(&str)) {
    while let Ok(Some(field)) = value.next_field() {
        match field {
            (1, Value::Block(text)) => visit_text(text, visit),
            (5, Value::Block(mut list)) => {
                while let Ok(Some(field)) = list.next_field() {
                    if let (1, Value::Block(mut item)) = field {
                        while let Ok(Some(field)) = item.next_field() {
                            if let (1, Value::Block(text)) = field {
                                visit_text(text, visit);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn visit_text(text: Reader<'_>, visit: &mut dyn FnMut(&str)) {
    if let Ok(text) = std::str::from_utf8(text.bytes()) {
        visit(text);
    }
}

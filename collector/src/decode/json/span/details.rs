//! Events and captured headers of a JSON span, which no edge needs: a broken one counts as none.

use serde::Deserialize;
use serde_json::value::RawValue;
use tracemesh_graph::attribute::{AttributeSet, KeyAliases};

use super::{AttributeObject, BAD_UTF8, Text};

/// What the events of a span show.
#[derive(Default)]
pub(super) struct Events {
    pub(super) messages: u32,
    pub(super) exception: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventObject<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct LinesObject<'a> {
    #[serde(borrow, alias = "string_value")]
    string_value: Option<Text<'a>>,
    #[serde(borrow, alias = "array_value")]
    array_value: Option<ListObject<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ListObject<'a> {
    #[serde(borrow)]
    values: Vec<ItemObject<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ItemObject<'a> {
    #[serde(borrow, alias = "string_value")]
    string_value: Option<Text<'a>>,
}

/// Reads the events; most spans have none.
pub(super) fn events(raw: Option<&RawValue>) -> Events {
    let mut found = Events::default();
    let raw = raw.map_or("", RawValue::get);
    if !raw.contains("message") && !raw.contains("exception") {
        return found;
    }
    let events: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    for event in events {
        let event: EventObject<'_> = serde_json::from_str(event.get()).unwrap_or_default();
        match event.name.0.as_ref() {
            "message" | "rpc.message" => found.messages = found.messages.saturating_add(1),
            "exception" => {
                if let Some(kind) = event.attributes.and_then(exception_type) {
                    found.exception = kind;
                }
            }
            _ => {}
        }
    }
    found
}

fn exception_type(raw: &RawValue) -> Option<String> {
    let attributes: Vec<AttributeObject<'_>> = serde_json::from_str(raw.get()).ok()?;
    let mut attributes = attributes.iter();
    let found = attributes.find(|attribute| attribute.key.0 == "exception.type")?;
    let value: LinesObject<'_> = serde_json::from_str(found.value?.get()).ok()?;
    let text = value.string_value?.0;
    (!text.contains(BAD_UTF8)).then(|| text.into_owned())
}

/// Notes the lines of captured headers.
pub(super) fn note_headers(
    headers: &[(Text<'_>, &RawValue)],
    aliases: &KeyAliases,
    attributes: &mut AttributeSet<'_>,
) {
    for (key, raw) in headers {
        let Some((side, name)) = aliases.header(&key.0) else {
            continue;
        };
        let value: LinesObject<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        let list = value.array_value.unwrap_or_default().values;
        let listed = list.into_iter().filter_map(|item| item.string_value);
        for line in value.string_value.into_iter().chain(listed) {
            if !line.0.contains(BAD_UTF8) {
                attributes.header(side, name, &line.0);
            }
        }
    }
}

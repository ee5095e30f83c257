//! YAML text -> the value that Envoy takes it for.
//!
//! Unlike readers of YAML 1.2, Envoy takes unquoted `y`, `no`, `on` and their like for booleans. It refuses what could grow
//! without bounds or hide something: aliases, tags, a key given twice, several documents, deep nesting.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

/// Deeper than any resource.
const MAX_DEPTH: usize = 64;

/// Parses one document.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        builder
            .take(event)
            .map_err(|fault| format!("line {}: {fault}", line(&span)))?;
    }
    builder.document.ok_or_else(|| "it is empty".to_owned())
}

fn line(span: &Span) -> usize {
    span.start.line()
}

/// A collection under construction.
enum Open {
    List(Vec<Value>),
    /// The key waits for its value.
    Map(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    document: Option<Value>,
    documents: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document".to_owned());
                }
            }
            Event::Alias(_) => return Err("an alias".to_owned()),
            Event::Scalar(text, style, _, tag) => {
                if tag.is_some() {
                    return Err("a tag".to_owned());
                }
                let is_key = matches!(self.open.last(), Some(Open::Map(_, None)));
                let value = if style == ScalarStyle::Plain && !is_key {
                    plain(&text)
                } else {
                    Value::String(text.into_owned())
                };
                self.put(value)?;
            }
            Event::SequenceStart(_, tag) => self.start(Open::List(Vec::new()), tag.is_some())?,
            Event::MappingStart(_, tag) => {
                self.start(Open::Map(Map::new(), None), tag.is_some())?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = match self.open.pop() {
                    Some(Open::List(list)) => Value::Array(list),
                    Some(Open::Map(map, _)) => Value::Object(map),
                    None => return Err("an end without a beginning".to_owned()),
                };
                self.put(closed)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn start(&mut self, open: Open, has_tag: bool) -> Result<(), String> {
        if has_tag {
            return Err("a tag".to_owned());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        self.open.push(open);
        Ok(())
    }

    fn put(&mut self, value: Value) -> Result<(), String> {
        match self.open.last_mut() {
            None => self.document = Some(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(map, key @ Some(_))) => {
                let key = key.take().unwrap_or_default();
                map.insert(key, value);
            }
            Some(Open::Map(map, key)) => match value {
                Value::String(text) if map.contains_key(&text) => {
                    return Err(format!("the key `{text}` twice"));
                }
                Value::String(text) => *key = Some(text),
                _ => return Err("a key that is no text".to_owned()),
            },
        }
        Ok(())
    }
}

/// An unquoted scalar.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        _ => {}
    }
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => return Value::Bool(true),
        "n" | "no" | "false" | "off" => return Value::Bool(false),
        _ => {}
    }
    let number = text
        .parse::<u64>()
        .map(Number::from)
        .or_else(|_| text.parse::<i64>().map(Number::from));
    match number {
        // A number that is not written as JSON writes it may be octal or a version.
        Ok(number) if number.to_string() == text => Value::Number(number),
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_those_that_envoy_reads() {
        let text = "a: \"no\"\nb: no\nc: [1, '2', 1.5, 012, Yes, ~]\nd: {e: {}, f: []}\ng:\n- h\n";
        let expected = json!({
            "a": "no", "b": false, "c": [1, "2", "1.5", "012", true, null],
            "d": {"e": {}, "f": []}, "g": ["h"]
        });
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_grows_or_hides_is_refused() {
        let deep = "[".repeat(5000);
        let blocks = (0..2000).map(|level| format!("{}a:\n", " ".repeat(level)));
        let blocks: String = blocks.collect();
        for (text, fault) in [
            ("a: &x 1\nb: *x\n", "alias"),
            ("a: !!str 1\n", "tag"),
            ("a: 1\na: 2\n", "twice"),
            ("a: 1\n---\nb: 2\n", "second document"),
            ("? [a]\n: 1\n", "no text"),
            ("a: [1\n", ""),
            ("", "empty"),
            (deep.as_str(), ""),
            (blocks.as_str(), "nested deeper"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(fault), "{text:.40}: {told}");
        }
    }
}

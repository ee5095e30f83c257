//! The value of a tag.

use serde_json::value::RawValue;
use tracemesh_graph::attribute::{Key, Value};
use tracemesh_graph::span::RejectReason;

use crate::decode::json::checked;
use crate::decode::json::scalar::Text;

/// A scalar of JSON.
#[derive(Debug, Default)]
pub(in crate::decode) enum Scalar<'a> {
    /// `null`, a list, an object, or a number that is none of ours.
    #[default]
    None,
    Text(Text<'a>),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl<'a> Scalar<'a> {
    /// What the JSON says.
    pub(super) fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        let found = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).ok().map(Self::Text),
            Some(b't') => Some(Self::Bool(true)),
            Some(b'f') => Some(Self::Bool(false)),
            Some(b'-' | b'0'..=b'9') => match text.parse() {
                Ok(number) => Some(Self::Int(number)),
                Err(_) => text.parse().ok().map(Self::Double),
            },
            _ => None,
        };
        found.unwrap_or_default()
    }

    /// The value as the type that Jaeger names. Elasticsearch holds all values as text, JavaScript has large numbers as text,
    /// and JSON has whole doubles without a point. What does not fit its type stays as it is written; bytes are dropped.
    pub(super) fn typed(self, kind: &str) -> Self {
        let found = match (kind, &self) {
            ("binary", _) => Some(Self::None),
            ("bool", Self::Text(text)) => text.0.parse().ok().map(Self::Bool),
            ("int64", Self::Text(text)) => text.0.parse().ok().map(Self::Int),
            ("float64", Self::Text(text)) => text.0.parse().ok().map(Self::Double),
            #[expect(clippy::cast_precision_loss, reason = "a double was asked for")]
            ("float64", Self::Int(number)) => Some(Self::Double(*number as f64)),
            _ => None,
        };
        found.unwrap_or(self)
    }

    /// The value of an attribute; `None` when there is none. Fails for text that was not UTF-8.
    pub(super) fn checked(
        &self,
        key: Key,
        sanitised: bool,
    ) -> Result<Option<Value<'_>>, RejectReason> {
        Ok(Some(match self {
            Self::Text(text) => {
                let text = checked(text, sanitised)?;
                match text.parse() {
                    // The one number whose readers tell it from text.
                    Ok(number) if key == Key::RpcGrpcStatusCode => Value::Int(number),
                    _ => Value::Text(text),
                }
            }
            Self::Int(number) => Value::Int(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Bool(claim) => Value::Bool(*claim),
            Self::None => return Ok(None),
        }))
    }
}

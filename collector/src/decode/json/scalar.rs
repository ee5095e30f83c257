//! The scalar spellings of proto3 JSON: borrowed text, 64-bit numbers as text, enums by name, doubles by word. Zipkin and
//! Jaeger share text and numbers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Text, borrowed unless it holds escapes. `null` is empty.
#[derive(Debug, Default)]
pub(in crate::decode) struct Text<'a>(pub(in crate::decode) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A whole number in the 64-bit ranges, as a number or as text. `null` is 0.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::decode) struct Whole(pub(in crate::decode) i128);

impl Whole {
    /// The number as `T`, when it fits.
    pub(in crate::decode) fn get<T: TryFrom<i128>>(self) -> Option<T> {
        T::try_from(self.0).ok()
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeVisitor;
        impl Visitor<'_> for WholeVisitor {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 64-bit integer as a number or as text")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number.into()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                // Writers in JavaScript turn large times into doubles; they are whole, and exact as doubles go.
                if number.fract() == 0.0 && number.abs() <= 1.9e19 {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "whole and far inside the range of i128"
                    )]
                    return Ok(Whole(number as i128));
                }
                Err(E::custom("a number with a fraction"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
                let number: i128 = text.parse().map_err(E::custom)?;
                Ok(Whole(number))
            }

            fn visit_unit<E>(self) -> Result<Whole, E> {
                Ok(Whole(0))
            }
        }
        deserializer.deserialize_any(WholeVisitor)
    }
}

/// An enum value: its number, its number as text, or its name. `null` is 0.
#[derive(Debug)]
pub(super) enum Enum<'a> {
    Number(i128),
    Name(Cow<'a, str>),
}

impl Default for Enum<'_> {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Enum<'_> {
    /// The number, given the names in order of their numbers from 0; unknown names are 0, as unknown numbers are
    /// to the readers of this enum.
    pub(super) fn number(&self, prefix: &str, names: &[&str]) -> i64 {
        match self {
            Self::Number(number) => i64::try_from(*number).unwrap_or(0),
            Self::Name(name) => {
                let short = name.strip_prefix(prefix).unwrap_or(name);
                let position = names.iter().position(|known| *known == short);
                position
                    .and_then(|index| i64::try_from(index).ok())
                    .unwrap_or(0)
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Enum<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnumVisitor;
        impl<'de> Visitor<'de> for EnumVisitor {
            type Value = Enum<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an enum as its number or name")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Enum<'de>, E> {
                Ok(Enum::Number(number.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Enum<'de>, E> {
                Ok(Enum::Number(number.into()))
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Enum<'de>, E> {
                Ok(name
                    .parse()
                    .map_or(Enum::Name(Cow::Borrowed(name)), Enum::Number))
            }

            fn visit_str<E>(self, name: &str) -> Result<Enum<'de>, E> {
                Ok(Enum::Name(Cow::Owned(name.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Enum<'de>, E> {
                Ok(Enum::default())
            }
        }
        deserializer.deserialize_any(EnumVisitor)
    }
}

/// A double as a number, or as text such as `NaN` and `-Infinity`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Double(pub(super) f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DoubleVisitor;
        impl Visitor<'_> for DoubleVisitor {
            type Value = Double;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a double as a number or as text")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Double, E> {
                Ok(Double(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "a double was asked for")]
            fn visit_u64<E>(self, number: u64) -> Result<Double, E> {
                Ok(Double(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "a double was asked for")]
            fn visit_i64<E>(self, number: i64) -> Result<Double, E> {
                Ok(Double(number as f64))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Double, E> {
                text.parse().map(Double).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(DoubleVisitor)
    }
}

//! Points in time as spans carry them, rendered as RFC 3339.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The day in UTC.
    ///
    /// # Panics
    /// Never: 64-bit nanoseconds end in the year 2554.
    #[must_use]
    pub fn day(self) -> jiff::civil::Date {
        let point = jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("64-bit nanoseconds are inside the range of civil time");
        jiff::tz::Offset::UTC.to_datetime(point).date()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // u64 nanoseconds end in the year 2554, inside jiff's range.
        let point = jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("64-bit nanoseconds are inside the range of civil time");
        write!(f, "{point:.9}")
    }
}

impl std::str::FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .and_then(|point| u64::try_from(point.as_nanosecond()).ok())
            .map(Self)
            .ok_or_else(|| ParseTimestampError(text.to_owned()))
    }
}

/// Text that is no RFC 3339 time between 1970 and 2554.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an RFC 3339 time from 1970 to 2554")]
pub struct ParseTimestampError(String);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_survive_text() {
        for ns in [0, 1, 1_700_000_000_123_456_789, u64::MAX] {
            let text = Timestamp(ns).to_string();
            assert_eq!(text.parse(), Ok(Timestamp(ns)), "{text}");
        }
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}

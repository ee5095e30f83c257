//! Sampling weight of a span: how many spans it stands for (inference rule 1.11).
//!
//! `ot=th:` of the W3C `tracestate` wins, as the OpenTelemetry probability sampling specification says; ratio
//! attributes follow. Absent or malformed is *unknown*, never 1 by assumption: the caller counts it.

use crate::attribute::{AttributeSet, Key, Value};

/// How many spans one span stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weight {
    /// At least 1; 1 when unknown.
    pub(crate) value: f32,
    pub(crate) is_known: bool,
}

impl Weight {
    /// Of a span that does not tell.
    pub(crate) const UNKNOWN: Self = Self {
        value: 1.0,
        is_known: false,
    };

    /// The weight, where it is known.
    pub(crate) fn known(self) -> Option<f32> {
        self.is_known.then_some(self.value)
    }
}

/// The weights of the halves of a call that were seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    pub(crate) client: Option<Weight>,
    pub(crate) server: Option<Weight>,
}

impl Weights {
    /// Of a call of which only the outgoing half was seen so far.
    pub(crate) const fn of_client(client: Weight) -> Self {
        Self {
            client: Some(client),
            server: None,
        }
    }

    /// Of a call without outgoing half.
    pub(crate) const fn of_server(server: Weight) -> Self {
        Self {
            client: None,
            server: Some(server),
        }
    }

    /// The weight that the call counts with: the client's where there is one. Averages would be right for neither.
    pub(crate) fn of_call(self) -> Weight {
        self.client.or(self.server).unwrap_or(Weight::UNKNOWN)
    }

    /// How many server halves come to one client half, and how many client halves to one server half, as far as the
    /// weights of a pair tell: with consistent sampling the rarer half never comes alone.
    pub(crate) fn per_other(self) -> Option<(f32, f32)> {
        let client = self.client?.known()?;
        let server = self.server?.known()?;
        Some((client / server, server / client))
    }
}

/// The adjusted count, if the span tells it.
#[must_use]
pub(crate) fn weight_of(trace_state: &str, attributes: &AttributeSet<'_>) -> Option<f32> {
    threshold(trace_state)
        .map(|threshold| {
            const SPACE: f64 = (1_u64 << 56) as f64;
            SPACE / (SPACE - threshold as f64)
        })
        .or_else(|| ratio(attributes).map(|ratio| 1.0 / ratio))
        .or_else(|| rate(attributes))
        .filter(|weight| (1.0..1e9).contains(weight))
        .map(narrow)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "weights need seven digits, and are below 1e9"
)]
fn narrow(weight: f64) -> f32 {
    weight as f32
}

/// Rejection threshold: 1 to 14 hex digits, right-padded with zeros to 56 bits.
fn threshold(trace_state: &str) -> Option<u64> {
    let member = trace_state
        .split(',')
        .find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = member
        .split(';')
        .find_map(|field| field.strip_prefix("th:"))?;
    let is_valid =
        (1..=14).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_valid {
        return None;
    }
    u64::from_str_radix(&format!("{digits:0<14}"), 16).ok()
}

fn ratio(attributes: &AttributeSet<'_>) -> Option<f64> {
    number(attributes, Key::SamplerParam).filter(|ratio| *ratio > 0.0 && *ratio <= 1.0)
}

/// Honeycomb's `SampleRate` is the weight itself.
fn rate(attributes: &AttributeSet<'_>) -> Option<f64> {
    number(attributes, Key::SampleRate)
}

fn number(attributes: &AttributeSet<'_>, key: Key) -> Option<f64> {
    match attributes.get(key)? {
        Value::Double(number) => Some(number),
        Value::Int(number) => i32::try_from(number).ok().map(f64::from),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Bool(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(trace_state: &str) -> Option<f32> {
        weight_of(trace_state, &AttributeSet::default())
    }

    #[test]
    fn thresholds_give_adjusted_counts() {
        assert_eq!(weight("ot=th:0"), Some(1.0));
        assert_eq!(weight("ot=th:8"), Some(2.0));
        assert_eq!(weight("vendor=1, ot=rv:abc;th:c"), Some(4.0));
    }

    #[test]
    fn malformed_or_missing_thresholds_are_unknown() {
        for state in [
            "",
            "ot=",
            "ot=th:",
            "ot=th:xyz",
            "ot=th:123456789012345",
            "th:8",
        ] {
            assert_eq!(weight(state), None, "{state}");
        }
    }
}

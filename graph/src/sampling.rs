//! Sampling weight of a span: how many spans it stands for (inference rule 1.11).
//!
//! `ot=th:` of the W3C `tracestate` wins, as the OpenTelemetry probability sampling specification says; ratio
//! attributes follow. Absent or malformed is *unknown*, never 1 by assumption: the caller counts it.

use crate::attribute::{AttributeSet, Key, Value};

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

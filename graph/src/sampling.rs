//! Sampling weight of a span: how many spans it stands for (inference rule 1.11).
//!
//! `ot=th:` of the W3C `tracestate` wins, as the OpenTelemetry probability sampling specification says; ratio
//! attributes follow, then what is configured for the service ([`SamplingRules`]). Absent or malformed is *unknown*, never
//! 1 by assumption: the caller counts it.

mod rules;

pub use rules::{SamplingFault, SamplingRules};

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

/// What a span tells of its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Told {
    /// The weight, from the first source that gives a usable one.
    pub(crate) weight: Option<f32>,
    /// True when a source is there but says nothing that can be.
    pub(crate) is_malformed: bool,
}

/// The weight of a span: by its own trace state, else by its attributes, else as configured for its service.
#[must_use]
pub(crate) fn weight_of(
    trace_state: &str,
    attributes: &AttributeSet<'_>,
    configured: Option<f32>,
) -> Told {
    let sources = [threshold(trace_state), ratio(attributes), rate(attributes)];
    let usable = sources.map(|source| source.map(|weight| weight.filter(is_weight)));
    let weight = usable.into_iter().flatten().flatten().next().map(narrow);
    Told {
        weight: weight.or(configured),
        is_malformed: usable.contains(&Some(None)),
    }
}

/// Weights are sums of up to a billion; more is a mistake or an attack.
fn is_weight(weight: &f64) -> bool {
    (1.0..1e9).contains(weight)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "weights need seven digits, and are below 1e9"
)]
fn narrow(weight: f64) -> f32 {
    weight as f32
}

/// A source that is there, with the weight that it gives if it is well-formed.
type Source = Option<Option<f64>>;

/// Rejection threshold: 1 to 14 hex digits, right-padded with zeros to 56 bits.
fn threshold(trace_state: &str) -> Source {
    const SPACE: f64 = (1_u64 << 56) as f64;
    let member = trace_state
        .split(',')
        .find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = member
        .split(';')
        .find_map(|field| field.strip_prefix("th:"))?;
    let is_valid =
        (1..=14).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_valid {
        return Some(None);
    }
    let threshold = u64::from_str_radix(&format!("{digits:0<14}"), 16).ok();
    Some(threshold.map(|threshold| SPACE / (SPACE - threshold as f64)))
}

/// A probability. Jaeger's clients tell that of other samplers under the same key: a rate limit is none.
fn ratio(attributes: &AttributeSet<'_>) -> Source {
    let kind = attributes.text(Key::SamplerType);
    if kind.is_some_and(|kind| !matches!(kind, "probabilistic" | "traceidratio")) {
        return None;
    }
    let ratio = number(attributes, Key::SamplerParam)?;
    Some(ratio.filter(|ratio| *ratio > 0.0).map(|ratio| 1.0 / ratio))
}

/// Honeycomb's `SampleRate` is the weight itself.
fn rate(attributes: &AttributeSet<'_>) -> Source {
    number(attributes, Key::SampleRate)
}

fn number(attributes: &AttributeSet<'_>, key: Key) -> Source {
    Some(match attributes.get(key)? {
        Value::Double(number) => Some(number),
        Value::Int(number) => i32::try_from(number).ok().map(f64::from),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Bool(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(trace_state: &str) -> Option<f32> {
        weight_of(trace_state, &AttributeSet::default(), None).weight
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

    fn told(trace_state: &str, attributes: &[(Key, Value<'_>)]) -> Told {
        let mut set = AttributeSet::default();
        attributes
            .iter()
            .for_each(|(key, value)| set.insert(*key, *value));
        weight_of(trace_state, &set, None)
    }

    #[test]
    fn the_first_usable_source_wins_and_malformed_ones_are_told() {
        let ratio = (Key::SamplerParam, Value::Double(0.1));
        for (state, attributes, weight, is_malformed) in [
            ("", vec![], None, false),
            ("ot=rv:0123456789abcd", vec![], None, false),
            ("ot=th:8", vec![ratio], Some(2.0), false),
            ("ot=th:zz", vec![ratio], Some(10.0), true),
            (
                "",
                vec![(Key::SamplerParam, Value::Text("0.5"))],
                Some(2.0),
                false,
            ),
            (
                "",
                vec![(Key::SamplerParam, Value::Double(0.0))],
                None,
                true,
            ),
            (
                "",
                vec![(Key::SamplerParam, Value::Double(f64::NAN))],
                None,
                true,
            ),
            (
                "",
                vec![(Key::SampleRate, Value::Int(20))],
                Some(20.0),
                false,
            ),
            ("", vec![(Key::SampleRate, Value::Int(-1))], None, true),
            ("", vec![(Key::SampleRate, Value::Text("many"))], None, true),
        ] {
            let expected = Told {
                weight,
                is_malformed,
            };
            assert_eq!(told(state, &attributes), expected, "{state} {attributes:?}");
        }
    }

    #[test]
    fn the_parameter_of_another_sampler_is_no_probability() {
        let param = (Key::SamplerParam, Value::Double(0.5));
        for (kind, weight) in [
            ("probabilistic", Some(2.0)),
            ("ratelimiting", None),
            ("const", None),
        ] {
            let kind = (Key::SamplerType, Value::Text(kind));
            assert_eq!(told("", &[kind, param]).weight, weight);
        }
    }

    #[test]
    fn a_rate_configured_for_the_service_comes_last() {
        let none = AttributeSet::default();
        assert_eq!(weight_of("", &none, Some(7.0)).weight, Some(7.0));
        assert_eq!(weight_of("ot=th:8", &none, Some(7.0)).weight, Some(2.0));
    }
}

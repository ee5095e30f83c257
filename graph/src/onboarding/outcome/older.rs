//! Plans of a tracemesh before portfolio and repair: what they wrote differently, so that they can be planned on.
//!
//! New fields have defaults; here is what changed its form. It only reads: nothing writes these forms any more.

use serde::{Deserialize, Deserializer};

use super::super::options::{PlanOptions, Ramp, Weights};
use super::{Exception, ExceptionCause, LimitName};

/// Options, of which one is gone: `rule` became the portfolio.
pub(super) fn options<'de, D: Deserializer<'de>>(from: D) -> Result<PlanOptions, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "options of a plan: a key is not known, or a value has another type"
    )]
    enum Either {
        Now(Box<PlanOptions>),
        Once(Once),
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Once {
        ramp: Ramp,
        weights: Weights,
        #[serde(rename = "rule")]
        _rule: serde::de::IgnoredAny,
        assumed_attempts: f64,
        team_attribute: Option<String>,
    }
    Ok(match Either::deserialize(from)? {
        Either::Now(options) => *options,
        Either::Once(once) => PlanOptions {
            ramp: once.ramp,
            weights: once.weights,
            assumed_attempts: once.assumed_attempts,
            team_attribute: once.team_attribute,
            ..PlanOptions::default()
        },
    })
}

/// Exceptions, which were a word.
pub(super) fn exceptions<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Exception>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "an exception of a wave: `limit` and `because` with what belongs to it"
    )]
    enum Either {
        Now(Exception),
        Once(Once),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Once {
        RiskCeiling,
        TrafficCap,
    }
    let read = Vec::<Either>::deserialize(from)?.into_iter();
    let exception = |either| match either {
        Either::Now(exception) => exception,
        Either::Once(once) => Exception {
            limit: match once {
                Once::RiskCeiling => LimitName::Risk,
                Once::TrafficCap => LimitName::Traffic,
            },
            because: ExceptionCause::NothingEligible,
        },
    };
    Ok(read.map(exception).collect())
}

//! Settings of the model -> values that Envoy takes.
//!
//! Settings may come from a policy file or from an `egress.json` that somebody edited, so each value is held against
//! what Envoy accepts: one that it refuses would make it refuse the whole file. Such a value is not used, and reported.
//! So is one that changes calls although its destination is in the transparent phase.

use tracemesh_graph::egress::{Feature, Phase, SettingName, SettingValue, Tuning};

/// The number of a setting, when it is in force and Envoy takes it.
pub(super) fn number(tuning: &Tuning, name: SettingName) -> Option<u64> {
    let number = tuning.number(name)?;
    fault(tuning, name, SettingValue::Number(number))
        .is_none()
        .then_some(number)
}

/// The duration of a setting in milliseconds, as Envoy writes it.
pub(super) fn duration(tuning: &Tuning, name: SettingName) -> Option<String> {
    number(tuning, name).map(seconds)
}

/// Whether a setting is on.
pub(super) fn flag(tuning: &Tuning, name: SettingName) -> bool {
    tuning.flag(name) && fault(tuning, name, SettingValue::Flag(true)).is_none()
}

/// Milliseconds as seconds, in the form of Protobuf's JSON.
pub(super) fn seconds(ms: u64) -> String {
    match ms % 1000 {
        0 => format!("{}s", ms / 1000),
        rest => format!("{}.{rest:03}s", ms / 1000),
    }
}

/// Settings that are not used, each with the reason.
pub(super) fn unusable(tuning: &Tuning) -> impl Iterator<Item = (SettingName, &'static str)> {
    let settings = tuning.settings.iter();
    settings.filter_map(|(name, setting)| Some((*name, fault(tuning, *name, setting.value)?)))
}

fn fault(tuning: &Tuning, name: SettingName, value: SettingValue) -> Option<&'static str> {
    let is_off = matches!(value, SettingValue::Number(0) | SettingValue::Flag(false));
    if tuning.phase == Phase::Transparent && !is_off && !suits_transparent(name) {
        return Some("not used in the transparent phase");
    }
    (!name.allows(value)).then_some("outside what Envoy takes")
}

/// Whether a setting may be in force where nothing but a definition is promised: those of connections, which an
/// application without a sidecar has too, and limits, which only the model knows to be wide.
const fn suits_transparent(name: SettingName) -> bool {
    matches!(
        name.feature(),
        Feature::Connections | Feature::CircuitBreakers
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracemesh_graph::egress::{Setting, SettingSource};

    fn tuning(phase: Phase, name: SettingName, value: SettingValue) -> Tuning {
        let setting = Setting {
            value,
            source: SettingSource::Observed,
            formula: String::new(),
            facts: Vec::new(),
        };
        Tuning {
            phase,
            settings: [(name, setting)].into(),
            ..Tuning::default()
        }
    }

    #[test]
    fn durations_are_written_in_seconds() {
        assert_eq!(seconds(0), "0s");
        assert_eq!(seconds(370), "0.370s");
        assert_eq!(seconds(2850), "2.850s");
        assert_eq!(seconds(60_000), "60s");
    }

    #[test]
    fn values_that_envoy_refuses_are_reported_and_not_used() {
        for (name, value) in [
            (SettingName::ConnectTimeout, SettingValue::Number(0)),
            (SettingName::ConnectTimeout, SettingValue::Number(u64::MAX)),
            (SettingName::MaxEjectionPercent, SettingValue::Number(101)),
            (SettingName::RttBuffer, SettingValue::Number(101)),
            (SettingName::Consecutive5xx, SettingValue::Number(0)),
            (SettingName::MaxRequests, SettingValue::Number(1 << 32)),
            (SettingName::MaxRequests, SettingValue::Flag(true)),
            (SettingName::LeastRequest, SettingValue::Number(1)),
        ] {
            let tuning = tuning(Phase::Tuned, name, value);
            assert_eq!(number(&tuning, name), None, "{name:?}");
            assert!(!flag(&tuning, name), "{name:?}");
            assert_eq!(unusable(&tuning).count(), 1, "{name:?}");
        }
    }

    #[test]
    fn the_transparent_phase_takes_no_setting_that_changes_calls() {
        let value = SettingValue::Number(50);
        for &name in SettingName::ALL {
            let transparent = tuning(Phase::Transparent, name, value);
            let used = number(&transparent, name).is_some();
            assert_eq!(used, suits_transparent(name), "{name:?}");
            let off = tuning(Phase::Transparent, name, SettingValue::Number(0));
            let about_phase = |(_, why): (SettingName, &str)| why.contains("phase");
            assert!(!unusable(&off).any(about_phase), "{name:?}");
        }
    }
}

//! A tuning while it is being decided: the policy's values first, then values from facts, near ones as they were before.

use std::collections::BTreeMap;

use super::super::settings::{
    Absent, Feature, Phase, Setting, SettingName, SettingSource, SettingValue, Tuning,
};
use super::given::Given;
use super::rounding::{down, stays, up, whole_to_f64};

/// A setting that comes from facts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Formula {
    pub(super) text: &'static str,
    pub(super) facts: &'static [&'static str],
}

/// Decisions so far.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    tuning: Tuning,
    given: &'a Given,
    before: Option<&'a Tuning>,
    hysteresis_percent: u64,
    computed: BTreeMap<String, f64>,
}

impl<'a> Draft<'a> {
    /// Starts with what the policy gives. `before` is what was decided the last time.
    pub(super) fn new(
        phase: Phase,
        given: &'a Given,
        before: Option<&'a Tuning>,
        hysteresis_percent: u64,
    ) -> Self {
        let mut tuning = Tuning {
            phase,
            ..Tuning::default()
        };
        tuning.withheld.extend(given.refused.iter().cloned());
        if phase == Phase::Tuned {
            let settings = given
                .settings()
                .map(|(name, setting)| (name, setting.clone()));
            tuning.settings.extend(settings);
        } else if given.has_settings() {
            for (name, _) in given.settings() {
                let reason = "the policy's values wait for the tuned phase".to_owned();
                tuning.withheld.push(Absent {
                    feature: name.feature(),
                    reason,
                });
            }
        }
        Self {
            tuning,
            given,
            before,
            hysteresis_percent,
            computed: BTreeMap::new(),
        }
    }

    fn is_given(&self, name: SettingName) -> bool {
        self.tuning.phase == Phase::Tuned && self.given.setting(name).is_some()
    }

    /// A value that no fact moves.
    pub(super) fn constant(&mut self, name: SettingName, value: SettingValue, formula: &str) {
        if !self.is_given(name) {
            let setting = Setting {
                value,
                source: SettingSource::Constant,
                formula: formula.to_owned(),
                facts: Vec::new(),
            };
            self.tuning.settings.insert(name, setting);
        }
    }

    /// A number that no fact moves.
    pub(super) fn number(&mut self, name: SettingName, number: u64, formula: &str) {
        self.constant(name, SettingValue::Number(number), formula);
    }

    /// Something that is on or off as facts tell.
    pub(super) fn flag(&mut self, name: SettingName, is_on: bool, formula: Formula) {
        self.put(name, SettingValue::Flag(is_on), formula);
    }

    /// A number from facts that no noise moves, as it is.
    pub(super) fn exact(&mut self, name: SettingName, number: u64, formula: Formula) {
        self.put(name, SettingValue::Number(number), formula);
    }

    /// A number from facts, rounded up: limits and times may be too large, never too small. Stays as it was before when it
    /// moved little and is at least `floor`.
    pub(super) fn at_least(
        &mut self,
        name: SettingName,
        number: f64,
        floor: u64,
        formula: Formula,
    ) {
        let now = up(number).max(floor);
        let before = self.number_before(name).filter(|before| *before >= floor);
        let kept = before.filter(|before| {
            stays(
                *before,
                number.max(whole_to_f64(floor)),
                self.hysteresis_percent,
            )
        });
        let value = kept.unwrap_or(now);
        if value != now && !self.is_given(name) {
            let key = format!("computed_{}", name.as_str());
            self.computed.insert(key, whole_to_f64(now));
        }
        self.put(name, SettingValue::Number(value), formula);
    }

    /// A time from facts, rounded down: it has to be shorter than somebody else's.
    pub(super) fn at_most(&mut self, name: SettingName, number: f64, formula: Formula) {
        self.put(name, SettingValue::Number(down(number)), formula);
    }

    fn put(&mut self, name: SettingName, value: SettingValue, formula: Formula) {
        if !self.is_given(name) {
            let setting = Setting {
                value,
                source: SettingSource::Observed,
                formula: formula.text.to_owned(),
                facts: formula
                    .facts
                    .iter()
                    .map(|fact| (*fact).to_owned())
                    .collect(),
            };
            self.tuning.settings.insert(name, setting);
        }
    }

    /// A number decided so far.
    pub(super) fn decided(&self, name: SettingName) -> Option<u64> {
        self.tuning.number(name)
    }

    /// What a number from facts was the last time.
    fn number_before(&self, name: SettingName) -> Option<u64> {
        let before = self.before?;
        let setting = before.settings.get(&name)?;
        match setting.source {
            SettingSource::Observed | SettingSource::Kept if name.allows(setting.value) => {
                before.number(name)
            }
            SettingSource::Observed | SettingSource::Kept => None,
            SettingSource::Constant | SettingSource::Policy => None,
        }
    }

    /// Whether a setting was in force by facts the last time.
    pub(super) fn was_observed(&self, name: SettingName) -> bool {
        self.number_before(name).is_some_and(|number| number > 0)
    }

    /// A fact as it counts against a threshold from which on a flag is set: what was decided the last time needs less to
    /// stay than to change.
    pub(super) fn sticky(&self, name: SettingName, fact: f64) -> f64 {
        let share = whole_to_f64(self.hysteresis_percent.min(90)) / 100.0;
        let before = self.before.and_then(|before| before.settings.get(&name));
        match before.filter(|before| before.source != SettingSource::Policy) {
            Some(before) if before.value == SettingValue::Flag(true) => fact * (1.0 + share),
            Some(_) => fact * (1.0 - share),
            None => fact,
        }
    }

    /// Says that a feature waits for evidence.
    pub(super) fn withhold(&mut self, feature: Feature, reason: &str) {
        self.tuning.withheld.push(absent(feature, reason));
    }

    /// Says that a feature does nothing here.
    pub(super) fn inert(&mut self, feature: Feature, reason: &str) {
        self.tuning.inert.push(absent(feature, reason));
    }

    /// The decisions, and the numbers that formulas gave where others stayed.
    pub(super) fn finish(mut self) -> (Tuning, BTreeMap<String, f64>) {
        for list in [&mut self.tuning.withheld, &mut self.tuning.inert] {
            list.sort();
            list.dedup();
        }
        (self.tuning, self.computed)
    }
}

fn absent(feature: Feature, reason: &str) -> Absent {
    Absent {
        feature,
        reason: reason.to_owned(),
    }
}

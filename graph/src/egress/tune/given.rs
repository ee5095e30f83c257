//! What the policy gives for a service or an edge: defaults, then the service's rules, then those of the edge; of several
//! that match, the later one.

use std::collections::BTreeMap;

use super::super::settings::{Absent, Phase, Setting, SettingName, SettingSource};
use crate::policy::{Overrides, Policy, ServicePattern};

/// Who a rule may be about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Party<'a> {
    pub(super) id: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

impl Party<'_> {
    /// Whether a pattern means it.
    pub(super) fn fits(self, pattern: &ServicePattern) -> bool {
        pattern.matches(self.id, self.namespace, self.name)
    }
}

/// The rules that apply.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    /// Phase, if one is given.
    pub(super) phase: Option<Phase>,
    settings: BTreeMap<SettingName, Setting>,
    /// Values that are not possible for their settings.
    pub(super) refused: Vec<Absent>,
}

impl Given {
    /// For a service's own traffic.
    pub(super) fn for_service(policy: &Policy, service: Party<'_>) -> Self {
        let mut given = Self::default();
        given.add(&policy.defaults, "defaults");
        for rule in policy
            .services
            .iter()
            .filter(|rule| service.fits(&rule.service))
        {
            given.add(&rule.overrides, &format!("service `{}`", rule.service.0));
        }
        given
    }

    /// For calls to `callee` by a service for which `self` holds.
    pub(super) fn to(&self, policy: &Policy, caller: Party<'_>, callee: Party<'_>) -> Self {
        let mut given = self.clone();
        let edges = policy.edges.iter();
        for rule in edges.filter(|rule| caller.fits(&rule.caller) && callee.fits(&rule.callee)) {
            let place = format!("edge `{}` -> `{}`", rule.caller.0, rule.callee.0);
            given.add(&rule.overrides, &place);
        }
        given
    }

    fn add(&mut self, overrides: &Overrides, place: &str) {
        self.phase = overrides.phase.or(self.phase);
        for (name, value) in &overrides.settings {
            if !name.allows(*value) {
                self.refused.push(Absent {
                    feature: name.feature(),
                    reason: format!(
                        "`{}` of the policy's {place} is no possible value",
                        name.as_str()
                    ),
                });
                continue;
            }
            let setting = Setting {
                value: *value,
                source: SettingSource::Policy,
                formula: format!("policy: {place}"),
                facts: Vec::new(),
            };
            self.settings.insert(*name, setting);
        }
    }

    /// Leaves those settings that pass.
    pub(super) fn only(mut self, keep: impl Fn(SettingName) -> bool) -> Self {
        self.settings.retain(|name, _| keep(*name));
        self
    }

    /// Whether any setting is given.
    pub(super) fn has_settings(&self) -> bool {
        !self.settings.is_empty()
    }

    /// The setting that is given.
    pub(super) fn setting(&self, name: SettingName) -> Option<&Setting> {
        self.settings.get(&name)
    }

    /// All of them.
    pub(super) fn settings(&self) -> impl Iterator<Item = (SettingName, &Setting)> {
        self.settings.iter().map(|(name, setting)| (*name, setting))
    }
}

//! From patterns to node ids.

use std::collections::BTreeMap;

use super::services::Services;
use super::{
    BeforeRule, Exclusion, FreezeRule, GroupRule, OnboardingPolicy, OnboardingRule, Unmatched,
    Unmet,
};
use crate::onboarding::{Freeze, Hazard, Pins, PlanOptions, ServiceFacts, Status};
use crate::policy::ServicePattern;
use crate::snapshot::GraphSnapshot;

/// Pairs of services that `before` can stand for; a pattern before a pattern means every pair of both.
const MAX_PAIRS: usize = 1_000_000;

impl OnboardingPolicy {
    /// Parameters of the plan for the services of a graph, and what of the policy means none of them, by line.
    ///
    /// Takes time in rules plus services, times services for each pattern with a `*`.
    #[must_use]
    pub fn plan_options(&self, snapshot: &GraphSnapshot) -> (PlanOptions, Vec<Unmatched>) {
        let mut resolver = Resolver {
            services: Services::of(snapshot),
            unmatched: Vec::new(),
        };
        let mut options = self.options.clone();
        options.facts = resolver.facts(&self.services);
        options.freezes = resolver.freezes(&self.freezes, &options);
        options.groups.before = resolver.before(&self.before);
        options.groups.together = resolver.groups(&self.together);
        options.groups.apart = resolver.groups(&self.apart);
        let mut unmatched = resolver.unmatched;
        unmatched.extend(self.meshes_with(&resolver.services).1);
        unmatched.sort();
        unmatched.dedup();
        (options, unmatched)
    }
}

impl OnboardingPolicy {
    /// Services that will not join, and why; as [`plan_options`](Self::plan_options) decides it.
    pub(crate) fn exclusions(&self, services: &Services<'_>) -> BTreeMap<String, &Exclusion> {
        let mut excluded = BTreeMap::new();
        for is_exact in [false, true] {
            let rules = self.services.iter();
            for rule in rules.filter(|rule| rule.service.is_exact() == is_exact) {
                for id in services.meant_by(&rule.service) {
                    match &rule.exclude {
                        Some(exclusion) => _ = excluded.insert(id, exclusion),
                        None if rule.pins != Pins::NONE => _ = excluded.remove(&id),
                        None => {}
                    }
                }
            }
        }
        excluded
    }
}

struct Resolver<'a> {
    services: Services<'a>,
    unmatched: Vec<Unmatched>,
}

impl Resolver<'_> {
    fn unmet(&mut self, line: usize, what: &str, why: Unmet) {
        self.unmatched.push(Unmatched {
            line,
            pattern: what.to_owned(),
            why,
        });
    }

    /// Ids that a pattern means, sorted.
    fn ids(&mut self, pattern: &ServicePattern, line: usize) -> Vec<String> {
        let ids = self.services.meant_by(pattern);
        if ids.is_empty() {
            self.unmet(line, &pattern.0, Unmet::NoService);
        }
        ids
    }

    /// Names come after patterns, so that they decide.
    fn facts(&mut self, rules: &[OnboardingRule]) -> BTreeMap<String, ServiceFacts> {
        let mut decided: BTreeMap<String, Decided> = BTreeMap::new();
        for is_exact in [false, true] {
            for rule in rules {
                if rule.service.is_exact() != is_exact {
                    continue;
                }
                for id in self.ids(&rule.service, rule.line) {
                    decided.entry(id).or_default().take(rule);
                }
            }
        }
        let facts = decided.into_iter();
        facts.map(|(id, decided)| (id, decided.facts())).collect()
    }

    /// A freeze of services that are not there holds for nothing, and never for everything.
    fn freezes(&mut self, rules: &[FreezeRule], options: &PlanOptions) -> Vec<Freeze> {
        let mut freezes = Vec::new();
        for rule in rules {
            let services = rule.services.iter();
            let mut ids: Vec<String> = services
                .flat_map(|pattern| self.ids(pattern, rule.line))
                .collect();
            ids.sort();
            ids.dedup();
            for team in &rule.teams {
                if !self.services.has_team(team, options) {
                    self.unmet(rule.line, team, Unmet::NoTeam);
                }
            }
            let is_global = rule.services.is_empty() && rule.teams.is_empty();
            if !is_global && ids.is_empty() && rule.teams.is_empty() {
                continue;
            }
            freezes.push(Freeze {
                name: rule.name.clone(),
                from: rule.from,
                to: rule.to,
                services: ids,
                teams: rule.teams.clone(),
            });
        }
        freezes
    }

    /// A service that both patterns mean is not before itself.
    fn before(&mut self, rules: &[BeforeRule]) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for rule in rules {
            let first = self.ids(&rule.first, rule.line);
            let then = self.ids(&rule.then, rule.line);
            if first.len().saturating_mul(then.len()) > MAX_PAIRS - pairs.len() {
                self.unmet(rule.line, &rule.first.0, Unmet::TooMany);
                continue;
            }
            for first in &first {
                let others = then.iter().filter(|then| *then != first);
                pairs.extend(others.map(|then| (first.clone(), then.clone())));
            }
        }
        pairs.sort();
        pairs.dedup();
        pairs
    }

    /// A group of one says nothing.
    fn groups(&mut self, rules: &[GroupRule]) -> Vec<Vec<String>> {
        let mut groups = Vec::new();
        for rule in rules {
            let services = rule.services.iter();
            let mut ids: Vec<String> = services
                .flat_map(|pattern| self.ids(pattern, rule.line))
                .collect();
            ids.sort();
            ids.dedup();
            if ids.len() > 1 {
                groups.push(ids);
            }
        }
        groups
    }
}

/// What rules decide for one service; a later one decides again.
#[derive(Default)]
struct Decided {
    facts: ServiceFacts,
    /// Code -> how bad, or nothing when it was fixed.
    hazards: BTreeMap<String, Option<Hazard>>,
}

impl Decided {
    fn take(&mut self, rule: &OnboardingRule) {
        let facts = &mut self.facts;
        facts.team = rule.team.clone().or_else(|| facts.team.take());
        facts.tier = rule.tier.or(facts.tier);
        facts.effort = rule.effort.or(facts.effort);
        facts.criticality = rule.criticality.or(facts.criticality);
        facts.attempts = rule.attempts.or(facts.attempts);
        // When it may join is decided as a whole.
        if rule.exclude.is_some() {
            facts.status = Status::Excluded;
            facts.pins = Pins::NONE;
        } else if rule.pins != Pins::NONE {
            facts.status = Status::Pending;
            facts.pins = rule.pins.clone();
        }
        let told = rule.hazards.iter();
        let told = told.map(|hazard| (hazard.code.clone(), Some(hazard.clone())));
        let fixed = rule.fixed_hazards.iter();
        let fixed = fixed.map(|fixed| (fixed.code.clone(), None));
        self.hazards.extend(told.chain(fixed));
    }

    fn facts(self) -> ServiceFacts {
        let mut facts = self.facts;
        for (code, hazard) in self.hazards {
            match hazard {
                Some(hazard) => facts.hazards.push(hazard),
                None => facts.fixed.push(code),
            }
        }
        facts
    }
}

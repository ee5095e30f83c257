//! Which team a service belongs to.

use std::collections::BTreeMap;

use crate::policy::onboarding::Services;
use crate::policy::{Policy, ServiceRule};
use crate::snapshot::GraphSnapshot;

/// Teams by node id: that of the onboarding rules; else the attribute that the policy takes for the team; else the owner in
/// the rules for services, where names decide before patterns and later rules before earlier ones.
#[must_use]
pub fn teams(snapshot: &GraphSnapshot, policy: &Policy) -> BTreeMap<String, String> {
    let services = Services::of(snapshot);
    let mut teams = BTreeMap::new();
    let (exact, patterns): (Vec<&ServiceRule>, Vec<&ServiceRule>) = policy
        .services
        .iter()
        .partition(|rule| rule.service.is_exact());
    for rule in patterns.into_iter().chain(exact) {
        let Some(owner) = &rule.owner else { continue };
        for id in services.meant_by(&rule.service) {
            teams.insert(id, owner.clone());
        }
    }
    // What the policy says of services that are not here is told by the commands that plan.
    let (options, _unmatched) = policy.onboarding.plan_options(snapshot);
    for node in services.iter() {
        let attribute = options.team_attribute.as_ref();
        let named = attribute.and_then(|key| node.attributes.get(key));
        let told = options
            .facts
            .get(&node.id)
            .and_then(|facts| facts.team.as_ref());
        if let Some(team) = told.or(named) {
            teams.insert(node.id.clone(), team.clone());
        }
    }
    teams.retain(|_, team| !team.is_empty());
    teams
}

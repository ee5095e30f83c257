//! Settings of whole models: the worked example, what is withheld, the policy, hysteresis, hostile numbers.

mod evidence;
mod example;
mod hostile;
mod hysteresis;
mod policy;

use std::collections::BTreeMap;

use example::{CART, FRONTEND, example, to, tuned};

use crate::egress::{EgressModel, EgressOptions, Feature, Tuning, derive};
use crate::snapshot::{Edge, GraphSnapshot};

/// The example with its edge from frontend to cart changed.
fn changed(change: impl FnOnce(&mut Edge)) -> GraphSnapshot {
    let mut snapshot = example();
    let mut edges = snapshot.edges.iter_mut();
    let edge = edges.find(|edge| edge.caller == FRONTEND && edge.callee == CART);
    change(edge.unwrap());
    snapshot
}

fn model(snapshot: &GraphSnapshot, options: &EgressOptions) -> EgressModel {
    derive(snapshot, options)
}

/// The tuning of the edge from frontend to cart.
fn cart(snapshot: &GraphSnapshot, options: &EgressOptions) -> Tuning {
    to(&model(snapshot, options), FRONTEND, CART).tuning.clone()
}

/// Reasons for which a feature is withheld.
fn why(tuning: &Tuning, feature: Feature) -> Vec<&str> {
    let withheld = tuning.withheld.iter();
    withheld
        .filter(|absent| absent.feature == feature)
        .map(|absent| absent.reason.as_str())
        .collect()
}

fn with_previous(previous: &EgressModel) -> EgressOptions {
    EgressOptions {
        previous: Some(Box::new(previous.clone())),
        ..tuned()
    }
}

fn json(model: &EgressModel) -> String {
    serde_json::to_string_pretty(model).unwrap()
}

fn counts(values: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let values = values.iter();
    values
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

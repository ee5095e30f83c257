//! Every table of a segment, declared once: rows, specification and documentation.
//!
//! Ids join the tables of one segment. They are hashes of names, so that grouping by id over many segments is right for
//! all who do not forge names; inside a segment no two rows share one, and our own reader joins inside of segments only.

mod edges;
mod nodes;
mod rest;

pub(super) use edges::*;
pub(super) use nodes::*;
pub(super) use rest::*;

use crate::tabular::{Rows, TableSpec};

/// Every table, in the order of the documentation.
pub(super) const SPECS: &[&TableSpec] = &[
    Nodes::SPEC,
    Targets::SPEC,
    Edges::SPEC,
    Latency::SPEC,
    EdgeCounts::SPEC,
    Sampling::SPEC,
    Destinations::SPEC,
    Zones::SPEC,
    Methods::SPEC,
    Routes::SPEC,
    Diagnostics::SPEC,
    Totals::SPEC,
    NodeCounts::SPEC,
    NodeLatency::SPEC,
    NodeInstances::SPEC,
    NodeAddresses::SPEC,
    TargetAddresses::SPEC,
    Served::SPEC,
    Votes::SPEC,
    Exemplars::SPEC,
    Messages::SPEC,
    MessageRefs::SPEC,
    OpenServers::SPEC,
    Owed::SPEC,
    Folds::SPEC,
    Skews::SPEC,
    Instances::SPEC,
    Days::SPEC,
    Seconds::SPEC,
    Stretches::SPEC,
    Lifetimes::SPEC,
];

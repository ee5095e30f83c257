//! What the services of a recorded shop say they did: the `truth/calls.json` of a recording.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tracemesh_graph::snapshot::Relation;

/// Everything the services wrote down.
#[derive(Debug, Deserialize)]
pub(crate) struct Truth {
    pub(crate) services: Vec<TrueService>,
    pub(crate) edges: Vec<TrueEdge>,
    pub(crate) messages: Vec<TrueMessages>,
    /// What each name resolved to.
    pub(crate) names: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TrueService {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) instrumented: bool,
    pub(crate) instances: u64,
    pub(crate) zones: BTreeSet<String>,
    pub(crate) entry_calls: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TrueEdge {
    pub(crate) caller: String,
    pub(crate) callee: String,
    pub(crate) kind: String,
    relation: String,
    system: Option<String>,
    pub(crate) targets: Vec<TrueTarget>,
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
    pub(crate) failed_attempts: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TrueTarget {
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TrueMessages {
    pub(crate) system: String,
    pub(crate) role: String,
    pub(crate) service: String,
    pub(crate) messages: u64,
}

impl Truth {
    /// The truth of the recording in a directory.
    pub(crate) fn of(recording: &Path) -> Self {
        let path = recording.join("truth/calls.json");
        let text = fs::read_to_string(path).expect("the ground truth is readable");
        serde_json::from_str(&text).expect("the ground truth has the documented shape")
    }
}

impl TrueEdge {
    pub(crate) fn is_among(&self, exceptions: &[(&str, &str)]) -> bool {
        exceptions.contains(&(self.caller.as_str(), self.callee.as_str()))
    }

    /// The node id that the graph must have given the callee.
    pub(crate) fn callee_id(&self) -> String {
        let target = |target: &TrueTarget| {
            let host = target.host.trim_end_matches(".cluster.local");
            format!("{}:{}", host.trim_end_matches(".svc"), target.port)
        };
        match (self.kind.as_str(), self.targets.first()) {
            ("service" | "message", _) => format!("service/{}", self.callee),
            ("database", Some(first)) => {
                let system = self.system.as_deref().expect("a database has a system");
                format!("database/{system}@{}", target(first))
            }
            ("external", Some(first)) => format!("external/{}", target(first)),
            other => unreachable!("unknown kind of callee: {other:?}"),
        }
    }

    pub(crate) fn relation(&self) -> Relation {
        match self.relation.as_str() {
            "sync" => Relation::Sync,
            "async" => Relation::Async,
            other => unreachable!("unknown relation `{other}`"),
        }
    }
}

//! The steps back of a service in words, in order; steps of one kind and wave are one line.

use tracemesh_graph::onboarding::RollbackStep;

use super::Voice;

/// What a step asks for and since which wave, without the node it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Permissive,
    CalleeFirst,
    RetriesOff,
    Plaintext,
    Label,
}

/// The steps, first one first. `service` is the one that leaves.
pub(in super::super) fn rollback(
    service: &str,
    steps: &[RollbackStep],
    voice: Voice,
) -> Vec<String> {
    let mut runs: Vec<(Kind, u32, Vec<String>)> = Vec::new();
    for step in steps {
        let (kind, from, node) = split(step, service, voice);
        let run = runs.iter_mut().find(|run| (run.0, run.1) == (kind, from));
        match run {
            Some(run) => run.2.extend(node),
            None => runs.push((kind, from, node.into_iter().collect())),
        }
    }
    runs.sort_by_key(|run| (run.0, run.1));
    runs.iter()
        .map(|(kind, from, nodes)| sentence(*kind, *from, &voice.some(nodes)))
        .collect()
}

fn split(step: &RollbackStep, service: &str, voice: Voice) -> (Kind, u32, Option<String>) {
    let node = |id: &str| {
        Some(if id == service {
            "itself".to_owned()
        } else {
            voice.node(id)
        })
    };
    match step {
        RollbackStep::Permissive { callee, from } => (Kind::Permissive, *from, node(callee)),
        RollbackStep::CalleeFirst { callee, from } => (Kind::CalleeFirst, *from, node(callee)),
        RollbackStep::RetriesOff { caller, from } => (Kind::RetriesOff, *from, node(caller)),
        RollbackStep::PlaintextAgain { caller, from } => (Kind::Plaintext, *from, node(caller)),
        RollbackStep::RemoveLabel => (Kind::Label, u32::MAX, None),
    }
}

fn sentence(kind: Kind, from: u32, nodes: &str) -> String {
    match kind {
        Kind::Permissive => format!(
            "after wave {from}: strict mTLS back to permissive on {nodes}, or calls without a sidecar are refused"
        ),
        Kind::CalleeFirst => {
            format!("after wave {from}: roll back {nodes} first, which takes no plaintext")
        }
        Kind::RetriesOff => format!("after wave {from}: mesh retries off at {nodes}"),
        Kind::Plaintext => format!(
            "after wave {from}: mTLS towards it off at {nodes}, unless the mesh decides that for each endpoint"
        ),
        Kind::Label => {
            "take the sidecar label away and run a rolling update; calls go as they did before"
                .to_owned()
        }
    }
}

//! What a plan was made from, as one hash: whoever has a plan and a graph can tell whether they belong together.

use sha2::{Digest as _, Sha256};
use tracemesh_graph::onboarding::{PlanInput, PlanOptions};

/// `sha256:` and the hash of the canonical JSON of both, edges in order. The facts of the options are in the input.
pub(super) fn of(input: &PlanInput, options: &PlanOptions) -> String {
    let mut input = input.clone();
    input.edges.sort_by(|a, b| {
        let ends = (&a.caller, &a.callee).cmp(&(&b.caller, &b.callee));
        ends.then(a.rate.total_cmp(&b.rate))
    });
    let json = serde_json::to_vec(&(&input, options))
        .expect("both have string keys only, and no serializer of them fails");
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(json) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracemesh_graph::onboarding::{Goal, PlanEdge, PlanService, Status};

    fn input() -> PlanInput {
        let mut input = PlanInput::default();
        for id in ["a", "b", "c"] {
            input.services.insert(id.to_owned(), PlanService::unknown());
        }
        for (caller, callee) in [("a", "b"), ("b", "c"), ("a", "c")] {
            input.edges.push(PlanEdge {
                caller: caller.to_owned(),
                callee: callee.to_owned(),
                rate: 0.1,
                attempts: None,
                hit_ratio: None,
                confidence: 1.0,
            });
        }
        input
    }

    #[test]
    fn only_what_a_plan_depends_on_changes_the_hash() {
        let (given, options) = (input(), PlanOptions::default());
        let hash = of(&given, &options);
        assert_eq!(hash.len(), "sha256:".len() + 64);
        let mut shuffled = input();
        shuffled.edges.reverse();
        assert_eq!(of(&shuffled, &options), hash);
        // A plan file gives the options back.
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(of(&given, &serde_json::from_str(&json).unwrap()), hash);
        let mut moved = input();
        moved.edges[0].rate = 0.2;
        assert_ne!(of(&moved, &options), hash);
        let mut joined = input();
        joined.services.get_mut("a").unwrap().status = Status::Done;
        assert_ne!(of(&joined, &options), hash);
        let strict = PlanOptions {
            goal: Goal::StrictMtls,
            ..PlanOptions::default()
        };
        assert_ne!(of(&given, &strict), hash);
    }
}

//! What to do about a hazard, by its code.
//!
//! The plan carries codes, because people may tell hazards of their own. Those that tracemesh finds are listed in `docs/hazards.md`, and
//! `tracemesh egress` says what the generated configuration does about each in the case at hand.

use tracemesh_graph::hazards::HazardKind;
use tracemesh_graph::onboarding::{Hazard, Severity};

/// The severity in words.
pub(in super::super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Blocker => "blocker",
    }
}

/// What to do about it.
pub(in super::super) fn fix(hazard: &Hazard) -> String {
    let known = HazardKind::ALL.iter();
    let Some(kind) = known.copied().find(|kind| kind.as_str() == hazard.code) else {
        return "told by people: ask who told it, and mark it as fixed when it is".to_owned();
    };
    let number = kind.number();
    match decision(kind).filter(|_| hazard.severity != Severity::Low) {
        Some(decision) => format!("decide: {decision} (hazard {number} of docs/hazards.md)"),
        None => format!(
            "the generated configuration deals with it (hazard {number} of docs/hazards.md); look at it during the canary"
        ),
    }
}

/// What the owner has to decide, for the hazards that no configuration can deal with alone.
const fn decision(kind: HazardKind) -> Option<&'static str> {
    Some(match kind {
        HazardKind::PinnedMembers => {
            "must each call reach the member that it dialled? If so, leave that destination to the passthrough"
        }
        HazardKind::Upgrades => {
            "CONNECT is refused where HTTP is parsed: keep that port out of capture, or dial the target directly"
        }
        HazardKind::StrictParsing => {
            "find who sends requests that break the rules of HTTP and mend it, or keep the port out of capture"
        }
        HazardKind::RefusedConnects => {
            "a dead port connects and then hangs up: test that fail-over works so, or leave the destination out of the mesh"
        }
        HazardKind::GrpcTrailers => {
            "ejection does not see failures in trailers: watch the success rate of the traces"
        }
        _ => return None,
    })
}

//! Reasons in words: why not earlier, why an exception, why moved, when strict.

use tracemesh_graph::onboarding::{
    BlockReason, Blocked, Contradiction, Exception, ExceptionCause, Inverted, LimitName, Status,
    Strict, StrictBlock, Unplanned,
};

use super::{Voice, counted, number, percent};

/// Why a service was not in a wave.
pub(in super::super) fn reason(reason: &BlockReason, voice: Voice) -> String {
    let node = |id: &str| voice.node(id);
    match reason {
        BlockReason::NotBefore { wave } => format!("not before wave {wave}"),
        BlockReason::NotAfter { wave } => format!("not after wave {wave}"),
        BlockReason::Freeze { freeze } => format!("freeze {}", (voice.name)(freeze)),
        BlockReason::After { service } => format!("after {}", node(service)),
        BlockReason::Before { service } => format!("before {}", node(service)),
        BlockReason::SizeRamp { cap } => format!("moves with more than {cap}"),
        BlockReason::Apart { service } => format!("apart from {}", node(service)),
        BlockReason::WorthLess => "worth less there".to_owned(),
        BlockReason::RiskCeiling { ceiling } => format!("risk above {ceiling:.2}"),
        BlockReason::TrafficRamp { cap } => format!("traffic above {:.0} %", 100.0 * cap),
        BlockReason::TrafficCap { cap } => format!("traffic full at {:.0} %", 100.0 * cap),
        BlockReason::NeedsOwnWave => "needs a wave of its own".to_owned(),
        BlockReason::WaveTaken { by } => format!("{} went alone", node(by)),
        BlockReason::Adjacent { service, .. } => format!("next to {}", node(service)),
        BlockReason::TeamFull { team } => format!("team {} is busy", (voice.name)(team)),
        BlockReason::WaveFull => "wave full".to_owned(),
    }
}

/// All runs of waves that a service was not in.
pub(in super::super) fn blocked(runs: &[Blocked], voice: Voice) -> String {
    let runs: Vec<String> = runs
        .iter()
        .map(|blocked| {
            let other_wave = match &blocked.reason {
                BlockReason::Adjacent { in_wave, .. }
                    if !(blocked.from..=blocked.to).contains(in_wave) =>
                {
                    format!(", which still changes from wave {in_wave}")
                }
                _ => String::new(),
            };
            let why = reason(&blocked.reason, voice);
            format!("{} ({why}{other_wave})", run(blocked))
        })
        .collect();
    voice.some(&runs)
}

/// `wave 3`, `waves 3 to 5`.
fn run(blocked: &Blocked) -> String {
    if blocked.from == blocked.to {
        format!("wave {}", blocked.from)
    } else {
        format!("waves {} to {}", blocked.from, blocked.to)
    }
}

/// A limit of a wave.
pub(super) const fn limit(limit: LimitName) -> &'static str {
    match limit {
        LimitName::Size => "size",
        LimitName::Team => "team",
        LimitName::Traffic => "traffic cap",
        LimitName::Risk => "risk ceiling",
        LimitName::Adjacent => "neighbours apart",
    }
}

/// What an exception breaks, and why.
pub(in super::super) fn exception(exception: &Exception, voice: Voice) -> String {
    let broken = limit(exception.limit);
    match &exception.because {
        ExceptionCause::NothingEligible => {
            format!("{broken}: no service kept to it, so the least risky one goes alone")
        }
        ExceptionCause::Pinned { services } => {
            format!(
                "{broken}: a pin asks for this wave: {}",
                voice.nodes(services)
            )
        }
        ExceptionCause::InOnePiece { services } => {
            format!(
                "{broken}: these move in one piece: {}",
                voice.nodes(services)
            )
        }
        ExceptionCause::PlannedBefore => {
            format!(
                "{broken}: planned before the numbers moved, and over it by no more than the tolerance"
            )
        }
    }
}

/// Where the sources of status disagree.
pub(in super::super) fn contradiction(found: &Contradiction, voice: Voice) -> String {
    let says: Vec<String> = found.says.iter().map(|says| (voice.name)(says)).collect();
    format!(
        "{} is taken as {}: {}",
        voice.node(&found.service),
        status(found.taken),
        says.join("; ")
    )
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Done => "in the mesh",
        Status::Excluded => "excluded",
    }
}

/// When a service can refuse plaintext.
pub(in super::super) fn strict(strict: &Strict, voice: Voice) -> String {
    match strict {
        Strict::Ready { wave, waits_for } if waits_for.is_empty() => {
            format!("possible from wave {wave} on")
        }
        Strict::Ready { wave, waits_for } => {
            let waits_for = voice.nodes(waits_for);
            format!("possible from wave {wave} on, waits for {waits_for}")
        }
        Strict::Never { because } => {
            let because: Vec<String> = because.iter().map(|b| strict_block(b, voice)).collect();
            format!("not in this plan: {}", voice.some(&because))
        }
    }
}

fn strict_block(block: &StrictBlock, voice: Voice) -> String {
    match block {
        StrictBlock::EntryTraffic => "calls arrive from outside the traces".to_owned(),
        StrictBlock::Orphans { spans } => {
            format!("spans with a parent that was never seen ({spans}) may hide an unknown caller")
        }
        StrictBlock::OutsideCaller { node } => {
            format!("{} calls it and cannot join", voice.node(node))
        }
        StrictBlock::UnplannedCaller { service } => {
            format!("{} calls it and is not planned", voice.node(service))
        }
    }
}

/// Why a service is not planned, and what that costs others.
pub(in super::super) fn unplanned(service: &Unplanned, voice: Voice) -> String {
    let mut text = if service.blockers.is_empty() {
        let because = service.because.as_deref();
        because.map_or_else(
            || "excluded".to_owned(),
            |because| format!("excluded ({})", (voice.name)(because)),
        )
    } else {
        let blockers: Vec<String> = service.blockers.iter().map(|b| (voice.name)(b)).collect();
        format!("not eligible until fixed: {}", voice.some(&blockers))
    };
    if !service.strict_lost.is_empty() {
        let lost = voice.nodes(&service.strict_lost);
        text.push_str(&format!(
            "; because it calls them, strict mTLS never on {lost}"
        ));
    }
    text
}

/// A call whose caller joins first, with what retries on both levels would multiply to.
pub(in super::super) fn inverted(edge: &Inverted, voice: Voice) -> String {
    let (caller, callee) = edge.waves;
    let callee = callee.map_or_else(|| "never".to_owned(), |wave| format!("wave {wave}"));
    let assumed = if edge.assumed { " assumed" } else { "" };
    format!(
        "{} (wave {caller}, callee {callee}; {} of calls): {}{assumed} x {} = {} attempts per call with mesh retries on",
        voice.arrow(&edge.caller, &edge.callee),
        percent(edge.share),
        trimmed(edge.attempts),
        trimmed(edge.with_mesh_retries / edge.attempts.max(1.0)),
        trimmed(edge.with_mesh_retries),
    )
}

/// A number without digits that say nothing: `3`, `2.5`.
fn trimmed(value: f64) -> String {
    let text = number(value, 1);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// How many calls have their caller first, and what must not be forgotten about them.
pub(in super::super) fn inversions(edges: &[Inverted], budget: Option<f64>) -> String {
    let count = counted(edges.len(), "call");
    match budget {
        Some(budget) => format!(
            "{count} from a caller that joins before its callee. Retries of application and mesh multiply on them, held by the retry budget of {}",
            percent(budget)
        ),
        None => format!(
            "{count} from a caller that joins before its callee. Sidecars retry twice unless told otherwise, which multiplies with what the application does: keep mesh retries off there"
        ),
    }
}

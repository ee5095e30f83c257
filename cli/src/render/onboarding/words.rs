//! The words that the table and the runbook share.

use tracemesh_graph::onboarding::{
    BlockReason, Blocked, Exception, LimitName, Plan, Strict, StrictBlock,
};

use crate::render::seconds;

/// A node id as people say it: services without their class.
pub(super) fn short(id: &str) -> &str {
    id.strip_prefix("service/").unwrap_or(id)
}

/// A share of 1 as a percentage with one digit.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `7 of 10 services`, and how many are in already.
pub(super) fn scope(plan: &Plan) -> String {
    let services = counted(plan.summary.services, "service");
    let already = match plan.done.len() {
        0 => String::new(),
        done => format!(" ({done} already in)"),
    };
    format!("{} of {services}{already}", plan.summary.planned)
}

/// `1 service`, `2 services`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

/// `5 %, 10 %, then 30 %`: a list whose last value stays.
pub(super) fn ramp(values: &[f64], show: impl Fn(f64) -> String) -> String {
    match values {
        [] => show(1.0),
        [only] => show(*only),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|value| show(*value)).collect();
            format!("{}, then {}", first.join(", "), show(*last))
        }
    }
}

/// Window of the observations, if known.
pub(super) fn window(plan: &Plan) -> Option<String> {
    let (start, end) = (plan.window.start?, plan.window.end?);
    Some(format!("{} to {}", seconds(start), seconds(end)))
}

/// Why a service was not in a wave; `name` escapes names.
pub(super) fn reason(reason: &BlockReason, name: impl Fn(&str) -> String) -> String {
    match reason {
        BlockReason::NotBefore { wave } => format!("not before wave {wave}"),
        BlockReason::NotAfter { wave } => format!("not after wave {wave}"),
        BlockReason::Freeze { freeze } => format!("freeze {}", name(freeze)),
        BlockReason::After { service } => format!("after {}", name(service)),
        BlockReason::Before { service } => format!("before {}", name(service)),
        BlockReason::SizeRamp { cap } => format!("moves with more than {cap}"),
        BlockReason::Apart { service } => format!("apart from {}", name(service)),
        BlockReason::WorthLess => "worth less there".to_owned(),
        BlockReason::RiskCeiling { ceiling } => format!("risk above {ceiling:.2}"),
        BlockReason::TrafficRamp { cap } => format!("above {:.0} % of traffic", 100.0 * cap),
        BlockReason::TrafficCap { cap } => format!("no room in {:.0} % of traffic", 100.0 * cap),
        BlockReason::NeedsOwnWave => "needs a wave of its own".to_owned(),
        BlockReason::WaveTaken { by } => format!("{} went alone", name(by)),
        BlockReason::Adjacent { service, .. } => format!("next to {}", name(service)),
        BlockReason::TeamFull { team } => format!("team {} is busy", name(team)),
        BlockReason::WaveFull => "wave full".to_owned(),
    }
}

/// `wave 3`, `waves 3 to 5`.
pub(super) fn run(blocked: &Blocked) -> String {
    if blocked.from == blocked.to {
        format!("wave {}", blocked.from)
    } else {
        format!("waves {} to {}", blocked.from, blocked.to)
    }
}

/// What an exception breaks.
pub(super) const fn exception(exception: &Exception) -> &'static str {
    match exception.limit {
        LimitName::Size => "size",
        LimitName::Team => "team",
        LimitName::Adjacent => "neighbours apart",
        LimitName::Risk => "risk ceiling",
        LimitName::Traffic => "traffic cap",
    }
}

/// When a service can refuse plaintext; `name` escapes names.
pub(super) fn strict(strict: &Strict, name: impl Fn(&str) -> String) -> String {
    match strict {
        Strict::Ready { wave, waits_for } if waits_for.is_empty() => {
            format!("possible from wave {wave} on")
        }
        Strict::Ready { wave, waits_for } => {
            let waits_for: Vec<String> = waits_for.iter().map(|id| name(id)).collect();
            format!(
                "possible from wave {wave} on, waits for {}",
                some(&waits_for)
            )
        }
        Strict::Never { because } => {
            let because: Vec<String> = because.iter().map(|b| strict_block(b, &name)).collect();
            format!("not in this plan: {}", some(&because))
        }
    }
}

fn strict_block(block: &StrictBlock, name: impl Fn(&str) -> String) -> String {
    match block {
        StrictBlock::EntryTraffic => "calls arrive from outside the traces".to_owned(),
        StrictBlock::Orphans { spans } => {
            format!("spans with a parent that was never seen ({spans}) may hide an unknown caller")
        }
        StrictBlock::OutsideCaller { node } => format!("{} calls it and cannot join", name(node)),
        StrictBlock::UnplannedCaller { service } => {
            format!("{} calls it and is not planned", name(service))
        }
    }
}

/// Most items of a list that a person is shown.
const SHOWN: usize = 12;

/// The items, separated by commas; a long list is cut and says by how much.
pub(super) fn some(items: &[String]) -> String {
    let (shown, rest) = items.split_at(items.len().min(SHOWN));
    let mut text = shown.join(", ");
    if !rest.is_empty() {
        text.push_str(&format!(" and {} more", rest.len()));
    }
    text
}

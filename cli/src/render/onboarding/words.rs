//! The words that the table, the runbook and the page of a service share.

pub(super) mod hazards;
pub(super) mod replan;
pub(super) mod sheet;
pub(super) mod steps;
pub(super) mod watch;
pub(super) mod why;

use tracemesh_graph::onboarding::{EdgeRef, Goal, MeshMode, Order, Plan, PlanOptions, WaveDates};

use crate::render::seconds;

/// How names are shown, and how many of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice {
    /// Escapes a name for the format.
    pub(super) name: fn(&str) -> String,
    /// Most items of a list.
    pub(super) most: usize,
}

impl Voice {
    /// A node id as people say it, escaped.
    pub(super) fn node(self, id: &str) -> String {
        (self.name)(short(id))
    }

    /// The items, separated by commas; a long list is cut and says by how much.
    pub(super) fn some(self, items: &[String]) -> String {
        listed(items, self.most)
    }

    /// The nodes, separated by commas.
    pub(super) fn nodes<'a>(self, ids: impl IntoIterator<Item = &'a String>) -> String {
        let nodes: Vec<String> = ids.into_iter().map(|id| self.node(id)).collect();
        self.some(&nodes)
    }

    /// Edges, busiest first.
    pub(super) fn edges<'a>(
        self,
        edges: impl IntoIterator<Item = &'a EdgeRef>,
        show: impl Fn(&EdgeRef) -> String,
    ) -> String {
        let mut edges: Vec<&EdgeRef> = edges.into_iter().collect();
        edges.sort_by(|a, b| b.share.total_cmp(&a.share));
        let items: Vec<String> = edges.into_iter().map(show).collect();
        self.some(&items)
    }

    /// `caller -> callee`.
    pub(super) fn arrow(self, caller: &str, callee: &str) -> String {
        format!("{} -> {}", self.node(caller), self.node(callee))
    }
}

/// The items, separated by commas; a list of more than twelve is cut and says by how much.
pub(super) fn some(items: &[String]) -> String {
    listed(items, 12)
}

fn listed(items: &[String], most: usize) -> String {
    let (shown, rest) = items.split_at(items.len().min(most));
    let mut text = shown.join(", ");
    if !rest.is_empty() {
        text.push_str(&format!(" and {} more", rest.len()));
    }
    text
}

/// A node id as people say it: services without their class.
pub(super) fn short(id: &str) -> &str {
    id.strip_prefix("service/").unwrap_or(id)
}

/// A share of 1 as a percentage with one digit.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share, 1))
}

/// A number with so many digits; one that is too large to be read so gets an exponent.
pub(super) fn number(number: f64, digits: usize) -> String {
    if number.abs() < 1e9 {
        format!("{number:.digits$}")
    } else {
        format!("{number:.2e}")
    }
}

/// A small share with as many digits as it needs: `0.05 %`, `12.5 %`.
pub(super) fn fine_percent(share: f64) -> String {
    let percent = 100.0 * share;
    let digits = if percent >= 10.0 {
        1
    } else if percent >= 0.1 {
        2
    } else {
        4
    };
    format!("{} %", number(percent, digits))
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

/// What the plan is best at.
pub(super) const fn goal(goal: Goal) -> &'static str {
    match goal {
        Goal::Balanced => "balanced: most protection soonest, at bounded risk",
        Goal::StrictMtls => "strict mTLS: services that can refuse plaintext soonest",
        Goal::RiskAverse => "risk averse: smaller steps of risk and traffic",
    }
}

/// Who comes first.
pub(super) const fn order(options: &PlanOptions) -> &'static str {
    match (options.mesh_mode, options.hard_order()) {
        (MeshMode::StrictOnly, _) => {
            "every caller before its callees, because the mesh takes no plaintext beside mTLS; circles join in one wave"
        }
        (_, Order::Soft) => {
            "free: what brings most protection first, mostly callees before callers"
        }
        (_, Order::CalleeFirst) => "every callee before its callers",
        (_, Order::CallerFirst) => "every caller before its callees",
    }
}

/// The share of calls that the mesh may retry, where a budget holds retries: one of nothing is none, as for who plans.
pub(super) fn budget(options: &PlanOptions) -> Option<f64> {
    options.retry_budget.filter(|budget| *budget > 0.0)
}

/// How far the plan is from the best possible, one sentence for the objective and one for the waves.
pub(super) fn bounds(plan: &Plan) -> Vec<String> {
    let (summary, bounds) = (&plan.summary, &plan.bounds);
    let mut text = Vec::new();
    let objective = format!(
        "objective {:.3} = area above the protection curve {:.3} + {} for each of {}",
        summary.objective,
        summary.area,
        plan.options.weights.wave,
        counted(summary.waves, "wave"),
    );
    if bounds.objective > 0.0 {
        text.push(format!(
            "{objective}; no plan without exceptions can be below {:.3}: {}",
            bounds.objective,
            gap(summary.objective, bounds.objective)
        ));
    } else {
        text.push(objective);
    }
    if bounds.waves > 0 {
        text.push(format!(
            "{}; at least {} without exceptions",
            counted(summary.waves, "wave"),
            bounds.waves
        ));
    }
    text
}

fn gap(objective: f64, bound: f64) -> String {
    let above = objective / bound - 1.0;
    if above < -5e-4 {
        format!(
            "this one is {} below, thanks to its exceptions",
            percent(-above)
        )
    } else if above < 5e-4 {
        "this one is the best possible".to_owned()
    } else {
        format!(
            "this one is at most {} above the best possible",
            percent(above)
        )
    }
}

/// The rule that the plan was made by, and how many were tried.
pub(super) fn rule(plan: &Plan) -> Option<String> {
    let chosen = plan.candidates.iter().find(|candidate| candidate.chosen)?;
    Some(format!(
        "{}, the best of {}",
        chosen.rule,
        counted(plan.candidates.len(), "rule")
    ))
}

/// The dates of a wave, when there is a calendar.
pub(super) fn dates(plan: &Plan, wave: u32) -> Option<&WaveDates> {
    let mut waves = plan.calendar.as_ref()?.waves.iter();
    waves.find(|dates| dates.wave == wave)
}

/// The dates of a wave in order, as parts of a sentence.
pub(super) fn dates_text(dates: &WaveDates, voice: Voice) -> String {
    let mut text = format!(
        "prepare {}, canary {}, bake until {}, {}, flips {}",
        dates.prepare,
        dates.canary,
        dates.bake_until,
        rollouts_text(dates, voice),
        dates.flips
    );
    if !dates.moved_by.is_empty() {
        let freezes: Vec<String> = dates.moved_by.iter().map(|f| (voice.name)(f)).collect();
        text.push_str(&format!("; moved by freeze {}", voice.some(&freezes)));
    }
    text
}

/// The rolling updates of a wave, cell by cell.
pub(super) fn rollouts_text(dates: &WaveDates, voice: Voice) -> String {
    let parts: Vec<String> = dates
        .rollouts
        .iter()
        .map(|rollout| {
            let cell = rollout.cell.as_ref();
            let cell = cell.map_or_else(String::new, |cell| format!(" of {}", (voice.name)(cell)));
            if rollout.from == rollout.to {
                format!("rolling update{cell} {}", rollout.from)
            } else {
                format!("rolling update{cell} {} to {}", rollout.from, rollout.to)
            }
        })
        .collect();
    voice.some(&parts)
}

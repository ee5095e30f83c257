//! Pins that contradict each other: two of them are named in words that a person can act on, and nothing is planned.
//!
//! Every pin is a claim on the waves of a service. Claims of services that move together meet, and travel along what has to come
//! before what; where the first wave allowed lies behind the last one, the two claims behind it are the contradiction. What is pinned
//! but in the mesh already, or held back by a blocking hazard, claims nothing.

use super::super::board::Obstacle;
use super::super::dates::Timetable;
use super::super::greedy::Stuck;
use super::super::input::Status;
use super::super::options::Order;
use super::claims::{Claim, claims};
use super::{MAX_IDLE_WAVES, Problem, Rank};

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No plan keeps to both.
    #[error("no plan can keep to both: {first}; {second}")]
    Pins {
        /// A pin in words.
        first: String,
        /// Another one.
        second: String,
    },
}

fn pins(first: impl Into<String>, second: impl Into<String>) -> PlanError {
    PlanError::Pins {
        first: first.into(),
        second: second.into(),
    }
}

/// Contradictions between what is said about single services, and inside of groups.
pub(super) fn find(problem: &Problem<'_>) -> Result<(), PlanError> {
    for (id, service) in problem.model.ids.iter().zip(&problem.model.services) {
        let wave = service.pins.wave;
        if let (Status::Excluded, Some(wave)) = (service.status, wave) {
            let pinned = format!("`{id}` is pinned to wave {wave}");
            return Err(pins(format!("`{id}` is excluded"), pinned));
        }
        let moves = problem.mover(id).is_some();
        if moves && service.pins.first && service.pins.last {
            let (first, last) = (format!("`{id}` first"), format!("`{id}` last"));
            return Err(pins(first, last));
        }
    }
    Ok(())
}

/// Contradictions of groups, once services are grouped and connected.
pub(super) fn of_groups(problem: &Problem<'_>) -> Result<(), PlanError> {
    for group in &problem.options.groups.apart {
        let mut known: Vec<(usize, &String)> = Vec::new();
        for id in group {
            if let Some(item) = problem.item_named(id) {
                known.push((item, id));
            }
        }
        known.sort_unstable();
        known.dedup();
        if let Some(pair) = known.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let names = format!("`{}` and `{}`", pair[0].1, pair[1].1);
            return Err(pins(format!("{names} together"), format!("{names} apart")));
        }
    }
    for item in &problem.items {
        let ranked = |last: bool| {
            let mut members = item.members.iter();
            members.find(|service| {
                let pins = &problem.model.services[**service].pins;
                if last { pins.last } else { pins.first }
            })
        };
        if let (Some(first), Some(last)) = (ranked(false), ranked(true)) {
            let ids = &problem.model.ids;
            let together = format!("`{}` last, together with it", ids[*last]);
            return Err(pins(format!("`{}` first", ids[*first]), together));
        }
    }
    Ok(())
}

/// The pin `before` with this number closes a circle with those in front of it, or is inside of what moves together.
pub(super) fn circle(problem: &Problem<'_>, number: usize) -> PlanError {
    let befores = &problem.options.groups.before;
    let (first, then) = &befores[number];
    let say = |(first, then): &(String, String)| format!("`{first}` before `{then}`");
    let item = |id: &str| {
        problem
            .mover(id)
            .and_then(|service| problem.item_of[service])
    };
    if item(first) == item(then) {
        let together = format!("`{first}` and `{then}` in one wave");
        return pins(say(&befores[number]), together);
    }
    let others: Vec<String> = befores.iter().take(number).map(say).collect();
    pins(say(&befores[number]), others.join(", "))
}

/// Narrows the windows along what has to come before what, and finds those that are empty.
pub(super) fn propagate(
    problem: &mut Problem<'_>,
    dates: Option<&Timetable>,
) -> Result<(), PlanError> {
    ranks(problem)?;
    let mut order = std::mem::take(&mut problem.order);
    order.sort_by_key(|item| problem.items[*item].rank);
    problem.order = order;
    let mut spans: Vec<Span> = (0..problem.items.len())
        .map(|item| Span::new(problem, item, dates))
        .collect();
    forward(problem, &mut spans)?;
    backward(problem, &mut spans)?;
    for (item, span) in problem.items.iter_mut().zip(&spans) {
        item.window = (span.from.0, span.to.0);
    }
    one_wave(problem)?;
    crowded(problem, &spans)
}

/// What is pinned to the beginning cannot come after what is not.
fn ranks(problem: &Problem<'_>) -> Result<(), PlanError> {
    for (item, known) in problem.items.iter().enumerate() {
        let later = |first: &&usize| problem.items[**first].rank > known.rank;
        let Some(first) = known.before.iter().find(later) else {
            continue;
        };
        let pin = match known.rank {
            Rank::First => format!("`{}` first", problem.name(item)),
            Rank::Middle | Rank::Last => format!("`{}` last", problem.name(*first)),
        };
        return Err(pins(pin, order_words(problem, *first, item)));
    }
    Ok(())
}

/// First and last wave of an item, each with the claim that it comes from.
struct Span {
    from: (u32, String),
    to: (u32, String),
    is_pinned: bool,
}

impl Span {
    fn new(problem: &Problem<'_>, item: usize, dates: Option<&Timetable>) -> Self {
        let first = problem.first_wave();
        let mut span = Self {
            from: (first, format!("the waves before wave {first} are over")),
            to: (u32::MAX, String::new()),
            is_pinned: false,
        };
        let members = problem.items[item].members.iter();
        let claims = members.flat_map(|service| claims(problem, *service, dates));
        for Claim { from, to, words } in claims {
            if from > span.from.0 {
                span.from = (from, words.clone());
            }
            if to < span.to.0 {
                span.to = (to, words);
            }
        }
        span.is_pinned = span.from.0 == span.to.0;
        span
    }

    /// Moves the ends out of freezes, and finds out whether nothing is left.
    fn settle(&mut self, problem: &Problem<'_>, item: usize) -> Result<(), PlanError> {
        let frozen = &problem.items[item].frozen;
        let words = |freeze: usize| {
            let name = &problem.options.freezes[freeze].name;
            format!("freeze `{name}` for `{}`", problem.name(item))
        };
        let run = |wave: u32| {
            frozen
                .iter()
                .find(|(_, from, to)| (*from..=*to).contains(&wave))
        };
        if self.from.0 > self.to.0 {
            return Err(pins(self.to.1.clone(), self.from.1.clone()));
        }
        while let Some((freeze, _, to)) = run(self.from.0) {
            let most = problem.first_wave().saturating_add(MAX_IDLE_WAVES);
            if *to >= self.to.0 {
                return Err(pins(self.to.1.clone(), words(*freeze)));
            }
            if *to >= most {
                let end = format!(
                    "`{}` in one of the next {MAX_IDLE_WAVES} waves",
                    problem.name(item)
                );
                return Err(pins(words(*freeze), end));
            }
            self.from = (to + 1, words(*freeze));
        }
        while let Some((freeze, from, _)) = run(self.to.0) {
            if self.to.0 == u32::MAX {
                break;
            }
            self.to = (from - 1, words(*freeze));
        }
        Ok(())
    }
}

fn forward(problem: &Problem<'_>, spans: &mut [Span]) -> Result<(), PlanError> {
    let mut latest: [(u32, String); 3] = Default::default();
    for item in problem.order.iter().copied() {
        let known = &problem.items[item];
        let mut from = spans[item].from.clone();
        for first in &known.before {
            let (wave, words) = &spans[*first].from;
            if wave + 1 > from.0 {
                from = (
                    wave + 1,
                    format!("{words}, and {}", order_words(problem, *first, item)),
                );
            }
        }
        for smaller in &latest[..known.rank as usize] {
            if smaller.0 > from.0 {
                from = (smaller.0, smaller.1.clone());
            }
        }
        spans[item].from = from;
        spans[item].settle(problem, item)?;
        let from = &spans[item].from;
        let last = &mut latest[known.rank as usize];
        if from.0 > last.0 {
            let rank = if known.rank == Rank::First {
                "first"
            } else {
                "before what is pinned last"
            };
            *last = (
                from.0,
                format!("{}, and `{}` {rank}", from.1, problem.name(item)),
            );
        }
    }
    Ok(())
}

fn backward(problem: &Problem<'_>, spans: &mut [Span]) -> Result<(), PlanError> {
    let none = || (u32::MAX, String::new());
    let mut earliest = [none(), none(), none()];
    for item in problem.order.iter().rev().copied() {
        let known = &problem.items[item];
        let mut to = spans[item].to.clone();
        for later in &known.after {
            let (wave, words) = &spans[*later].to;
            if *wave != u32::MAX && wave.saturating_sub(1) < to.0 {
                let order = order_words(problem, item, *later);
                to = (wave.saturating_sub(1), format!("{words}, and {order}"));
            }
        }
        for larger in &earliest[known.rank as usize + 1..] {
            if larger.0 < to.0 {
                to = larger.clone();
            }
        }
        spans[item].to = to;
        spans[item].settle(problem, item)?;
        let to = &spans[item].to;
        let first = &mut earliest[known.rank as usize];
        if to.0 < first.0 {
            let rank = if known.rank == Rank::Last {
                "last"
            } else {
                "after what is pinned first"
            };
            *first = (
                to.0,
                format!("{}, and `{}` {rank}", to.1, problem.name(item)),
            );
        }
    }
    Ok(())
}

/// Two items pinned to one wave can neither be apart nor call each other.
fn one_wave(problem: &Problem<'_>) -> Result<(), PlanError> {
    for (item, known) in problem.items.iter().enumerate() {
        let (wave, last) = known.window;
        if wave != last {
            continue;
        }
        let same = |other: &&usize| problem.items[**other].window == known.window;
        let name = problem.name(item);
        let pinned = format!("`{name}` in wave {wave}");
        if let Some(other) = known.apart.iter().find(same) {
            let other = problem.name(*other);
            let apart = format!("`{other}` in wave {wave}, apart from `{name}`");
            return Err(pins(pinned, apart));
        }
        let explicit = |item: usize| {
            let mut members = problem.items[item].members.iter();
            members.any(|service| problem.model.services[*service].pins.wave.is_some())
        };
        let adjacent = known.neighbours.iter().filter(same);
        if let Some(other) = adjacent.copied().find(|o| explicit(*o) && explicit(item)) {
            let other = problem.name(other);
            let calls = format!("`{other}` in wave {wave}, although the two call each other");
            return Err(pins(pinned, calls));
        }
    }
    Ok(())
}

/// Items pinned apart need a wave each.
fn crowded(problem: &Problem<'_>, spans: &[Span]) -> Result<(), PlanError> {
    for group in &problem.options.groups.apart {
        let items = group.iter().filter_map(|id| problem.item_named(id));
        let items: std::collections::BTreeSet<usize> = items.collect();
        let windows = || {
            items
                .iter()
                .map(|item| (problem.items[*item].window, *item))
        };
        for ((from, _), _) in windows() {
            for ((_, to), last) in windows().filter(|((_, to), _)| *to != u32::MAX) {
                let inside = windows().filter(|(window, _)| window.0 >= from && window.1 <= to);
                let waves = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
                let inside: Vec<usize> = inside.map(|(_, item)| item).collect();
                if inside.len() > waves.saturating_add(1) {
                    let names: Vec<String> = inside
                        .iter()
                        .map(|item| format!("`{}`", problem.name(*item)))
                        .collect();
                    let apart = format!("{} apart", names.join(", "));
                    return Err(pins(spans[last].to.1.clone(), apart));
                }
            }
        }
    }
    Ok(())
}

/// Why an item has to come before another, in words.
fn order_words(problem: &Problem<'_>, first: usize, then: usize) -> String {
    let asked = problem.options.groups.before.iter().any(|(a, b)| {
        let item = |id: &str| {
            problem
                .mover(id)
                .and_then(|service| problem.item_of[service])
        };
        (item(a), item(b)) == (Some(first), Some(then))
    });
    let (first, then) = (problem.name(first), problem.name(then));
    match problem.options.hard_order() {
        Order::CalleeFirst if !asked => format!("`{first}` before its caller `{then}`"),
        Order::CallerFirst if !asked => format!("`{first}` before its callee `{then}`"),
        _ => format!("`{first}` before `{then}`"),
    }
}

/// A pass found no wave for an item.
pub(in super::super) fn stuck(problem: &Problem<'_>, stuck: Stuck) -> PlanError {
    let own = problem.name(stuck.item);
    let last = problem.items[stuck.item].window.1;
    let second = match stuck.obstacle {
        Obstacle::After(other) => format!("`{}` before `{own}`", problem.name(other)),
        Obstacle::Before(other) => format!("`{own}` before `{}`", problem.name(other)),
        Obstacle::Apart(other) => format!("`{own}` apart from `{}`", problem.name(other)),
        Obstacle::Frozen(freeze) => format!("freeze `{}`", problem.options.freezes[freeze].name),
        _ => "what others were pinned to in the waves before".to_owned(),
    };
    let first = if last == u32::MAX {
        format!("`{own}` in some wave")
    } else {
        format!("`{own}` not after wave {last}")
    };
    pins(first, second)
}

//! One pass of list scheduling: wave by wave, the best candidates as far as the limits allow.
//!
//! Place in the flow: [`Problem`] + [`Rule`] -> `schedule` -> a full [`Board`]. What is pinned to one wave stands there before the pass
//! begins, so that others keep clear of it. When nothing is eligible in a wave, the least risky item goes alone, which makes the wave
//! an exception; but first the pass is tried again with an earlier item kept back for that wave. When everything left is held back
//! by pins, freezes or waves in flight, the wave stays empty. Ties are broken by the order of ids.
//! Cost of a pass: O(waves * (items log items + arcs)).

use super::board::{Board, NOWHERE, Obstacle};
use super::problem::{Problem, Rank};

mod rule;

pub(super) use rule::{Baseline, Rule, Score};

/// Items that may be kept back for a later wave before an exception is accepted.
const MAX_KEPT_BACK: usize = 12;

/// An item that no wave is left for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stuck {
    /// The item.
    pub(super) item: usize,
    /// What stands against it in the last wave tried.
    pub(super) obstacle: Obstacle,
}

/// Places every item by one rule; `target` is the number of waves that its laxity aims at.
///
/// # Errors
/// Pins leave no wave for an item.
pub(super) fn schedule<'a>(
    problem: &'a Problem<'a>,
    rule: &Rule,
    target: u32,
) -> Result<Board<'a>, Stuck> {
    let mut kept_back = vec![NOWHERE; problem.items.len()];
    for _ in 0..MAX_KEPT_BACK {
        let mut pass = Pass::new(problem, rule, target, &kept_back);
        let wave = match pass.run(true)? {
            None => return Ok(pass.board),
            Some(wave) => wave,
        };
        let Some(item) = pass.could_wait_for(wave) else {
            break;
        };
        kept_back[item] = wave;
    }
    let mut pass = Pass::new(problem, rule, target, &kept_back);
    pass.run(false)?;
    Ok(pass.board)
}

struct Pass<'a, 'b> {
    board: Board<'a>,
    rule: &'b Rule,
    /// By item: what the rule multiplies gains with.
    factors: Vec<f64>,
    target: u32,
    /// By item: the wave that it is kept back for.
    kept_back: &'b [u32],
    /// By item: worth of moving it next. Calls to an item that still waits count half: without that look-ahead the greedy choice
    /// would be blind to what needs both ends.
    gains: Vec<f64>,
    /// What is in no earlier wave, sorted.
    waiting: Vec<usize>,
    /// Effort that waits, by team.
    backlog: Vec<u64>,
}

/// An item that may join the wave, if there is room.
struct Candidate {
    item: usize,
    /// Smaller comes first: deadlines, then what would make the plan longer, then all else.
    class: u8,
    score: f64,
}

/// Who could join a wave.
#[derive(Default)]
struct Choice {
    candidates: Vec<Candidate>,
    /// Only the ramp holds these back.
    above_ramp: Vec<usize>,
}

impl<'a, 'b> Pass<'a, 'b> {
    fn new(problem: &'a Problem<'a>, rule: &'b Rule, target: u32, kept_back: &'b [u32]) -> Self {
        let items = || problem.items.iter();
        let half = |bonds: &[(usize, f64)]| bonds.iter().map(|(_, worth)| 0.5 * worth).sum::<f64>();
        let mut backlog = vec![0; problem.teams.len()];
        for (team, effort) in items().flat_map(|item| &item.teams) {
            backlog[*team] += u64::from(*effort);
        }
        let mut pass = Self {
            board: Board::new(problem),
            rule,
            factors: rule.factors(problem),
            target,
            kept_back,
            gains: items().map(|item| item.worth + half(&item.bonds)).collect(),
            waiting: (0..problem.items.len()).collect(),
            backlog,
        };
        for (number, item) in items().enumerate() {
            if item.window.0 == item.window.1 {
                pass.board.place(number, item.window.0);
            }
        }
        pass
    }

    /// Fills wave after wave. With `stop` it ends at the first exception that another pass might avoid, and names its wave.
    fn run(&mut self, stop: bool) -> Result<Option<u32>, Stuck> {
        let mut wave = self.board.problem.first_wave();
        loop {
            let is_waiting = |at: u32| at == NOWHERE || at >= wave;
            let wave_of = &self.board.wave_of;
            self.waiting.retain(|item| is_waiting(wave_of[*item]));
            if self.waiting.is_empty() {
                return Ok(None);
            }
            self.settle(wave);
            self.force(wave)?;
            if let Some(item) = self.fill(wave) {
                if stop {
                    return Ok(Some(wave));
                }
                self.join(item, wave);
            }
            self.give_up_after(wave)?;
            wave += 1;
        }
    }

    /// What was pinned to this wave is no longer waiting.
    fn settle(&mut self, wave: u32) {
        let items = self.board.load(wave).items.clone();
        for item in items {
            self.count_as_in(item);
        }
    }

    fn count_as_in(&mut self, item: usize) {
        let problem = self.board.problem;
        for (other, worth) in &problem.items[item].bonds {
            self.gains[*other] += 0.5 * worth;
        }
        for (team, effort) in &problem.items[item].teams {
            self.backlog[*team] -= u64::from(*effort);
        }
    }

    fn join(&mut self, item: usize, wave: u32) {
        self.board.place(item, wave);
        self.count_as_in(item);
    }

    /// Items for which this is the last wave: those that fit first, then all others, whatever limit they break.
    fn force(&mut self, wave: u32) -> Result<(), Stuck> {
        let due = |board: &Board<'_>, waiting: &[usize]| -> Vec<usize> {
            let last = |item: &&usize| {
                let known = &board.problem.items[**item];
                board.wave_of[**item] == NOWHERE && known.window.1 <= wave
            };
            waiting.iter().filter(last).copied().collect()
        };
        for item in due(&self.board, &self.waiting) {
            if self.board.obstacle(item, wave).is_none() {
                self.join(item, wave);
            }
        }
        for item in due(&self.board, &self.waiting) {
            let apart = match self.board.no_room(item, wave) {
                Some(obstacle @ Obstacle::Apart(_)) => Some(obstacle),
                _ => None,
            };
            match self.board.held(item, wave).or(apart) {
                Some(obstacle) => return Err(Stuck { item, obstacle }),
                None => self.join(item, wave),
            }
        }
        Ok(())
    }

    /// Fills a wave with what fits. Some item when nothing was eligible: the one that would make it an exception.
    fn fill(&mut self, wave: u32) -> Option<usize> {
        // One round for each rank: the last of one rank may open the wave to the next.
        for _ in 0..3 {
            let choice = self.choice(wave);
            if choice.candidates.is_empty() {
                let is_empty = self.board.load(wave).items.is_empty();
                return if is_empty {
                    self.exception(wave, &choice)
                } else {
                    None
                };
            }
            let mut candidates = choice.candidates;
            candidates.sort_unstable_by(|a, b| {
                let by_score = b.score.total_cmp(&a.score);
                let by_gain = self.gains[b.item].total_cmp(&self.gains[a.item]);
                a.class
                    .cmp(&b.class)
                    .then(by_score)
                    .then(by_gain)
                    .then(a.item.cmp(&b.item))
            });
            let limit = self.board.problem.limits(wave).size;
            let mut joined = Vec::new();
            for candidate in candidates {
                if self.board.load(wave).size >= limit {
                    break;
                }
                if self.board.no_room(candidate.item, wave).is_none() {
                    self.board.place(candidate.item, wave);
                    joined.push(candidate.item);
                }
            }
            let is_done = joined.is_empty() || !self.board.problem.has_ranks();
            for item in joined {
                self.count_as_in(item);
            }
            if is_done {
                break;
            }
        }
        None
    }

    fn choice(&self, wave: u32) -> Choice {
        let mut choice = Choice::default();
        let urgency = self.urgency(wave);
        let scores = self.rule.scores(&self.board, &self.gains, &self.factors);
        let mut kept_back = Vec::new();
        for item in self.waiting.iter().copied() {
            if self.board.wave_of[item] != NOWHERE || self.board.held(item, wave).is_some() {
                continue;
            }
            if self.board.above_ramp(item, wave).is_some() {
                choice.above_ramp.push(item);
                continue;
            }
            if self.board.neighbour_in_flight(item, wave).is_some() {
                continue;
            }
            let candidate = Candidate {
                item,
                class: self.class(item, wave, urgency),
                score: scores[item],
            };
            if self.kept_back[item] > wave {
                kept_back.push(candidate);
            } else {
                choice.candidates.push(candidate);
            }
        }
        if choice.candidates.is_empty() {
            choice.candidates = kept_back;
        }
        choice
    }

    fn class(&self, item: usize, wave: u32, urgency: u32) -> u8 {
        let problem = self.board.problem;
        let known = &problem.items[item];
        if known.window.1 <= urgency {
            return 0;
        }
        if !self.rule.laxity {
            return 2;
        }
        let left = self
            .target
            .saturating_sub(wave - problem.options.waves_done);
        let cap = u64::try_from(problem.limits(wave).team).unwrap_or(u64::MAX);
        let room = cap.saturating_mul(u64::from(left));
        let is_behind = known
            .teams
            .iter()
            .any(|(team, _)| self.backlog[*team] > room);
        let is_long = known.chain > 1 && known.chain >= left;
        if is_behind || is_long { 1 } else { 2 }
    }

    /// Deadlines up to this wave are urgent: it is near, or what is due until then takes half of the room that is left.
    fn urgency(&self, wave: u32) -> u32 {
        let problem = self.board.problem;
        let mut due: Vec<(u32, usize)> = Vec::new();
        for item in &self.waiting {
            let known = &problem.items[*item];
            if known.window.1 != u32::MAX && self.board.wave_of[*item] == NOWHERE {
                due.push((known.window.1, known.members.len()));
            }
        }
        due.sort_unstable();
        let (mut urgency, mut room, mut until, mut needed) = (wave + 1, 0, wave, 0);
        for (deadline, size) in due {
            while until <= deadline {
                room += problem.limits(until).size;
                until += 1;
            }
            needed += size;
            if 2 * needed > room {
                urgency = urgency.max(deadline);
            }
        }
        urgency
    }

    /// The least risky item that only the ramp holds back.
    fn exception(&self, wave: u32, choice: &Choice) -> Option<usize> {
        let risk = |item: usize| self.board.problem.items[item].risk;
        let free = choice.above_ramp.iter().copied();
        free.filter(|item| self.board.no_room(*item, wave).is_none())
            .min_by(|a, b| risk(*a).total_cmp(&risk(*b)).then(a.cmp(b)))
    }

    /// An item of an earlier wave of several that could have been kept back for this one: the one that loses least.
    fn could_wait_for(&self, wave: u32) -> Option<usize> {
        let board = &self.board;
        let could = |item: &usize| {
            let (known, at) = (&board.problem.items[*item], board.wave_of[*item]);
            at != NOWHERE
                && at < wave
                && known.rank == Rank::Middle
                && board.load(at).items.len() > 1
                && self.kept_back[*item] == NOWHERE
                && board.fits(*item, wave)
        };
        let loss =
            |item: usize| f64::from(wave - board.wave_of[item]) * board.problem.items[item].worth;
        let all = (0..board.wave_of.len()).filter(could);
        all.min_by(|a, b| loss(*a).total_cmp(&loss(*b)).then(a.cmp(b)))
    }

    /// Nobody waits for a wave that never comes.
    fn give_up_after(&self, wave: u32) -> Result<(), Stuck> {
        let horizon = self.board.problem.horizon();
        let mut waiting = self.waiting.iter().copied();
        match waiting.find(|item| self.board.wave_of[*item] == NOWHERE) {
            Some(item) if wave >= horizon => Err(Stuck {
                item,
                obstacle: self
                    .board
                    .obstacle(item, wave)
                    .unwrap_or(Obstacle::TooLate(wave)),
            }),
            _ => Ok(()),
        }
    }
}

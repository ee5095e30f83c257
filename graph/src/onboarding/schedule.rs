//! The waves: one pass of greedy list scheduling under hard limits.
//!
//! Each wave takes the candidates by falling gain as far as the limits allow: size, traffic touched, risk, services per team, and no
//! two services of a wave that call each other, so that every changed call has exactly one changed end. When no service is eligible
//! at all, the least risky one goes alone and the wave is marked as an exception. Ties are broken by id. Why a service did not make
//! a wave is written down as it happens. Cost: O(waves * (services log services + arcs)).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::model::Model;
use super::options::{Limits, PlanOptions, Rule};
use super::outcome::{BlockReason, Blocked, ExceptionCode, Gain};
use super::value::{Place, Value};

/// Slack of the comparisons with limits, against rounding in sums.
const ROUNDING: f64 = 1e-12;

/// Latest wave that `not_before` can ask for: it bounds the number of empty waves.
pub(super) const MAX_NOT_BEFORE: u32 = 200;

/// A wave as the scheduler leaves it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) limits: Limits,
    /// Services with their gains, in the order chosen.
    pub(super) members: Vec<(usize, Gain)>,
    pub(super) touched: f64,
    pub(super) alone: bool,
    pub(super) exceptions: Vec<ExceptionCode>,
}

/// All waves, where every service ended, and why not earlier.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) waves: Vec<Draft>,
    pub(super) places: Vec<Place>,
    pub(super) blocked: Vec<Vec<Blocked>>,
}

/// What the scheduler reads.
pub(super) struct Scheduler<'a> {
    pub(super) model: &'a Model,
    pub(super) value: &'a Value,
    pub(super) risks: &'a [f64],
    pub(super) options: &'a PlanOptions,
}

impl Scheduler<'_> {
    /// Places every pending service of `places`.
    pub(super) fn run(&self, places: Vec<Place>) -> Schedule {
        let in_scope = places.iter().filter(|p| **p != Place::Never).count();
        let mut schedule = Schedule {
            waves: Vec::new(),
            blocked: vec![Vec::new(); places.len()],
            places,
        };
        let mut wave = 0;
        while schedule.places.contains(&Place::Pending) {
            wave += 1;
            let limits = self.options.ramp.limits(wave, in_scope);
            self.add_wave(&mut schedule, wave, limits);
        }
        schedule
    }

    fn add_wave(&self, schedule: &mut Schedule, wave: u32, limits: Limits) {
        let mut candidates = Vec::new();
        let mut ineligible = Vec::new();
        for service in 0..schedule.places.len() {
            if schedule.places[service] != Place::Pending {
                continue;
            }
            match self.ineligible(service, wave, limits) {
                Some(reason) => ineligible.push((service, reason)),
                None => candidates.push(self.candidate(&schedule.places, service)),
            }
        }
        candidates.sort_by(Candidate::best_first);
        let mut packer = Packer::new(self.model, limits);
        for candidate in &candidates {
            if let Some(reason) = packer.offer(candidate) {
                note(&mut schedule.blocked[candidate.service], wave, reason);
            }
        }
        let mut draft = packer.draft;
        if draft.members.is_empty() {
            self.make_exception(&schedule.places, wave, &mut draft);
        }
        for (service, _) in &draft.members {
            schedule.places[*service] = Place::In(wave);
        }
        for (service, reason) in ineligible {
            if schedule.places[service] == Place::Pending {
                note(&mut schedule.blocked[service], wave, reason);
            }
        }
        schedule.waves.push(draft);
    }

    /// Why a service cannot join whatever else does.
    fn ineligible(&self, service: usize, wave: u32, limits: Limits) -> Option<BlockReason> {
        if self.held(service, wave) {
            let wave = self.model.services[service].not_before.unwrap_or(wave);
            return Some(BlockReason::NotBefore { wave });
        }
        if self.risks[service] > limits.risk + ROUNDING {
            let ceiling = limits.risk;
            return Some(BlockReason::RiskCeiling { ceiling });
        }
        if limits.ramp && self.model.touched(service) > limits.traffic + ROUNDING {
            let cap = limits.traffic;
            return Some(BlockReason::TrafficRamp { cap });
        }
        None
    }

    fn held(&self, service: usize, wave: u32) -> bool {
        let first = self.model.services[service].not_before.unwrap_or(1);
        wave < first.min(MAX_NOT_BEFORE)
    }

    fn candidate(&self, places: &[Place], service: usize) -> Candidate {
        let gain = self.value.gain(self.model, places, service);
        let touched = self.model.touched(service);
        Candidate {
            service,
            touched,
            gain,
            score: score(
                gain.total(),
                touched,
                self.risks[service],
                self.options.rule,
            ),
        }
    }

    /// Nobody is eligible: the least risky service that is not held goes alone. With all held back, the wave stays empty.
    fn make_exception(&self, places: &[Place], wave: u32, draft: &mut Draft) {
        let free = (0..places.len())
            .filter(|service| places[*service] == Place::Pending && !self.held(*service, wave));
        let least = free.min_by(|a, b| self.risks[*a].total_cmp(&self.risks[*b]).then(a.cmp(b)));
        let Some(service) = least else { return };
        let touched = self.model.touched(service);
        if self.risks[service] > draft.limits.risk + ROUNDING {
            draft.exceptions.push(ExceptionCode::RiskCeiling);
        }
        if touched > draft.limits.traffic + ROUNDING {
            draft.exceptions.push(ExceptionCode::TrafficCap);
        }
        draft.touched = touched;
        let gain = self.value.gain(self.model, places, service);
        draft.members.push((service, gain));
    }
}

struct Candidate {
    service: usize,
    gain: Gain,
    touched: f64,
    score: f64,
}

impl Candidate {
    fn best_first(a: &Self, b: &Self) -> Ordering {
        let by_score = b.score.total_cmp(&a.score);
        let by_gain = b.gain.total().total_cmp(&a.gain.total());
        by_score.then(by_gain).then(a.service.cmp(&b.service))
    }
}

fn score(gain: f64, touched: f64, risk: f64, rule: Rule) -> f64 {
    let mut score = gain;
    if rule.share_exponent != 0.0 {
        // A service without traffic must not score infinity.
        score *= touched.max(1e-9).powf(-rule.share_exponent);
    }
    if rule.risk_exponent != 0.0 {
        score *= (risk + 0.05).powf(-rule.risk_exponent);
    }
    if score.is_nan() { 0.0 } else { score }
}

/// A wave while it fills.
struct Packer<'a> {
    model: &'a Model,
    draft: Draft,
    member: Vec<bool>,
    teams: BTreeMap<&'a str, usize>,
}

impl<'a> Packer<'a> {
    fn new(model: &'a Model, limits: Limits) -> Self {
        Self {
            model,
            draft: Draft {
                limits,
                members: Vec::new(),
                touched: 0.0,
                alone: false,
                exceptions: Vec::new(),
            },
            member: vec![false; model.ids.len()],
            teams: BTreeMap::new(),
        }
    }

    /// Takes an eligible candidate, or says why not.
    fn offer(&mut self, candidate: &Candidate) -> Option<BlockReason> {
        if let Some(reason) = self.obstacle(candidate) {
            return Some(reason);
        }
        let limits = self.draft.limits;
        self.draft.alone = candidate.touched > limits.traffic + ROUNDING;
        self.draft.touched += candidate.touched;
        self.draft.members.push((candidate.service, candidate.gain));
        self.member[candidate.service] = true;
        if let Some(team) = &self.model.services[candidate.service].team {
            *self.teams.entry(team).or_default() += 1;
        }
        None
    }

    fn obstacle(&self, candidate: &Candidate) -> Option<BlockReason> {
        let limits = self.draft.limits;
        let (first, _) = self.draft.members.first()?;
        if self.draft.alone {
            let by = self.model.ids[*first].clone();
            return Some(BlockReason::WaveTaken { by });
        }
        if self.draft.members.len() >= limits.size {
            return Some(BlockReason::WaveFull);
        }
        if candidate.touched > limits.traffic + ROUNDING {
            return Some(BlockReason::NeedsOwnWave);
        }
        if let Some(neighbour) = self.neighbour(candidate.service) {
            let service = self.model.ids[neighbour].clone();
            return Some(BlockReason::Adjacent { service });
        }
        if let Some(team) = &self.model.services[candidate.service].team
            && self.teams.get(team.as_str()).copied().unwrap_or(0) >= limits.team
        {
            return Some(BlockReason::TeamFull { team: team.clone() });
        }
        if self.draft.touched + candidate.touched > limits.traffic + ROUNDING {
            let cap = limits.traffic;
            return Some(BlockReason::TrafficCap { cap });
        }
        None
    }

    fn neighbour(&self, service: usize) -> Option<usize> {
        let neighbours = &self.model.neighbours[service];
        neighbours.iter().copied().find(|other| self.member[*other])
    }
}

/// Writes a reason down; equal reasons of waves in a row become one run.
fn note(blocked: &mut Vec<Blocked>, wave: u32, reason: BlockReason) {
    if let Some(last) = blocked.last_mut()
        && last.reason == reason
        && last.to + 1 == wave
    {
        last.to = wave;
        return;
    }
    blocked.push(Blocked {
        from: wave,
        to: wave,
        reason,
    });
}

//! Limits of waves, exceptions from them, and waves in which nobody joins.
//!
//! A limit may be broken only when no piece that keeps to it could have joined, when a pin asks for that wave, or when the limit is
//! smaller than what moves in one piece. The cause is derived here; what the plan says is compared with it.

use std::collections::BTreeMap;

use super::super::options::Limits;
use super::super::outcome::{Exception, ExceptionCause, LimitName, Wave};
use super::standing::{Hold, Rank};
use super::{CLOSE, Judge, ViolationCode};

/// Most empty waves that are looked at: no sound plan has as many, and a file may name any number.
const MOST_EMPTY: u32 = 5_000;

/// A wave as its services make it.
pub(super) struct Load<'a> {
    pub(super) wave: u32,
    pub(super) members: &'a [usize],
    /// Pieces with what of them is in the wave.
    pub(super) pieces: BTreeMap<usize, Vec<usize>>,
    pub(super) limits: Limits,
    pub(super) touched: f64,
}

impl Judge<'_> {
    pub(super) fn load<'m>(&self, wave: u32, members: &'m [usize]) -> Load<'m> {
        let mut pieces: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for service in members {
            if let Some(piece) = self.standing.piece[*service] {
                pieces.entry(piece).or_default().push(*service);
            }
        }
        Load {
            wave,
            members,
            touched: pieces.values().map(|members| self.touched(members)).sum(),
            pieces,
            limits: self.limits(wave),
        }
    }

    /// Limits that a wave breaks, each with the services that break it.
    fn broken(&self, load: &Load<'_>) -> BTreeMap<LimitName, Vec<usize>> {
        let limits = load.limits;
        let mut broken = BTreeMap::new();
        if load.members.len() > limits.size {
            broken.insert(LimitName::Size, load.members.to_vec());
        }
        let efforts = self.efforts(load.members);
        // The effort of a single service cannot be split.
        let busy = |team: &&str| {
            let (effort, services) = efforts.get(team).copied().unwrap_or_default();
            effort > limits.team && services > 1
        };
        let team = |service: &usize| self.graph.services[*service].team.as_deref();
        let of_busy = |service: &usize| team(service).as_ref().is_some_and(busy);
        let tired: Vec<usize> = load.members.iter().copied().filter(of_busy).collect();
        if !tired.is_empty() {
            broken.insert(LimitName::Team, tired);
        }
        let alone = load.pieces.len() == 1 && !limits.ramp;
        if load.touched > limits.traffic + CLOSE && !alone {
            let touching = |s: &usize| self.touched(&[*s]) > 0.0;
            let members = load.members.iter().copied();
            broken.insert(LimitName::Traffic, members.filter(touching).collect());
        }
        let risky = |service: &usize| self.risks[*service] > limits.risk + CLOSE;
        let risky: Vec<usize> = load.members.iter().copied().filter(risky).collect();
        if !risky.is_empty() {
            broken.insert(LimitName::Risk, risky);
        }
        broken
    }

    /// Judges a wave by itself; `stated` are the exceptions that the plan names, where there is a plan.
    pub(super) fn caps(&mut self, wave: u32, members: &[usize], stated: Option<&Wave>) {
        let load = self.load(wave, members);
        let broken = self.broken(&load);
        let rival = if broken.is_empty() {
            None
        } else {
            self.rival(&load)
        };
        for (limit, services) in &broken {
            let stated = stated.map(|wave| stated_for(wave, *limit));
            self.excuse(&load, (*limit, services), rival, stated);
        }
        for exception in stated.map_or(&[][..], |wave| &wave.exceptions) {
            let is_broken = match exception.limit {
                LimitName::Adjacent => self.with_neighbours.contains(&wave),
                limit => broken.contains_key(&limit) || self.is_near(&load, limit),
            };
            if !is_broken {
                let text = format!("the limit on {} is not broken", word(exception.limit));
                self.say(ViolationCode::FalseException, Some(wave), &[], text);
            }
        }
        self.company(&load);
    }

    /// Whether it is a matter of rounding, or of words, if a limit is broken.
    fn is_near(&self, load: &Load<'_>, limit: LimitName) -> bool {
        let near = |value: f64, limit: f64| (value - limit).abs() <= CLOSE;
        match limit {
            LimitName::Traffic => near(load.touched, load.limits.traffic),
            LimitName::Risk => {
                let mut members = load.members.iter();
                members.any(|service| near(self.risks[*service], load.limits.risk))
            }
            // The effort of one service above the limit is no fault, and may be called an exception.
            LimitName::Team => {
                let mut efforts = self.efforts(load.members).into_values();
                efforts.any(|(effort, _)| effort > load.limits.team)
            }
            LimitName::Size | LimitName::Adjacent => false,
        }
    }

    /// A piece that could have joined instead, when nobody else had: the reason why an exception is needless.
    fn rival(&self, load: &Load<'_>) -> Option<usize> {
        let pieces = self.standing.pieces.iter().enumerate();
        let waiting = pieces.filter(|(_, piece)| piece.wave >= Some(load.wave));
        let mut numbers = waiting.map(|(number, _)| number);
        numbers.find(|number| self.hold(*number, load.wave) == Hold::Free)
    }

    /// A broken limit needs a legal cause, and the plan has to name it.
    fn excuse(
        &mut self,
        load: &Load<'_>,
        (limit, services): (LimitName, &[usize]),
        rival: Option<usize>,
        stated: Option<Option<&Exception>>,
    ) {
        let wave = load.wave;
        let one_piece = load.pieces.len() == 1 && load.members.len() > 1;
        let too_large = matches!(limit, LimitName::Size | LimitName::Team) && !load.limits.ramp;
        let nobody = rival.is_none() && load.pieces.len() == 1;
        let pinned = self.are_pinned_to(services, wave);
        let by_size = one_piece && (too_large || nobody);
        let is_legal = match stated {
            Some(None) => {
                let text = format!("{} without an exception", self.excess(load, limit));
                return self.say(code(limit), Some(wave), services, text);
            }
            Some(Some(exception)) => match &exception.because {
                ExceptionCause::NothingEligible => nobody,
                ExceptionCause::Pinned { services: named } => {
                    (pinned || (nobody && self.are_first(named))) && self.are_all(named, wave)
                }
                ExceptionCause::InOnePiece { services: named } => {
                    by_size && self.are_all(named, wave)
                }
                // A wave has one cause: what moves in one piece is above a size whatever else was planned before.
                ExceptionCause::PlannedBefore => {
                    let is_planned = self.tolerated.contains(&wave);
                    self.is_tolerated(load, limit) || (is_planned && by_size)
                }
            },
            None => nobody || pinned || by_size || self.is_tolerated(load, limit),
        };
        if is_legal {
            return;
        }
        match rival {
            Some(rival) if stated.is_some() => {
                let text = format!(
                    "could have joined, and {}",
                    self.excess(load, limit).trim_start_matches("has ")
                );
                let members = self.standing.pieces[rival].members.clone();
                self.say(ViolationCode::NeedlessException, Some(wave), &members, text);
            }
            _ => {
                let text = self.excess(load, limit);
                self.say(code(limit), Some(wave), services, text);
            }
        }
    }

    /// Whether the pins of all these services leave them no later wave, or only such that freezes take.
    fn are_pinned_to(&self, services: &[usize], wave: u32) -> bool {
        services.iter().all(|service| {
            let Some(piece) = self.standing.piece[*service] else {
                return false;
            };
            let piece = &self.standing.pieces[piece];
            let is_taken = |later: u32| {
                let mut members = piece.members.iter();
                members.any(|member| self.is_held(*member, later))
            };
            piece.deadline < u32::MAX && (wave + 1..=piece.deadline).all(is_taken)
        })
    }

    /// Whether the named services are pinned first: whoever else could have joined had to wait for them.
    fn are_first(&self, named: &[String]) -> bool {
        let mut pieces = named
            .iter()
            .map(|id| self.standing.piece[self.graph.number(id)?]);
        pieces.all(|piece| piece.is_some_and(|p| self.standing.pieces[p].rank == Rank::First))
    }

    /// Whether the named services are in the wave.
    fn are_all(&self, named: &[String], wave: u32) -> bool {
        let mut numbers = named.iter().map(|id| self.graph.number(id));
        !named.is_empty()
            && numbers.all(|number| number.is_some_and(|s| self.standing.wave[s] == Some(wave)))
    }

    /// Whether a wave of the plan before may keep what is above its limit by no more than the tolerance.
    fn is_tolerated(&self, load: &Load<'_>, limit: LimitName) -> bool {
        let replanning = self.options.replanning;
        let frozen_until = self
            .options
            .waves_done
            .saturating_add(replanning.frozen_waves);
        if !self.tolerated.contains(&load.wave) || load.wave <= frozen_until {
            return false;
        }
        let slack = replanning.slack();
        let within = |value: f64, limit: f64| value <= limit * slack + CLOSE;
        let risk = |service: &usize| within(self.risks[*service], load.limits.risk);
        match limit {
            LimitName::Size => within(load.members.len() as f64, load.limits.size as f64),
            LimitName::Traffic => within(load.touched, load.limits.traffic),
            LimitName::Risk => load.members.iter().all(risk),
            LimitName::Team | LimitName::Adjacent => false,
        }
    }

    fn excess(&self, load: &Load<'_>, limit: LimitName) -> String {
        let limits = load.limits;
        match limit {
            LimitName::Size => {
                format!("{} services of at most {}", load.members.len(), limits.size)
            }
            LimitName::Team => {
                let efforts = self.efforts(load.members).into_iter();
                let most = efforts.max_by_key(|(_, (effort, _))| *effort);
                let (team, effort) = most.map_or(("", 0), |(team, (effort, _))| (team, effort));
                format!(
                    "effort {effort} of at most {} for team `{team}`",
                    limits.team
                )
            }
            LimitName::Traffic => format!(
                "{:.2} % of the traffic touched of at most {:.2} %",
                100.0 * load.touched,
                100.0 * limits.traffic
            ),
            LimitName::Risk => format!("risk above the ceiling of {:.3}", limits.risk),
            LimitName::Adjacent => "calls inside".to_owned(),
        }
    }

    /// What is above a limit by itself has its wave for itself.
    fn company(&mut self, load: &Load<'_>) {
        if load.pieces.len() < 2 {
            return;
        }
        let large = load.pieces.values().find(|members| {
            let much = self.touched(members) > load.limits.traffic + CLOSE;
            much || members.len() > 1 && self.is_bulky(members, load.limits)
        });
        let Some(members) = large.cloned() else {
            return;
        };
        let is_excused = self.are_pinned_to(load.members, load.wave)
            || (self.is_tolerated(load, LimitName::Traffic)
                && self.is_tolerated(load, LimitName::Size));
        if !is_excused {
            let text = "above a limit by itself, and not alone".to_owned();
            self.say(ViolationCode::NotAlone, Some(load.wave), &members, text);
        }
    }

    /// Waves without services: right only while all that is left is held back by something other than the ramp.
    pub(super) fn gaps(&mut self, first_wave: u32, used: impl Iterator<Item = u32>) {
        let (mut next, mut empty) = (first_wave, 0_u32);
        for wave in used {
            if let Some(count) = wave.checked_sub(next).filter(|count| *count > 0) {
                empty = empty.saturating_add(count);
                if empty > MOST_EMPTY {
                    let text = format!("and all up to {} are empty", wave - 1);
                    return self.say(ViolationCode::EmptyWave, Some(next), &[], text);
                }
                self.gap(next, wave - 1);
            }
            next = wave.saturating_add(1).max(next);
        }
    }

    fn gap(&mut self, from: u32, to: u32) {
        for wave in from..=to {
            let pieces = self.standing.pieces.iter().enumerate();
            let waiting = pieces.filter(|(_, piece)| piece.wave > Some(wave));
            let (mut free, mut held) = (None, false);
            for (number, _) in waiting {
                match self.hold(number, wave) {
                    Hold::Free => {
                        free = Some(number);
                        held = false;
                        break;
                    }
                    Hold::Ramp => free = free.or(Some(number)),
                    Hold::Held => held = true,
                }
            }
            if let Some(piece) = free.filter(|_| !held) {
                let members = self.standing.pieces[piece].members.clone();
                let text = "could have joined, and nobody does".to_owned();
                return self.say(ViolationCode::EmptyWave, Some(wave), &members, text);
            }
        }
    }
}

fn stated_for(wave: &Wave, limit: LimitName) -> Option<&Exception> {
    wave.exceptions.iter().find(|e| e.limit == limit)
}

const fn code(limit: LimitName) -> ViolationCode {
    match limit {
        LimitName::Size => ViolationCode::Size,
        LimitName::Team => ViolationCode::Team,
        LimitName::Traffic => ViolationCode::Traffic,
        LimitName::Risk => ViolationCode::Risk,
        LimitName::Adjacent => ViolationCode::Adjacent,
    }
}

const fn word(limit: LimitName) -> &'static str {
    match limit {
        LimitName::Size => "size",
        LimitName::Team => "effort of a team",
        LimitName::Traffic => "traffic",
        LimitName::Risk => "risk",
        LimitName::Adjacent => "neighbours",
    }
}

//! An independent judge: does a plan keep what it promises?
//!
//! Recomputes limits, adjacency, eligibility, curves and strictness from the input and the list of waves alone, in the plainest way,
//! without the code that made the plan. It takes over two things from the plan: the options and the risk scores. It serves the tests,
//! and anyone who edits a plan by hand.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{PlanInput, Severity, Status, clean_rate};
use super::outcome::{Curves, LimitName, Plan, Strict, Wave};

/// Largest difference that counts as equal.
const CLOSE: f64 = 1e-9;

/// Something wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Violation {
    /// A service that should be in one wave is in another number of them.
    #[error("`{service}` is in {waves} waves")]
    NotOnce {
        /// Node id.
        service: String,
        /// Number of waves that hold it.
        waves: usize,
    },
    /// A wave moves a service that is done, excluded, blocked by a hazard, or not in the input.
    #[error("wave {wave} moves `{service}`, which must not move")]
    MustNotMove {
        /// Wave.
        wave: u32,
        /// Node id.
        service: String,
    },
    /// A wave breaks a limit that is not among its exceptions.
    #[error("wave {wave} breaks the limit on {limit}")]
    Limit {
        /// Wave.
        wave: u32,
        /// `size`, `team`, `traffic`, `risk`, or `not_before`.
        limit: &'static str,
    },
    /// Two services of one wave call each other.
    #[error("wave {wave} holds `{caller}` and `{callee}`, which call each other")]
    Adjacent {
        /// Wave.
        wave: u32,
        /// One end.
        caller: String,
        /// The other end.
        callee: String,
    },
    /// A wave has an exception, or is empty, although a service was eligible.
    #[error("wave {wave} makes an exception although `{service}` was eligible")]
    NeedlessException {
        /// Wave.
        wave: u32,
        /// A service that was eligible.
        service: String,
    },
    /// A curve differs from the naive recomputation, or falls.
    #[error("the `{curve}` curve is wrong after wave {wave}")]
    Curve {
        /// Wave.
        wave: u32,
        /// `shed`, `client`, `both`, or `strict`.
        curve: &'static str,
    },
    /// Strictness is claimed too early, or of a service with a caller that is not in or not known.
    #[error("strict mTLS is claimed wrongly for `{service}`")]
    Strict {
        /// Node id.
        service: String,
    },
    /// Retries are called safe, or not kept off, although the callee cannot shed.
    #[error("retries from `{caller}` to `{callee}` are allowed too early")]
    Retries {
        /// Caller.
        caller: String,
        /// Callee that is not in.
        callee: String,
    },
}

/// All violations of `plan`, sorted; none for every plan made by [`plan`](super::plan()) from the same input.
///
/// Plain rather than fast: O(services * waves * edges).
#[must_use]
pub fn check(input: &PlanInput, plan: &Plan) -> Vec<Violation> {
    let judge = Judge::new(input, plan);
    let mut found = BTreeSet::new();
    judge.membership(&mut found);
    for wave in &plan.waves {
        judge.limits(wave, &mut found);
        judge.adjacency(wave, &mut found);
        judge.eligibility(wave, &mut found);
    }
    judge.curves(&mut found);
    judge.strictness(&mut found);
    judge.retries(&mut found);
    found.into_iter().collect()
}

struct Judge<'a> {
    input: &'a PlanInput,
    plan: &'a Plan,
    /// Wave of every service that is in at some time.
    joined: BTreeMap<&'a str, u32>,
    risks: BTreeMap<&'a str, f64>,
    /// Calls by services, and those plus the calls from outside.
    by_services: f64,
    all: f64,
}

impl<'a> Judge<'a> {
    fn new(input: &'a PlanInput, plan: &'a Plan) -> Self {
        let mut joined = BTreeMap::new();
        let mut risks = BTreeMap::new();
        for (id, service) in &input.services {
            if service.status == Status::Done {
                joined.insert(id.as_str(), 0);
            }
        }
        for wave in &plan.waves {
            for service in &wave.services {
                joined.insert(service.service.as_str(), wave.wave);
                risks.insert(service.service.as_str(), service.risk.score);
            }
        }
        let mut judge = Self {
            input,
            plan,
            joined,
            risks,
            by_services: 0.0,
            all: 0.0,
        };
        judge.by_services = judge.sum(|caller, _| input.services.contains_key(caller));
        let entry = input.services.values();
        judge.all = judge
            .sum(|caller, callee| judge.is_service(caller) || judge.is_service(callee))
            + entry.map(|service| clean(service.entry_rate)).sum::<f64>();
        judge
    }

    fn is_service(&self, id: &str) -> bool {
        self.input.services.contains_key(id)
    }

    fn sum(&self, wanted: impl Fn(&str, &str) -> bool) -> f64 {
        let edges = self.input.edges.iter();
        edges
            .filter(|edge| wanted(&edge.caller, &edge.callee))
            .map(|edge| clean(edge.rate))
            .sum()
    }

    fn entry(&self, id: &str) -> f64 {
        let service = self.input.services.get(id);
        service.map_or(0.0, |service| clean(service.entry_rate))
    }

    fn touched(&self, id: &str) -> f64 {
        let rate = self.sum(|caller, _| caller == id) + self.sum(|_, callee| callee == id);
        share(rate + self.entry(id), self.all)
    }

    fn may_move(&self, id: &str) -> bool {
        self.input.services.get(id).is_some_and(|service| {
            let blocked = |h: &super::input::Hazard| h.severity == Severity::Blocker;
            service.status == Status::Pending && !service.hazards.iter().any(blocked)
        })
    }

    fn in_by(&self, id: &str, wave: u32) -> bool {
        self.joined.get(id).is_some_and(|joined| *joined <= wave)
    }

    fn membership(&self, found: &mut BTreeSet<Violation>) {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for wave in &self.plan.waves {
            for service in &wave.services {
                *times.entry(&service.service).or_default() += 1;
                if !self.may_move(&service.service) {
                    found.insert(Violation::MustNotMove {
                        wave: wave.wave,
                        service: service.service.clone(),
                    });
                }
            }
        }
        for id in self.input.services.keys() {
            let waves = times.get(id.as_str()).copied().unwrap_or(0);
            if self.may_move(id) && waves != 1 {
                let service = id.clone();
                found.insert(Violation::NotOnce { service, waves });
            }
        }
    }

    fn limits(&self, wave: &Wave, found: &mut BTreeSet<Violation>) {
        let excused = |limit: LimitName| wave.exceptions.iter().any(|e| e.limit == limit);
        let limits = self.limits_of(wave.wave);
        let mut broken = |limit, is_broken: bool| {
            if is_broken {
                let wave = wave.wave;
                found.insert(Violation::Limit { wave, limit });
            }
        };
        broken("size", wave.services.len() > limits.size);
        let mut teams: BTreeMap<&str, usize> = BTreeMap::new();
        for service in &wave.services {
            let known = self.input.services.get(&service.service);
            if let Some(team) = known.and_then(|known| known.team.as_deref()) {
                *teams.entry(team).or_default() += 1;
            }
            let risky = service.risk.score > limits.risk + CLOSE;
            broken("risk", risky && !excused(LimitName::Risk));
            broken("not_before", self.held(&service.service, wave.wave));
        }
        broken("team", teams.values().any(|count| *count > limits.team));
        let ids = wave.services.iter().map(|service| service.service.as_str());
        let touched: f64 = ids.map(|id| self.touched(id)).sum();
        let alone_after_ramp = wave.services.len() == 1 && !limits.ramp;
        let excused = alone_after_ramp || excused(LimitName::Traffic);
        broken("traffic", touched > limits.traffic + CLOSE && !excused);
    }

    fn limits_of(&self, wave: u32) -> super::options::Limits {
        let services = self.input.services.keys();
        let excluded = services
            .filter(|id| !self.may_move(id) && self.input.services[*id].status != Status::Done);
        let in_scope = self.input.services.len() - excluded.count();
        self.plan.options.ramp.limits(wave, in_scope)
    }

    fn held(&self, id: &str, wave: u32) -> bool {
        let not_before = self
            .input
            .services
            .get(id)
            .and_then(|known| known.pins.not_before);
        not_before.is_some_and(|first| wave < first.min(super::problem::MAX_PINNED_WAVE))
    }

    fn adjacency(&self, wave: &Wave, found: &mut BTreeSet<Violation>) {
        let members: BTreeSet<&str> = wave.services.iter().map(|s| s.service.as_str()).collect();
        for edge in &self.input.edges {
            let both =
                members.contains(edge.caller.as_str()) && members.contains(edge.callee.as_str());
            if both && edge.caller != edge.callee {
                found.insert(Violation::Adjacent {
                    wave: wave.wave,
                    caller: edge.caller.clone(),
                    callee: edge.callee.clone(),
                });
            }
        }
    }

    /// An exception, or an empty wave, is right only when no service was eligible.
    fn eligibility(&self, wave: &Wave, found: &mut BTreeSet<Violation>) {
        if wave.exceptions.is_empty() && !wave.services.is_empty() {
            return;
        }
        let limits = self.limits_of(wave.wave);
        for (id, joined) in &self.joined {
            let waiting = *joined >= wave.wave && !self.held(id, wave.wave);
            let risk = self.risks.get(id).copied().unwrap_or(0.0);
            let fits = !limits.ramp || self.touched(id) <= limits.traffic - CLOSE;
            let empty = wave.services.is_empty();
            if waiting && (empty || (risk <= limits.risk - CLOSE && fits)) {
                found.insert(Violation::NeedlessException {
                    wave: wave.wave,
                    service: (*id).to_owned(),
                });
            }
        }
    }

    fn curves(&self, found: &mut BTreeSet<Violation>) {
        let mut last = Curves::default();
        for (wave, point) in (0..).zip(&self.plan.curves) {
            let naive = self.naive(wave);
            let all = [
                ("shed", point.curves.shed, naive.shed, last.shed),
                ("client", point.curves.client, naive.client, last.client),
                ("both", point.curves.both, naive.both, last.both),
                ("strict", point.curves.strict, naive.strict, last.strict),
            ];
            for (curve, planned, naive, before) in all {
                let wrong = (planned - naive).abs() > CLOSE || planned < before - CLOSE;
                if wrong || point.wave != wave {
                    found.insert(Violation::Curve { wave, curve });
                }
            }
            last = point.curves;
        }
    }

    fn naive(&self, wave: u32) -> Curves {
        let joined = |id: &str| self.in_by(id, wave);
        let entry = self.input.services.keys().filter(|id| joined(id));
        let entry: f64 = entry.map(|id| self.entry(id)).sum();
        let calls = |part| share(part, self.by_services);
        Curves {
            shed: share(self.sum(|_, callee| joined(callee)) + entry, self.all),
            client: calls(self.sum(|caller, _| joined(caller))),
            both: calls(self.sum(|caller, callee| joined(caller) && joined(callee))),
            strict: calls(self.sum(|_, callee| self.can_be_strict(callee, wave))),
        }
    }

    fn can_be_strict(&self, id: &str, wave: u32) -> bool {
        let clean_entry = self.entry(id) == 0.0;
        let seen = self
            .input
            .services
            .get(id)
            .is_some_and(|known| known.orphans == 0);
        let callers = self.input.edges.iter().filter(|edge| edge.callee == id);
        let mut callers = callers.map(|edge| edge.caller.as_str());
        seen && clean_entry
            && self.in_by(id, wave)
            && callers.all(|caller| self.in_by(caller, wave))
    }

    fn strictness(&self, found: &mut BTreeSet<Violation>) {
        let last = u32::try_from(self.plan.waves.len()).unwrap_or(u32::MAX);
        for service in self.plan.waves.iter().flat_map(|wave| &wave.services) {
            let id = service.service.as_str();
            let right = match &service.strict {
                Strict::Ready { wave, .. } => {
                    self.can_be_strict(id, *wave)
                        && (*wave == 0 || !self.can_be_strict(id, *wave - 1))
                }
                Strict::Never { because } => !because.is_empty() && !self.can_be_strict(id, last),
            };
            if !right {
                let service = service.service.clone();
                found.insert(Violation::Strict { service });
            }
        }
    }

    fn retries(&self, found: &mut BTreeSet<Violation>) {
        for wave in &self.plan.waves {
            for service in &wave.services {
                for edge in &service.turns_on.both {
                    if !self.in_by(&edge.caller, wave.wave) || !self.in_by(&edge.callee, wave.wave)
                    {
                        found.insert(Violation::Retries {
                            caller: edge.caller.clone(),
                            callee: edge.callee.clone(),
                        });
                    }
                }
                for edge in &self.input.edges {
                    if edge.caller != service.service || self.in_by(&edge.callee, wave.wave) {
                        continue;
                    }
                    let until = self.joined.get(edge.callee.as_str()).copied();
                    let mut kept_off = service.retries_off.iter();
                    if !kept_off.any(|off| off.callee == edge.callee && off.until == until) {
                        found.insert(Violation::Retries {
                            caller: edge.caller.clone(),
                            callee: edge.callee.clone(),
                        });
                    }
                }
            }
        }
    }
}

fn clean(rate: f64) -> f64 {
    clean_rate(rate).unwrap_or(0.0)
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

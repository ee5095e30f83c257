//! How a pass ranks those who may join a wave.

use super::super::board::{Board, NOWHERE};
use super::super::options::{Order, Ranking};
use super::super::problem::Problem;

/// Share of the worth of what waits for an item that counts as its own, in a hard order: a valuable one pulls forward what has to
/// come before it.
const PULL: f64 = 0.7;

/// How worth is ranked beside sets.
const BESIDE_CLOSURE: Ranking = Ranking {
    share_exponent: 0.5,
    risk_exponent: 0.0,
};

/// A rule of the portfolio.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Rule {
    /// What ranks the candidates.
    pub(in super::super) score: Score,
    /// Whether what would make the plan longer goes first: teams behind, long chains.
    pub(in super::super) laxity: bool,
}

/// What ranks the candidates; ties are broken by worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) enum Score {
    /// Worth of moving next.
    Value(Ranking),
    /// A number that stays, as people often plan.
    Fixed(Baseline),
    /// Sets of a service and its callers by what refuses plaintext once they are in, per missing service, or per missing traffic.
    Closure {
        /// Whether missing traffic counts rather than missing services.
        by_traffic: bool,
        /// What the sets count, in percent; the rest is worth as in [`Self::Value`]. Each is taken as a share of the largest.
        percent: u8,
    },
}

/// Plain orders, to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Baseline {
    /// Highest traffic first.
    Traffic,
    /// Most callers first.
    FanIn,
    /// Lowest risk first.
    LowRisk,
    /// Highest risk first.
    HighRisk,
    /// Callees before their callers, level by level.
    CalleeLevel,
    /// Callers before their callees, level by level.
    CallerLevel,
    /// Team by team.
    Team,
}

impl Rule {
    /// Its name in the plan.
    pub(in super::super) fn name(&self) -> String {
        let laxity = if self.laxity { " laxity" } else { "" };
        match self.score {
            Score::Value(ranking) => format!(
                "value share={} risk={}{laxity}",
                ranking.share_exponent, ranking.risk_exponent
            ),
            Score::Fixed(baseline) => format!("{}{laxity}", baseline.name()),
            Score::Closure {
                by_traffic,
                percent,
            } => {
                let per = if by_traffic { "traffic" } else { "service" };
                format!("strict per {per} {percent} %{laxity}")
            }
        }
    }

    /// By item: the part of the score that does not change.
    pub(super) fn factors(&self, problem: &Problem<'_>) -> Vec<f64> {
        match self.score {
            Score::Value(ranking) => {
                let items = problem.items.iter();
                items
                    .map(|item| factor(ranking, item.touched, item.risk))
                    .collect()
            }
            Score::Fixed(baseline) => baseline.scores(problem),
            Score::Closure { .. } => {
                let items = problem.items.iter();
                let factor = |touched, risk| factor(BESIDE_CLOSURE, touched, risk);
                items.map(|item| factor(item.touched, item.risk)).collect()
            }
        }
    }

    /// By item: its score now.
    pub(super) fn scores(&self, board: &Board<'_>, gains: &[f64], factors: &[f64]) -> Vec<f64> {
        let product = |(gain, factor): (&f64, &f64)| {
            let product = gain * factor;
            if product.is_nan() { 0.0 } else { product }
        };
        match self.score {
            Score::Value(_) if board.problem.options.hard_order() == Order::Soft => {
                gains.iter().zip(factors).map(product).collect()
            }
            Score::Value(_) => {
                let gains = pulled(board, gains);
                gains.iter().zip(factors).map(product).collect()
            }
            Score::Fixed(_) => factors.to_vec(),
            Score::Closure {
                by_traffic,
                percent,
            } => {
                let sets = of_largest(closure(board, by_traffic));
                let worth = of_largest(gains.iter().zip(factors).map(product).collect());
                let part = f64::from(percent) / 100.0;
                let blend = |(set, worth): (&f64, &f64)| part * set + (1.0 - part) * worth;
                sets.iter().zip(&worth).map(blend).collect()
            }
        }
    }
}

fn factor(ranking: Ranking, touched: f64, risk: f64) -> f64 {
    let mut factor = 1.0;
    if ranking.share_exponent != 0.0 {
        // A service without traffic must not score infinity.
        factor *= touched.max(1e-9).powf(-ranking.share_exponent);
    }
    if ranking.risk_exponent != 0.0 {
        factor *= (risk + 0.05).powf(-ranking.risk_exponent);
    }
    factor
}

/// Each number as a share of the largest one.
fn of_largest(mut list: Vec<f64>) -> Vec<f64> {
    let most = list.iter().copied().fold(0.0, f64::max);
    if most > 0.0 {
        list.iter_mut().for_each(|number| *number /= most);
    }
    list
}

/// Worth of moving each item, or most of that of an item which waits for it.
fn pulled(board: &Board<'_>, gains: &[f64]) -> Vec<f64> {
    let mut pulled = gains.to_vec();
    for item in board.problem.order.iter().rev() {
        let after = board.problem.items[*item].after.iter();
        let most = after.map(|later| PULL * pulled[*later]).fold(0.0, f64::max);
        pulled[*item] = pulled[*item].max(most);
    }
    pulled
}

/// Each item scores as the best set that it is missing in.
fn closure(board: &Board<'_>, by_traffic: bool) -> Vec<f64> {
    let problem = board.problem;
    let mut scores = vec![0.0_f64; problem.items.len()];
    for set in &problem.strict_sets {
        let missing = || {
            set.items
                .iter()
                .filter(|item| board.wave_of[**item] == NOWHERE)
        };
        let cost: f64 = missing()
            .map(|item| {
                let known = &problem.items[*item];
                // Traffic is what waves run out of; a service without any still takes a place.
                if by_traffic {
                    known.touched + 1e-4
                } else {
                    known.members.len() as f64
                }
            })
            .sum();
        for item in missing() {
            scores[*item] = scores[*item].max(set.share / cost);
        }
    }
    scores
}

impl Baseline {
    fn name(self) -> &'static str {
        match self {
            Self::Traffic => "highest traffic first",
            Self::FanIn => "highest fan-in first",
            Self::LowRisk => "lowest risk first",
            Self::HighRisk => "highest risk first",
            Self::CalleeLevel => "callees first by level",
            Self::CallerLevel => "callers first by level",
            Self::Team => "team by team",
        }
    }

    fn scores(self, problem: &Problem<'_>) -> Vec<f64> {
        let level = |level: u32| -f64::from(level);
        let items = problem.items.iter();
        let score = |item: &super::super::problem::Item| match self {
            Self::Traffic => item.touched,
            Self::FanIn => item.callers as f64,
            Self::LowRisk => -item.risk,
            Self::HighRisk => item.risk,
            Self::CalleeLevel => level(item.levels.0),
            Self::CallerLevel => level(item.levels.1),
            Self::Team => item.teams.first().map_or(-1e9, |(team, _)| -(*team as f64)),
        };
        items.map(score).collect()
    }
}

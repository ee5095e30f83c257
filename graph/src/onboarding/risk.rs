//! Risk of moving one service: seven parts, each a share with a fixed number of points, that sum to a score in 0..=1.
//!
//! The points are judgement, not measured failure rates; therefore every part is printed. What is unknown is neutral: no known
//! hazard adds nothing, an unknown tier counts half.

use serde::{Deserialize, Serialize};

use super::input::{Severity, clean_share};

/// Touched share of all traffic at which the traffic part is full.
const FULL_TRAFFIC: f64 = 0.10;
/// Load multiplier at which the amplification part is full: three layers of three attempts.
const FULL_AMPLIFICATION: f64 = 27.0;
/// `log2(1 + callers)` at which the fan-in part is full: 31 callers.
const FULL_FAN_IN: f64 = 5.0;
/// Value of the tier part for tiers 0 to 3.
const TIERS: [f64; 4] = [1.0, 0.66, 0.33, 0.0];
/// Value of the tier part when the tier is unknown.
const UNKNOWN_TIER: f64 = 0.5;

/// A risk with its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// Sum of the points, 0 to 1.
    pub score: f64,
    /// The parts, in the order of [`RiskFactor`].
    pub parts: Vec<RiskPart>,
}

/// One part of a risk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskPart {
    /// What it is about.
    pub factor: RiskFactor,
    /// How bad it is, 0 to 1.
    pub value: f64,
    /// `value` times the points of the factor.
    pub points: f64,
}

/// What makes a move risky.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskFactor {
    /// Share of root requests that pass through the service: 25 points.
    Criticality,
    /// Known hazards: 25 points.
    Hazards,
    /// Traffic touched: 15 points.
    Traffic,
    /// Distinct callers: 10 points.
    FanIn,
    /// Retry amplification: 10 points.
    Amplification,
    /// Doubt about the observations: 10 points.
    Evidence,
    /// Tier: 5 points.
    Tier,
}

impl RiskFactor {
    /// Points of the factor, of 1 in all.
    #[must_use]
    pub const fn points(self) -> f64 {
        match self {
            Self::Criticality | Self::Hazards => 0.25,
            Self::Traffic => 0.15,
            Self::FanIn | Self::Amplification | Self::Evidence => 0.10,
            Self::Tier => 0.05,
        }
    }

    /// Words for a table.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Criticality => "criticality",
            Self::Hazards => "hazards",
            Self::Traffic => "traffic",
            Self::FanIn => "fan-in",
            Self::Amplification => "amplification",
            Self::Evidence => "evidence",
            Self::Tier => "tier",
        }
    }
}

/// What the risk of a service is made from.
#[derive(Debug, Clone)]
pub(super) struct RiskFacts {
    /// Share of root requests.
    pub(super) criticality: f64,
    /// Severities of its hazards.
    pub(super) hazards: Vec<Severity>,
    /// Share of all traffic that enters or leaves it.
    pub(super) touched: f64,
    /// Distinct callers other than itself.
    pub(super) callers: usize,
    /// Load multiplier, at least 1.
    pub(super) amplification: f64,
    /// How well it was observed, 0 to 1.
    pub(super) evidence: f64,
    /// Tier.
    pub(super) tier: Option<u8>,
}

impl RiskFacts {
    /// The risk with all its parts.
    pub(super) fn risk(&self) -> Risk {
        let safe: f64 = self.hazards.iter().map(|h| 1.0 - h.chance()).product();
        let tier = |tier: u8| TIERS.get(usize::from(tier)).copied().unwrap_or(0.0);
        let values = [
            (RiskFactor::Criticality, self.criticality),
            (RiskFactor::Hazards, 1.0 - safe),
            (RiskFactor::Traffic, self.touched / FULL_TRAFFIC),
            (
                RiskFactor::FanIn,
                (1.0 + self.callers as f64).log2() / FULL_FAN_IN,
            ),
            (
                RiskFactor::Amplification,
                self.amplification.max(1.0).ln() / FULL_AMPLIFICATION.ln(),
            ),
            (RiskFactor::Evidence, 1.0 - clean_share(self.evidence)),
            (RiskFactor::Tier, self.tier.map_or(UNKNOWN_TIER, tier)),
        ];
        let parts: Vec<RiskPart> = values
            .into_iter()
            .map(|(factor, value)| {
                let value = clean_share(value);
                RiskPart {
                    factor,
                    value,
                    points: value * factor.points(),
                }
            })
            .collect();
        let score = clean_share(parts.iter().map(|part| part.points).sum());
        Risk { score, parts }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> impl Strategy<Value = RiskFacts> {
        (
            0.0..1.0f64,
            proptest::collection::vec(0..4u8, 0..4),
            0.0..2.0f64,
            0..2000usize,
            1.0..100.0f64,
            0.0..1.0f64,
            proptest::option::of(0..5u8),
        )
            .prop_map(
                |(criticality, hazards, touched, callers, amplification, evidence, tier)| {
                    let severity = |number: u8| match number {
                        0 => Severity::Low,
                        1 => Severity::Medium,
                        2 => Severity::High,
                        _ => Severity::Blocker,
                    };
                    RiskFacts {
                        criticality,
                        hazards: hazards.into_iter().map(severity).collect(),
                        touched,
                        callers,
                        amplification,
                        evidence,
                        tier,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn the_parts_are_shares_and_sum_to_the_score(facts in facts()) {
            let risk = facts.risk();
            prop_assert!((0.0..=1.0).contains(&risk.score));
            prop_assert!(risk.parts.iter().all(|part| (0.0..=1.0).contains(&part.value)));
            let sum: f64 = risk.parts.iter().map(|part| part.points).sum();
            prop_assert!((sum - risk.score).abs() < 1e-9);
        }

        #[test]
        fn more_of_anything_bad_never_lowers_the_risk(base in facts(), more in 0.0..1.0f64) {
            let score = base.risk().score;
            let worse = |change: &dyn Fn(&mut RiskFacts)| {
                let mut facts = base.clone();
                change(&mut facts);
                facts.risk().score >= score - 1e-12
            };
            prop_assert!(worse(&|f| f.criticality += more));
            prop_assert!(worse(&|f| f.hazards.push(Severity::Low)));
            prop_assert!(worse(&|f| f.touched += more));
            prop_assert!(worse(&|f| f.callers += 1));
            prop_assert!(worse(&|f| f.amplification += more));
            prop_assert!(worse(&|f| f.evidence -= more));
            prop_assert!(worse(&|f| f.tier = f.tier.map(|tier| tier.saturating_sub(1))));
        }
    }

    #[test]
    fn the_points_sum_to_one() {
        let facts = RiskFacts {
            criticality: 1.0,
            hazards: vec![],
            touched: 0.0,
            callers: 0,
            amplification: 1.0,
            evidence: 1.0,
            tier: None,
        };
        let points: f64 = facts
            .risk()
            .parts
            .iter()
            .map(|part| part.factor.points())
            .sum();
        assert!((points - 1.0).abs() < 1e-12);
    }
}

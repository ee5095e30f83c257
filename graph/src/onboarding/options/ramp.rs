//! The ramp: limits of a wave that widen from wave to wave.

use serde::{Deserialize, Serialize};

/// Limits that widen from wave to wave. Lists hold the value of wave 1, 2, ...; the last one stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ramp {
    /// Services in wave 1.
    pub first_size: f64,
    /// Factor from one wave to the next.
    pub growth: f64,
    /// Largest wave; `None` means the larger of 5 and a twentieth of the services.
    pub size_cap: Option<usize>,
    /// Largest share of all traffic that a wave may touch.
    pub traffic_caps: Vec<f64>,
    /// Largest risk of a single service.
    pub risk_ceilings: Vec<f64>,
    /// Services of one team in one wave.
    pub team_cap: usize,
}

impl Default for Ramp {
    fn default() -> Self {
        Self {
            first_size: 2.0,
            growth: 2.0,
            size_cap: None,
            traffic_caps: vec![0.05, 0.10, 0.20, 0.30],
            risk_ceilings: vec![0.25, 0.40, 0.40, 1.0],
            team_cap: 3,
        }
    }
}

/// The limits of one wave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Most services.
    pub size: usize,
    /// Largest share of all traffic touched.
    pub traffic: f64,
    /// Largest risk of a single service.
    pub risk: f64,
    /// Most services of one team.
    pub team: usize,
    /// Whether the traffic limit still widens: a service above it has to wait instead of going alone.
    pub ramp: bool,
}

/// Traffic limits that a risk-averse plan never exceeds.
const CAUTIOUS_TRAFFIC: [f64; 4] = [0.025, 0.05, 0.10, 0.15];
/// Risk ceilings that a risk-averse plan never exceeds, six waves long.
const CAUTIOUS_RISK: [f64; 6] = [0.15, 0.25, 0.30, 0.40, 0.40, 1.0];

impl Ramp {
    /// The ramp of a risk-averse plan: no wave touches more than 2.5, 5, 10, then 15 % of the traffic, and the ceilings of risk are .15,
    /// .25, .30, .40, .40, then 1, where this ramp does not allow less anyway.
    #[must_use]
    pub fn cautious(&self) -> Self {
        let least = |list: &[f64], cautious: &[f64]| {
            let at = |list: &[f64], step: usize| {
                let value = list.get(step).or(list.last()).copied();
                value.filter(|value| *value >= 0.0).unwrap_or(1.0)
            };
            let steps = 0..list.len().max(cautious.len());
            steps
                .map(|step| at(list, step).min(at(cautious, step)))
                .collect()
        };
        Self {
            traffic_caps: least(&self.traffic_caps, &CAUTIOUS_TRAFFIC),
            risk_ceilings: least(&self.risk_ceilings, &CAUTIOUS_RISK),
            ..self.clone()
        }
    }

    /// Limits of `wave` (from 1) in a plan over `services` services.
    #[must_use]
    pub fn limits(&self, wave: u32, services: usize) -> Limits {
        let step = usize::try_from(wave.saturating_sub(1)).unwrap_or(usize::MAX);
        let at = |list: &[f64]| {
            let value = list.get(step).or(list.last()).copied();
            value.filter(|value| *value >= 0.0).unwrap_or(1.0)
        };
        let cap = self.size_cap.unwrap_or((services / 20).max(5)).max(1);
        Limits {
            size: self.size(step, cap),
            traffic: at(&self.traffic_caps),
            risk: at(&self.risk_ceilings),
            team: self.team_cap.max(1),
            ramp: step + 1 < self.traffic_caps.len(),
        }
    }

    fn size(&self, step: usize, cap: usize) -> usize {
        let mut size = self.first_size.max(1.0);
        let growth = self.growth.max(1.0);
        for _ in 0..step {
            if size >= cap as f64 || growth <= 1.0 {
                break;
            }
            size *= growth;
        }
        if size >= cap as f64 {
            return cap;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and a usize, by the lines above; rounding down is wanted"
        )]
        let whole = size as usize;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_ramp() {
        let ramp = Ramp::default();
        let sizes: Vec<usize> = (1..8).map(|wave| ramp.limits(wave, 1000).size).collect();
        assert_eq!(sizes, [2, 4, 8, 16, 32, 50, 50]);
        assert_eq!(ramp.limits(9, 10).size, 5);
        let third = ramp.limits(3, 10);
        assert!(third.ramp && (third.traffic, third.risk) == (0.20, 0.40));
        let fourth = ramp.limits(4, 10);
        assert!(!fourth.ramp && (fourth.traffic, fourth.risk) == (0.30, 1.0));
    }

    #[test]
    fn senseless_values_still_give_usable_limits() {
        let ramp = Ramp {
            first_size: f64::NAN,
            growth: f64::NEG_INFINITY,
            size_cap: Some(0),
            traffic_caps: vec![],
            risk_ceilings: vec![f64::NAN],
            team_cap: 0,
        };
        let limits = ramp.limits(u32::MAX, usize::MAX);
        assert_eq!((limits.size, limits.team), (1, 1));
        assert_eq!((limits.traffic, limits.risk), (1.0, 1.0));
    }
}

//! The options as they are used: what makes no sense is read as the nearest value that does, and the goal has its ramp.

use super::{Goal, InFlight, PlanOptions, Weights};

/// Most waves in flight that are taken at their word.
const MOST_IN_FLIGHT: u32 = 12;
/// Most waves that earlier plans may have carried out.
const MOST_DONE: u32 = 1_000_000;
/// Largest weight.
const MOST_WEIGHT: f64 = 1e6;

impl PlanOptions {
    /// What the plan is made with, and echoes. Reading it again changes nothing.
    #[must_use]
    pub fn effective(&self) -> Self {
        let weight = |weight: f64| {
            if weight.is_nan() {
                0.0
            } else {
                weight.clamp(0.0, MOST_WEIGHT)
            }
        };
        let in_flight = |waves: u32| waves.clamp(1, MOST_IN_FLIGHT);
        Self {
            ramp: match self.goal {
                Goal::RiskAverse => self.ramp.cautious(),
                Goal::Balanced | Goal::StrictMtls => self.ramp.clone(),
            },
            weights: Weights {
                shed: weight(self.weights.shed),
                client: weight(self.weights.client),
                both: weight(self.weights.both),
                exposure: weight(self.weights.exposure),
                wave: weight(self.weights.wave),
            },
            in_flight: InFlight {
                ramp: in_flight(self.in_flight.ramp),
                after: in_flight(self.in_flight.after),
            },
            adjacent_share: if self.adjacent_share.is_nan() {
                0.0
            } else {
                self.adjacent_share
            },
            waves_done: self.waves_done.min(MOST_DONE),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_effective_stays_so() {
        let options = PlanOptions {
            goal: Goal::RiskAverse,
            in_flight: InFlight {
                ramp: 0,
                after: u32::MAX,
            },
            waves_done: u32::MAX,
            adjacent_share: f64::NAN,
            weights: Weights {
                shed: f64::NAN,
                client: -1.0,
                ..Weights::default()
            },
            ..PlanOptions::default()
        };
        let once = options.effective();
        assert_eq!(once.effective(), once);
        assert_eq!((once.in_flight.ramp, once.in_flight.after), (1, 12));
        assert_eq!((once.weights.shed, once.weights.client), (0.0, 0.0));
        assert!(once.ramp.traffic_caps[3] < options.ramp.traffic_caps[3]);
    }
}

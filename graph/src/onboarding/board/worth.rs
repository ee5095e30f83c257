//! What a board is worth: the area above the protection curve, and its change when items move.

use super::{Board, NOWHERE};

impl Board<'_> {
    /// Worth of each protection times the wave in which it arrives, counted from the first wave of the plan. What is not placed
    /// does not count.
    pub(in super::super) fn area(&self) -> f64 {
        let offset = self.problem.options.waves_done;
        let at = |item: usize| f64::from(self.wave_of[item].saturating_sub(offset));
        let mut area = 0.0;
        for (number, item) in self.problem.items.iter().enumerate() {
            area += item.worth * at(number);
            let later = item.bonds.iter().filter(|(other, _)| *other > number);
            area += later
                .map(|(other, worth)| worth * at(number).max(at(*other)))
                .sum::<f64>();
        }
        area
    }

    /// What the search makes small: the area and the cost of the waves.
    pub(in super::super) fn objective(&self) -> f64 {
        self.area() + self.problem.options.weights.wave * f64::from(self.waves())
    }

    /// Waves up to the last one that holds something.
    pub(in super::super) fn waves(&self) -> u32 {
        self.last_wave() - self.problem.options.waves_done
    }

    /// Change of the area when one item moves.
    pub(in super::super) fn change(&self, item: usize, wave: u32) -> f64 {
        let (known, from, to) = (&self.problem.items[item], self.wave_of[item], wave);
        let mut change = known.worth * (f64::from(to) - f64::from(from));
        for (other, worth) in &known.bonds {
            let at = self.wave_of[*other];
            change += worth * (f64::from(to.max(at)) - f64::from(from.max(at)));
        }
        change
    }

    /// Part of the area that depends on an item in a wave, given what is placed.
    pub(in super::super) fn cost(&self, item: usize, wave: u32) -> f64 {
        let (known, offset) = (&self.problem.items[item], self.problem.options.waves_done);
        let mut cost = known.worth * f64::from(wave - offset);
        for (other, worth) in &known.bonds {
            let at = self.wave_of[*other];
            if at != NOWHERE {
                cost += worth * f64::from(wave.max(at) - offset);
            }
        }
        cost
    }

    /// Mean wave from which on a service can refuse plaintext, over the calls into those that ever can.
    pub(in super::super) fn strict_mean(&self) -> f64 {
        let all = 0..self.problem.strict_sets.len();
        self.strict_sum(all)
    }

    /// The part of [`Self::strict_mean`] that depends on some items.
    pub(in super::super) fn strict_mean_of(&self, items: &[usize]) -> f64 {
        let sets = items.iter().flat_map(|item| &self.problem.sets_of[*item]);
        let sets: std::collections::BTreeSet<usize> = sets.copied().collect();
        self.strict_sum(sets.into_iter())
    }

    fn strict_sum(&self, sets: impl Iterator<Item = usize>) -> f64 {
        let offset = self.problem.options.waves_done;
        let sets = sets.map(|set| &self.problem.strict_sets[set]);
        let late = |set: &super::super::problem::StrictSet| {
            let waves = set.items.iter().map(|item| self.wave_of[*item]);
            let wave = waves.max().unwrap_or(offset);
            set.share * f64::from(wave.saturating_sub(offset))
        };
        sets.map(late).fold(0.0, |sum, part| sum + part)
    }
}

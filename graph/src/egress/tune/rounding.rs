//! Rounding and hysteresis: noise in facts must not change files, and every changed file is a change of a running mesh.

/// Largest number that any setting can be: Envoy's limits are 32 bits wide.
pub(super) const MAX: u64 = u32::MAX as u64;

/// Up to two significant digits: one in 31.2 is 32, one in 2850 is 2900.
pub(super) fn up(number: f64) -> u64 {
    let number = number.clamp(0.0, whole_to_f64(MAX));
    let unit = unit(number);
    // The slack keeps 0.1 + 0.2 from being more than 0.3.
    whole(((number / unit) * (1.0 - 1e-12)).ceil() * unit).min(MAX)
}

/// Down likewise, at least one.
pub(super) fn down(number: f64) -> u64 {
    let number = number.clamp(0.0, whole_to_f64(MAX));
    let unit = unit(number);
    whole(((number / unit) * (1.0 + 1e-12)).floor() * unit).clamp(1, MAX)
}

/// Whether a number moved so little that what it was rounded to before stays. The value before stands for all numbers
/// down to the next smaller step.
pub(super) fn stays(before: u64, now: f64, percent: u64) -> bool {
    let before = whole_to_f64(before);
    let share = whole_to_f64(percent.min(99)) / 100.0;
    let lowest = (before - unit(before)).max(0.0);
    now >= lowest * (1.0 - share) && now <= before * (1.0 + share)
}

/// Size of a step at a number: 1 below 100, 10 below 1,000.
fn unit(number: f64) -> f64 {
    if number < 100.0 {
        return 1.0;
    }
    10_f64.powf(number.log10().floor() - 1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative and below 2^53; a cast saturates"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a fact for a formula: the last bits do not matter"
)]
pub(super) fn whole_to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_digits_are_kept() {
        let cases = [
            (0.0, 0, 1),
            (0.2, 1, 1),
            (31.2, 32, 31),
            (64.0, 64, 64),
            (91.2, 92, 91),
            (160.0, 160, 160),
            (161.0, 170, 160),
            (370.0, 370, 370),
            (1600.0, 1600, 1600),
            (2850.0, 2900, 2800),
            (1e300, MAX, 4_200_000_000),
            (f64::INFINITY, MAX, 4_200_000_000),
        ];
        for (number, above, below) in cases {
            assert_eq!((up(number), down(number)), (above, below), "{number}");
        }
    }

    proptest! {
        #[test]
        fn rounding_is_close_monotonic_and_stable(a in 0.0_f64..1e9, b in 0.0_f64..1e9) {
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(up(less) <= up(more));
            prop_assert!(down(less) <= down(more));
            let rounded = whole_to_f64(up(a));
            prop_assert!(rounded >= a * (1.0 - 1e-9) && rounded <= (a * 1.1).max(a + 1.0));
            prop_assert_eq!(up(rounded), up(a));
        }

        #[test]
        fn what_moves_by_a_tenth_stays(number in 0.0_f64..4e9) {
            let before = up(number);
            prop_assert!(stays(before, number, 20));
            prop_assert!(stays(before, number * 1.1, 20));
            prop_assert!(stays(before, number * 0.9, 20));
            prop_assert!(!stays(before, number * 1.5 + 1.0, 20));
        }
    }
}

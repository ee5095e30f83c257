use super::*;

/// Agreement to nine digits.
#[track_caller]
fn assert_near(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= expected.abs() * 1e-9 + 1e-300,
        "{found} is not {expected}"
    );
}

/// Expected values: `2 * scipy.stats.norm.sf(z)`, scipy 1.17.1.
#[test]
fn the_normal_tail_is_that_of_scipy() {
    for (z, expected) in [
        (0.0, 1.0),
        (0.5, 0.617_075_077_451_973_8),
        (1.9, 0.057_433_119_632_003_61),
        (2.5, 0.012_419_330_651_552_265),
        (3.0, 0.002_699_796_063_260_186_6),
        (6.0, 1.973_175_290_075_389e-9),
        (20.0, 5.507_248_237_212_311e-89),
    ] {
        assert_near(two_sided(z), expected);
        assert_near(two_sided(-z), expected);
    }
    assert_eq!(two_sided(f64::INFINITY), 0.0);
    assert_eq!(two_sided(f64::NAN), 1.0);
}

/// Expected values: `min(1, 2 * min(binom.sf(b - 1, a + b, s), binom.cdf(b, a + b, s)))` for before `a`, after `b`, share `s`;
/// scipy 1.17.1.
#[test]
fn a_split_is_judged_as_by_the_binomial_of_scipy() {
    for (before, after, share, expected) in [
        (0, 5, 0.5, 0.0625),
        (0, 12, 0.75, 0.063_352_704_048_156_75),
        (3, 17, 0.5, 0.002_576_828_002_929_687_5),
        (17, 3, 0.5, 0.002_576_828_002_929_687_5),
        (10, 1000, 0.9, 1.117_060_725_902_328_7e-32),
        (40, 60, 0.5, 0.056_887_933_640_980_89),
        (7, 7, 0.5, 1.0),
        (0, 0, 0.5, 1.0),
    ] {
        assert_near(
            poisson_split(before, after, share / (1.0 - share)),
            expected,
        );
    }
    assert_eq!(poisson_split(0, 200, 0.01 / 0.99), 0.0);
    assert_eq!(poisson_split(5, 5, f64::NAN), 1.0);
}

/// Expected values: `h = hypergeom(n1 + n2, k1 + k2, n2)`, `min(1, 2 * min(h.sf(k2 - 1), h.cdf(k2)))`; scipy 1.17.1. The last is
/// `2 * norm.sf` of the pooled z.
#[test]
fn shares_are_judged_as_by_the_hypergeometric_of_scipy() {
    for ((k1, n1), (k2, n2), expected) in [
        ((1, 100), (9, 100), 0.018_487_679_877_476_362),
        ((0, 1000), (5, 800), 0.034_442_389_770_813_22),
        ((9, 10), (2, 12), 0.001_905_215_526_507_549_3),
        ((3, 100_000), (20, 90_000), 0.000_190_159_436_629_241_76),
        ((0, 7), (7, 7), 0.000_582_750_582_750_582_8),
        ((500, 10_000), (600, 10_000), 0.001_924_687_250_962_258_4),
    ] {
        let share = |hits, all| Share { hits, all };
        assert_near(two_proportions(share(k1, n1), share(k2, n2)), expected);
        assert_near(two_proportions(share(k2, n2), share(k1, n1)), expected);
    }
    let nothing = Share { hits: 0, all: 0 };
    assert_eq!(two_proportions(nothing, Share { hits: 3, all: 9 }), 1.0);
}

/// The last test of several that counts takes those before it along (step-up): 0.03 is above 2/4 of 5 %, 0.035 is not
/// above 3/4 of it.
#[test]
fn tests_are_judged_together() {
    assert_eq!(
        largest_significant(vec![0.9, 0.03, 0.035, 0.001], 0.05),
        0.035
    );
    assert_eq!(largest_significant(vec![0.9, 0.03, 0.04, 0.02], 0.05), -1.0);
    assert_eq!(largest_significant(Vec::new(), 0.05), -1.0);
}

#[test]
fn a_common_spread_is_found_beside_counting_noise_and_outliers() {
    let shift = |log_ratio: f64| Shift {
        log_ratio,
        variance: 0.0001,
    };
    // Quantiles of a normal distribution of deviation 0.3, and two edges that really changed.
    let quantiles = [0.04, 0.12, 0.2, 0.3, 0.4, 0.55, 0.25, 0.16, 0.08, 0.34];
    let mut shifts: Vec<Shift> = quantiles.map(shift).to_vec();
    shifts.extend(quantiles.map(|value| shift(-value)));
    let calm = common_spread(&shifts);
    assert!((0.25..0.45).contains(&calm), "{calm}");
    shifts.extend([shift(4.0), shift(-3.0)]);
    let outliers = common_spread(&shifts);
    assert!(outliers < calm * 1.3, "{outliers}");
    assert_eq!(common_spread(&shifts[..9]), 0.0, "too few to tell");
    let noise: Vec<Shift> = quantiles
        .map(|value| Shift {
            log_ratio: value,
            variance: 1.0,
        })
        .to_vec();
    assert_eq!(common_spread(&noise), 0.0);
}

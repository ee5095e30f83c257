//! Several stages against each other in one process: A B C A B C, so that what disturbs the machine disturbs all of them.
//!
//! Processor time of the running thread. What counts is the ratio of two stages in the same round: the median of all rounds, with
//! the least and the most. Absolute times on shared machines move by more than the differences of interest.

use std::fmt::Write as _;

use crate::corpus::Corpus;
use crate::cpu_ns;
use crate::stages::Stage;

/// Times of all stages in all rounds.
#[derive(Debug)]
pub struct Times {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    /// Nanoseconds per span, by round.
    ns: Vec<f64>,
    outcome: String,
}

/// A ratio over all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Half of the rounds had less.
    pub median: f64,
    /// Of the worst round.
    pub least: f64,
    /// Of the best round.
    pub most: f64,
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2}-{:.2})", self.median, self.least, self.most)
    }
}

impl Times {
    /// Runs all stages so many times in turn, after one round that does not count.
    ///
    /// # Panics
    /// When a stage does not make what the corpus must make.
    #[must_use]
    pub fn of(stages: &[Stage], corpus: &Corpus, rounds: usize) -> Self {
        let mut rows: Vec<Row> = stages
            .iter()
            .map(|stage| Row {
                name: stage.name,
                ns: Vec::new(),
                outcome: (stage.run)(corpus).checked(corpus),
            })
            .collect();
        for _ in 0..rounds.max(1) {
            for (stage, row) in stages.iter().zip(&mut rows) {
                let began = cpu_ns();
                let outcome = (stage.run)(corpus);
                let took = cpu_ns() - began;
                row.ns.push(took as f64 / corpus.spans.max(1) as f64);
                assert_eq!(outcome.checked(corpus), row.outcome);
            }
        }
        Self { rows }
    }

    /// How many times longer the one takes than the other; none when one of them did not run.
    #[must_use]
    pub fn ratio(&self, long: &str, short: &str) -> Option<Ratio> {
        let row = |name: &str| self.rows.iter().find(|row| row.name == name);
        let pairs = row(long)?.ns.iter().zip(&row(short)?.ns);
        Ratio::of(pairs.map(|(long, short)| long / short.max(f64::MIN_POSITIVE)))
    }

    /// A row for each stage: nanoseconds per span, millions of spans per second, how many times faster it is than each of
    /// these, and what came out.
    #[must_use]
    pub fn table(&self, baselines: &[&str]) -> String {
        let mut table = format!("{:8} {:>8} {:>8} {:>8}", "", "ns least", "median", "M/s");
        for baseline in baselines {
            let _infallible = write!(table, " {:>22}", format!("{baseline} / this"));
        }
        table.push_str("  outcome\n");
        for row in &self.rows {
            let sorted = sorted(row.ns.iter().copied());
            let (least, median) = (sorted[0], sorted[sorted.len() / 2]);
            let _infallible = write!(
                table,
                "{:8} {least:>8.1} {median:>8.1} {:>8.2}",
                row.name,
                1_000.0 / median.max(f64::MIN_POSITIVE),
            );
            for baseline in baselines {
                let ratio = self
                    .ratio(baseline, row.name)
                    .map(|ratio| ratio.to_string());
                let _infallible = write!(table, " {:>22}", ratio.unwrap_or_default());
            }
            let _infallible = writeln!(table, "  {}", row.outcome);
        }
        table
    }
}

impl Ratio {
    /// Of these; none of none.
    pub fn of(ratios: impl Iterator<Item = f64>) -> Option<Self> {
        let sorted = sorted(ratios);
        Some(Self {
            median: *sorted.get(sorted.len() / 2)?,
            least: *sorted.first()?,
            most: *sorted.last()?,
        })
    }
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::STAGES;

    #[test]
    fn a_ratio_is_that_of_the_same_round() {
        let row = |name, ns: [f64; 3]| Row {
            name,
            ns: ns.to_vec(),
            outcome: String::new(),
        };
        let times = Times {
            rows: vec![
                row("slow", [10.0, 40.0, 90.0]),
                row("fast", [1.0, 2.0, 3.0]),
            ],
        };
        let ratio = times.ratio("slow", "fast").unwrap();
        assert_eq!((ratio.least, ratio.median, ratio.most), (10.0, 20.0, 30.0));
        assert_eq!(times.ratio("slow", "unknown"), None);
    }

    #[test]
    fn a_table_has_a_row_for_each_stage() {
        let corpus = Corpus::usual(20, 600);
        let table = Times::of(&STAGES, &corpus, 1).table(&["prost", "naive"]);
        assert_eq!(table.lines().count(), 1 + STAGES.len());
        assert!(table.contains("pairs"));
    }
}

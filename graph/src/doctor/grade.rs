//! Grades, and the shares that decide them. Starting values: change one only with a measurement.

use serde::{Deserialize, Serialize};

/// How good trace data is; later is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// Nothing wrong was seen, or less than 1 %. Never a claim that nothing is missing.
    A,
    /// Small gaps: less than 5 %, or a suspicion.
    B,
    /// Gaps to close before anything is generated for the services concerned: less than 20 %.
    C,
    /// Too little to build on: 20 % or more.
    D,
}

impl Grade {
    /// The letter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }
}

/// Shares in thousandths from which on a grade is B, C, D.
const STEPS: [(u64, Grade); 3] = [(200, Grade::D), (50, Grade::C), (10, Grade::B)];

/// A share of fewer cases than this says little: it is B at worst.
const FEW: u64 = 10;

/// The grade of `part` bad ones among `whole`, but none worse than `floor`. All of nothing is all.
pub(super) fn of_share(part: u64, whole: u64, floor: Grade) -> Grade {
    if part == 0 {
        return Grade::A;
    }
    let share = u128::from(part) * 1000 / u128::from(whole.max(part));
    let steps = STEPS.iter();
    let grade = steps
        .clone()
        .find(|(least, _)| share >= u128::from(*least))
        .map_or(Grade::A, |(_, grade)| *grade);
    let floor = if part < FEW {
        floor.min(Grade::B)
    } else {
        floor
    };
    grade.min(floor)
}

/// The worst of several grades; A when there is none.
pub(super) fn worst(grades: impl Iterator<Item = Grade>) -> Grade {
    grades.max().unwrap_or(Grade::A)
}

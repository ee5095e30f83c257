//! What can be wrong with a plan: a stable code for programs, and words with a way out for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// Wave that it is about; none when it is about the plan as a whole.
    pub wave: Option<u32>,
    /// The rule that is broken.
    pub code: ViolationCode,
    /// Node ids of the services that it is about.
    pub services: Vec<String>,
    /// What was found, in words; hostile text from names may be in it.
    pub found: String,
}

impl Violation {
    /// Stable name of the broken rule, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code.name()
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        self.code.hint()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(wave) = self.wave {
            write!(f, "wave {wave}: ")?;
        }
        for (number, service) in self.services.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            write!(f, "{separator}`{service}`")?;
        }
        let separator = if self.services.is_empty() { "" } else { " " };
        write!(f, "{separator}{}; {}", self.found, self.hint())
    }
}

/// One row per rule: variant, name, documentation, and what to do.
macro_rules! codes {
    ($($variant:ident $name:literal $doc:literal $hint:literal)*) => {
        /// A rule that a plan can break.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ViolationCode {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl ViolationCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Stable name, in snake case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What to do about it.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self {
                    $(Self::$variant => $hint,)*
                }
            }
        }
    };
}

codes! {
    WaveNumbers "wave_numbers" "Waves are not numbered one by one from the first that is not over." "number the waves one by one"
    NotOnce "not_once" "A service that should join in one wave is in none or in several." "put it into exactly one wave"
    MustNotMove "must_not_move" "A wave moves a service that is in, excluded, held back by a hazard, or not in the graph." "take it out of the wave"
    Size "size" "More services in a wave than allowed, without a legal exception." "move services to a later wave"
    Team "team" "More effort for a team in a wave than allowed, without a legal exception." "move some of the team's services to another wave"
    Traffic "traffic" "More traffic touched by a wave than allowed, without a legal exception." "move services to another wave"
    Risk "risk" "A riskier service in a wave than allowed, without a legal exception." "move it to a later wave"
    NotAlone "not_alone" "A service that goes beyond a limit by itself has company." "leave it alone in its wave"
    Adjacent "adjacent" "Services that call each other change at the same time." "move one of them so far that their waves do not overlap"
    Apart "apart" "Services pinned apart are in one wave." "move one of them to another wave"
    Together "together" "Services that move in one piece are in several waves." "put them into one wave"
    Before "before" "A service is not in an earlier wave than one that it is pinned before." "move one of them"
    First "first" "A service pinned first comes after others." "move it to the first wave"
    Last "last" "A service pinned last comes before others." "move it to the last wave"
    NotPinnedWave "not_pinned_wave" "A service is not in the wave that it is pinned to." "move it to that wave or change the pin"
    TooEarly "too_early" "A service is in an earlier wave than its pin allows." "move it to a later wave or change the pin"
    TooLate "too_late" "A service is in a later wave than its pin allows." "move it to an earlier wave or change the pin"
    Order "order" "A call is against the order that holds." "move the caller or the callee"
    BrokenArc "broken_arc" "An arc is called broken without need, or those that are not still make a circle." "make the plan again"
    NeedlessException "needless_exception" "A limit is broken although a service that keeps to it could have joined." "put that service into the wave instead"
    FalseException "false_exception" "An exception names a limit that is not broken, or a cause that does not hold." "take it away"
    EmptyWave "empty_wave" "Nobody joins in a wave although somebody could." "move a service into it, or close the gap"
    WaveFacts "wave_facts" "A number or list of a wave is not what its services come to." "make the plan again"
    ServiceFacts "service_facts" "A number or list of a service is not what the graph says." "make the plan again"
    RiskParts "risk_parts" "The risk of a service is not what the graph says, or not the sum of its parts." "make the plan again"
    Curve "curve" "A protection curve is wrong or falls." "make the plan again"
    Strict "strict" "Refusing plaintext is promised too early or for a service with an unknown caller, or denied without a reason." "make the plan again"
    Retries "retries" "Retries are called safe, or not kept off, although the callee cannot shed." "make the plan again, or set a retry budget"
    Rollback "rollback" "Taking a sidecar away would break a service, and the plan does not say so." "make the plan again"
    Summary "summary" "A number of the head of the plan is wrong." "make the plan again"
    Bound "bound" "A bound is above what this plan reaches without an exception." "report it: a bound must hold for every plan"
    Dates "dates" "Dates are missing, out of order, or too close." "make the plan again"
    NoWorkingDay "no_working_day" "Something changes on a day that is no working day." "make the plan again, or change the working days"
    Frozen "frozen" "Something changes on a day of a freeze." "move it to another wave, or change the freeze"
    ShortBake "short_bake" "A canary is watched for fewer days than asked for." "make the plan again"
    InFlight "in_flight" "More waves change on one day than allowed." "make the plan again"
    Moves "moves" "A difference between two plans is not among the moves, or a move is none." "make the plan again"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_serialized_ones_and_unique() {
        let mut names: Vec<&str> = ViolationCode::ALL.iter().map(|code| code.name()).collect();
        for code in ViolationCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
            assert!(!code.hint().is_empty() && !code.hint().ends_with('.'));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ViolationCode::ALL.len());
    }

    #[test]
    fn words_say_where_what_and_what_to_do() {
        let violation = Violation {
            wave: Some(3),
            code: ViolationCode::Adjacent,
            services: vec!["service/a".to_owned(), "service/b".to_owned()],
            found: "call each other".to_owned(),
        };
        assert_eq!(
            violation.to_string(),
            "wave 3: `service/a`, `service/b` call each other; move one of them so far that their waves do not overlap"
        );
    }
}

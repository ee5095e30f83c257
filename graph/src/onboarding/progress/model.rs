//! Shapes of a comparison of a plan with what is in force. The JSON is the public format `tracemesh.onboarding-progress/v1`
//! (`docs/schemas/onboarding-progress.json`): fields keep their names and meanings, new fields may appear.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::super::dates::WaveDates;
use super::super::input::Status;
use super::super::outcome::{Contradiction, CurvePoint, Curves};
use crate::snapshot::Window;

/// Value of the `schema` field.
pub const PROGRESS_SCHEMA: &str = "tracemesh.onboarding-progress/v1";

/// Which waves should be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Due {
    /// Up to this one, as somebody said.
    Waves {
        /// The last wave that is over.
        over: u32,
    },
    /// Those whose flips are not after this day. A plan without dates is judged by who is in.
    Calendar {
        /// The day.
        today: Date,
    },
    /// Those after which the work went on: every wave whose services are all in, and every wave so far behind the last one of which
    /// half is in that both cannot be in flight.
    Status,
}

/// A plan against what is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Always [`PROGRESS_SCHEMA`].
    pub schema: String,
    /// The mesh, where there are several.
    #[serde(default)]
    pub mesh: Option<String>,
    /// Window of the traces that the plan was made from.
    pub plan_window: Window,
    /// Window of the fresh traces.
    pub window: Window,
    /// How the number of waves that should be over was found.
    pub due: Due,
    /// The last wave that should be over; 0 before the first.
    pub over: u32,
    /// Services of the fresh graph, and how many of them are in.
    pub services: usize,
    /// Services that are in.
    pub services_in: usize,
    /// What the plan promised after that wave.
    pub planned: CurvePoint,
    /// What the same services would protect of the traffic of today.
    pub expected: CurvePoint,
    /// What the services that are in protect of the traffic of today.
    pub actual: CurvePoint,
    /// The waves of the plan, in order.
    pub waves: Vec<WaveProgress>,
    /// Services that should be in and are not.
    pub missing: Vec<Missing>,
    /// Services that are in and should not be yet, or not at all.
    pub unexpected: Vec<Unexpected>,
    /// Services of the plan that nobody sees any more.
    pub gone: Vec<String>,
    /// Whether coverage allows the next wave.
    pub gate: Gate,
    /// Whether a service is missing, or the gate is closed.
    pub is_behind: bool,
    /// Where what people, inventory and spans say of the status of a service differs.
    #[serde(default)]
    pub contradictions: Vec<Contradiction>,
}

/// How far a wave is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaveState {
    /// Should be over, and all of its services are in.
    Over,
    /// Should be over, and is not.
    Late,
    /// Some of its services are in, and it need not be over.
    Started,
    /// All of its services are in, and it need not be over.
    Ahead,
    /// Not started, and need not be.
    Waiting,
}

/// A wave of the plan against what is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaveProgress {
    /// Its number.
    pub wave: u32,
    /// How far it is.
    pub state: WaveState,
    /// Its dates, where the plan has some.
    #[serde(default)]
    pub dates: Option<WaveDates>,
    /// Services that the plan puts there.
    pub services: usize,
    /// Those of them that are in.
    pub services_in: usize,
    /// What the plan promised after it.
    pub planned: Curves,
    /// What the services of this and earlier waves that are in protect of the traffic of today; none for a wave that waits.
    #[serde(default)]
    pub actual: Option<Curves>,
}

/// A service that should be in and is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// Wave in which it should have joined; 0 when it was in before the plan.
    pub wave: u32,
    /// Node id.
    pub service: String,
    /// Where it stands.
    pub status: Status,
}

/// A service that is in and should not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unexpected {
    /// Node id.
    pub service: String,
    /// What the plan says of it.
    pub plan: PlanSays,
}

/// What a plan says of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum PlanSays {
    /// It joins in this wave.
    Wave {
        /// The wave.
        wave: u32,
    },
    /// It does not move: it is excluded, or a hazard holds it back.
    Unplanned,
    /// Nothing: it was not in the graph that the plan was made from.
    Nothing,
}

/// Whether coverage allows the next wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The next wave; none after the last.
    #[serde(default)]
    pub wave: Option<u32>,
    /// Whether every share of traffic is at most the tolerance below the plan.
    pub is_open: bool,
    /// The tolerance, as a share of traffic.
    pub tolerance: f64,
    /// The shares that are further below.
    pub short: Vec<Shortfall>,
}

/// A share of traffic that is below the plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shortfall {
    /// Which.
    pub curve: CurveName,
    /// What the plan promised.
    pub planned: f64,
    /// What is in force.
    pub actual: f64,
}

/// One of the four shares of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CurveName {
    /// The callee sheds.
    Shed,
    /// Client features.
    Client,
    /// Both ends in.
    Both,
    /// The callee can refuse plaintext.
    Strict,
}

impl CurveName {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Shed, Self::Client, Self::Both, Self::Strict];

    /// Its share.
    #[must_use]
    pub const fn of(self, curves: &Curves) -> f64 {
        match self {
            Self::Shed => curves.shed,
            Self::Client => curves.client,
            Self::Both => curves.both,
            Self::Strict => curves.strict,
        }
    }
}

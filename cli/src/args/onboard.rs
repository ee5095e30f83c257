//! Arguments of `tracemesh onboard` and of what can be asked about its plans.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use super::{ReportFormat, SourceArgs, help};
use crate::policy::parse_day;

/// Arguments of `tracemesh onboard`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct OnboardArgs {
    /// What to ask about a plan; without it, one is made.
    #[command(subcommand)]
    pub command: Option<OnboardCommand>,
    /// What the plan is made from.
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// An earlier plan to repair, so that nobody moves without a reason: its JSON, or the directory of its `--out`
    #[arg(long, value_name = "PLAN")]
    pub previous: Option<PathBuf>,
    /// How the plan is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: PlanFormat,
    /// Directory to write everything into instead: plan, runbook, tables, calendar, pictures, kustomizations
    #[arg(long, value_name = "DIR", conflicts_with = "format")]
    pub out: Option<PathBuf>,
    /// Directory of `tracemesh egress` whose onboarding packs the kustomizations of the waves name
    #[arg(long, value_name = "DIR", requires = "out")]
    pub packs: Option<PathBuf>,
}

/// What can be asked about a plan.
#[derive(Debug, Subcommand)]
pub enum OnboardCommand {
    /// Tell everything about one service: why it stands where it does, what to watch, how to go back
    #[command(after_help = help::onboard_explain())]
    Explain(Box<ExplainPlanArgs>),
    /// Judge a plan that was edited by hand against the graph and the policy
    #[command(after_help = help::onboard_check())]
    Check(Box<CheckPlanArgs>),
    /// Tell what changed from one plan to another
    #[command(after_help = help::onboard_diff())]
    Diff(DiffPlansArgs),
    /// Compare what a plan promised with what is in force, from fresh traces
    #[command(after_help = help::onboard_status())]
    Status(Box<StatusArgs>),
}

/// What a plan is made from.
#[derive(Debug, Clone, Args)]
pub struct PlanningArgs {
    /// Where the graph comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// What people and the cluster say.
    #[command(flatten)]
    pub told: ToldArgs,
    /// Parameters that win over those of the policy.
    #[command(flatten)]
    pub wishes: WishArgs,
}

/// What people and the cluster say about services.
#[derive(Debug, Clone, Default, Args)]
pub struct ToldArgs {
    /// What the company decided: limits, teams, pins, freezes, hazards, meshes; `tracemesh policy check` checks it
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub policy: Option<PathBuf>,
    /// Which services are in, out or excluded, by hand: YAML or JSON
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub status: Option<PathBuf>,
    /// What the cluster says; its labels and containers tell who has a sidecar
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub inventory: Option<PathBuf>,
    /// Day that counts as today, such as 2026-12-31; today in UTC when not given
    #[arg(long, value_name = "DATE", value_parser = parse_day, help_heading = "Input")]
    pub today: Option<Date>,
}

/// Parameters of a plan, each as in the section `onboarding` of the policy, over which they win.
#[derive(Debug, Clone, Default, Args)]
pub struct WishArgs {
    /// What the plan is best at
    #[arg(long, value_name = "GOAL", help_heading = "Plan")]
    pub goal: Option<PlanGoal>,
    /// Whether callers or callees have to come first
    #[arg(long, value_name = "ORDER", help_heading = "Plan")]
    pub order: Option<PlanOrder>,
    /// What the mesh accepts on one port
    #[arg(long, value_name = "MODE", help_heading = "Plan")]
    pub mesh_mode: Option<PlanMeshMode>,
    /// Waves that change at once, 1 to 9: N, or RAMP,AFTER for other numbers while the ramp widens and after it
    #[arg(long, value_name = "N", help_heading = "Plan")]
    pub in_flight: Option<InFlightWish>,
    /// First day on which a canary may start, such as 2027-01-04; gives the waves dates
    #[arg(long, value_name = "DATE", value_parser = parse_day, help_heading = "Plan")]
    pub start: Option<Date>,
    /// Waves that are over; taken from the status file or the earlier plan when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=200), help_heading = "Plan")]
    pub waves_done: Option<u32>,
    /// Only this mesh of the policy
    #[arg(long, value_name = "NAME", help_heading = "Plan")]
    pub mesh: Option<String>,
}

/// What a plan is best at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanGoal {
    /// Most protection soonest, at bounded risk
    Balanced,
    /// Services that can refuse plaintext soonest
    StrictMtls,
    /// Smaller steps
    RiskAverse,
}

/// Whether callers or callees have to come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanOrder {
    /// What protection is worth decides, mostly callees first
    Soft,
    /// Every callee before its callers
    CalleeFirst,
    /// Every caller before its callees
    CallerFirst,
}

/// What a mesh accepts on one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanMeshMode {
    /// Plaintext and mTLS
    Permissive,
    /// mTLS alone: callers come first, and circles of calls join in one wave
    StrictOnly,
}

/// Waves that change at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlightWish {
    /// While the ramp widens.
    pub ramp: u32,
    /// After it.
    pub after: u32,
}

impl FromStr for InFlightWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ramp, after) = text.split_once(',').unwrap_or((text, text));
        let number = |text: &str| {
            let number = text.parse().ok();
            number.filter(|number| (1..=9).contains(number))
        };
        match (number(ramp), number(after)) {
            (Some(ramp), Some(after)) => Ok(Self { ramp, after }),
            _ => Err("give a number from 1 to 9, or two: `2`, `1,2`".to_owned()),
        }
    }
}

/// Formats of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal of 80 columns
    Table,
    /// The runbook: for a page or a ticket
    Markdown,
    /// Schema tracemesh.onboarding/v1, for programs
    Json,
    /// One line per service, for a tracker
    Csv,
    /// The dates, for a calendar
    Ics,
    /// Protection after each wave, as a picture
    SvgCurves,
    /// Teams and dates, as a picture
    SvgGantt,
    /// The graph coloured by wave, for Graphviz
    Dot,
}

/// Arguments of `tracemesh onboard explain`.
#[derive(Debug, Args)]
pub struct ExplainPlanArgs {
    /// Whom to explain: a node id, `namespace/name`, or a unique name
    #[arg(value_name = "SERVICE")]
    pub service: String,
    /// The plan, as `onboard --format json` wrote it; one is made when not given
    #[arg(
        long,
        value_name = "PLAN.json",
        conflicts_with_all = [
            "traces", "graph", "store", "policy", "status", "inventory", "goal", "order", "mesh_mode", "in_flight", "start",
            "waves_done", "mesh", "previous",
        ]
    )]
    pub plan: Option<PathBuf>,
    /// An earlier plan to repair: its JSON, or the directory of its `--out`
    #[arg(long, value_name = "PLAN")]
    pub previous: Option<PathBuf>,
    /// What the plan is made from.
    #[command(flatten)]
    pub planning: PlanningArgs,
}

/// Arguments of `tracemesh onboard check`.
#[derive(Debug, Args)]
pub struct CheckPlanArgs {
    /// The plan
    #[arg(value_name = "PLAN.json")]
    pub plan: PathBuf,
    /// What it is judged by.
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// How the answer is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

/// Arguments of `tracemesh onboard diff`.
#[derive(Debug, Args)]
pub struct DiffPlansArgs {
    /// The plan before
    #[arg(value_name = "A.json")]
    pub before: PathBuf,
    /// The plan after
    #[arg(value_name = "B.json")]
    pub after: PathBuf,
    /// How the answer is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

/// Arguments of `tracemesh onboard status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The plan that is carried out, as `onboard --format json` wrote it
    #[arg(long, value_name = "PLAN.json")]
    pub plan: PathBuf,
    /// Where the fresh traces come from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// What people and the cluster say.
    #[command(flatten)]
    pub told: ToldArgs,
    /// Waves that should be over; by the dates of the plan and today when not given, or by who is in where it has no dates
    #[arg(long, value_name = "N")]
    pub waves_done: Option<u32>,
    /// How the answer is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_in_flight_are_one_number_or_two() {
        let wish = |text: &str| text.parse::<InFlightWish>();
        assert_eq!(wish("2"), Ok(InFlightWish { ramp: 2, after: 2 }));
        assert_eq!(wish("1,3"), Ok(InFlightWish { ramp: 1, after: 3 }));
        for wrong in ["", "0", "10", "1,", ",1", "1,2,3", "-1", "x", "1, 2"] {
            assert!(wish(wrong).is_err(), "{wrong}");
        }
    }
}

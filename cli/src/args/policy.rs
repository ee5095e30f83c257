//! Arguments of `tracemesh policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::{ReportFormat, help};
use crate::policy::{DEFAULT_FILE, parse_day};

/// Arguments of `tracemesh policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// What can be done with a policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Report every fault of a policy file, and what it says
    #[command(after_help = help::policy())]
    Check(PolicyCheckArgs),
}

/// Arguments of `tracemesh policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArgs {
    /// The policy file
    #[arg(value_name = "FILE", default_value = DEFAULT_FILE)]
    pub file: PathBuf,
    /// Day on which pins are judged; today in UTC when not given. For CI that must give the same answer again
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub today: Option<Date>,
    /// Also report rules that mean nothing in this snapshot of `analyze` or `graph --format json`
    #[arg(long, value_name = "SNAPSHOT.json")]
    pub graph: Option<PathBuf>,
    /// How the answer is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

//! Arguments of `tracemesh store`.

use clap::{Args, Subcommand};
use tracemesh_collector::store::Location;

use super::upkeep::{CompactArgs, MergeArgs};
use super::{DEFAULT_STORE, ReportFormat, help};

/// Arguments of `tracemesh store`.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What can be done with a store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Tell what a store holds: instances, times and gaps, segments, tables, bytes
    #[command(after_help = help::store_info())]
    Info(InspectArgs),
    /// Read every byte of a store, and tell what is damaged or does not belong there
    #[command(after_help = help::store_check())]
    Check(InspectArgs),
    /// Put the segments of hours and days that are over together, and remove what is too old
    #[command(after_help = help::store_compact())]
    Compact(CompactArgs),
    /// Add the segments of other stores to a store
    #[command(after_help = help::store_merge())]
    Merge(MergeArgs),
}

/// Arguments of `tracemesh store info` and `tracemesh store check`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The store
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STORE)]
    pub store: Location,
    /// How the answer is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ReportFormat,
}

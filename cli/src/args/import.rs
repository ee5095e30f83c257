//! Arguments of `tracemesh import`.

use std::path::PathBuf;

use clap::Args;
use tracemesh_collector::store::Location;

use super::{DEFAULT_STORE, ReadingArgs};

/// Arguments of `tracemesh import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Trace files or directories of them: OTLP, Zipkin v2 JSON or Jaeger JSON; `-` is standard input
    #[arg(required = true, value_name = "TRACES")]
    pub traces: Vec<PathBuf>,
    /// The store: a directory, made when it is missing, or a URL such as `s3://..`
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STORE)]
    pub store: Location,
    /// Name under which the store is written: one process at a time
    #[arg(long, value_name = "NAME", default_value = "import")]
    pub instance: String,
    /// How trace files are read.
    #[command(flatten)]
    pub reading: ReadingArgs,
}

//! Options that say who may send to the receiver, and how much at once.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tracemesh_collector::Origin;

use super::{Mebibytes, parse_duration};

/// Who may send.
#[derive(Debug, Clone, Default, Args)]
pub struct SecurityArgs {
    /// TLS on both ports: certificate with its chain, in PEM; taken over without a restart when it changes
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        help_heading = "Security"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        help_heading = "Security"
    )]
    pub tls_key: Option<PathBuf>,
    /// Senders must have a certificate of one of these authorities, in PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        help_heading = "Security"
    )]
    pub tls_client_ca: Option<PathBuf>,
    /// Senders must have one of these tokens (`authorization: Bearer ..`): one per line, of at least 16 characters;
    /// taken over without a restart when they change
    #[arg(long, value_name = "FILE", help_heading = "Security")]
    pub token_file: Option<PathBuf>,
    /// Pages of this origin (`https://shop.example.com`, `*` for any) may send from browsers to the HTTP port; repeatable,
    /// none by default
    #[arg(long, value_name = "ORIGIN", help_heading = "Security")]
    pub cors_origin: Vec<Origin>,
}

/// How much peers can make the receiver hold and wait for.
#[derive(Debug, Clone, Args)]
pub struct ReceiverArgs {
    /// Largest request body as sent, in MiB
    #[arg(
        long,
        value_name = "MIB",
        default_value = "16",
        help_heading = "Limits"
    )]
    pub max_request_mib: Mebibytes,
    /// Requests held in memory, over all connections, in MiB: as sent, decompressed, and as decoded spans. Seven times
    /// the largest request and one more at least. Senders are told to come back when it is full
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..=1_048_576),
        help_heading = "Limits"
    )]
    pub max_in_flight_mib: u32,
    /// Connections at the same time, within the limit on open files; further ones are closed at once
    #[arg(
        long,
        value_name = "N",
        default_value = "4096",
        help_heading = "Limits"
    )]
    pub max_connections: NonZeroUsize,
    /// Longest time for a request to arrive
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration, help_heading = "Limits")]
    pub read_timeout: Duration,
    /// Connections without a sign of life for this long are closed
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = parse_duration, help_heading = "Limits")]
    pub idle_timeout: Duration,
    /// Longest wait for requests in work when told to stop
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = "Limits")]
    pub drain_timeout: Duration,
    /// Longest time after that to write the last segment
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration, help_heading = "Limits")]
    pub finish_timeout: Duration,
}

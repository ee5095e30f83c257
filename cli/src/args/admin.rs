//! Options that say where operators ask a running collector, who may, and what they are told.

use std::net::SocketAddr;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::parse_address;

/// What operators may ask, and where.
#[derive(Debug, Clone, Args)]
pub struct AdminArgs {
    /// Address of metrics, health and the graph (/metrics, /healthz, /readyz, /api/v1/graph), or `none`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub admin: AdminAddress,
    /// Who may ask there: `local` refuses an address that others reach, `secured` asks for the certificates and tokens of the
    /// receiver (but for /healthz and /readyz, which need no token), `open` asks for nothing
    #[arg(
        long,
        value_name = "WHO",
        default_value = "local",
        help_heading = "Security"
    )]
    pub admin_access: AdminAccessArg,
    /// Serve /debug/state and /debug/config there, too: shards, budgets, connections, options; no names, no secrets
    #[arg(long)]
    pub debug_pages: bool,
    /// Pairs of services that the metrics tell apart; calls of others count for `other`
    #[arg(
        long,
        value_name = "N",
        default_value = "10000",
        help_heading = "Limits"
    )]
    pub max_series: usize,
}

/// Who may ask for metrics, health and the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AdminAccessArg {
    /// Whoever is on this machine.
    Local,
    /// Whoever may send.
    Secured,
    /// Whoever reaches the address.
    Open,
}

/// Where operators ask, if they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminAddress(Option<SocketAddr>);

impl AdminAddress {
    /// The address; `None` when nothing is to be served.
    #[must_use]
    pub const fn get(self) -> Option<SocketAddr> {
        self.0
    }
}

impl FromStr for AdminAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            _ => parse_address(text).map(|address| Self(Some(address))),
        }
    }
}

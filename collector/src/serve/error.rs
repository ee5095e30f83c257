//! Why a collector cannot start, or did not end well.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::security::SecurityFault;
use crate::store::StoreError;

/// Why [`collect`](super::collect) failed.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// An address cannot be listened on.
    #[error("cannot listen for {protocol} on `{address}`")]
    Bind {
        /// `OTLP/gRPC`, `OTLP/HTTP` or `Zipkin`.
        protocol: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Metrics and the graph would be there for everybody who reaches this address.
    #[error(
        "`{0}` is reachable from beyond this machine, and metrics and the graph name every service"
    )]
    AdminExposed(SocketAddr),
    /// Metrics and the graph are to be secured, and nothing says how.
    #[error("metrics and the graph cannot be secured: there is neither a certificate nor a token")]
    AdminUnsecured,
    /// Certificates, keys or tokens cannot be used.
    #[error("{}", told(.0))]
    Security(Vec<SecurityFault>),
    /// A thread cannot be started.
    #[error("cannot start the shard threads")]
    Threads(#[source] io::Error),
    /// The store cannot be opened, or the last segment not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The last segment took too long to write.
    #[error("the last segment was not written within {} s, and is lost", .0.as_secs())]
    Unfinished(Duration),
    /// A bug in the writing of segments; what it had in hand is gone.
    #[error("the last segment is lost to an internal error")]
    Lost,
    /// A server ended by itself.
    #[error("the {protocol} server failed: {cause}")]
    Server {
        /// `OTLP/gRPC`, `OTLP/HTTP` or `Zipkin`.
        protocol: &'static str,
        /// Why.
        cause: String,
    },
}

impl CollectError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Bind { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    Some("another process has this port: stop it, or choose another port")
                }
                io::ErrorKind::PermissionDenied => Some("ports below 1024 need privileges"),
                io::ErrorKind::AddrNotAvailable => Some("this machine does not have that address"),
                _ => None,
            },
            Self::Store(error) => error.hint(),
            Self::Security(_) => Some(
                "all files are PEM, but for tokens, of which a file has one per line; nothing of them is shown here",
            ),
            Self::AdminExposed(_) => Some(
                "`--admin-access secured` asks for the certificates and tokens of the receiver there, `--admin-access open` lets everybody read; or give an address of this machine, or `none`",
            ),
            Self::AdminUnsecured => {
                Some("give `--tls-cert` and `--tls-key`, `--token-file`, or both")
            }
            Self::Unfinished(_) => Some("see why the store is slow, or allow more time"),
            Self::Threads(_) | Self::Lost | Self::Server { .. } => None,
        }
    }
}

fn told(faults: &[SecurityFault]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

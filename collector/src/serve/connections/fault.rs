//! What goes wrong on connections, and how often.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection ended that should have lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Fault {
    /// No place was free.
    OverLimit,
    /// The TLS handshake failed: no trusted certificate, or no TLS.
    Tls,
    /// The peer made no progress.
    Stalled,
    /// What came was not HTTP, or broke its rules.
    Malformed,
    /// The peer went away in the middle of a message.
    Cut,
}

impl Fault {
    /// Sorts what HTTP says of a connection; `None` for an end that is nobody's fault.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut chain = std::iter::successors(Some(error), |&error| error.source());
        let io = chain.find_map(|error| error.downcast_ref::<io::Error>());
        match io.map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => return Some(Self::Stalled),
            // A stop before the first byte.
            Some(io::ErrorKind::Interrupted) => return None,
            Some(_) => return Some(Self::Cut),
            None => {}
        }
        match error.downcast_ref::<hyper::Error>() {
            Some(error) if error.is_timeout() => Some(Self::Stalled),
            Some(error) if error.is_incomplete_message() => Some(Self::Cut),
            _ => Some(Self::Malformed),
        }
    }
}

/// Connections since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionTotals {
    /// Taken.
    pub opened: u64,
    /// Ended, for whatever reason; the rest of those taken is open.
    pub closed: u64,
    /// Closed at once because too many were open.
    pub over_limit: u64,
    /// Ended in the TLS handshake.
    pub tls_failed: u64,
    /// Ended because the peer made no progress.
    pub stalled: u64,
    /// Ended because what came was not HTTP, or broke its rules.
    pub malformed: u64,
    /// Ended by the peer in the middle of a message.
    pub cut: u64,
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(in crate::serve) struct ConnectionCounters {
    opened: AtomicU64,
    closed: AtomicU64,
    over_limit: AtomicU64,
    tls_failed: AtomicU64,
    stalled: AtomicU64,
    malformed: AtomicU64,
    cut: AtomicU64,
}

impl ConnectionCounters {
    pub(super) fn open(&self) {
        self.opened.fetch_add(1, Ordering::Release);
    }

    pub(super) fn close(&self) {
        self.closed.fetch_add(1, Ordering::Release);
    }

    pub(super) fn count(&self, fault: Fault) {
        let counter = match fault {
            Fault::OverLimit => &self.over_limit,
            Fault::Tls => &self.tls_failed,
            Fault::Stalled => &self.stalled,
            Fault::Malformed => &self.malformed,
            Fault::Cut => &self.cut,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::serve) fn totals(&self) -> ConnectionTotals {
        ConnectionTotals {
            // Before those that were taken: none may be closed that was not opened.
            closed: self.closed.load(Ordering::Acquire),
            opened: self.opened.load(Ordering::Acquire),
            over_limit: self.over_limit.load(Ordering::Relaxed),
            tls_failed: self.tls_failed.load(Ordering::Relaxed),
            stalled: self.stalled.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
        }
    }
}

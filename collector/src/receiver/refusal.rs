//! Why a request was refused, and what that means for its sender.
//!
//! One table for both protocols: the reason under which a refusal is counted, and its [`Verdict`], from which gRPC and HTTP
//! make their status. Words never repeat what the sender sent: they may end in a log.

use std::time::Duration;

use crate::decode::DecodeError;
use crate::pipeline::Refused;

/// How soon the queues are expected to have room again.
const SOON: Duration = Duration::from_secs(1);

/// How soon a store that cannot be written, or a successor, can be expected.
const LATER: Duration = Duration::from_secs(5);

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request cannot be decoded: {0}")]
    Undecodable(#[from] DecodeError),
    #[error("the compressed body cannot be used: it is truncated or damaged")]
    Corrupt,
    #[error("the compressed body cannot be used: it holds more than {0} bytes after decompression")]
    Bomb(usize),
    #[error("the request has more than {0} bytes as sent: send smaller batches")]
    TooLarge(usize),
    /// Its records would fill the memory for requests, if it were the only one.
    #[error(
        "the request has too many spans for the memory that requests may use: send smaller batches"
    )]
    TooManySpans,
    #[error("the gRPC message cannot be read: {0}")]
    Framing(&'static str),
    #[error("unsupported {what}; send {supported}")]
    Unsupported {
        what: &'static str,
        supported: &'static str,
    },
    #[error("the request has no valid bearer token")]
    Unauthenticated,
    /// The connection or the stream broke: mostly nobody is left to be told.
    #[error("the request did not arrive whole")]
    Cut,
    #[error("the request did not arrive in time")]
    Late,
    /// The bytes in flight or the requests in work are at their bound.
    #[error("the collector has too many requests to decode")]
    Busy,
    /// Taking more would only fill memory with what cannot be written.
    #[error("the collector cannot write its store")]
    Paused,
    #[error(transparent)]
    Pipeline(#[from] Refused),
    /// A bug; the request may be sent to another instance.
    #[error("the collector failed to decode the request")]
    Failed,
}

/// What a sender should make of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request is wrong and stays wrong.
    Invalid,
    /// The same spans in smaller requests would be taken.
    TooLarge,
    /// This way of sending is not spoken here.
    Unsupported,
    /// The sender has to say who it is.
    Unauthenticated,
    /// The same request may be taken after this time.
    Retry(Duration),
}

impl Refusal {
    pub(crate) const fn verdict(&self) -> Verdict {
        match self {
            Self::Undecodable(_) | Self::Corrupt | Self::Framing(_) | Self::Cut => Verdict::Invalid,
            Self::Bomb(_) | Self::TooLarge(_) | Self::TooManySpans => Verdict::TooLarge,
            Self::Unsupported { .. } => Verdict::Unsupported,
            Self::Unauthenticated => Verdict::Unauthenticated,
            Self::Late | Self::Busy | Self::Failed | Self::Pipeline(Refused::Overloaded) => {
                Verdict::Retry(SOON)
            }
            Self::Paused | Self::Pipeline(Refused::Stopped) => Verdict::Retry(LATER),
        }
    }

    pub(crate) const fn is_retryable(&self) -> bool {
        matches!(self.verdict(), Verdict::Retry(_))
    }

    /// The name under which it is counted: one of a closed set.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Undecodable(_) => "undecodable",
            Self::Corrupt => "corrupt_compression",
            Self::Bomb(_) => "too_large_decompressed",
            Self::TooLarge(_) => "too_large",
            Self::TooManySpans => "too_many_spans",
            Self::Framing(_) => "framing",
            Self::Unsupported { .. } => "unsupported",
            Self::Unauthenticated => "unauthenticated",
            Self::Cut => "cut",
            Self::Late => "late",
            Self::Busy => "busy",
            Self::Paused => "store_unwritable",
            Self::Pipeline(Refused::Overloaded) => "queue_full",
            Self::Pipeline(Refused::Stopped) => "stopping",
            Self::Failed => "internal",
        }
    }
}

//! OTLP over the network: what gRPC and HTTP have in common.
//!
//! ```text
//! gRPC :4317 --+
//!              +--> Intake: permit -> decompress -> decode -> pipeline.submit
//! HTTP :4318 --+
//! ```
//! A request is accepted as a whole (but for its bad spans, which are counted and reported back), or refused
//! with a status that says whether to try again. Memory is bounded by `max_concurrent` requests of at most
//! `max_body_bytes + max_decompressed_bytes` each, and by the queues behind them.

pub(crate) mod grpc;
pub(crate) mod http;
mod totals;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tracemesh_graph::record::Recorder;
use tracemesh_graph::span::RejectReason;

use crate::clock;
use crate::decode::{DecodeError, Tally, decode_json, decode_protobuf};
use crate::input::Compression;
use crate::input::compression::{BodyFault, decompress};
use crate::pipeline::{Pipeline, Refused};

pub use totals::Totals;
use totals::{Counters, LogGate};

/// Bodies up to this size are decoded where they arrive; larger ones would hold up other connections.
const INLINE_BYTES: usize = 64 << 10;

/// Bounds on what peers can make the receiver do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverLimits {
    /// Longest request as sent, over either protocol, in bytes.
    pub max_body_bytes: usize,
    /// Longest request after decompression, in bytes.
    pub max_decompressed_bytes: usize,
    /// Requests read or decoded at the same time; at least 1.
    pub max_concurrent: usize,
    /// Longest wait for one of those places before the sender is told to come back.
    pub admission_wait: Duration,
    /// Longest time for a request to arrive.
    pub read_timeout: Duration,
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 << 20,
            max_decompressed_bytes: 64 << 20,
            max_concurrent: 32,
            admission_wait: Duration::from_secs(1),
            read_timeout: Duration::from_secs(30),
        }
    }
}

/// How a request is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

/// An accepted request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Accepted {
    pub(crate) rejected: BTreeMap<RejectReason, u64>,
}

impl Accepted {
    pub(crate) fn rejected_spans(&self) -> i64 {
        let total: u64 = self.rejected.values().sum();
        i64::try_from(total).unwrap_or(i64::MAX)
    }

    /// The message of a partial success; empty when all spans were good.
    pub(crate) fn message(&self) -> String {
        let reasons = self.rejected.iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, count)| format!("{}: {count}", reason.as_str()))
            .collect();
        if reasons.is_empty() {
            String::new()
        } else {
            format!("spans rejected by reason: {}", reasons.join(", "))
        }
    }
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request cannot be decoded: {0}")]
    Undecodable(#[from] DecodeError),
    #[error("the compressed body cannot be used: {0}")]
    Compression(#[from] BodyFault),
    #[error("the request has more than {0} bytes as sent: send smaller batches")]
    TooLarge(usize),
    #[error("unsupported {what}; send {supported}")]
    Unsupported {
        what: &'static str,
        supported: &'static str,
    },
    /// The connection broke, or the transport found fault with the message.
    #[error("the request did not arrive whole")]
    Cut,
    #[error("the request did not arrive in time")]
    Late,
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

impl Refusal {
    pub(crate) const fn is_retryable(&self) -> bool {
        match self {
            Self::Late | Self::Busy | Self::Paused | Self::Pipeline(_) | Self::Failed => true,
            Self::Undecodable(_)
            | Self::Compression(_)
            | Self::TooLarge(_)
            | Self::Unsupported { .. }
            | Self::Cut => false,
        }
    }
}

/// The way from a request body to the pipeline, shared by all connections.
pub(crate) struct Intake {
    pipeline: Arc<Pipeline>,
    recorders: Mutex<Vec<Recorder>>,
    permits: Semaphore,
    paused: AtomicBool,
    pub(crate) limits: ReceiverLimits,
    counters: Counters,
    log: LogGate,
}

impl Intake {
    pub(crate) fn new(pipeline: Arc<Pipeline>, limits: ReceiverLimits) -> Self {
        Self {
            pipeline,
            recorders: Mutex::default(),
            permits: Semaphore::new(limits.max_concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            paused: AtomicBool::new(false),
            limits,
            counters: Counters::default(),
            log: LogGate::default(),
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.counters.totals()
    }

    /// Turns all requests away, or takes them again.
    pub(crate) fn pause(&self, is_paused: bool) {
        if self.paused.swap(is_paused, Ordering::Relaxed) != is_paused {
            tracing::warn!(is_paused, "receiver paused or resumed");
        }
    }

    /// True while all requests are turned away.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// A place among the requests in work; to be asked for before the body is read.
    pub(crate) async fn admit(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        if self.paused.load(Ordering::Relaxed) {
            return Err(self.refuse(Refusal::Paused));
        }
        let permit = tokio::time::timeout(self.limits.admission_wait, self.permits.acquire()).await;
        match permit {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed, so only the wait can have ended.
            Ok(Err(_)) | Err(_) => Err(self.refuse(Refusal::Busy)),
        }
    }

    /// Decodes a body and submits it, off the network threads when it is large.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        encoding: Encoding,
        compression: Compression,
        body: axum::body::Bytes,
    ) -> Result<Accepted, Refusal> {
        let outcome = if compression == Compression::None && body.len() <= INLINE_BYTES {
            self.process(encoding, compression, &body)
        } else {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || this.process(encoding, compression, &body))
                .await
                .unwrap_or(Err(Refusal::Failed))
        };
        outcome.map_err(|refusal| self.refuse(refusal))
    }

    fn process(
        &self,
        encoding: Encoding,
        compression: Compression,
        body: &[u8],
    ) -> Result<Accepted, Refusal> {
        if compression == Compression::None {
            return self.decode(encoding, body);
        }
        let body = decompress(compression, body, self.limits.max_decompressed_bytes)?;
        self.decode(encoding, &body)
    }

    fn decode(&self, encoding: Encoding, body: &[u8]) -> Result<Accepted, Refusal> {
        let mut recorder = self.borrow_recorder();
        recorder.set_arrival(clock::wall());
        let mut tally = Tally::new(&mut recorder);
        let outcome = match encoding {
            Encoding::Protobuf => decode_protobuf(body, &mut tally),
            Encoding::Json => decode_json(body, &mut tally).map(drop),
        };
        let (spans, rejected) = (tally.spans, tally.rejected);
        // Taken in any case: a refused request must leave nothing behind in the recorder.
        let records = recorder.take_records();
        let counted = recorder.take_rejected();
        self.return_recorder(recorder);
        outcome?;
        self.pipeline.submit(records, &counted)?;
        self.counters.accept(spans, rejected.values().sum());
        Ok(Accepted { rejected })
    }

    fn borrow_recorder(&self) -> Recorder {
        let mut recorders = self
            .recorders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let recorder = recorders.pop();
        drop(recorders);
        recorder.unwrap_or_else(|| self.pipeline.recorder())
    }

    fn return_recorder(&self, recorder: Recorder) {
        let mut recorders = self
            .recorders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recorders.push(recorder);
    }

    /// Counts a refusal and logs some of them.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Refusal {
        self.counters.refuse(refusal.is_retryable());
        if let Some(held_back) = self.log.pass(self.pipeline.now_ms()) {
            // Absent from the line when there were none.
            let also_refused_since_last_line = (held_back > 0).then_some(held_back);
            tracing::warn!(reason = %refusal, also_refused_since_last_line, "request refused");
        }
        refusal
    }
}

#[cfg(test)]
mod tests;

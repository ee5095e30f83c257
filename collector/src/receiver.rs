//! OTLP and Zipkin over the network: what gRPC and HTTP have in common.
//!
//! ```text
//! gRPC :4317 ----+
//! HTTP :4318 ----+--> Intake: admit -> read within the budget -> inflate -> decode -> pipeline.submit
//! Zipkin :9411 --+
//! ```
//! A request is accepted as a whole (but for its bad spans, which are counted and reported back), or refused
//! with a status that says whether to try again. Memory is bounded by the bytes in flight, over all connections, and by the
//! queues behind them; a request that finds no room is refused at once, with a time after which to come back.

mod body;
mod budget;
pub(crate) mod grpc;
pub(crate) mod http;
mod inflate;
mod limits;
mod metered;
mod refusal;
mod tokens;
mod totals;
pub(crate) mod zipkin;

use std::collections::BTreeMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::http::HeaderMap;
use tokio::sync::Semaphore;
use tracemesh_graph::record::Recorder;
use tracemesh_graph::span::RejectReason;
use tracemesh_graph::time::Timestamp;

use crate::clock::Clocks;
use crate::decode::{decode_json, decode_protobuf, decode_zipkin};
use crate::pipeline::{Pipeline, Refused};
use body::Held;
use budget::{Budget, Share};
use inflate::{Coding, Inflater};
use metered::Metered;
use refusal::Refusal;

pub use limits::ReceiverLimits;
pub(crate) use tokens::{TokenFault, Tokens};
use totals::Counters;
pub(crate) use totals::LogGate;
pub use totals::Totals;

/// Plain bodies up to this size are decoded where they arrive; larger ones would hold up other connections. The usual 512 spans of
/// an SDK are within it, and take a fraction of a millisecond.
const INLINE_BYTES: usize = 512 << 10;

/// The same for compressed bodies, which are some seven times as long as they look.
const INLINE_COMPRESSED_BYTES: usize = 64 << 10;

/// Desks that are kept for each core. What a desk remembers may take tens of megabytes when senders make up names; more of them
/// than can work at a time are of no use.
const DESKS_PER_CORE: usize = 2;

/// How a request is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
    /// A list of Zipkin spans in JSON.
    Zipkin,
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

/// What requests hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct InFlight {
    /// Requests that were let in and are read or decoded.
    pub(crate) requests: usize,
    /// Their bytes: as sent, decompressed, and as records.
    pub(crate) bytes: usize,
    /// The most that these may be.
    pub(crate) capacity_bytes: usize,
    /// Desks that wait for a request, with what they remember.
    pub(crate) idle_desks: usize,
}

/// What one request needs to be decoded; used again for the next.
struct Desk {
    recorder: Recorder,
    inflater: Inflater,
}

/// The way from a request body to the pipeline, shared by all connections.
pub(crate) struct Intake {
    pipeline: Arc<Pipeline>,
    desks: Mutex<Vec<Desk>>,
    max_desks: usize,
    clocks: Clocks,
    places: Semaphore,
    budget: Arc<Budget>,
    tokens: RwLock<Option<Arc<Tokens>>>,
    is_paused: AtomicBool,
    is_stopping: AtomicBool,
    pub(crate) limits: ReceiverLimits,
    counters: Counters,
    log: LogGate,
}

impl Intake {
    pub(crate) fn new(pipeline: Arc<Pipeline>, limits: ReceiverLimits, clocks: Clocks) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            pipeline,
            desks: Mutex::default(),
            max_desks: DESKS_PER_CORE * cores,
            clocks,
            places: Semaphore::new(limits.max_concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            budget: Budget::new(limits.budget_bytes()),
            tokens: RwLock::default(),
            is_paused: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            limits,
            counters: Counters::default(),
            log: LogGate::default(),
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.counters.totals()
    }

    /// Asks every request from now on for one of these tokens.
    pub(crate) fn require(&self, tokens: Tokens) {
        let mut required = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        *required = Some(Arc::new(tokens));
    }

    /// Turns all requests away, or takes them again; true when that is a change.
    pub(crate) fn pause(&self, is_paused: bool) -> bool {
        let is_change = self.is_paused.swap(is_paused, Ordering::Relaxed) != is_paused;
        if is_change {
            tracing::warn!(is_paused, "receiver paused or resumed");
        }
        is_change
    }

    /// True while all requests are turned away.
    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    /// Turns all requests away that have not begun, for good.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Requests that were let in and are read or decoded.
    pub(crate) fn in_work(&self) -> usize {
        self.budget.shares()
    }

    /// True when no token is asked for, or this request has one.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let tokens = tokens.clone();
        tokens.is_none_or(|tokens| tokens.admit(headers))
    }

    /// Lets a request in by its head, with a share of the bytes in flight. To be asked before the body is read.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<Share, Refusal> {
        if !self.knows(headers) {
            return Err(Refusal::Unauthenticated);
        }
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(Refusal::Pipeline(Refused::Stopped));
        }
        if self.is_paused() {
            return Err(Refusal::Paused);
        }
        Ok(self.budget.share())
    }

    /// Bounds the time in which a body may arrive, and counts those whose connection ends first.
    pub(crate) async fn in_time<T>(
        &self,
        reading: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let mut watch = CutWatch { intake: Some(self) };
        let outcome = tokio::time::timeout(self.limits.read_timeout, reading).await;
        watch.intake = None;
        outcome.unwrap_or(Err(Refusal::Late))
    }

    /// Decodes a body and submits it, off the network threads when it is large. The caller counts a refusal, by
    /// [`refuse`](Self::refuse).
    pub(crate) async fn accept(
        self: &Arc<Self>,
        encoding: Encoding,
        coding: Coding,
        body: Held,
    ) -> Result<Accepted, Refusal> {
        let inline = match coding {
            Coding::Identity => INLINE_BYTES,
            Coding::Gzip | Coding::Deflate | Coding::Zstd => INLINE_COMPRESSED_BYTES,
        };
        if body.bytes.len() <= inline {
            return self.process(encoding, coding, body);
        }
        let place = tokio::time::timeout(self.limits.admission_wait, self.places.acquire()).await;
        // The semaphore is never closed, so only the wait can have ended.
        let Ok(Ok(_place)) = place else {
            return Err(Refusal::Busy);
        };
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.process(encoding, coding, body))
            .await
            .unwrap_or(Err(Refusal::Failed))
    }

    fn process(&self, encoding: Encoding, coding: Coding, body: Held) -> Result<Accepted, Refusal> {
        let Held { bytes, mut share } = body;
        let mut desk = self.take_desk();
        let Desk { recorder, inflater } = &mut desk;
        let plain = match coding {
            Coding::Identity => Ok(&bytes[..]),
            Coding::Gzip | Coding::Deflate | Coding::Zstd => {
                let max = self.limits.max_decompressed_bytes;
                inflater.inflate(coding, &bytes, max, &mut share)
            }
        };
        let outcome = plain.and_then(|plain| {
            // What was inflated is in the hands of the inflater; the share stays with the request.
            self.decode(recorder, (encoding, plain), &mut share)
        });
        inflater.rest();
        self.return_desk(desk);
        outcome
    }

    fn decode(
        &self,
        recorder: &mut Recorder,
        (encoding, body): (Encoding, &[u8]),
        share: &mut Share,
    ) -> Result<Accepted, Refusal> {
        // 0 would mean that the arrival is not known; a clock that was never set tells it.
        recorder.set_arrival((self.clocks.wall)().max(Timestamp(1)));
        let mut sink = Metered::new(recorder, share);
        let outcome = match encoding {
            Encoding::Protobuf => decode_protobuf(body, &mut sink),
            Encoding::Json => decode_json(body, &mut sink).map(drop),
            Encoding::Zipkin => decode_zipkin(body, &mut sink),
        };
        let counts = sink.finish().map(|tally| (tally.spans, tally.rejected));
        // Taken in any case: a refused request must leave nothing behind in the recorder.
        let records = recorder.take_records();
        let counted = recorder.take_rejected();
        outcome?;
        let (spans, rejected) = counts?;
        self.pipeline.submit(records, &counted)?;
        self.counters.accept(spans, rejected.values().sum());
        Ok(Accepted { rejected })
    }

    /// A desk that is lost to a panic is replaced by a new one.
    fn take_desk(&self) -> Desk {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        let desk = desks.pop();
        drop(desks);
        desk.unwrap_or_else(|| Desk {
            recorder: self.pipeline.recorder(),
            inflater: Inflater::new(),
        })
    }

    fn return_desk(&self, desk: Desk) {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        if desks.len() < self.max_desks {
            desks.push(desk);
            return;
        }
        // Freed without the lock: it holds a lot.
        drop(desks);
        drop(desk);
    }

    /// What requests hold now.
    pub(crate) fn in_flight(&self) -> InFlight {
        let desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        InFlight {
            requests: self.budget.shares(),
            bytes: self.budget.total().saturating_sub(self.budget.free()),
            capacity_bytes: self.budget.total(),
            idle_desks: desks.len(),
        }
    }

    /// Counts a refusal and logs some of them.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Refusal {
        self.counters.refuse(&refusal);
        if let Some(held_back) = self.log.pass(self.pipeline.now_ms()) {
            // Absent from the line when there were none.
            let also_refused_since_last_line = (held_back > 0).then_some(held_back);
            tracing::warn!(reason = %refusal, also_refused_since_last_line, "request refused");
        }
        refusal
    }
}

/// Counts a request whose handler was dropped while it read: its connection is gone, and so is whoever would be told.
struct CutWatch<'i> {
    intake: Option<&'i Intake>,
}

impl Drop for CutWatch<'_> {
    fn drop(&mut self) {
        if let Some(intake) = self.intake {
            drop(intake.refuse(Refusal::Cut));
        }
    }
}

#[cfg(test)]
mod tests;

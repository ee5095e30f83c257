//! One shard on its own thread.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracemesh_graph::record::Names;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::{Flush, Shard};

use super::batch::Batch;
use super::gauges::Gauges;
use crate::clock::MonotonicMs;

/// How long a shard without messages waits before it looks for slices to close.
const TICK: Duration = Duration::from_millis(250);

/// A flush is made in steps of about so many records, between which waiting requests are taken: some milliseconds.
const FLUSH_STEP: usize = 2_048;

enum Message {
    Records(Batch),
    /// Asked for at this time.
    Flush(Sender<Flush>, u64),
    Stop(Sender<Flush>),
}

/// Where a shard's flush arrives; disconnects when the shard has died.
pub(super) type Answer = Receiver<Flush>;

/// Handle of a shard thread.
pub(super) struct ShardThread {
    inbox: Sender<Message>,
    clock: MonotonicMs,
    gauges: Arc<Gauges>,
    is_alive: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ShardThread {
    pub(super) fn start(
        index: usize,
        names: &Arc<Names>,
        settings: &Settings,
        clock: MonotonicMs,
    ) -> io::Result<Self> {
        let (inbox, messages) = channel();
        let gauges = Arc::default();
        let is_alive = Arc::new(AtomicBool::new(true));
        let worker = Worker {
            shard: Shard::new(Arc::clone(names), settings.clone()),
            clock: Arc::clone(&clock),
            latest_ms: 0,
            gauges: Arc::clone(&gauges),
            asked: None,
            _sign: SignOfLife(Arc::clone(&is_alive)),
        };
        let thread = thread::Builder::new()
            .name(format!("shard-{index}"))
            .spawn(move || worker.run(&messages))?;
        Ok(Self {
            inbox,
            clock,
            gauges,
            is_alive,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues records; the caller has made sure that there is room.
    pub(super) fn push(&self, batch: Batch) {
        self.send(Message::Records(batch));
    }

    pub(super) fn ask_flush(&self) -> Answer {
        let (sender, answer) = channel();
        self.send(Message::Flush(sender, (self.clock)()));
        answer
    }

    pub(super) fn ask_stop(&self) -> Answer {
        let (sender, answer) = channel();
        self.send(Message::Stop(sender));
        answer
    }

    /// A dead shard swallows messages; whoever waits for an answer learns of it, and so does the next request.
    fn send(&self, message: Message) {
        if self.inbox.send(message).is_err() {
            tracing::debug!("message for a shard that is gone");
        }
    }

    /// True when the thread has ended, which before a stop only a bug can cause.
    pub(super) fn is_dead(&self) -> bool {
        !self.is_alive.load(Ordering::Acquire)
    }

    /// What it buffers.
    pub(super) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    pub(super) fn join(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("shard thread panicked");
        }
    }
}

/// Tells, by being dropped, that the thread has ended, also when it panicked.
struct SignOfLife(Arc<AtomicBool>);

impl Drop for SignOfLife {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

struct Worker {
    shard: Shard,
    clock: MonotonicMs,
    latest_ms: u64,
    gauges: Arc<Gauges>,
    /// Who waits for the flush that is under way.
    asked: Option<Sender<Flush>>,
    _sign: SignOfLife,
}

impl Worker {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let message = match self.asked {
                Some(_) => messages.try_recv(),
                None => messages.recv_timeout(TICK).map_err(|error| match error {
                    RecvTimeoutError::Timeout => TryRecvError::Empty,
                    RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
                }),
            };
            match message {
                Ok(Message::Records(batch)) => self.push(batch),
                // All that was queued before is taken, so time may move on to when the flush was asked for.
                Ok(Message::Flush(answer, asked_ms)) => {
                    self.step_flush(usize::MAX);
                    self.tick(asked_ms);
                    self.shard.begin_flush();
                    self.asked = Some(answer);
                }
                Ok(Message::Stop(answer)) => {
                    self.step_flush(usize::MAX);
                    self.shard.close_all();
                    send(&answer, self.shard.flush());
                    return self.gauges.set(self.shard.usage());
                }
                // Only an empty queue may move time past the arrival of what waits in it: a slice must not close as
                // idle while its spans are queued.
                Err(TryRecvError::Empty) => self.tick((self.clock)()),
                Err(TryRecvError::Disconnected) => return,
            }
            self.step_flush(FLUSH_STEP);
            self.gauges.set(self.shard.usage());
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is not needed any more counts as queued until it is dropped"
    )]
    fn push(&mut self, batch: Batch) {
        // Requests that were stamped at the same time may be queued in another order.
        self.latest_ms = self.latest_ms.max(batch.now_ms);
        for record in batch.records() {
            self.shard.push_ref(record, self.latest_ms);
        }
        self.tick(self.latest_ms);
    }

    fn tick(&mut self, now_ms: u64) {
        self.latest_ms = self.latest_ms.max(now_ms);
        self.shard.tick(self.latest_ms);
    }

    /// Works on the flush that is under way, if any, and answers when it is done.
    fn step_flush(&mut self, records: usize) {
        if self.asked.is_some()
            && let Some(flush) = self.shard.step_flush(records)
            && let Some(answer) = self.asked.take()
        {
            send(&answer, flush);
        }
    }
}

fn send(answer: &Sender<Flush>, flush: Flush) {
    if answer.send(flush).is_err() {
        tracing::error!("a flush was asked for and not taken");
    }
}

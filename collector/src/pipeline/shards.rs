//! One shard on its own thread.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracemesh_graph::record::{Names, SpanRecord};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::{Flush, Shard};

use crate::clock::MonotonicMs;

/// How long a shard without messages waits before it looks for slices to close.
const TICK: Duration = Duration::from_millis(250);

/// Records of one request for one shard.
pub(super) struct Batch {
    pub(super) records: Vec<SpanRecord>,
    /// Arrival time of the request.
    pub(super) now_ms: u64,
}

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
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ShardThread {
    pub(super) fn start(
        index: usize,
        names: &Arc<Names>,
        settings: &Settings,
        queued: Arc<AtomicUsize>,
        clock: MonotonicMs,
    ) -> io::Result<Self> {
        let (inbox, messages) = channel();
        let worker = Worker {
            shard: Shard::new(Arc::clone(names), settings.clone()),
            queued,
            clock: Arc::clone(&clock),
            latest_ms: 0,
        };
        let thread = thread::Builder::new()
            .name(format!("shard-{index}"))
            .spawn(move || worker.run(&messages))?;
        Ok(Self {
            inbox,
            clock,
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
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_none_or(JoinHandle::is_finished)
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

struct Worker {
    shard: Shard,
    queued: Arc<AtomicUsize>,
    clock: MonotonicMs,
    latest_ms: u64,
}

impl Worker {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(TICK) {
                Ok(Message::Records(batch)) => self.push(batch),
                // All that was queued before is taken, so time may move on to when the flush was asked for.
                Ok(Message::Flush(answer, asked_ms)) => {
                    self.tick(asked_ms);
                    self.answer(&answer);
                }
                Ok(Message::Stop(answer)) => {
                    self.shard.close_all();
                    return self.answer(&answer);
                }
                // Only an empty queue may move time past the arrival of what waits in it: a slice must not close as
                // idle while its spans are queued.
                Err(RecvTimeoutError::Timeout) => self.tick((self.clock)()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn push(&mut self, batch: Batch) {
        let count = batch.records.len();
        // Requests that were stamped at the same time may be queued in another order.
        self.latest_ms = self.latest_ms.max(batch.now_ms);
        for record in batch.records {
            self.shard.push(record, self.latest_ms);
        }
        self.queued.fetch_sub(count, Ordering::AcqRel);
        self.tick(self.latest_ms);
    }

    fn tick(&mut self, now_ms: u64) {
        self.latest_ms = self.latest_ms.max(now_ms);
        self.shard.tick(self.latest_ms);
    }

    fn answer(&mut self, answer: &Sender<Flush>) {
        if answer.send(self.shard.flush()).is_err() {
            tracing::error!("a flush was asked for and not taken");
        }
    }
}

//! Load over time while a shard counts it: attempts are kept for a while and added up together, in the order of their starts.

use super::few::Few;
use crate::names::{InstanceId, Tables};
use crate::record::SpanRecord;
use crate::segment::demand::{InboundLoad, Took};

/// Attempts that are not added up yet. Few, because an edge of which nothing came since the last flush keeps the room.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending(Vec<Took>);

impl Pending {
    const MOST: usize = 16;

    /// Keeps an attempt; true when it is time to [`take`](Self::take) all of them.
    pub(super) fn push(&mut self, attempt: Took) -> bool {
        self.0.push(attempt);
        self.0.len() >= Self::MOST
    }

    /// Tells what is kept, in the order of starts, and forgets it.
    pub(super) fn take(&mut self, add_up: impl FnOnce(&[Took])) {
        self.0.sort_unstable_by_key(|attempt| attempt.start_ns);
        add_up(&self.0);
        self.0.clear();
    }

    /// Tells what another keeps, as [`take`](Self::take) does.
    pub(super) fn told_by(other: &Self, add_up: impl FnOnce(&[Took])) {
        other.clone().take(add_up);
    }
}

/// First and last time, in nanoseconds, at which instances were seen. They stay ids until the flush, because every attempt
/// touches them.
#[derive(Debug, Clone, Default)]
pub(super) struct Alive(Few<InstanceId, (u64, u64)>);

impl Alive {
    /// Notes an instance; those without a name are nobody.
    pub(super) fn seen(&mut self, instance: InstanceId, first_ns: u64, last_ns: u64) {
        if instance == InstanceId::FIRST {
            return;
        }
        let life = self.0.get_or(instance, (first_ns, last_ns));
        *life = (life.0.min(first_ns), life.1.max(last_ns));
    }

    /// Adds what was seen elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0, |life, other| {
            *life = (life.0.min(other.0), life.1.max(other.1));
        });
    }

    /// Names and times.
    pub(super) fn named<'a>(
        &'a self,
        names: &'a Tables,
    ) -> impl Iterator<Item = (&'a str, (u64, u64))> {
        let lives = self.0.iter();
        lives.map(|(instance, life)| (names.instance(instance), *life))
    }
}

/// Requests that a node served.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    load: InboundLoad,
    pending: Pending,
    instances: Alive,
}

impl Inbound {
    /// Counts a request by its serving span.
    pub(super) fn request(&mut self, record: &SpanRecord) {
        let request = Took {
            start_ns: record.start_ns,
            took_ns: record.duration_ns,
            weight: record.sampled().value,
            is_call: true,
        };
        let (start_ns, end_ns) = (record.start_ns, record.end_ns());
        self.instances.seen(record.instance, start_ns, end_ns);
        if self.pending.push(request) {
            self.add_up();
        }
    }

    /// Adds the requests of another tally.
    pub(super) fn merge(&mut self, other: &Self) {
        self.load.merge(&other.load);
        Pending::told_by(&other.pending, |requests| self.load.count(requests));
        self.instances.merge(&other.instances);
    }

    /// Puts names to everything.
    pub(super) fn named(mut self, names: &Tables) -> InboundLoad {
        self.add_up();
        for (name, life) in self.instances.named(names) {
            self.load.instances.seen(name, life);
        }
        self.load
    }

    fn add_up(&mut self) {
        self.pending.take(|requests| self.load.count(requests));
    }
}

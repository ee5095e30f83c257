//! Requests through a company: the spans that its SDKs, proxies and drivers emit, and what really happened.
//!
//! An iterator, one request at a time: what comes after a request in time (consumers that read in batches) comes after it
//! in the iteration. Spans are complete and clocks agree; see [`degrade`](crate::degrade) for real life.

mod calls;
mod dialect;
mod leaves;
mod messages;
mod weaver;

use std::collections::VecDeque;

use crate::random::{Random, mix};
use crate::span::Span;
use crate::truth::{Fact, NodeIndex};
use crate::world::{Role, World};
use weaver::Weaver;

/// One request from outside with everything that it set off; spans of one trace, or of several where consumers begin
/// their own.
#[derive(Debug, Clone, Default)]
pub struct Request<'w> {
    /// In order of their start.
    pub spans: Vec<Span<'w>>,
    /// What happened.
    pub facts: Vec<Fact>,
    /// See [`Truth::through`](crate::truth::Truth::through).
    pub through: Vec<(NodeIndex, NodeIndex)>,
}

/// A message that waits for its reader.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    trace: u128,
    span: u64,
    producer: NodeIndex,
}

/// An endless supply of requests is cut off after a number of them.
#[derive(Debug)]
pub struct Traffic<'w> {
    world: &'w World,
    random: Random,
    left: usize,
    number: u64,
    seed: u64,
    now_us: u64,
    /// Messages by topic that are read in batches.
    waiting: Vec<Vec<Waiting>>,
    /// Topics of which a batch is full.
    due: VecDeque<usize>,
}

/// Where traffic begins in time: 2025-01-01T00:00:00Z.
pub const EPOCH_US: u64 = 1_735_689_600_000_000;

/// Between the beginnings of two requests.
const GAP_US: u64 = 20_000;

impl<'w> Traffic<'w> {
    /// So many requests from outside through a world.
    #[must_use]
    pub fn new(world: &'w World, seed: u64, requests: usize) -> Self {
        Self {
            world,
            random: Random::new(mix(&[seed, 1])),
            left: requests,
            number: 0,
            seed,
            now_us: EPOCH_US,
            waiting: vec![Vec::new(); world.topics.len()],
            due: VecDeque::new(),
        }
    }

    fn weaver(&mut self) -> Weaver<'w> {
        self.number += 1;
        self.now_us += GAP_US;
        Weaver::new(self.world, mix(&[self.seed, self.number]), self.now_us)
    }

    fn next_from_outside(&mut self) -> Request<'w> {
        let root = *self.random.pick(&self.world.roots);
        let mut weaver = self.weaver();
        match self.world.services[root].role {
            Role::Application | Role::Gateway => weaver.enter(root),
            Role::Browser | Role::Job => weaver.begin(root),
        }
        self.finish(weaver)
    }

    /// A reader takes everything that waits in a topic.
    fn batch(&mut self, topic: usize) -> Request<'w> {
        let messages = std::mem::take(&mut self.waiting[topic]);
        let mut weaver = self.weaver();
        weaver.consume_batch(topic, &messages);
        self.finish(weaver)
    }

    fn finish(&mut self, weaver: Weaver<'w>) -> Request<'w> {
        let (request, sent) = weaver.finish();
        for (topic, message, full_at) in sent {
            self.waiting[topic].push(message);
            if self.waiting[topic].len() == full_at {
                self.due.push_back(topic);
            }
        }
        request
    }
}

impl<'w> Iterator for Traffic<'w> {
    type Item = Request<'w>;

    fn next(&mut self) -> Option<Request<'w>> {
        while let Some(topic) = self.due.pop_front() {
            if !self.waiting[topic].is_empty() {
                return Some(self.batch(topic));
            }
        }
        if self.left > 0 {
            self.left -= 1;
            return Some(self.next_from_outside());
        }
        // What is left over is read at the end; reading may send more.
        let topic = self
            .waiting
            .iter()
            .position(|waiting| !waiting.is_empty())?;
        Some(self.batch(topic))
    }
}

#[cfg(test)]
mod tests;

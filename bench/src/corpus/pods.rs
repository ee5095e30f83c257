//! Pods with an exporter each: spans to requests, in the order in which these arrive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tracemesh_generator::random::mix;
use tracemesh_generator::span::Span;
use tracemesh_generator::traffic::EPOCH_US;
use tracemesh_generator::world::World;

use super::{Corpus, Expected, encode};

/// Longest wait for a batch to fill, the default of the SDKs' batch processors.
const PERIOD_US: u64 = 5_000_000;

/// Spans per second of a pod, over all pods: busy, so that batches fill up.
const RATE: u64 = 1_000;

/// Spans that wait in the exporters of pods.
pub(super) struct Pods<'w> {
    world: &'w World,
    /// Spans of a request at most.
    batch: usize,
    buffers: Vec<Vec<Span<'w>>>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    now_us: u64,
    step_us: f64,
    moved_us: f64,
    pub(super) corpus: Corpus,
}

impl<'w> Pods<'w> {
    pub(super) fn new(world: &'w World, seed: u64, batch: usize) -> Self {
        let pods = 0..world.resources.len();
        let phase = |pod: usize| mix(&[seed, pod as u64]) % PERIOD_US;
        Self {
            world,
            batch,
            buffers: pods.clone().map(|_| Vec::new()).collect(),
            due: pods
                .clone()
                .map(|pod| Reverse((EPOCH_US + phase(pod), pod)))
                .collect(),
            now_us: EPOCH_US,
            step_us: 1e6 / (RATE as f64 * pods.len().max(1) as f64),
            moved_us: 0.0,
            corpus: Corpus {
                requests: Vec::new(),
                arrivals_ms: Vec::new(),
                spans: 0,
                attributes: 0,
                expected: Expected::default(),
            },
        }
    }

    /// The spans of one request of a user. The generator lets them follow each other too slowly to fill batches.
    pub(super) fn take(&mut self, spans: Vec<Span<'w>>) {
        let Some(began_us) = spans.first().map(|span| span.start_us) else {
            return;
        };
        self.moved_us += self.step_us * spans.len() as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of positive steps, far below 2^53"
        )]
        let moved_us = self.moved_us as u64;
        self.now_us = EPOCH_US + moved_us;
        while let Some(Reverse((at_us, pod))) = self.due.peek().copied()
            && at_us <= self.now_us
        {
            self.due.pop();
            self.due.push(Reverse((at_us + PERIOD_US, pod)));
            self.export(pod);
        }
        for mut span in spans {
            span.start_us = span.start_us - began_us + self.now_us;
            span.end_us = span.end_us - began_us + self.now_us;
            let pod = span.resource;
            self.buffers[pod].push(span);
            if self.buffers[pod].len() == self.batch {
                self.export(pod);
            }
        }
    }

    /// The end of the traffic.
    pub(super) fn export_all(&mut self) {
        for pod in 0..self.buffers.len() {
            self.export(pod);
        }
    }

    fn export(&mut self, pod: usize) {
        let mut batch = std::mem::take(&mut self.buffers[pod]);
        if batch.is_empty() {
            return;
        }
        batch.sort_by_key(|span| (span.end_us, span.id));
        let corpus = &mut self.corpus;
        let (request, attributes) = encode::request(self.world, pod, &batch);
        corpus.requests.push(request);
        corpus.arrivals_ms.push((self.now_us - EPOCH_US) / 1_000);
        corpus.attributes += attributes;
        corpus.spans += batch.len() as u64;
        batch.clear();
        self.buffers[pod] = batch;
    }
}

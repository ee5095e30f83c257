//! When spans arrive: every instance has an exporter with a rhythm of its own, and some requests come late.
//!
//! Measured on real systems, the two sides of a call arrive p50 1.3 to 2.0 s and p99 4.4 s apart, because each pod exports
//! every five seconds with its own phase. An exporter that retries delivers minutes late.

use crate::degrade::EXPORT_PERIOD_US;
use crate::random::{is_chosen, mix};
use crate::span::Span;

/// How exporters deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exporters {
    /// Decides phases and lateness.
    pub seed: u64,
    /// Share of export requests that are late, in thousandths.
    pub late_permille: u64,
    /// How late these are.
    pub late_ms: u64,
}

impl Exporters {
    /// Arrival of a span: when its instance next exports, in milliseconds since the epoch.
    #[must_use]
    pub fn arrival_ms(&self, span: &Span<'_>) -> u64 {
        let instance = span.resource as u64;
        let phase = mix(&[self.seed, instance]) % EXPORT_PERIOD_US;
        let tick = (span.end_us + EXPORT_PERIOD_US - phase) / EXPORT_PERIOD_US;
        let on_time_ms = (tick * EXPORT_PERIOD_US + phase) / 1000;
        if is_chosen(&[self.seed, instance, tick], self.late_permille) {
            on_time_ms + self.late_ms
        } else {
            on_time_ms
        }
    }

    /// Spans in the order in which they arrive, with the time.
    #[must_use]
    pub fn deliver<'w>(&self, spans: Vec<Span<'w>>) -> Vec<(u64, Span<'w>)> {
        let mut arriving: Vec<(u64, Span<'w>)> = spans
            .into_iter()
            .map(|span| (self.arrival_ms(&span), span))
            .collect();
        arriving.sort_by_key(|(at, span)| (*at, span.resource, span.end_us));
        arriving
    }
}

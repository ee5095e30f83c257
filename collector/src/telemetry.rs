//! What a running collector tells about itself and about the calls it saw, for scrapers.
//!
//! ```text
//! pipeline.flush() --settled--> Telemetry::note --> series, totals --/metrics--> Prometheus
//! receiver, pipeline, ledger ----------gauges, counters---------------^
//! ```
//! Numbers are made at a scrape from what is counted anyway; nothing is counted per span for their sake.

mod exposition;
mod own;
mod series;

use std::sync::{Mutex, PoisonError};

use tracemesh_graph::observed::Knowledge;
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;

pub(crate) use exposition::{Exposition, Format};
use own::Own;
pub(crate) use own::{FlushOutcome, FlushTotals, Gauges};
use series::Series;

/// Everything that is told; shared by the flusher, which adds, and scrapes, which read.
#[derive(Debug)]
pub(crate) struct Telemetry {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    knowledge: Knowledge,
    series: Series,
    own: Own,
}

impl Telemetry {
    /// Nothing counted yet; at most so many pairs of nodes will be told apart.
    pub(crate) fn new(settings: Settings, max_pairs: usize) -> Self {
        let state = State {
            knowledge: Knowledge::default(),
            series: Series::new(max_pairs),
            own: Own::default(),
        };
        Self {
            settings,
            state: Mutex::new(state),
        }
    }

    /// Adds what settled since the last flush.
    pub(crate) fn note(&self, settled: Segment) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let observed = state.knowledge.place(settled, &self.settings);
        state.series.add(&observed);
        state.own.add(&observed);
    }

    /// Adds how a flush went.
    pub(crate) fn note_flush(&self, outcome: FlushOutcome) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.own.flushed(outcome);
    }

    /// How flushes went so far.
    pub(crate) fn flushes(&self) -> FlushTotals {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.own.flushes()
    }

    /// The text of a scrape; `gauges` is how things stand now.
    pub(crate) fn text(&self, format: Format, gauges: &Gauges) -> String {
        let mut out = Exposition::new(format);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.series.write(&mut out);
        state.own.write(gauges, &state.series, &mut out);
        drop(state);
        out.finish()
    }
}

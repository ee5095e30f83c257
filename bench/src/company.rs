//! The records of a large company, made without wire bytes: what a store of two weeks holds, and a snapshot is made of.
//!
//! Every service calls as many others, each call by one of two names of its callee. Times, latencies and errors follow from
//! [`Dice`], so that the same company comes out every time.

use std::sync::Arc;

use tracemesh_graph::attribute::{AttributeSet, Key, Value};
use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::span::{SpanEvents, SpanId, SpanKind, SpanSink, SpanView, TraceId};

/// Nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// Nanoseconds.
pub const DAY: u64 = 86_400 * SECOND;

/// Midnight of some day in nanoseconds since the epoch.
pub const START: u64 = 1_700_006_400 * SECOND;

/// Who is there.
#[derive(Debug, Clone, Copy)]
pub struct Company {
    /// Services; each is a caller and a callee.
    pub services: u64,
    /// Services that each of them calls; distinct for up to 20 of 1,000.
    pub callees: u64,
}

/// What happens in some time.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// Nanoseconds since the epoch.
    pub start: u64,
    /// Nanoseconds.
    pub length: u64,
    /// Calls of every edge.
    pub calls_per_edge: u64,
    /// Every so many-th call of an edge lacks the span of its callee; `u64::MAX` for none.
    pub unanswered: u64,
}

/// Numbers that look random and are the same in every run.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    /// Some milliseconds; the sum of several powers of two has about the tail of real latency.
    fn latency_ns(&mut self) -> u64 {
        let octave = (0..6).map(|_| self.below(2)).sum::<u64>();
        (500_000 << octave) + self.below(500_000 << octave)
    }
}

impl Company {
    /// Edges between its services.
    #[must_use]
    pub const fn edges(&self) -> u64 {
        self.services * self.callees
    }

    /// What is inferred from a period.
    #[must_use]
    pub fn segment(&self, period: &Period, dice: &mut Dice) -> Segment {
        let settings = Settings {
            max_open_records: Settings::FILE_OPEN_RECORDS,
            ..Settings::default()
        };
        let names = Arc::new(Names::new(&settings));
        let mut recorder = Recorder::new(Arc::clone(&names), &settings);
        let mut shard = Shard::new(names, settings);
        for caller in 0..self.services {
            for nth in 0..self.callees {
                let callee = (caller * 31 + nth * nth * 7 + nth + 1) % self.services;
                for call in 0..period.calls_per_edge {
                    let call = Call {
                        caller,
                        callee,
                        start_ns: period.start + dice.below(period.length),
                        is_short: call % 5 == 4,
                        is_answered: call % period.unanswered != period.unanswered - 1,
                    };
                    call.emit(&mut recorder, dice);
                }
            }
            for record in recorder.take_records() {
                shard.push(record, 0);
            }
            shard.close_all();
        }
        shard.take_segment()
    }
}

struct Call {
    caller: u64,
    callee: u64,
    start_ns: u64,
    /// Dialled by the short one of two names.
    is_short: bool,
    is_answered: bool,
}

impl Call {
    /// The span of the caller, and maybe that of the callee.
    fn emit(&self, recorder: &mut Recorder, dice: &mut Dice) {
        let callee = self.callee;
        let trace = (u128::from(dice.roll()) << 64) | u128::from(dice.roll() | 1);
        let [client, server] = [(); 2].map(|()| SpanId((dice.roll() | 1).to_be_bytes()));
        let took = dice.latency_ns();
        let host = match self.is_short {
            true => format!("service-{callee}"),
            false => format!("service-{callee}.shop.svc.cluster.local"),
        };
        let is_error = dice.below(100) == 0;
        let mut attributes = AttributeSet::default();
        attributes.insert(Key::ServerAddress, Value::Text(&host));
        attributes.insert(Key::ServerPort, Value::Int(8080));
        attributes.insert(Key::HttpRequestMethod, Value::Text("GET"));
        let status = if is_error { 500 } else { 200 };
        attributes.insert(Key::HttpResponseStatusCode, Value::Int(status));
        resource(recorder, dice, self.caller);
        let view = SpanView {
            trace_id: TraceId(trace.to_be_bytes()),
            span_id: client,
            parent_id: None,
            kind: SpanKind::Client,
            start_ns: self.start_ns,
            end_ns: self.start_ns + took,
            is_error,
            flags: 0,
            trace_state: "",
            name: "GET",
            attributes: &attributes,
            events: SpanEvents::default(),
            links: &[],
        };
        recorder.span(&view);
        if !self.is_answered {
            return;
        }
        let mut served = attributes.clone();
        served.insert(Key::HttpRoute, Value::Text("/things/{id}"));
        resource(recorder, dice, callee);
        recorder.span(&SpanView {
            span_id: server,
            parent_id: Some(client),
            kind: SpanKind::Server,
            start_ns: self.start_ns + took / 10,
            end_ns: self.start_ns + took - took / 10,
            attributes: &served,
            ..view
        });
    }
}

fn resource(recorder: &mut Recorder, dice: &mut Dice, service: u64) {
    let name = format!("service-{service}");
    let pod = dice.below(3);
    let (instance, zone) = (format!("{name}-{pod}"), format!("zone-{pod}"));
    let mut attributes = AttributeSet::default();
    attributes.insert(Key::ServiceName, Value::Text(&name));
    attributes.insert(Key::ServiceNamespace, Value::Text("shop"));
    attributes.insert(Key::ServiceInstanceId, Value::Text(&instance));
    attributes.insert(Key::CloudAvailabilityZone, Value::Text(&zone));
    recorder.resource(&attributes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_all_edges_and_calls_and_those_without_an_answer() {
        let company = Company {
            services: 12,
            callees: 3,
        };
        let period = Period {
            start: START,
            length: DAY,
            calls_per_edge: 6,
            unanswered: 3,
        };
        let segment = company.segment(&period, &mut Dice(7));
        let graph = segment.snapshot(&Settings::default());
        let calls: u64 = graph.edges.iter().map(|edge| edge.calls).sum();
        let paired: u64 = graph.edges.iter().map(|edge| edge.evidence.paired).sum();
        assert_eq!(graph.edges.len() as u64, company.edges());
        assert_eq!((calls, paired), (36 * 6, 36 * 4));
        assert_eq!(segment, company.segment(&period, &mut Dice(7)));
    }
}

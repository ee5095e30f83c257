//! Tables of what waits for other spans, of votes, and of what was counted beside the graph.

use super::super::schema::*;
use super::{Writer, halves, hex};
use crate::segment::votes::VoteKey;

impl Writer<'_> {
    pub(super) fn rest(&mut self) {
        self.totals();
        self.diagnostics();
        for (key, votes) in &self.segment.votes {
            let mut calls = votes.count;
            for spell in votes.spells.iter() {
                let row = self.vote_row(key, spell, std::mem::take(&mut calls));
                self.sheets.votes.push(row);
            }
        }
        self.sends();
        self.consumes();
        self.open_servers();
        for ((node, event), count) in &self.segment.halves.owed {
            self.sheets.owed.push(OwedRow {
                node: self.directory.id(node),
                event: event.clone(),
                count: *count,
            });
        }
        for ((sidecar, application), spans) in &self.segment.folds {
            self.sheets.folds.push(FoldRow {
                sidecar: self.directory.id(sidecar),
                application: self.directory.id(application),
                spans: *spans,
            });
        }
        for (key, skew) in &self.segment.skews {
            self.sheets.skews.push(SkewRow {
                caller: self.directory.id(&key.caller),
                callee: self.directory.id(&key.callee),
                caller_instance: key.caller_instance.clone(),
                callee_instance: key.callee_instance.clone(),
                behind_ns: skew.behind_ns,
                ahead_ns: skew.ahead_ns,
            });
        }
    }

    fn totals(&mut self) {
        let traces = self.segment.traces;
        let (root_weight_hi, root_weight_lo) = halves(traces.weight);
        let row = TotalRow {
            first_ns: self.segment.window.map(|(first, _)| first),
            last_ns: self.segment.window.map(|(_, last)| last),
            traces: traces.seen,
            rooted_traces: traces.rooted,
            root_weight_hi,
            root_weight_lo,
            step_min: self.segment.trail_step_min,
        };
        if row != TotalRow::default() {
            self.sheets.totals.push(row);
        }
    }

    fn diagnostics(&mut self) {
        let kinds = [
            ("rejected", &self.segment.rejected),
            ("dropped", &self.segment.dropped),
            ("counter", &self.segment.counters),
        ];
        for (kind, counts) in kinds {
            for (name, count) in counts {
                self.sheets.diagnostics.push(DiagnosticRow {
                    kind: kind.to_owned(),
                    name: name.clone(),
                    count: *count,
                });
            }
        }
    }

    fn vote_row(&self, key: &VoteKey, (first_ns, last_ns): (u64, u64), calls: u64) -> VoteRow {
        VoteRow {
            caller: self.directory.id(&key.caller),
            callee: self.directory.id(&key.callee),
            peer_namespace: key.name.as_ref().map(|(namespace, _)| namespace.clone()),
            peer_name: key.name.as_ref().map(|(_, name)| name.clone()),
            host: key.address.as_ref().map(|address| address.host.clone()),
            port: key.address.as_ref().and_then(|a| a.port).map(u32::from),
            word: key.word.clone(),
            rpc_service: key.rpc_service.clone(),
            first_ns,
            last_ns,
            calls,
        }
    }

    fn sends(&mut self) {
        for ((trace, span), send) in &self.segment.sends {
            self.sheets.messages.push(MessageRow {
                trace: hex(*trace),
                span: *span,
                is_send: true,
                node: self.directory.id(&send.producer),
                target: self.directory.target(&send.peer),
                is_receive: false,
                messages: send.messages,
                weight: send.is_weighed.then_some(send.weight.into()),
                has_failed: false,
                start_ns: send.start_ns,
                end_ns: send.end_ns,
            });
            for (position, also) in (0..).zip(&send.also) {
                self.message_ref((*trace, *span), position, "also", (*trace, *also));
            }
        }
    }

    fn consumes(&mut self) {
        for ((trace, span), consume) in &self.segment.consumes {
            self.sheets.messages.push(MessageRow {
                trace: hex(*trace),
                span: *span,
                is_send: false,
                node: self.directory.id(&consume.consumer),
                target: self.directory.target(&consume.peer),
                is_receive: consume.is_receive,
                messages: consume.messages,
                weight: consume.weight.map(f64::from),
                has_failed: consume.has_failed,
                start_ns: consume.start_ns,
                end_ns: consume.end_ns,
            });
            for (position, (to, is_link)) in (0..).zip(&consume.refs) {
                let kind = if *is_link { "link" } else { "parent" };
                self.message_ref((*trace, *span), position, kind, *to);
            }
        }
    }

    fn message_ref(&mut self, of: (u128, u64), position: u32, kind: &str, to: (u128, u64)) {
        self.sheets.message_refs.push(MessageRefRow {
            trace: hex(of.0),
            span: of.1,
            position,
            kind: kind.to_owned(),
            to_trace: hex(to.0),
            to_span: to.1,
        });
    }

    fn open_servers(&mut self) {
        for (id, server) in &self.segment.halves.servers {
            self.sheets.open_servers.push(OpenServerRow {
                trace: hex(id.trace),
                span: id.span,
                callee: self.directory.id(&server.callee),
                caller_trace: hex(server.caller.0),
                caller_span: server.caller.1,
                is_link: server.is_link,
                event: server.event.clone(),
                has_failed: server.has_failed,
                error: server.error.clone(),
                start_ns: server.start_ns,
                duration_ns: server.duration_ns,
            });
        }
    }
}

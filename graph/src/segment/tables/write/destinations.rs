//! Tables of facts for planning, and of load over time.

use super::super::ids::{Ids, Who};
use super::super::schema::*;
use super::{Writer, halves};
use crate::peer::Address;
use crate::segment::EdgeKey;
use crate::segment::demand::Load;
use crate::segment::lifetimes::Lifetimes as Lives;
use crate::segment::planning::EdgeFacts;

/// A destination or a node, of which one is given.
type Owner = (Option<u64>, Option<u64>);

impl Writer<'_> {
    pub(super) fn destinations(&mut self) {
        let mut ids = Ids::default();
        for (key, facts) in &self.segment.facts {
            let id = ids.unique(self.directory.hash_of_edge(key, None));
            let row = self.destination_row(id, key, facts);
            self.sheets.destinations.push(row);
            self.values(id, facts);
            self.instances(id, facts);
            let owner = (Some(id), None);
            self.load(owner, &facts.demand.load);
            self.lifetimes(owner, "caller", &facts.demand.callers);
            self.lifetimes(owner, "callee", &facts.demand.callees);
        }
    }

    fn destination_row(
        &self,
        destination: u64,
        key: &EdgeKey,
        facts: &EdgeFacts,
    ) -> DestinationRow {
        let caller = Who::of(&key.caller);
        DestinationRow {
            destination,
            caller: self.directory.caller(caller),
            caller_name: caller.readable(),
            callee: key.callee.as_ref().map(|callee| self.directory.id(callee)),
            callee_name: key.callee.as_ref().map(|c| Who::Node(c).readable()),
            target: self.directory.target(&key.peer),
            dialled: key.peer.best_address().map(Address::to_string),
            relation: key.relation.as_str().to_owned(),
            word: key.trail.word.clone(),
            since_min: key.trail.since_min,
            caller_requests: facts.caller_requests,
            first_requests: facts.first_requests,
            calls: facts.demand.load.calls,
            slowest_ok_ns: facts.demand.slowest_ok_ns,
            most_in_trace: facts.demand.most_in_trace,
            slot_bits: facts.concurrency.shift,
        }
    }

    fn values(&mut self, destination: u64, facts: &EdgeFacts) {
        for (caller_zone, callees) in &facts.zones {
            for (callee_zone, attempts) in callees {
                self.sheets.zones.push(ZoneRow {
                    destination,
                    caller_zone: caller_zone.clone(),
                    callee_zone: callee_zone.clone(),
                    attempts: *attempts,
                });
            }
        }
        for (method, attempts) in &facts.methods {
            self.sheets.methods.push(MethodRow {
                destination,
                method: method.clone(),
                attempts: *attempts,
            });
        }
        for (route, attempts) in &facts.routes {
            self.sheets.routes.push(RouteRow {
                destination,
                route: route.clone(),
                attempts: *attempts,
            });
        }
        for (slot, busy) in &facts.concurrency.slots {
            let (busy_hi, busy_lo) = halves(*busy);
            self.sheets.stretches.push(StretchRow {
                destination,
                start_ns: slot << facts.concurrency.shift.min(63),
                busy_hi,
                busy_lo,
            });
        }
    }

    fn instances(&mut self, destination: u64, facts: &EdgeFacts) {
        let sides = [
            ("caller", &facts.caller_instances),
            ("callee", &facts.callee_instances),
        ];
        for (side, instances) in sides {
            for instance in &instances.0 {
                self.sheets.instances.push(InstanceRow {
                    destination,
                    side: side.to_owned(),
                    instance: *instance,
                });
            }
        }
    }

    pub(super) fn load(&mut self, (destination, node): Owner, load: &Load) {
        for day in &load.days.0 {
            self.sheets.days.push(DayRow {
                destination,
                node,
                day: *day,
            });
        }
        for second in load.seconds.values() {
            self.sheets.seconds.push(SecondRow {
                destination,
                node,
                second: second.number,
                begun: second.begun,
                busy: second.busy,
            });
        }
    }

    pub(super) fn lifetimes(&mut self, (destination, node): Owner, side: &str, lives: &Lives) {
        for (instance, (first_ns, last_ns)) in &lives.0 {
            self.sheets.lifetimes.push(LifetimeRow {
                destination,
                node,
                side: side.to_owned(),
                instance: *instance,
                first_ns: *first_ns,
                last_ns: *last_ns,
            });
        }
    }
}

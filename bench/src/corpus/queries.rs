//! Services ask a database several times where the generator lets them ask once.
//!
//! On real systems half of the client spans are queries. Each repeated query is noted among what happened.

use std::collections::BTreeMap;

use tracemesh_generator::random::mix;
use tracemesh_generator::span::{Kind, Span};
use tracemesh_generator::traffic::Request;
use tracemesh_generator::truth::{Evidence, Fact, Happened, NodeIndex, Relation};
use tracemesh_generator::world::World;

use super::sdk::Subject;

/// Times that a query is repeated at most, until half of the client spans are queries.
const MAX_REPEATS: u64 = 3;

/// Keeps the balance of queries and other client spans.
pub(super) struct Queries {
    stores: BTreeMap<String, NodeIndex>,
    callers: Vec<NodeIndex>,
    clients: u64,
    queries: u64,
}

impl Queries {
    pub(super) fn new(world: &World) -> Self {
        let stores = world.stores.iter();
        Self {
            stores: stores
                .map(|store| (store.host.clone(), store.node))
                .collect(),
            callers: (0..world.resources.len())
                .map(|resource| world.node_of(resource))
                .collect(),
            clients: 0,
            queries: 0,
        }
    }

    /// Adds queries to a request.
    pub(super) fn repeat(&mut self, request: &mut Request<'_>) {
        for at in 0..request.spans.len() {
            let span = &request.spans[at];
            self.clients += u64::from(span.kind == Kind::Client);
            self.queries += u64::from(Subject::of(span) == Subject::Query);
            let Some(store) = self.store_of(span) else {
                continue;
            };
            let caller = self.callers[span.resource];
            let mut copies = 0;
            // One that follows a failed one could be the same call again.
            while !request.spans[at].is_error
                && copies < MAX_REPEATS
                && self.queries * 2 < self.clients
            {
                copies += 1;
                let mut copy = request.spans[at].clone();
                copy.id = mix(&[copy.id, copies]).max(1);
                request.spans.push(copy);
                request.facts.push(Fact::Called {
                    edge: (caller, store, Relation::Sync),
                    happened: Happened::once(false),
                    request: 0,
                    evidence: Evidence::Address,
                });
                self.clients += 1;
                self.queries += 1;
            }
        }
    }

    fn store_of(&self, span: &Span<'_>) -> Option<NodeIndex> {
        let is_query = span.kind == Kind::Client && span.name == "SELECT";
        let host = span.attribute("server.address").filter(|_| is_query)?;
        self.stores.get(host).copied()
    }
}

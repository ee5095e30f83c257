//! Calls to what emits no spans: databases, outside APIs, object stores.

use super::calls::Own;
use super::weaver::Weaver;
use crate::span::Kind;
use crate::truth::{Evidence, Happened, Relation};
use crate::world::{Sdk, StoreCall};

impl Weaver<'_> {
    /// A query, perhaps inside an ORM, perhaps after a connection was taken out of a pool.
    pub(super) fn query(&mut self, own: Own, parent: u64, call: StoreCall) {
        let world = self.world;
        let store = &world.stores[call.store];
        let [system, old_system] = store.systems;
        let (key, value) = match world.services[own.0].sdk {
            Sdk::Stable => ("db.system.name", system),
            Sdk::Old | Sdk::Older => ("db.system", old_system),
        };
        let orm = call
            .has_orm
            .then(|| self.open(Kind::Client, "Entity.find", own.1, Some(parent)));
        if let Some(orm) = orm {
            self.span(orm).describe(&[(key, value), ("db.name", "app")]);
        }
        let parent = orm.map_or(parent, |orm| self.id(orm));
        let at = [(key, value), ("server.address", store.host.as_str())];
        if call.connects {
            let connect = self.open(Kind::Client, "pool.connect", own.1, Some(parent));
            self.span(connect).describe(&at);
            self.close(connect, false);
        }
        let query = self.open(Kind::Client, "SELECT", own.1, Some(parent));
        self.span(query).describe(&at);
        let has_failed = self.random.chance(10);
        for span in [Some(query), orm].into_iter().flatten() {
            self.close(span, has_failed);
        }
        let nodes = (self.node(own.0), store.node);
        self.called(
            nodes,
            Relation::Sync,
            Happened::once(has_failed),
            Evidence::Address,
        );
    }

    /// A request to an outside API.
    pub(super) fn ask(&mut self, own: Own, parent: u64, external: usize) {
        let world = self.world;
        let external = &world.externals[external];
        let span = self.open(Kind::Client, "POST", own.1, Some(parent));
        let url = format!(
            "https://{}/v1/items/{}",
            external.host,
            self.id(span) % 10_000
        );
        let (method, key) = match world.services[own.0].sdk {
            Sdk::Stable => ("http.request.method", "url.full"),
            Sdk::Old | Sdk::Older => ("http.method", "http.url"),
        };
        self.span(span).describe(&[(method, "POST")]);
        self.span(span).tell(key, url);
        let has_failed = self.random.chance(30);
        self.close(span, has_failed);
        let nodes = (self.node(own.0), external.node);
        self.called(
            nodes,
            Relation::Sync,
            Happened::once(has_failed),
            Evidence::Address,
        );
    }

    /// An upload through a cloud SDK, which tells of itself around the HTTP client and may try again.
    pub(super) fn store_object(&mut self, own: Own, parent: u64, bucket: usize) {
        let world = self.world;
        let bucket = &world.externals[bucket];
        let sdk = self.open(Kind::Client, "S3.PutObject", own.1, Some(parent));
        self.span(sdk).describe(&[
            ("rpc.system", "aws-api"),
            ("rpc.service", "S3"),
            ("rpc.method", "PutObject"),
            ("aws.s3.bucket", "uploads"),
        ]);
        let parent = self.id(sdk);
        let mut happened = Happened::default();
        let mut has_failed = true;
        while has_failed && happened.attempts < 3 {
            let span = self.open(Kind::Client, "PUT", own.1, Some(parent));
            let url = format!("https://{}/uploads/{}", bucket.host, self.id(span) % 10_000);
            self.span(span).describe(&[("http.request.method", "PUT")]);
            self.span(span).tell("url.full", url);
            has_failed = self.random.chance(50);
            self.close(span, has_failed);
            happened.attempts += 1;
            happened.failed_attempts += u64::from(has_failed);
        }
        self.close(sdk, has_failed);
        happened.calls = 1;
        happened.failed = u64::from(has_failed);
        let nodes = (self.node(own.0), bucket.node);
        self.called(nodes, Relation::Sync, happened, Evidence::Address);
    }
}

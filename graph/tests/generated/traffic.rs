//! Requests through a company: the spans that its SDKs would emit, and what really happened.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::attribute::Key;
use tracemesh_graph::span::SpanKind;

use super::world::{Dependency, Random, World};

/// A span as an SDK would export it.
#[derive(Debug, Clone)]
pub(crate) struct MadeSpan {
    pub(crate) trace: u128,
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) kind: SpanKind,
    pub(crate) service: usize,
    pub(crate) instance: usize,
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    pub(crate) is_error: bool,
    pub(crate) attributes: Vec<(Key, String)>,
    pub(crate) resend: u16,
    pub(crate) link: Option<(u128, u64)>,
}

/// What happened between two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Happened {
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
}

/// The true graph, by the names that the graph should use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Truth {
    /// (caller, callee, is async) by node id.
    pub(crate) edges: BTreeMap<(String, String, bool), Happened>,
    pub(crate) entries: BTreeMap<String, u64>,
    /// Requests and messages that each service worked on.
    pub(crate) requests: BTreeMap<String, u64>,
    /// (service, trace that passed through it).
    pub(crate) passed: BTreeSet<(String, u128)>,
    /// (caller, callee, serving span of the caller) with at least one call.
    pub(crate) asked: BTreeSet<(String, String, u64)>,
}

/// Spans and truth of some requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    pub(crate) spans: Vec<MadeSpan>,
    pub(crate) truth: Truth,
}

/// The broker that every topic lives on.
pub(crate) const BROKER: &str = "kafka.data";

/// Calls per request stay below this: real requests fan out, but not without end.
const MAX_CALLS: usize = 60;

/// Sends requests into the first services.
pub(crate) fn simulate(world: &World, seed: u64, requests: usize) -> Traffic {
    let mut simulation = Simulation {
        world,
        random: Random::new(seed),
        traffic: Traffic::default(),
        next_id: 1,
        now_us: 1_000_000_000_000,
        calls_left: 0,
        trace: 0,
        request: 0,
    };
    for number in 0..requests {
        let entry = simulation.random.below(world.services.len() / 5 + 1);
        simulation.trace = simulation.new_trace();
        simulation.calls_left = MAX_CALLS;
        simulation.now_us += 10_000 * (number as u64 % 3 + 1);
        let instance = simulation.instance(entry);
        simulation.serve(entry, instance, None);
        *simulation
            .traffic
            .truth
            .entries
            .entry(world.services[entry].id())
            .or_default() += 1;
    }
    simulation.traffic
}

impl super::world::Service {
    /// The node id that the graph should give.
    pub(crate) fn id(&self) -> String {
        format!("service/{}/{}", self.namespace, self.name)
    }

    fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }
}

struct Simulation<'a> {
    world: &'a World,
    random: Random,
    traffic: Traffic,
    next_id: u64,
    now_us: u64,
    calls_left: usize,
    trace: u128,
    /// The serving span that is being worked for.
    request: u64,
}

impl Simulation<'_> {
    fn new_trace(&mut self) -> u128 {
        (u128::from(self.random.next()) << 64) | u128::from(self.random.next())
    }

    fn instance(&mut self, service: usize) -> usize {
        self.random.below(self.world.services[service].instances)
    }

    /// Opens a span; `close` sets its end.
    fn open(
        &mut self,
        kind: SpanKind,
        (service, instance): (usize, usize),
        parent: Option<u64>,
    ) -> usize {
        self.now_us += 50;
        self.next_id += 1;
        self.traffic.spans.push(MadeSpan {
            trace: self.trace,
            id: self.next_id.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            parent,
            kind,
            service,
            instance,
            start_us: self.now_us,
            end_us: 0,
            is_error: false,
            attributes: Vec::new(),
            resend: 0,
            link: None,
        });
        self.traffic.spans.len() - 1
    }

    fn close(&mut self, span: usize) {
        self.now_us += 100;
        self.traffic.spans[span].end_us = self.now_us;
    }

    fn id(&self, span: usize) -> u64 {
        self.traffic.spans[span].id
    }

    fn describe(&mut self, span: usize, attributes: &[(Key, &str)]) {
        let attributes = attributes
            .iter()
            .map(|(key, text)| (*key, (*text).to_owned()));
        self.traffic.spans[span].attributes.extend(attributes);
    }

    fn happened(&mut self, caller: &str, callee: &str, is_async: bool) -> &mut Happened {
        if !is_async {
            let asked = (caller.to_owned(), callee.to_owned(), self.request);
            self.traffic.truth.asked.insert(asked);
        }
        let key = (caller.to_owned(), callee.to_owned(), is_async);
        self.traffic.truth.edges.entry(key).or_default()
    }

    /// A server span and everything that the service does while serving. Returns whether it failed.
    fn serve(&mut self, service: usize, instance: usize, parent: Option<u64>) -> bool {
        let span = self.open(SpanKind::Server, (service, instance), parent);
        let caller = self.begin(service, span);
        self.work(service, instance, span);
        self.request = caller;
        let has_failed = self.random.chance(40);
        self.traffic.spans[span].is_error = has_failed;
        self.close(span);
        has_failed
    }

    /// Takes a request up; returns the one that was being worked for.
    fn begin(&mut self, service: usize, span: usize) -> u64 {
        let id = self.world.services[service].id();
        let passed = (id.clone(), self.trace);
        self.traffic.truth.passed.insert(passed);
        *self.traffic.truth.requests.entry(id).or_default() += 1;
        std::mem::replace(&mut self.request, self.traffic.spans[span].id)
    }

    fn work(&mut self, service: usize, instance: usize, within: usize) {
        let world = self.world;
        for dependency in &world.services[service].dependencies {
            if self.calls_left == 0 || self.random.chance(300) {
                continue;
            }
            let own = (service, instance);
            let has_internal = world.services[service].has_internal_spans;
            let internal =
                has_internal.then(|| self.open(SpanKind::Internal, own, Some(self.id(within))));
            let parent = self.id(internal.unwrap_or(within));
            self.depend(own, parent, dependency);
            if self.random.chance(200) {
                // A second call under the same parent is no retry.
                self.depend(own, parent, dependency);
            }
            if let Some(internal) = internal {
                self.close(internal);
            }
        }
    }

    fn depend(&mut self, own: (usize, usize), parent: u64, dependency: &Dependency) {
        self.calls_left = self.calls_left.saturating_sub(1);
        match dependency {
            Dependency::Http { callee, retries } => self.http(own, parent, *callee, *retries),
            Dependency::Grpc { callee } => self.grpc(own, parent, *callee),
            Dependency::Database { host, has_orm } => self.query(own, parent, host, *has_orm),
            Dependency::External { host } => self.external(own, parent, host),
            Dependency::Topic { topic } => self.publish(own, parent, *topic),
        }
    }

    fn http(&mut self, own: (usize, usize), parent: u64, callee: usize, retries: u16) {
        let host = self.world.services[callee].host();
        let mut attempts = 0;
        let mut has_failed = true;
        while has_failed && attempts <= retries {
            let span = self.open(SpanKind::Client, own, Some(parent));
            self.describe(
                span,
                &[
                    (Key::HttpRequestMethod, "GET"),
                    (Key::ServerAddress, &host),
                    (Key::ServerPort, "8080"),
                ],
            );
            self.traffic.spans[span].resend = attempts;
            let instance = self.instance(callee);
            has_failed = self.serve(callee, instance, Some(self.id(span)));
            self.traffic.spans[span].is_error = has_failed;
            self.close(span);
            attempts += 1;
        }
        let (caller, callee) = (
            self.world.services[own.0].id(),
            self.world.services[callee].id(),
        );
        let happened = self.happened(&caller, &callee, false);
        happened.calls += 1;
        happened.attempts += u64::from(attempts);
        happened.failed += u64::from(has_failed);
    }

    fn grpc(&mut self, own: (usize, usize), parent: u64, callee: usize) {
        let span = self.open(SpanKind::Client, own, Some(parent));
        let host = self.world.services[callee].host();
        self.describe(
            span,
            &[
                (Key::RpcSystem, "grpc"),
                (Key::RpcService, "company.Service"),
                (Key::ServerAddress, &host),
                (Key::ServerPort, "50051"),
            ],
        );
        let instance = self.instance(callee);
        let has_failed = self.serve(callee, instance, Some(self.id(span)));
        self.traffic.spans[span].is_error = has_failed;
        self.close(span);
        let (caller, callee) = (
            self.world.services[own.0].id(),
            self.world.services[callee].id(),
        );
        self.once(&caller, &callee, has_failed);
    }

    fn once(&mut self, caller: &str, callee: &str, has_failed: bool) {
        let happened = self.happened(caller, callee, false);
        happened.calls += 1;
        happened.attempts += 1;
        happened.failed += u64::from(has_failed);
    }

    fn query(&mut self, own: (usize, usize), parent: u64, host: &str, has_orm: bool) {
        let orm = has_orm.then(|| self.open(SpanKind::Client, own, Some(parent)));
        if let Some(orm) = orm {
            self.describe(orm, &[(Key::DbSystem, "postgresql"), (Key::DbName, "app")]);
        }
        let parent = orm.map_or(parent, |orm| self.id(orm));
        let span = self.open(SpanKind::Client, own, Some(parent));
        self.describe(
            span,
            &[
                (Key::DbSystemName, "postgresql"),
                (Key::ServerAddress, host),
            ],
        );
        let has_failed = self.random.chance(10);
        for span in [Some(span), orm].into_iter().flatten() {
            self.traffic.spans[span].is_error = has_failed;
            self.close(span);
        }
        let caller = self.world.services[own.0].id();
        self.once(
            &caller,
            &format!("database/postgresql@{host}:5432"),
            has_failed,
        );
    }

    fn external(&mut self, own: (usize, usize), parent: u64, host: &str) {
        let span = self.open(SpanKind::Client, own, Some(parent));
        let url = format!("https://{host}/v1/items/{}", self.next_id);
        self.describe(
            span,
            &[(Key::HttpRequestMethod, "POST"), (Key::UrlFull, &url)],
        );
        let has_failed = self.random.chance(30);
        self.traffic.spans[span].is_error = has_failed;
        self.close(span);
        let caller = self.world.services[own.0].id();
        self.once(&caller, &format!("external/{host}:443"), has_failed);
    }

    fn publish(&mut self, own: (usize, usize), parent: u64, topic: usize) {
        let topic = self.world.topics[topic].clone();
        let span = self.open(SpanKind::Producer, own, Some(parent));
        let attributes = [
            (Key::MessagingSystem, "kafka"),
            (Key::MessagingDestinationName, topic.name.as_str()),
            (Key::ServerAddress, BROKER),
        ];
        self.describe(span, &attributes);
        self.close(span);
        let broker = format!("broker/kafka@{BROKER}:9092");
        let producer = self.world.services[own.0].id();
        self.once(&producer, &broker, false);
        self.message(&producer, &broker);
        let sent = (self.trace, self.id(span));
        for consumer in topic.consumers {
            let instance = self.instance(consumer);
            if topic.by_link {
                self.trace = self.new_trace();
            }
            let parent = (!topic.by_link).then_some(sent.1);
            let span = self.open(SpanKind::Consumer, (consumer, instance), parent);
            self.describe(span, &attributes);
            if topic.by_link {
                self.traffic.spans[span].link = Some(sent);
            }
            let producing = self.begin(consumer, span);
            self.work(consumer, instance, span);
            self.close(span);
            self.trace = sent.0;
            let id = self.world.services[consumer].id();
            self.once(&id, &broker, false);
            self.request = producing;
            self.message(&producer, &id);
            self.message(&broker, &id);
        }
    }

    fn message(&mut self, from: &str, to: &str) {
        let happened = self.happened(from, to, true);
        happened.calls += 1;
        happened.attempts += 1;
    }
}

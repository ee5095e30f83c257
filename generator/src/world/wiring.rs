//! How each call of the topology is made, and what services use beside each other.

use super::topology::Topology;
use super::{
    Dependency, Dial, Node, Options, Reading, Role, SHARED_HOST, ServiceCall, StoreCall, Target,
    Topic, World,
};
use crate::random::Random;

/// Outside APIs that are object stores.
pub(super) const BUCKETS: usize = 2;

pub(super) fn build(
    world: &mut World,
    options: &Options,
    topology: &Topology,
    random: &mut Random,
) {
    topics(world, options, random);
    let applications: Vec<usize> = (0..world.services.len())
        .filter(|service| world.services[*service].role == Role::Application)
        .collect();
    let gateway = (0..world.services.len()).find(|at| world.services[*at].role == Role::Gateway);
    for caller in applications {
        let is_staging = caller >= options.services;
        let offset = if is_staging { options.services } else { 0 };
        let copies = options.services / 5;
        for callee in &topology.callees[caller - offset] {
            if is_staging && *callee >= copies {
                continue;
            }
            let call = call(world, options, random, (caller, callee + offset, gateway));
            add(world, caller, often(random), Target::Service(call));
        }
        infrastructure(world, options, random, caller);
    }
    roots(world, random, gateway);
}

fn add(world: &mut World, caller: usize, permille: u64, to: Target) {
    let dependency = Dependency { permille, to };
    world.services[caller].dependencies.push(dependency);
}

/// Some calls belong to every request, some are rare: calls per edge span orders of magnitude.
fn often(random: &mut Random) -> u64 {
    *random.pick(&[1000, 900, 600, 600, 300, 300, 100, 20])
}

fn call(
    world: &mut World,
    options: &Options,
    random: &mut Random,
    (caller, callee, gateway): (usize, usize, Option<usize>),
) -> ServiceCall {
    let is_same_namespace = world.services[caller].namespace == world.services[callee].namespace;
    let is_grpc = random.chance(350);
    let name = match (is_same_namespace, random.below(3)) {
        (true, form) => form,
        (false, form) => 1 + form % 2,
    };
    let is_production = world.services[callee].environment == "production";
    let mut dial = Dial::Name(name);
    if options.has_poor_clients && is_grpc && random.chance(250) {
        dial = Dial::Untold;
    } else if options.has_poor_clients && random.chance(80) {
        dial = Dial::Pod;
    } else if options.has_shared_hosts && is_production && !is_grpc && random.chance(30) {
        dial = Dial::SharedHost;
        let node = world.services[callee].node;
        world.stand_behind("", SHARED_HOST, node);
    } else if let (Some(gateway), true) = (gateway, is_production && !is_grpc && random.chance(30))
    {
        dial = Dial::Gateway(gateway);
    } else if !is_grpc && random.chance(20) {
        let moved_from = old_host_owner(world, random, caller);
        if moved_from != caller && moved_from != callee {
            dial = Dial::Redirect(moved_from);
        }
    }
    let repeats = matches!(dial, Dial::Name(_) | Dial::Pod | Dial::Untold);
    let retries = if repeats {
        u16::try_from(random.below(3)).unwrap_or_default()
    } else {
        0
    };
    ServiceCall {
        callee,
        is_grpc,
        dial,
        retries,
    }
}

/// A service of the same environment that once did what the callee does now; the caller itself if chance found none.
fn old_host_owner(world: &World, random: &mut Random, caller: usize) -> usize {
    let owner = random.below(world.services.len());
    let (found, own) = (&world.services[owner], &world.services[caller]);
    if found.role == Role::Application && found.environment == own.environment {
        owner
    } else {
        caller
    }
}

fn infrastructure(world: &mut World, options: &Options, random: &mut Random, caller: usize) {
    let is_staging = caller >= options.services;
    let production = options.services / 3 + 1;
    let (first, count) = if is_staging {
        (production, world.stores.len() - production)
    } else {
        (0, production)
    };
    for permille in [500, 150] {
        if random.chance(permille) {
            let call = StoreCall {
                store: first + random.below(count),
                has_orm: random.chance(300),
                connects: random.chance(200),
            };
            add(world, caller, often(random), Target::Store(call));
        }
    }
    if random.chance(120) {
        let external = BUCKETS + random.below(world.externals.len() - BUCKETS);
        add(world, caller, often(random), Target::External(external));
    }
    if random.chance(60) {
        let bucket = random.below(BUCKETS);
        add(world, caller, often(random), Target::Bucket(bucket));
    }
    let own: Vec<usize> = (0..world.topics.len())
        .filter(|topic| is_at_home(world, *topic, is_staging, options))
        .collect();
    if !own.is_empty() && random.chance(200) {
        let topic = *random.pick(&own);
        add(world, caller, often(random), Target::Topic(topic));
    }
}

fn is_at_home(world: &World, topic: usize, is_staging: bool, options: &Options) -> bool {
    let first = world.topics[topic].consumers.first();
    first.is_some_and(|consumer| (*consumer >= options.services) == is_staging)
}

/// One topic for every eighth service, on two brokers per environment.
fn topics(world: &mut World, options: &Options, random: &mut Random) {
    let environments = [("production", 0, options.services), {
        let copies = if options.has_staging {
            options.services / 5
        } else {
            0
        };
        ("staging", options.services, copies)
    }];
    for (environment, first, services) in environments {
        if services == 0 {
            continue;
        }
        let brokers = ["kafka", "rabbitmq"].map(|system| {
            let host = format!("{system}.{environment}.mq.internal");
            let port = if system == "kafka" { 9092 } else { 5672 };
            let node = world.put(Node {
                kind: "broker",
                environment: environment.to_owned(),
                namespace: String::new(),
                name: format!("{system}@{host}:{port}"),
            });
            world.stand_behind("", &host, node);
            (system, node, host)
        });
        for number in 0..services / 8 {
            let (system, broker, broker_host) = brokers[number % 2].clone();
            let mut consumers: Vec<usize> = (0..1 + random.below(3))
                .map(|_| first + random.below(services))
                .collect();
            consumers.sort_unstable();
            consumers.dedup();
            world.topics.push(Topic {
                name: format!("topic-{number}"),
                system,
                broker,
                broker_host,
                consumers,
                reading: *random.pick(&[Reading::Child, Reading::Link, Reading::Batch(4)]),
                is_addressed: random.chance(700),
            });
        }
    }
}

/// Traces begin at services that nobody calls; some of these are jobs. A browser dials what it wants through the gateway.
fn roots(world: &mut World, random: &mut Random, gateway: Option<usize>) {
    let mut is_called = vec![false; world.services.len()];
    for service in &world.services {
        for dependency in &service.dependencies {
            if let Target::Service(call) = &dependency.to {
                is_called[call.callee] = true;
            }
        }
    }
    for consumer in world.topics.iter().flat_map(|topic| &topic.consumers) {
        is_called[*consumer] = true;
    }
    for (service, is_called) in is_called.into_iter().enumerate() {
        if is_called || Some(service) == gateway {
            continue;
        }
        if random.chance(100) && !world.services[service].dependencies.is_empty() {
            world.services[service].role = Role::Job;
        }
        world.roots.push(service);
    }
    if world.roots.is_empty() {
        world.roots.push(0);
    }
    if let Some(gateway) = gateway {
        browser(world, gateway);
    }
}

fn browser(world: &mut World, gateway: usize) {
    let pages: Vec<usize> = world
        .roots
        .iter()
        .copied()
        .filter(|root| {
            let service = &world.services[*root];
            service.role == Role::Application && service.environment == "production"
        })
        .take(6)
        .collect();
    let node = world.put(Node {
        kind: "service",
        environment: "production".to_owned(),
        namespace: String::new(),
        name: "web-shop".to_owned(),
    });
    let own = world.services.len();
    let start = world.resources.len();
    world.resources.push(super::Resource {
        service: own,
        is_sidecar: false,
        address: String::new(),
        attributes: [
            ("service.name", "web-shop"),
            ("deployment.environment.name", "production"),
            ("service.instance.id", "session-1"),
        ]
        .map(|(key, value)| (key, value.to_owned()))
        .to_vec(),
    });
    let dependencies = pages.iter().map(|page| Dependency {
        permille: 400,
        to: Target::Service(ServiceCall {
            callee: *page,
            is_grpc: false,
            dial: Dial::Gateway(gateway),
            retries: 0,
        }),
    });
    world.services.push(super::Service {
        node,
        name: "web-shop".to_owned(),
        role: Role::Browser,
        pods: start..start + 1,
        dependencies: dependencies.collect(),
        has_internal_spans: false,
        has_nested_servers: false,
        has_socket_spans: false,
        ..world.services[gateway].clone()
    });
    // A browser begins as many traces as all others together.
    let others = world.roots.len();
    world.roots.extend(std::iter::repeat_n(own, others));
}

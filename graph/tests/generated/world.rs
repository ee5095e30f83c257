//! A company: services, what they call, and how. Made from a seed; knows nothing of inference.

/// SplitMix64: small, seeded, the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("below a usize")
    }

    /// True in this share of cases, in thousandths.
    pub(crate) fn chance(&mut self, permille: u64) -> bool {
        self.next() % 1000 < permille
    }
}

/// What a service calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dependency {
    /// Another service over HTTP, with retries when it fails.
    Http { callee: usize, retries: u16 },
    /// Another service over gRPC.
    Grpc { callee: usize },
    /// A database, through a driver span, with an ORM span around it or not.
    Database { host: String, has_orm: bool },
    /// An API outside the company.
    External { host: String },
    /// A topic; consumers follow as children or by link.
    Topic { topic: usize },
}

/// A service that emits spans.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) instances: usize,
    pub(crate) dependencies: Vec<Dependency>,
    /// Puts INTERNAL spans between its server and client spans.
    pub(crate) has_internal_spans: bool,
}

/// A topic and who reads it.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) consumers: Vec<usize>,
    /// Consumers start a trace of their own and link to the producer.
    pub(crate) by_link: bool,
}

/// All services and topics.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) services: Vec<Service>,
    pub(crate) topics: Vec<Topic>,
}

impl World {
    /// A layered company: callers before callees, a few callees with very many callers.
    pub(crate) fn new(seed: u64, services: usize) -> Self {
        let mut random = Random::new(seed);
        let topics = (0..services / 8)
            .map(|number| Topic {
                name: format!("topic-{number}"),
                consumers: (0..1 + random.below(3))
                    .map(|_| random.below(services))
                    .collect(),
                by_link: random.chance(500),
            })
            .map(|mut topic| {
                topic.consumers.sort_unstable();
                topic.consumers.dedup();
                topic
            })
            .collect::<Vec<_>>();
        let services = (0..services)
            .map(|index| service(&mut random, index, services, topics.len()))
            .collect();
        Self { services, topics }
    }
}

fn service(random: &mut Random, index: usize, count: usize, topics: usize) -> Service {
    let mut dependencies = Vec::new();
    // Degrees as in real graphs: most services call few others, some call dozens.
    let degree = match random.below(100) {
        0..50 => 1,
        50..90 => 2 + random.below(3),
        90..99 => 5 + random.below(6),
        _ => 20,
    };
    for _ in 0..degree {
        let later = count - index - 1;
        if later == 0 {
            break;
        }
        // Squaring favours the last layers, which everybody shares.
        let far = random.below(later).max(random.below(later));
        let callee = index + 1 + far;
        let is_known = dependencies.iter().any(|known| {
            matches!(known, Dependency::Http { callee: c, .. } | Dependency::Grpc { callee: c } if *c == callee)
        });
        if is_known {
            continue;
        }
        dependencies.push(if random.chance(600) {
            let retries = u16::try_from(random.below(3)).expect("below three");
            Dependency::Http { callee, retries }
        } else {
            Dependency::Grpc { callee }
        });
    }
    if random.chance(500) {
        dependencies.push(Dependency::Database {
            host: format!("db-{}.data", random.below(count / 3 + 1)),
            has_orm: random.chance(300),
        });
    }
    if random.chance(150) {
        let host = format!("api-{}.example.com", random.below(8));
        dependencies.push(Dependency::External { host });
    }
    if topics > 0 && random.chance(250) {
        let topic = random.below(topics);
        dependencies.push(Dependency::Topic { topic });
    }
    Service {
        name: format!("svc-{index}"),
        namespace: format!("team-{}", index % 7),
        instances: 1 + random.below(4),
        dependencies,
        has_internal_spans: random.chance(400),
    }
}

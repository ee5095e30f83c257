//! The services of a company and where they run, the databases and APIs that they use.

use super::{External, Node, Options, PUBLIC_HOST, Resource, Role, Sdk, Service, Store, World};
use crate::random::{Random, mix};

const TRADES: [&str; 12] = [
    "cart", "orders", "billing", "search", "users", "menu", "courier", "pricing", "ledger", "mail",
    "ads", "stock",
];

/// Systems of databases and caches: current name, old name, what their hosts begin with.
const SYSTEMS: [([&str; 2], &str); 5] = [
    (["postgresql", "postgresql"], "pg"),
    (["mysql", "mysql"], "my"),
    (["redis", "redis"], "cache"),
    (["microsoft.sql_server", "mssql"], "sql"),
    (["mongodb", "mongodb"], "mongo"),
];

/// Namespaces per company; services are dealt to them in turn.
const NAMESPACES: usize = 11;

/// Copies of the first services, under the same names.
const STAGING_SHARE: usize = 5;

pub(super) fn build(world: &mut World, options: &Options, random: &mut Random) {
    for index in 0..options.services {
        service(world, options, random, (index, "production"));
    }
    if options.has_staging {
        for index in 0..options.services / STAGING_SHARE {
            service(world, options, random, (index, "staging"));
        }
    }
    if options.has_gateways {
        gateway(world, random);
    }
    stores(world, options);
    externals(world);
}

/// Name and namespace by index alone, so that both environments agree. Every twentieth service shares its name with the
/// one before, in another namespace.
fn name_of(index: usize) -> (String, String) {
    let number = if index % 20 == 19 { index - 1 } else { index };
    let trade = TRADES[number % TRADES.len()];
    (
        format!("{trade}-{number}"),
        format!("team-{}", index % NAMESPACES),
    )
}

fn service(
    world: &mut World,
    options: &Options,
    random: &mut Random,
    (index, environment): (usize, &str),
) {
    let (name, namespace) = name_of(index);
    let node = world.put(Node {
        kind: "service",
        environment: environment.to_owned(),
        namespace: namespace.clone(),
        name: name.clone(),
    });
    let hosts = [
        name.clone(),
        format!("{name}.{namespace}"),
        format!("{name}.{namespace}.svc.cluster.local"),
    ];
    for host in &hosts[1..] {
        world.stand_behind(environment, host, node);
    }
    let own = world.services.len();
    let pods = pods(world, random, (own, environment, &name, &namespace));
    let is_meshed =
        options.has_sidecars && environment == "production" && index % NAMESPACES % 3 == 2;
    let sidecars = if is_meshed {
        sidecars(world, own, &hosts[1], pods.clone())
    } else {
        0..0
    };
    world.services.push(Service {
        node,
        rpc_service: format!("company.{}.v1.Service{index}", name.replace('-', "_")),
        name,
        namespace,
        environment: environment.to_owned(),
        hosts,
        role: Role::Application,
        sdk: *random.pick(&[Sdk::Stable, Sdk::Stable, Sdk::Old, Sdk::Older]),
        pods,
        sidecars,
        dependencies: Vec::new(),
        has_internal_spans: random.chance(400),
        has_nested_servers: random.chance(100),
        has_socket_spans: random.chance(100),
    });
}

/// Pods of a service, spread over zones; one cluster per half of the namespaces, one for staging.
fn pods(
    world: &mut World,
    random: &mut Random,
    (service, environment, name, namespace): (usize, &str, &str, &str),
) -> std::ops::Range<usize> {
    let start = world.resources.len();
    // Identities that differ between services: most have a name, a few only a workload, as after a forgotten setting.
    let is_named = !mix(&[service as u64, 1]).is_multiple_of(50);
    let cluster = match (
        environment,
        mix(&[namespace.len() as u64, service as u64]) % 2,
    ) {
        ("staging", _) => "stage",
        (_, 0) => "prod-a",
        _ => "prod-b",
    };
    for pod in 0..2 + random.below(3) {
        let number = world.resources.len();
        let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
        let mut attributes = vec![
            ("k8s.namespace.name", namespace.to_owned()),
            ("k8s.deployment.name", name.to_owned()),
            ("k8s.pod.name", format!("{name}-{pod}")),
            ("k8s.pod.ip", address.clone()),
            ("k8s.cluster.name", cluster.to_owned()),
            ("cloud.region", "eu-1".to_owned()),
            (
                "cloud.availability_zone",
                format!("eu-1{}", ["a", "b", "c"][pod % 3]),
            ),
            (
                "service.instance.id",
                format!("{environment}-{name}-{namespace}-{pod}"),
            ),
        ];
        let environment_key = match mix(&[service as u64, 2]) % 2 {
            0 => "deployment.environment.name",
            _ => "deployment.environment",
        };
        attributes.push((environment_key, environment.to_owned()));
        if is_named {
            attributes.push(("service.name", name.to_owned()));
            attributes.push(("service.namespace", namespace.to_owned()));
        } else {
            attributes.push(("service.name", "unknown_service:java".to_owned()));
        }
        world.resources.push(Resource {
            service,
            is_sidecar: false,
            address,
            attributes,
        });
    }
    start..world.resources.len()
}

/// Envoy, as Istio configures it, says no more about itself than `application.namespace`.
fn sidecars(
    world: &mut World,
    service: usize,
    name: &str,
    pods: std::ops::Range<usize>,
) -> std::ops::Range<usize> {
    let start = world.resources.len();
    for pod in pods {
        let address = world.resources[pod].address.clone();
        world.resources.push(Resource {
            service,
            is_sidecar: true,
            address,
            attributes: vec![("service.name", name.to_owned())],
        });
    }
    start..world.resources.len()
}

fn gateway(world: &mut World, random: &mut Random) {
    let node = world.put(Node {
        kind: "service",
        environment: "production".to_owned(),
        namespace: "edge".to_owned(),
        name: "gateway".to_owned(),
    });
    world.stand_behind("", PUBLIC_HOST, node);
    let own = world.services.len();
    let pods = pods(world, random, (own, "production", "gateway", "edge"));
    world.services.push(Service {
        node,
        name: "gateway".to_owned(),
        namespace: "edge".to_owned(),
        environment: "production".to_owned(),
        hosts: ["gateway", "gateway.edge", "gateway.edge.svc"].map(str::to_owned),
        rpc_service: String::new(),
        role: Role::Gateway,
        sdk: Sdk::Stable,
        pods,
        sidecars: 0..0,
        dependencies: Vec::new(),
        has_internal_spans: false,
        has_nested_servers: false,
        has_socket_spans: false,
    });
}

/// A database for every second service, a cache for every eighth; some are used by several.
fn stores(world: &mut World, options: &Options) {
    for environment in ["production", "staging"] {
        let count = match environment {
            "staging" if !options.has_staging => 0,
            "staging" => options.services / 10 + 1,
            _ => options.services / 3 + 1,
        };
        for number in 0..count {
            let (systems, prefix) = SYSTEMS[number % SYSTEMS.len()];
            let host = format!("{prefix}-{number}.{environment}.db.internal");
            let node = world.put(Node {
                kind: "database",
                environment: String::new(),
                namespace: String::new(),
                name: format!("{}@{host}:{}", systems[0], port_of(systems[0])),
            });
            world.stand_behind("", &host, node);
            world.stores.push(Store {
                node,
                systems,
                host,
            });
        }
    }
}

fn port_of(system: &str) -> u16 {
    match system {
        "postgresql" => 5432,
        "mysql" => 3306,
        "redis" => 6379,
        "microsoft.sql_server" => 1433,
        _ => 27017,
    }
}

fn externals(world: &mut World) {
    let buckets = (0..2).map(|number| ("objectstore", format!("s3.region-{number}.example.org")));
    let apis = (0..8).map(|number| ("external", format!("api-{number}.example.net")));
    for (kind, host) in buckets.chain(apis).collect::<Vec<_>>() {
        let node = world.put(Node {
            kind,
            environment: String::new(),
            namespace: String::new(),
            name: format!("{host}:443"),
        });
        world.stand_behind("", &host, node);
        world.externals.push(External { node, host });
    }
}

//! Routes of one port: by authority, and everything else to the passthrough.

use tracemesh_graph::egress::{Phase, SettingName, TargetProtocol, Tuning};

use super::plan::ServicePlan;
use super::port::{PortPlan, RouteSet};
use super::settings::{duration, number};
use super::yaml::{Node, list, map};
use crate::text::bracketed;

/// Name of the virtual host that takes what was not observed; the drift log selects by it.
pub(super) const UNOBSERVED: &str = "unobserved";

/// Methods that may be sent twice.
const SAFE_METHODS: &str = "GET|HEAD|OPTIONS";
/// What to retry when a call may be sent twice.
const ON_FAILURE: &str = "connect-failure,refused-stream,reset,gateway-error";
/// What to retry whatever the call: the server has certainly not begun with it.
const ON_UNSENT: &str = "connect-failure,refused-stream,reset-before-request";
/// How often another host is looked for than the one that failed.
const OTHER_HOST_ATTEMPTS: u64 = 3;

/// What calls to one cluster get beyond a way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RoutePlan {
    timeout: Option<String>,
    per_try_timeout: Option<String>,
    safe_retries: u64,
    unsent_retries: u64,
    client_deadline: bool,
}

impl RoutePlan {
    /// `grpc`: whether clients may say in a header how long they wait.
    pub(super) fn new(tuning: &Tuning, grpc: bool) -> Self {
        Self {
            timeout: duration(tuning, SettingName::RouteTimeout),
            per_try_timeout: duration(tuning, SettingName::PerTryTimeout),
            safe_retries: number(tuning, SettingName::SafeRetries).unwrap_or(0),
            unsent_retries: number(tuning, SettingName::UnsentRetries).unwrap_or(0),
            client_deadline: grpc && tuning.phase == Phase::Tuned,
        }
    }

    /// Whether any call is sent again.
    pub(super) const fn retries(&self) -> bool {
        self.safe_retries > 0 || self.unsent_retries > 0
    }

    fn of(plan: &ServicePlan<'_>, cluster: &str) -> Self {
        // Fixed clusters have no plan: nothing is added to calls that go there.
        let Some(cluster) = plan.cluster(cluster) else {
            return Self::default();
        };
        let grpc = cluster.protocols.contains(&TargetProtocol::Grpc);
        Self::new(cluster.tuning(), grpc)
    }

    /// The routes to a cluster, those with more conditions first.
    fn routes(&self, cluster: &str) -> Vec<Node> {
        let mut routes = Vec::new();
        if self.safe_retries > 0 {
            let method = map([
                ("name", ":method".into()),
                (
                    "string_match",
                    map([("safe_regex", map([("regex", SAFE_METHODS.into())]))]),
                ),
            ]);
            let matches = map([("prefix", "/".into()), ("headers", list([method]))]);
            let action = self
                .action(cluster)
                .with("retry_policy", self.safe_policy());
            routes.push(route("safe-methods", matches, action));
        }
        let mut action = self.action(cluster);
        if self.unsent_retries > 0 {
            let policy = map([
                ("retry_on", ON_UNSENT.into()),
                ("num_retries", self.unsent_retries.into()),
            ]);
            action = action.with("retry_policy", policy);
        }
        routes.push(route("all", map([("prefix", "/".into())]), action));
        routes
    }

    fn action(&self, cluster: &str) -> Node {
        // Without it Envoy cuts every call after 15 s.
        let timeout = self.timeout.as_deref().unwrap_or("0s");
        let action = map([("cluster", cluster.into()), ("timeout", timeout.into())]);
        if self.client_deadline {
            // No limit of ours, and the deadline of the client holds for retries too.
            let deadline = map([("grpc_timeout_header_max", "0s".into())]);
            return action.with("max_stream_duration", deadline);
        }
        action
    }

    fn safe_policy(&self) -> Node {
        let mut policy = map([
            ("retry_on", ON_FAILURE.into()),
            ("num_retries", self.safe_retries.into()),
        ]);
        if let Some(timeout) = &self.per_try_timeout {
            policy = policy.with("per_try_timeout", timeout.as_str());
        }
        let other_host = map([
            ("name", "envoy.retry_host_predicates.previous_hosts".into()),
            (
                "typed_config",
                super::typed(
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                    map([]),
                ),
            ),
        ]);
        policy
            .with("retry_host_predicate", list([other_host]))
            .with("host_selection_retry_max_attempts", OTHER_HOST_ATTEMPTS)
    }
}

/// The route configuration of one listener of a port.
pub(super) fn configuration(plan: &ServicePlan<'_>, port: &PortPlan, set: &RouteSet<'_>) -> Node {
    let observed = port.authorities.iter().map(|(cluster, names)| {
        let domains = names.iter().map(|name| domain(name)).collect();
        let routes = RoutePlan::of(plan, cluster).routes(cluster);
        virtual_host(cluster, domains, routes)
    });
    let (name, cluster) = match set.rest {
        Some(cluster) => ("destination", cluster),
        None => (UNOBSERVED, "passthrough_http"),
    };
    let routes = RoutePlan::of(plan, cluster).routes(cluster);
    let rest = virtual_host(name, vec!["*".to_owned()], routes);
    map([
        ("name", set.name.as_str().into()),
        // Clients send the authority with or without port; the header itself stays as it is.
        ("ignore_port_in_host_matching", true.into()),
        ("virtual_hosts", list(observed.chain([rest]))),
    ])
}

/// A route configuration that sends everything to one cluster.
pub(super) fn everything_to(name: &str, cluster: &str) -> Node {
    let routes = RoutePlan::default().routes(cluster);
    let host = virtual_host(name, vec!["*".to_owned()], routes);
    map([("name", name.into()), ("virtual_hosts", list([host]))])
}

fn virtual_host(name: &str, domains: Vec<String>, routes: Vec<Node>) -> Node {
    map([
        ("name", name.into()),
        ("domains", list(domains)),
        ("routes", Node::List(routes)),
    ])
}

fn route(name: &str, matches: Node, action: Node) -> Node {
    map([("name", name.into()), ("match", matches), ("route", action)])
}

/// IPv6 literals stand in brackets in a Host header.
fn domain(name: &str) -> String {
    bracketed(name).into_owned()
}

//! The acceptance check notices: files that are generated right and then spoilt in one place are found faulty.

use tracemesh_graph::egress::Phase;

use super::super::sidecar::Prepared;
use super::case::faults;
use super::shop::{prepare, shop};
use crate::harness::envoy::envoy;

/// A change of one place in the files of a generation.
pub(super) struct Mutation {
    /// Below the generation.
    pub file: &'static str,
    /// Lines, each with what stands in its place.
    pub edits: &'static [(&'static str, &'static str)],
    /// What the check must say about it.
    pub fault: &'static str,
}

const FRONTEND: &str = "shop/frontend";

/// What frontend dials over HTTP.
const ROUTES: &str = "rds/outbound_8080.yaml";

/// Each with the service whose files it spoils.
const MUTATIONS: [(&str, Mutation); 7] = [
    // The form that was dialled.
    (
        FRONTEND,
        Mutation {
            file: ROUTES,
            edits: &[("- \"ads.shop.svc\"", "")],
            fault: "Http1(\"ads.shop.svc\"), cluster: \"ads_shop_svc_cluster_local_8080\", drift: None }: counted by {\"passthrough_http\": 1}",
        },
    ),
    // A form that was not, so far.
    (
        FRONTEND,
        Mutation {
            file: ROUTES,
            edits: &[("- \"ads.shop.svc.cluster.local\"", "")],
            fault: "counted by {\"passthrough_http\": 1}",
        },
    ),
    (
        FRONTEND,
        Mutation {
            file: ROUTES,
            edits: &[("ignore_port_in_host_matching: true", "")],
            fault: "Http1(\"cart:8080\"), cluster: \"cart_shop_svc_cluster_local_8080\", drift: None }: counted by {\"passthrough_http\": 1}",
        },
    ),
    (
        FRONTEND,
        Mutation {
            file: "lds.yaml",
            edits: &[("strip_trailing_host_dot: true", "")],
            fault: "Http1(\"cart.\"), cluster: \"cart_shop_svc_cluster_local_8080\", drift: None }: counted by {\"passthrough_http\": 1}",
        },
    ),
    (
        FRONTEND,
        Mutation {
            file: ROUTES,
            edits: &[(
                "cluster: \"cart_shop_svc_cluster_local_8080\"",
                "cluster: \"ads_shop_svc_cluster_local_8080\"",
            )],
            fault: "counted by {\"ads_shop_svc_cluster_local_8080\": 1}",
        },
    ),
    (
        "payments/payment",
        Mutation {
            file: "lds.yaml",
            edits: &[(
                "- \"api.payments.example.com\"",
                "- \"api.payments.example.org\"",
            )],
            fault: "Tls(\"api.payments.example.com\")",
        },
    ),
    // It waits for the client of a server that speaks first. It must come after the filter that captures.
    (
        "payments/accounting",
        Mutation {
            file: "lds.yaml",
            edits: &[
                (
                    "\"@type\": \"type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol\"",
                    "\"@type\": \"type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector\"",
                ),
                (
                    "- name: \"envoy.filters.listener.proxy_protocol\"",
                    "- name: \"capture\"\n  \
                   typed_config: {\"@type\": \"type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol\"}\n\
                 - name: \"envoy.filters.listener.http_inspector\"",
                ),
            ],
            fault: "LargeAfterGreeting, cluster: \"passthrough\"",
        },
    ),
];

impl Mutation {
    /// Spoils the files.
    pub(super) fn apply(&self, prepared: &Prepared) {
        for (from, to) in self.edits {
            prepared.edit(self.file, from, to);
        }
    }

    /// Asserts that the check found it.
    pub(super) fn assert_found(&self, faults: &[String]) {
        let Self { file, edits, fault } = self;
        let found = faults.iter().any(|found| found.contains(fault));
        assert!(found, "{file}: {edits:?}:\n{}", faults.join("\n"));
    }
}

#[test]
fn every_spoilt_file_is_found_faulty() {
    let Some(envoy) = envoy() else { return };
    for (service, mutation) in &MUTATIONS {
        let prepared = prepare(service, Phase::Transparent);
        mutation.apply(&prepared);
        let sidecar = prepared.start(envoy);
        sidecar.wait_for_endpoints();
        let cases = shop().cases(service, &sidecar);
        mutation.assert_found(&faults(&sidecar, &cases));
    }
}

//! The acceptance check notices: files that are generated right and then spoilt in one place are found faulty.

use std::path::Path;

use super::case::faults;
use super::shop::{prepare, shop};
use crate::harness::envoy::envoy;

/// A change of one place in the files of a service.
struct Mutation {
    service: &'static str,
    /// Below the generation.
    file: &'static str,
    /// Lines, each with what stands in its place.
    edits: &'static [(&'static str, &'static str)],
    /// What the check must say about it.
    fault: &'static str,
}

const FRONTEND: &str = "shop/frontend";

/// What frontend dials over HTTP.
const ROUTES: &str = "rds/outbound_8080.yaml";

const MUTATIONS: [Mutation; 7] = [
    // The form that was dialled.
    Mutation {
        service: FRONTEND,
        file: ROUTES,
        edits: &[("- \"ads.shop.svc\"", "")],
        fault: "Http1(\"ads.shop.svc\"), cluster: \"ads_shop_svc_cluster_local_8080\", drift: None }: counted by {\"passthrough_http\": 1}",
    },
    // A form that was not, so far.
    Mutation {
        service: FRONTEND,
        file: ROUTES,
        edits: &[("- \"ads.shop.svc.cluster.local\"", "")],
        fault: "counted by {\"passthrough_http\": 1}",
    },
    Mutation {
        service: FRONTEND,
        file: ROUTES,
        edits: &[("ignore_port_in_host_matching: true", "")],
        fault: "Http1(\"cart:8080\"), cluster: \"cart_shop_svc_cluster_local_8080\", drift: None }: counted by {\"passthrough_http\": 1}",
    },
    Mutation {
        service: FRONTEND,
        file: "lds.yaml",
        edits: &[("strip_trailing_host_dot: true", "")],
        fault: "Http1(\"cart.\"), cluster: \"cart_shop_svc_cluster_local_8080\", drift: None }: counted by {\"passthrough_http\": 1}",
    },
    Mutation {
        service: FRONTEND,
        file: ROUTES,
        edits: &[(
            "cluster: \"cart_shop_svc_cluster_local_8080\"",
            "cluster: \"ads_shop_svc_cluster_local_8080\"",
        )],
        fault: "counted by {\"ads_shop_svc_cluster_local_8080\": 1}",
    },
    Mutation {
        service: "payments/payment",
        file: "lds.yaml",
        edits: &[(
            "- \"api.payments.example.com\"",
            "- \"api.payments.example.org\"",
        )],
        fault: "Tls(\"api.payments.example.com\")",
    },
    // It waits for the client of a server that speaks first. It must come after the filter that captures.
    Mutation {
        service: "payments/accounting",
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
];

impl Mutation {
    /// What the check finds on the spoilt files.
    fn faults(&self, envoy: &Path) -> Vec<String> {
        let prepared = prepare(self.service);
        for (from, to) in self.edits {
            prepared.edit(self.file, from, to);
        }
        let sidecar = prepared.start(envoy);
        sidecar.wait_for_endpoints();
        faults(&sidecar, &shop().cases(self.service, &sidecar))
    }
}

#[test]
fn every_spoilt_file_is_found_faulty() {
    let Some(envoy) = envoy() else { return };
    for mutation in &MUTATIONS {
        let faults = mutation.faults(envoy);
        let found = faults.iter().any(|fault| fault.contains(mutation.fault));
        let Mutation { file, edits, .. } = mutation;
        assert!(found, "{file}: {edits:?}:\n{}", faults.join("\n"));
    }
}

//! The shop's files, verified as written and after edits that a person or a broken generator could make.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Target};
use tracemesh_graph::verify::{Counts, Finding, Reason, Report, Verdict, Verification};

use super::*;
use crate::output_dir::envoy::write_envoy;
use crate::render::envoy::EnvoyOptions;

fn shop() -> GraphSnapshot {
    let text = include_str!("../../../fixtures/egress/shop/snapshot.json");
    serde_json::from_str(text).unwrap()
}

/// Files made from one snapshot.
struct Files(TempDir);

impl Files {
    fn of(snapshot: &GraphSnapshot) -> Self {
        let root = tempfile::tempdir().unwrap();
        let model = derive(snapshot, &EgressOptions::default());
        write_envoy(root.path(), &model, &EnvoyOptions::default()).unwrap();
        Self(root)
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, service: &str, file: &str) -> PathBuf {
        let own = format!("services/prod/shop/{service}/{file}");
        self.root().join(own)
    }

    /// Edits a file; an edit that changes nothing is a broken test.
    #[track_caller]
    fn edit(&self, service: &str, file: &str, change: impl FnOnce(&str) -> String) {
        let path = self.path(service, file);
        let before = fs::read_to_string(&path).unwrap();
        let after = change(&before);
        assert_ne!(before, after, "{file} is as it was");
        fs::write(path, after).unwrap();
    }

    #[track_caller]
    fn replace(&self, service: &str, file: &str, from: &str, to: &str) {
        self.edit(service, file, |text| text.replacen(from, to, 1));
    }

    fn verify(&self, snapshot: &GraphSnapshot) -> Result<Report, ReadFault> {
        let directories = read_index(self.root())?;
        let mut verification = Verification::new(snapshot, false);
        for caller in verification.callers() {
            let directory = directories.get(caller);
            let tables = directory.map(|directory| read_tables(self.root(), directory));
            verification.judge(caller, tables.transpose()?.as_ref());
        }
        Ok(verification.report())
    }

    /// What becomes of the calls of a service to a host, worst first.
    #[track_caller]
    fn fate(&self, caller: &str, host: &str) -> Vec<Reason> {
        let report = self.verify(&shop()).unwrap();
        assert!(report.conservation.holds());
        assert_eq!(report.calls.total(), report.conservation.judged);
        let found = findings(&report, caller);
        let found = found.filter(|finding| finding.host == host);
        found.map(|finding| finding.reason).collect()
    }

    #[track_caller]
    fn fault(&self) -> String {
        self.verify(&shop()).unwrap_err().to_string()
    }
}

fn findings<'r>(report: &'r Report, caller: &str) -> impl Iterator<Item = &'r Finding> {
    let id = format!("service/shop/{caller}");
    let callers = report.callers.iter();
    let own = callers.filter(move |caller| caller.service == id);
    own.flat_map(|caller| &caller.findings)
}

const CDS: &str = "xds/current/cds.yaml";
const LDS: &str = "xds/current/lds.yaml";
const RDS: &str = "xds/current/rds/outbound_8080.yaml";
const CART: &str = "cart.shop.svc.cluster.local";

#[test]
fn the_files_serve_what_they_were_made_from() {
    let report = Files::of(&shop()).verify(&shop()).unwrap();
    let expected = Counts {
        covered: 7120,
        passthrough: 39,
        passthrough_never_answered: 30,
        undecided: 110,
        ..Counts::default()
    };
    assert_eq!(report.calls, expected);
    assert_eq!(report.calls.base(), 7239);
    assert!(report.conservation.holds());
    let harm = report.callers.iter().flat_map(|caller| &caller.findings);
    assert_eq!(harm.filter(|finding| finding.harm).count(), 0);
}

#[test]
fn a_dropped_name_form_is_found() {
    let files = Files::of(&shop());
    assert_eq!(files.fate("frontend", "cart.shop"), [Reason::MadeForIt]);
    files.replace("frontend", RDS, "    - \"cart.shop\"\n", "");
    assert_eq!(
        files.fate("frontend", "cart.shop"),
        [Reason::UnobservedAuthority]
    );
    assert_eq!(files.fate("frontend", "cart"), [Reason::MadeForIt]);
    assert_eq!(files.fate("frontend", CART), [Reason::MadeForIt]);
}

#[test]
fn ports_in_authorities_are_tried() {
    let files = Files::of(&shop());
    let flag = "  ignore_port_in_host_matching: true\n";
    files.replace("frontend", RDS, flag, "");
    assert_eq!(
        files.fate("frontend", "cart"),
        [Reason::UnobservedAuthority]
    );
}

#[test]
fn a_removed_virtual_host_is_found() {
    let files = Files::of(&shop());
    files.edit("frontend", RDS, |text| {
        let from = text.find("  - name: \"cart_shop").unwrap();
        let to = text.find("  - name: \"unobserved\"").unwrap();
        format!("{}{}", &text[..from], &text[to..])
    });
    for host in ["cart", "cart.shop", CART] {
        assert_eq!(
            files.fate("frontend", host),
            [Reason::UnobservedAuthority],
            "{host}"
        );
    }
}

#[test]
fn without_a_virtual_host_for_the_rest_calls_are_lost() {
    let files = Files::of(&shop());
    files.replace("frontend", RDS, "    - \"*\"\n", "    - \"nobody\"\n");
    files.replace("frontend", RDS, "    - \"cart\"\n", "");
    assert_eq!(files.fate("frontend", "cart"), [Reason::NoRoute]);
}

#[test]
fn missing_and_empty_clusters_are_found() {
    let name = "  name: \"cart_shop_svc_cluster_local_8080\"\n";
    let files = Files::of(&shop());
    files.replace("frontend", CDS, name, "  name: \"renamed\"\n");
    assert_eq!(files.fate("frontend", "cart"), [Reason::NoCluster]);
    let files = Files::of(&shop());
    let route = "        cluster: \"cart_shop_svc_cluster_local_8080\"\n";
    files.replace("frontend", RDS, route, "        cluster: \"blackhole\"\n");
    assert_eq!(files.fate("frontend", "cart"), [Reason::NoEndpoint]);
}

#[test]
fn clusters_that_lead_elsewhere_are_found() {
    let endpoint = "address: \"cart.shop.svc.cluster.local.\"\n              port_value: 8080";
    let other_port = "address: \"cart.shop.svc.cluster.local.\"\n              port_value: 8081";
    let other_host = "address: \"tart.shop.svc.cluster.local.\"\n              port_value: 8080";
    for (edited, reason) in [
        (other_port, Reason::OtherPort),
        (other_host, Reason::OtherHost),
    ] {
        let files = Files::of(&shop());
        files.replace("frontend", CDS, endpoint, edited);
        for host in ["cart", CART] {
            assert_eq!(files.fate("frontend", host), [reason]);
        }
        let report = files.verify(&shop()).unwrap();
        assert!(findings(&report, "frontend").any(|finding| finding.harm));
    }
}

#[test]
fn a_route_to_the_cluster_of_another_destination_is_found() {
    let files = Files::of(&shop());
    let route = "cluster: \"cart_shop_svc_cluster_local_8080\"\n";
    files.replace("frontend", RDS, route, "cluster: \"10_9_8_7_8080\"\n");
    assert_eq!(files.fate("frontend", "cart"), [Reason::OtherHost]);
    // The chain of one store leads to the other: the address stays, the account does not.
    let files = Files::of(&shop());
    files.edit("recommend", LDS, |text| {
        text.replace("cluster: \"redis-a_6379\"", "cluster: \"redis-b_6379\"")
    });
    assert_eq!(
        files.fate("recommend", "redis-a"),
        [Reason::OtherDestination]
    );
}

#[test]
fn a_wrong_listener_port_and_a_wrong_server_name_are_found() {
    let files = Files::of(&shop());
    files.replace("frontend", LDS, "port_value: 50051", "port_value: 50052");
    let fate = files.fate("frontend", "checkout.shop");
    assert_eq!(fate, [Reason::UnobservedPort]);
    let files = Files::of(&shop());
    let name = "- \"payments.example.com\"\n";
    files.replace("checkout", LDS, name, "- \"payment.example.com\"\n");
    let fate = files.fate("checkout", "payments.example.com");
    assert_eq!(fate, [Reason::UnobservedServerName]);
}

#[test]
fn an_inspector_in_front_of_a_server_that_speaks_first_is_found() {
    let mut snapshot = shop();
    let store = snapshot
        .edges
        .iter_mut()
        .find(|edge| edge.callee.starts_with("database/redis@redis:"))
        .unwrap();
    store.targets[0].scheme = "mysql".to_owned();
    let files = Files::of(&snapshot);
    let fate = |files: &Files| {
        let report = files.verify(&snapshot).unwrap();
        let found = findings(&report, "cart").find(|finding| finding.host == "redis");
        found.unwrap().reason
    };
    assert_eq!(fate(&files), Reason::MadeForIt);
    let inspected = "  bind_to_port: false\n  continue_on_listener_filters_timeout: true\n  listener_filters:\n  \
        - typed_config:\n      \"@type\": \"x/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector\"\n";
    files.replace("cart", LDS, "  bind_to_port: false\n", inspected);
    assert_eq!(fate(&files), Reason::Stalls);
}

#[test]
fn held_out_calls_that_the_files_do_not_know_pass_through() {
    let files = Files::of(&shop());
    let mut later = shop();
    let dial = |edge: &mut Edge, host: &str, port: u16| {
        let target = Target {
            host: host.to_owned(),
            port: Some(port),
            ..edge.targets[0].clone()
        };
        edge.targets = vec![target];
    };
    let cart = later
        .edges
        .iter_mut()
        .find(|edge| edge.caller == "service/shop/frontend" && edge.callee == "service/shop/cart");
    dial(cart.unwrap(), "cart.example.net", 8080);
    let report = files.verify(&later).unwrap();
    let passed: Vec<&Finding> = findings(&report, "frontend")
        .filter(|finding| finding.callee == "service/shop/cart")
        .collect();
    // The target has 700 of the 1000 calls; the others now end nowhere that spans name.
    let expected = [(Reason::UnobservedAuthority, 700), (Reason::NoAddress, 300)];
    let told: Vec<(Reason, u64)> = passed
        .iter()
        .map(|finding| (finding.reason, finding.calls))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(passed[0].virtual_host.as_deref(), Some("unobserved"));
    assert_eq!(passed[1].verdict, Verdict::Undecided);
}

/// Pods at ports of their own: what the cluster says of itself has to do.
#[test]
fn endpoints_that_an_agent_keeps_count_by_their_number() {
    let files = Files::of(&shop());
    let cluster = "- \"@type\": \"x/envoy.config.cluster.v3.Cluster\"\n  name: \"pods\"\n  type: \"EDS\"\n  \
        eds_cluster_config: {eds_config: {path_config_source: {path: \"xds/eds/pods.yaml\"}}}\n  \
        metadata: {filter_metadata: {tracemesh: {to: \"service/shop/cart\"}}}\n";
    files.edit("frontend", CDS, |text| text.to_owned() + cluster);
    let route = "cluster: \"cart_shop_svc_cluster_local_8080\"\n";
    files.replace("frontend", RDS, route, "cluster: \"pods\"\n");
    fs::create_dir(files.path("frontend", "xds/eds")).unwrap();
    let assignment = |endpoints: &str| {
        let kind = "x/envoy.config.endpoint.v3.ClusterLoadAssignment";
        let text = format!("resources:\n- {{\"@type\": \"{kind}\", endpoints: [{endpoints}]}}\n");
        fs::write(files.path("frontend", "xds/eds/pods.yaml"), text).unwrap();
    };
    let pod = "{endpoint: {address: {socket_address: {address: 10.1.2.3, port_value: 18080}}}}";
    assignment(&format!("{{lb_endpoints: [{pod}]}}"));
    assert_eq!(files.fate("frontend", "cart"), [Reason::MadeForIt]);
    assignment("");
    assert_eq!(files.fate("frontend", "cart"), [Reason::NoEndpoint]);
}

#[test]
fn what_may_change_the_way_of_calls_is_an_error_with_file_and_field() {
    let cases = [
        (
            RDS,
            "        prefix: \"/\"\n",
            "        prefix: \"/\"\n        runtime_fraction: {default_value: {numerator: 1}}\n",
            "match.runtime_fraction",
        ),
        (
            RDS,
            "    - \"cart\"\n",
            "    - no\n",
            "domains[0]`: text is expected, not true or false",
        ),
        (
            RDS,
            "    - \"cart.shop\"\n",
            "    - \"CART\"\n",
            "stands there twice",
        ),
        (
            LDS,
            "strip_trailing_host_dot: true",
            "scoped_routes: {}",
            "typed_config.scoped_routes",
        ),
        (
            LDS,
            "  use_original_dst: true\n",
            "  use_original_dst: false\n",
            "captures connections",
        ),
        (
            LDS,
            "path: \"xds/current/rds/outbound_8080.yaml\"",
            "path: \"../../../../../secret.yaml\"",
            "no path below the directory",
        ),
        (
            CDS,
            "type: \"STATIC\"",
            "type: \"CUSTOM\"",
            "field `resources[0].type`",
        ),
        (
            "bootstrap.yaml",
            "cds_config:",
            "ads_config:",
            "dynamic_resources",
        ),
    ];
    for (file, from, to, told) in cases {
        let files = Files::of(&shop());
        files.replace("frontend", file, from, to);
        let fault = files.fault();
        assert!(fault.contains(told), "{to}: {fault}");
        assert!(fault.contains("services/prod/shop/frontend/"), "{fault}");
    }
}

#[test]
fn files_that_are_not_there_and_foreign_indexes_are_errors() {
    let files = Files::of(&shop());
    fs::remove_file(files.path("frontend", CDS)).unwrap();
    assert!(files.fault().contains("cds.yaml`: cannot read it"));
    let files = Files::of(&shop());
    let index = files.root().join("index.json");
    for (text, told) in [
        ("{}", "its schema is \"none\""),
        ("[", "no index"),
        (
            r#"{"schema":"tracemesh.envoy-index/v1","services":{"a":{"directory":"../x"}}}"#,
            "no directory below the root",
        ),
    ] {
        fs::write(&index, text).unwrap();
        let fault = files.fault();
        assert!(fault.contains(told), "{fault}");
    }
}

#[test]
fn a_caller_that_the_index_does_not_have_is_counted_apart() {
    let files = Files::of(&shop());
    let index = files.root().join("index.json");
    let text = fs::read_to_string(&index).unwrap();
    let text = text.replace("\"service/shop/cart\"", "\"service/shop/tart\"");
    fs::write(&index, text).unwrap();
    let report = files.verify(&shop()).unwrap();
    assert_eq!(report.calls.unknown_caller, 5009);
    assert_eq!(report.edges.unknown_caller, 2);
}

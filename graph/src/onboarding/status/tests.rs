//! Sources alone, and against each other.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::*;
use crate::inventory::{KubeNamespace, KubeObjects, KubePod, KubeWorkload};
use crate::policy::onboarding::{OnboardingRule, SidecarRule};
use crate::policy::{Label, ServicePattern};
use crate::snapshot::testing::{edge, node, snapshot};

const CART: &str = "service/shop/cart";
const WEB: &str = "service/shop/web";

fn service(id: &str, sidecar_spans: u64) -> Node {
    Node {
        namespace: "shop".to_owned(),
        requests: 100,
        sidecar_spans,
        ..node(id)
    }
}

/// `web` calls `cart`; spans of their sidecars.
fn graph(web: u64, cart: u64) -> GraphSnapshot {
    let mut made = snapshot(Vec::new(), vec![edge(WEB, CART, 50)]);
    made.nodes = vec![service(CART, cart), service(WEB, web)];
    made
}

fn entry(service: &str, status: Told, line: usize) -> ToldStatus {
    ToldStatus {
        service: service.to_owned(),
        status,
        wave: None,
        since: None,
        reason: None,
        line,
    }
}

fn file(services: Vec<ToldStatus>) -> StatusFile {
    StatusFile {
        waves_done: None,
        services,
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Pods of `cart` with these containers, whose template has these labels, in a namespace with those.
fn inventory(pods: &[&[&str]], labels: &[(&str, &str)], namespace: &[(&str, &str)]) -> Inventory {
    let selector = pairs(&[("app", "cart")]);
    let mut pod_labels = pairs(labels);
    pod_labels.extend(selector.clone());
    let pods = pods.iter().enumerate().map(|(number, containers)| KubePod {
        namespace: "shop".to_owned(),
        name: format!("cart-{number}"),
        labels: pod_labels.clone(),
        containers: containers.iter().map(|name| (*name).to_owned()).collect(),
        ..KubePod::default()
    });
    Inventory::new(KubeObjects {
        pods: pods.collect(),
        workloads: vec![KubeWorkload {
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "cart".to_owned(),
            selector,
            pod_labels,
            ..KubeWorkload::default()
        }],
        namespaces: vec![KubeNamespace {
            name: "shop".to_owned(),
            labels: pairs(namespace),
            ..KubeNamespace::default()
        }],
        ..KubeObjects::default()
    })
}

fn of(
    snapshot: &GraphSnapshot,
    policy: &Policy,
    file: Option<&StatusFile>,
    inventory: Option<&Inventory>,
) -> Statuses {
    statuses(&StatusSources {
        snapshot,
        policy,
        file,
        inventory,
    })
}

/// What an inventory alone makes of `cart`, and what it says when it is torn.
fn by_cluster(inventory: &Inventory) -> (Status, Option<StatusSource>, String) {
    let made = of(&graph(0, 0), &Policy::default(), None, Some(inventory));
    let cart = &made.services[CART];
    let says = made.contradictions.first();
    let says = says.map_or_else(String::new, |found| found.says.join("; "));
    (cart.status, cart.source, says)
}

const APP: &[&str] = &["app"];
const MESHED: &[&str] = &["app", "istio-proxy"];
const BY_INVENTORY: Option<StatusSource> = Some(StatusSource::Inventory);

#[test]
fn containers_prove_what_labels_promise() {
    let on = [("sidecar.istio.io/inject", "true")];
    for (pods, labels, status, says) in [
        (vec![MESHED, MESHED], &on[..], Status::Done, ""),
        (vec![MESHED], &[], Status::Done, ""),
        (vec![APP, APP], &[], Status::Pending, ""),
        (
            vec![APP, APP],
            &on,
            Status::Pending,
            "inventory: label sidecar.istio.io/inject=true of its pods, 0 of 2 pods run a sidecar",
        ),
        (
            vec![MESHED, APP, APP],
            &on,
            Status::Pending,
            "inventory: label sidecar.istio.io/inject=true of its pods, 1 of 3 pods run a sidecar",
        ),
        (vec![], &on, Status::Done, ""),
    ] {
        let made = by_cluster(&inventory(&pods, labels, &[]));
        assert_eq!(made, (status, BY_INVENTORY, says.to_owned()), "{pods:?}");
    }
    let nothing = by_cluster(&inventory(&[], &[], &[]));
    assert_eq!(nothing, (Status::Pending, None, String::new()));
}

/// A gateway is a proxy and nothing else; a pod that goes away is no evidence.
#[test]
fn a_proxy_alone_is_no_sidecar_and_pods_that_end_do_not_count() {
    let alone = by_cluster(&inventory(&[&["istio-proxy"]], &[], &[]));
    assert_eq!(alone.0, Status::Pending);
    let mut objects = KubeObjects::default();
    let selector = pairs(&[("app", "cart")]);
    for (name, is_terminating) in [("old", true), ("new", false)] {
        let containers = if is_terminating { APP } else { MESHED };
        objects.pods.push(KubePod {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            labels: selector.clone(),
            containers: containers.iter().map(|name| (*name).to_owned()).collect(),
            is_terminating,
            ..KubePod::default()
        });
    }
    objects.workloads.push(KubeWorkload {
        kind: "Deployment".to_owned(),
        namespace: "shop".to_owned(),
        name: "cart".to_owned(),
        selector,
        ..KubeWorkload::default()
    });
    assert_eq!(by_cluster(&Inventory::new(objects)).0, Status::Done);
}

#[test]
fn switches_of_common_meshes_are_known_and_pods_decide_before_their_namespace() {
    let pods: &[&[&str]] = &[];
    for (labels, namespace, status) in [
        (&[][..], &[("istio-injection", "enabled")][..], Status::Done),
        (&[], &[("istio.io/rev", "canary")], Status::Done),
        (&[("linkerd.io/inject", "enabled")], &[], Status::Done),
        (
            &[("consul.hashicorp.com/connect-inject", "true")],
            &[],
            Status::Done,
        ),
        (
            &[("envoy-sidecar-injector.doordash.com/enabled", "true")],
            &[],
            Status::Done,
        ),
        (
            &[("sidecar.istio.io/inject", "false")],
            &[("istio-injection", "enabled")],
            Status::Pending,
        ),
        (
            &[("istio.io/rev", "x"), ("sidecar.istio.io/inject", "false")],
            &[],
            Status::Pending,
        ),
        (&[], &[("istio-injection", "disabled")], Status::Pending),
    ] {
        let made = by_cluster(&inventory(pods, labels, namespace));
        assert_eq!(
            (made.0, made.1),
            (status, BY_INVENTORY),
            "{labels:?} {namespace:?}"
        );
    }
    let unknown = by_cluster(&inventory(pods, &[("linkerd.io/inject", "perhaps")], &[]));
    assert_eq!(unknown.1, None);
}

/// An inventory is of one cluster: what it proves, it proves there.
#[test]
fn done_in_one_of_several_clusters_is_told() {
    let mut graph = graph(0, 0);
    let clusters = [("east".to_owned(), 1), ("west".to_owned(), 1)].into();
    graph.nodes[0].facets.insert("cluster".to_owned(), clusters);
    let meshed = inventory(&[MESHED], &[], &[]);
    let made = of(&graph, &Policy::default(), None, Some(&meshed));
    assert_eq!(made.services[CART].status, Status::Done);
    assert_eq!(
        made.contradictions[0].says,
        ["inventory: no switch, 1 of 1 pods run a sidecar, in one of 2 clusters"]
    );
}

#[test]
fn the_policy_adds_labels_and_containers() {
    let mut policy = Policy::default();
    policy.onboarding.sidecars = SidecarRule {
        labels: vec![Label {
            key: "mesh.example.com/sidecar".to_owned(),
            value: "on".to_owned(),
        }],
        containers: vec!["mesh-proxy".to_owned()],
    };
    let labels = [("mesh.example.com/sidecar", "on")];
    let pods: &[&[&str]] = &[&["app", "mesh-proxy"]];
    let inventory = inventory(pods, &labels, &[]);
    let made = of(&graph(0, 0), &policy, None, Some(&inventory));
    assert_eq!(made.services[CART].status, Status::Done);
    assert_eq!(made.contradictions, []);
}

#[test]
fn spans_of_a_sidecar_say_that_it_runs_and_few_of_them_that_it_runs_somewhere() {
    let made = of(&graph(100, 20), &Policy::default(), None, None);
    assert_eq!(made.services[WEB].status, Status::Done);
    assert_eq!(made.services[WEB].source, Some(StatusSource::Spans));
    assert_eq!(made.services[CART].status, Status::Pending);
    let [found] = made.contradictions.as_slice() else {
        panic!("{:?}", made.contradictions);
    };
    assert_eq!(found.service, CART);
    assert_eq!(
        found.says,
        ["spans: only 20 spans of a sidecar for 100 requests"]
    );
}

/// The file wins over the cluster, and that over spans; everybody who disagrees is told.
#[test]
fn the_first_source_decides_and_the_others_are_told() {
    let told = file(vec![entry("cart", Told::Pending, 4)]);
    let meshed = inventory(&[MESHED], &[], &[]);
    let graph = graph(0, 100);
    let made = of(&graph, &Policy::default(), Some(&told), Some(&meshed));
    assert_eq!(made.services[CART].source, Some(StatusSource::File));
    let [found] = made.contradictions.as_slice() else {
        panic!("{:?}", made.contradictions);
    };
    assert_eq!(found.taken, Status::Pending);
    assert_eq!(
        found.says,
        [
            "status file: pending (line 4)",
            "inventory: no switch, 1 of 1 pods run a sidecar",
            "spans: 100 spans of a sidecar for 100 requests",
        ]
    );
    let bare = inventory(&[APP], &[], &[]);
    let made = of(&graph, &Policy::default(), None, Some(&bare));
    assert_eq!(made.services[CART].status, Status::Pending);
    assert_eq!(made.contradictions.len(), 1);
}

#[test]
fn an_excluded_service_with_a_sidecar_is_told() {
    let mut policy = Policy::default();
    policy.onboarding.services = vec![OnboardingRule {
        exclude: Some(Exclusion {
            reason: "goes away".to_owned(),
            owner: "team-cart".to_owned(),
        }),
        ..OnboardingRule::new(ServicePattern("*cart".to_owned()), 3)
    }];
    let made = of(&graph(0, 100), &policy, None, None);
    let cart = &made.services[CART];
    assert_eq!(
        (cart.status, cart.source),
        (Status::Excluded, Some(StatusSource::Policy))
    );
    assert_eq!(cart.reason.as_deref(), Some("goes away (team-cart)"));
    assert_eq!(made.contradictions[0].taken, Status::Excluded);
    // A cluster knows of no exclusion; without a sidecar it says the same.
    let bare = inventory(&[APP], &[], &[]);
    let made = of(&graph(0, 0), &policy, None, Some(&bare));
    assert_eq!(made.contradictions, []);
    let told = file(vec![entry(CART, Told::Done, 2)]);
    let made = of(&graph(0, 0), &policy, Some(&told), None);
    assert_eq!(made.services[CART].status, Status::Done);
    assert_eq!(
        made.contradictions.len(),
        1,
        "people disagree with each other"
    );
}

/// Silence of a sidecar means something only where those around it speak.
#[test]
fn done_without_spans_is_doubted_where_sidecars_of_callers_emit_some() {
    let told = file(vec![entry("cart", Told::Done, 2)]);
    let made = of(&graph(100, 0), &Policy::default(), Some(&told), None);
    assert_eq!(made.services[CART].status, Status::Done);
    assert!(made.contradictions[0].says[1].contains("no span of a sidecar for 100 requests"));
    let made = of(&graph(0, 0), &Policy::default(), Some(&told), None);
    assert_eq!(made.contradictions, []);
}

#[test]
fn entries_that_mean_no_service_or_several_or_one_twice_are_told() {
    let mut graph = graph(0, 0);
    graph.nodes.push(Node {
        namespace: "pay".to_owned(),
        ..node("service/pay/web")
    });
    graph.nodes.sort_by(|a, b| a.id.cmp(&b.id));
    let told = file(vec![
        entry("web", Told::Done, 2),
        entry("nobody", Told::Done, 3),
        entry("shop/cart", Told::Excluded, 4),
        entry("cart", Told::Done, 5),
    ]);
    let made = of(&graph, &Policy::default(), Some(&told), None);
    assert_eq!(
        made.unmatched,
        [
            (2, "`web` could be 2 services, such as `service/pay/web` and `service/shop/web`; name one by its id".to_owned()),
            (3, "no service of the graph is called `nobody`".to_owned()),
            (5, "`cart` is the service of line 4, which counts".to_owned()),
        ]
    );
    assert_eq!(made.services[CART].status, Status::Excluded);
    assert_eq!(made.services[WEB].status, Status::Pending);
}

#[test]
fn waves_that_were_carried_out_and_services_that_came_back_arrive_in_the_plan() {
    let mut cart = entry("cart", Told::RolledBack, 2);
    (cart.wave, cart.since) = (Some(3), Some(date(2027, 2, 1)));
    let mut web = entry("web", Told::Done, 3);
    web.wave = Some(2);
    let mut told = file(vec![cart, web]);
    let made = of(&graph(0, 100), &Policy::default(), Some(&told), None);
    assert_eq!(made.waves_done, Some(3));
    assert!(made.rolled_back.contains(CART));
    assert_eq!(
        made.contradictions[0].says[0],
        "status file: rolled back since 2027-02-01 (line 2)"
    );
    let mut options = PlanOptions::default();
    made.apply(&mut options);
    assert_eq!(options.waves_done, 3);
    assert_eq!(options.facts[WEB].status, Status::Done);
    told.waves_done = Some(4);
    let made = of(&graph(0, 0), &Policy::default(), Some(&told), None);
    assert_eq!(made.waves_done, Some(4));
}

#[test]
fn a_plan_is_told_why_services_are_excluded() {
    let mut cart = entry("cart", Told::Excluded, 2);
    cart.reason = Some("speaks no HTTP".to_owned());
    let told = file(vec![cart]);
    let graph = graph(0, 100);
    let made = of(&graph, &Policy::default(), Some(&told), None);
    let mut options = PlanOptions::default();
    made.apply(&mut options);
    let input = crate::onboarding::PlanInput::from_snapshot(&graph, &options);
    let mut plan = crate::onboarding::plan(&input, &options, None).unwrap();
    made.explain_exclusions(&mut plan);
    assert_eq!(plan.unplanned[0].because.as_deref(), Some("speaks no HTTP"));
}

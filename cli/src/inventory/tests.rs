//! What is read, and what is refused with which words.

use tracemesh_graph::inventory::Addressing;

use super::*;

fn parsed(text: &str) -> Result<KubeObjects, String> {
    read(text.as_bytes(), "inventory.json").map_err(|error| error.lines().join("\n"))
}

fn refused(bytes: &[u8]) -> String {
    let error = read(bytes, "inventory.json").unwrap_err();
    error.lines().join("\n")
}

const SERVICE: &str = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"cart","namespace":"shop"},
    "spec":{"clusterIP":"10.96.0.5","clusterIPs":["10.96.0.5"],"type":"ClusterIP","selector":{"app":"cart"},
    "ports":[{"name":"http","port":8080,"protocol":"TCP","targetPort":"web","appProtocol":"http"},
             {"name":"dns","port":53,"protocol":"UDP"}]}}"#;

#[test]
fn lists_lists_of_one_kind_and_single_objects_may_follow_each_other() {
    let items_first = format!(r#"{{"apiVersion":"v1","items":[{SERVICE}],"kind":"List"}}"#);
    let typed = r#"{"kind":"PodList","items":[{"metadata":{"name":"cart-1","namespace":"shop",
        "labels":{"app":"cart"}},"spec":{"nodeName":"n1"},"status":{"podIP":"10.1.0.7","phase":"Running"}},
        {"metadata":{"name":"done","namespace":"shop"},"status":{"phase":"Succeeded"}}]}"#;
    let single =
        r#"{"kind":"Node","metadata":{"name":"n1","labels":{"topology.kubernetes.io/zone":"za"}}}"#;
    let found = parsed(&format!("\u{feff}{items_first}\n{typed} {single}\n")).unwrap();
    let service = &found.services[0];
    assert_eq!(service.addressing, Addressing::VirtualIp);
    assert_eq!(service.ports.len(), 1, "UDP is no egress of ours");
    assert_eq!(
        service.cluster_ips,
        ["10.96.0.5".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(
        (found.pods.len(), found.pods[0].node.as_deref()),
        (1, Some("n1"))
    );
    assert_eq!(found.nodes[0].zone.as_deref(), Some("za"));
    assert_eq!(found.read.values().sum::<u64>(), 4);
}

#[test]
fn workloads_give_the_labels_of_their_pods_and_slices_their_ready_endpoints() {
    let text = r#"{"kind":"List","items":[
        {"kind":"Deployment","metadata":{"name":"cart","namespace":"shop"},"spec":{"replicas":2,
            "selector":{"matchLabels":{"app":"cart"},"matchExpressions":[{"key":"x","operator":"Exists"}]},
            "template":{"metadata":{"labels":{"app":"cart","version":"3"}}}}},
        {"kind":"CronJob","metadata":{"name":"sweep","namespace":"shop"},
            "spec":{"jobTemplate":{"spec":{"template":{"metadata":{"labels":{"app":"sweep"}}}}}}},
        {"kind":"EndpointSlice","addressType":"IPv4","metadata":{"name":"cart-x","namespace":"shop",
            "labels":{"kubernetes.io/service-name":"cart"}},"ports":[{"name":"","port":8080,"protocol":"TCP"}],
            "endpoints":[{"addresses":["10.1.0.7"],"conditions":{"ready":true},"zone":"za"},
                {"addresses":["10.1.0.8"],"conditions":{"ready":true,"serving":true,"terminating":true}},
                {"addresses":["10.1.0.9"],"conditions":{}}]},
        {"kind":"ConfigMap","metadata":{"name":"x"},"data":{"spec":1}},
        {"kind":"Gateway","spec":"not an object"}]}"#;
    let found = parsed(text).unwrap();
    assert!(found.workloads[0].has_expressions);
    assert_eq!(found.workloads[0].replicas, Some(2));
    assert_eq!(found.workloads[0].pod_labels.len(), 2);
    assert_eq!(found.workloads[1].pod_labels["app"], "sweep");
    let ready: Vec<bool> = found.slices[0]
        .endpoints
        .iter()
        .map(|one| one.ready)
        .collect();
    assert_eq!(ready, [true, false, true]);
    let passed_over: Vec<&str> = found.passed_over.keys().map(String::as_str).collect();
    assert_eq!(passed_over, ["ConfigMap", "Gateway"]);
    let counts = Inventory::new(found).counts().clone();
    assert_eq!(
        told(&counts)[1],
        "inventory: passed over 1 ConfigMap, 1 Gateway"
    );
}

#[test]
fn every_kind_of_wrong_file_is_told_as_what_it_is() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "is empty; did `kubectl` fail?"),
        (b" \n", "is empty"),
        (
            b"apiVersion: v1\nitems:\n",
            "is YAML; ask `kubectl` for `-o json`",
        ),
        (b"NAMESPACE   NAME  TYPE\n", "is a table"),
        (b"No resources found\n", "is a message of `kubectl`"),
        (b"\xff\xfe{\0", "is UTF-16"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"[]", "is a JSON array"),
        (b"hello", "is no JSON"),
        (b"{}", "holds no Kubernetes objects"),
        (br#"{"items": 3}"#, "`items` as an array"),
        (
            br#"{"kind":"List","items":[{"kind":"Pod","#,
            "ends in the middle",
        ),
    ];
    for (bytes, told) in cases {
        let error = refused(bytes);
        assert!(error.contains(told), "{told} is not in {error}");
        assert!(error.contains("hint: "), "{error}");
    }
}

#[test]
fn objects_that_cannot_be_read_are_named_together() {
    let broken = [
        r#"{"kind":"Service","metadata":{"name":"a","namespace":"shop"},"spec":{"ports":[{"port":70000}]}}"#,
        r#"{"kind":"Service","metadata":{"name":"b","namespace":"shop"},"spec":{"clusterIP":"10.0.0.0.1"}}"#,
        r#"{"kind":"Service","metadata":{"namespace":"shop"}}"#,
        r#"{"metadata":{"name":"no-kind"}}"#,
        "7",
        r#"{"kind":"Service","metadata":"x"}"#,
    ];
    let error = refused(format!(r#"{{"kind":"List","items":[{}]}}"#, broken.join(",")).as_bytes());
    for told in [
        "item 1 (Service shop/a): invalid value: integer `70000`",
        "item 2 (Service shop/b): `10.0.0.0.1` is no IP address",
        "item 3 (Service shop/): it has no `metadata.name`",
        "item 4: it has no `kind`",
        "item 5: invalid type",
        "and 1 more",
    ] {
        assert!(error.contains(told), "{told} is not in {error}");
    }
}

#[test]
fn names_with_control_characters_do_not_reach_the_terminal() {
    let error = refused(
        br#"{"kind":"List","items":[{"kind":"Service","metadata":{"name":"a\u001b[31m"},"spec":{"ports":7}}]}"#,
    );
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

/// Deeply nested junk beside what is read must neither overflow the stack nor be kept.
#[test]
fn junk_in_fields_that_do_not_count_is_passed_over() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(
        r#"{{"kind":"List","metadata":{{}},"items":[{{"kind":"Service","metadata":{{"name":"a","managedFields":1}},
        "status":1,"spec":{{"ipFamilies":7}}}}],"junk":{deep}}}"#
    );
    assert_eq!(parsed(&text).unwrap().services.len(), 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        drop(read(&bytes[..], "x"));
        let mut object = br#"{"kind":"List","items":["#.to_vec();
        object.extend(&bytes);
        drop(read(&object[..], "x"));
    }
}

/// What tells whether a workload has a sidecar: switches, and containers that last as long as their pod.
#[test]
fn switches_and_containers_of_sidecars_are_read() {
    let long = "x".repeat(64);
    let text = format!(
        r#"{{"kind":"List","items":[
        {{"kind":"Namespace","metadata":{{"name":"shop","labels":{{"istio-injection":"enabled"}}}}}},
        {{"kind":"Deployment","metadata":{{"name":"cart","namespace":"shop"}},"spec":{{"template":{{
            "metadata":{{"annotations":{{"linkerd.io/inject":"enabled","notes":"{long}"}}}},
            "spec":{{"containers":[{{"name":"app","image":"x"}}]}}}}}}}},
        {{"kind":"Pod","metadata":{{"name":"cart-1","namespace":"shop","deletionTimestamp":"2027-01-01T00:00:00Z"}},
            "spec":{{"nodeName":"n1","containers":[{{"name":"app"}}],
            "initContainers":[{{"name":"istio-init"}},{{"name":"istio-proxy","restartPolicy":"Always"}}]}}}},
        {{"kind":"Pod","metadata":{{"name":"cart-2","namespace":"shop","deletionTimestamp":null}},"spec":{{"containers":null}}}}]}}"#
    );
    let found = parsed(&text).unwrap();
    assert_eq!(found.namespaces[0].labels["istio-injection"], "enabled");
    let cart = &found.workloads[0];
    assert_eq!(cart.pod_annotations.len(), 1, "a whole object is no switch");
    assert_eq!(cart.containers, ["app"]);
    let [ending, other] = found.pods.as_slice() else {
        panic!("{:?}", found.pods);
    };
    assert_eq!(ending.containers, ["istio-proxy", "app"]);
    assert!(ending.is_terminating && !other.is_terminating);
    assert_eq!(ending.node.as_deref(), Some("n1"));
    assert_eq!(found.passed_over.len(), 0);
}

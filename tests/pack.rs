//! Onboarding packs before the tools that apply them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{kubectl_is_here, root, tracemesh};

const PACK: &str = "services/prod/shop/checkout/onboarding";

/// The egress of a shop whose spans name the deployment of `checkout`.
fn egress() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("fixtures/egress/shop/snapshot.json")).unwrap();
    let mut snapshot: Value = serde_json::from_str(&text).unwrap();
    let nodes = snapshot["nodes"].as_array_mut().unwrap();
    let checkout = nodes
        .iter_mut()
        .find(|node| node["id"] == "service/shop/checkout");
    checkout.unwrap()["attributes"] = json!({
        "k8s.deployment.name": "checkout",
        "k8s.namespace.name": "shop",
    });
    let graph = place.path().join("graph.json");
    fs::write(&graph, snapshot.to_string()).unwrap();
    let out = place.path().join("egress");
    let arguments = [
        "egress",
        "--graph",
        graph.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    tracemesh(&arguments).expect_code(0);
    place
}

fn kustomize(place: &Path) -> Result<String, String> {
    let output = Command::new("kubectl")
        .arg("kustomize")
        .arg(place)
        .output()
        .unwrap();
    let [built, complaints] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    if output.status.success() {
        Ok(built)
    } else {
        Err(complaints)
    }
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec: {containers: [{name: app, image: checkout}]}
";

/// A kustomization of a user, with our component beside it.
fn overlay(place: &Path, deployment: &str) {
    let overlay = place.join("overlay");
    fs::create_dir_all(&overlay).unwrap();
    let pack = format!("../egress/{PACK}");
    let kustomization = format!("resources: [deployment.yaml]\ncomponents: [{pack}]\n");
    fs::write(overlay.join("kustomization.yaml"), kustomization).unwrap();
    let deployment = DEPLOYMENT.replace("NAME", deployment);
    fs::write(overlay.join("deployment.yaml"), deployment).unwrap();
}

#[test]
fn kustomize_labels_the_pods_of_the_workload_and_keeps_their_own_labels() {
    if !kubectl_is_here() {
        return;
    }
    let place = egress();
    overlay(place.path(), "checkout");
    let built = kustomize(&place.path().join("overlay")).unwrap();
    for label in ["app: checkout", "sidecar.istio.io/inject: \"true\""] {
        assert!(built.contains(label), "{built}");
    }
}

/// A patch that hits nothing must not pass in silence.
#[test]
fn kustomize_refuses_a_pack_whose_workload_is_not_there() {
    if !kubectl_is_here() {
        return;
    }
    let place = egress();
    overlay(place.path(), "other");
    let complaint = kustomize(&place.path().join("overlay")).unwrap_err();
    assert!(complaint.contains("checkout"), "{complaint}");
}

/// Both patches, applied by `kubectl` to a file, one after the other: nothing is left.
#[test]
fn rolling_back_leaves_the_workload_as_it_was() {
    if !kubectl_is_here() {
        return;
    }
    let place = egress();
    let pack = place.path().join("egress").join(PACK);
    let patch = |object: &Path, arguments: &[&str]| {
        let output = Command::new("kubectl")
            .args(["patch", "--local", "-o", "json", "-f"])
            .arg(object)
            .args(arguments)
            .current_dir(&pack)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{complaint}"))
    };
    let before = place.path().join("before.yaml");
    fs::write(&before, DEPLOYMENT.replace("NAME", "checkout")).unwrap();
    let joined = patch(&before, &["--patch-file", "workload-patch.yaml"]);
    let labels = &joined["spec"]["template"]["metadata"]["labels"];
    assert_eq!(
        *labels,
        json!({"app": "checkout", "sidecar.istio.io/inject": "true"})
    );
    let after = place.path().join("after.json");
    fs::write(&after, joined.to_string()).unwrap();
    let left = patch(
        &after,
        &["--type", "json", "--patch-file", "workload-rollback.json"],
    );
    let labels = &left["spec"]["template"]["metadata"]["labels"];
    assert_eq!(*labels, json!({"app": "checkout"}));
}

//! Hazards through the binary: what `egress` and `onboard` tell about spans, and that the page about them is complete.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tracemesh_graph::hazards::{HazardKind, Sign};

use crate::harness::{root, tracemesh};

const START: u64 = 1_760_000_000_000_000_000;

/// Client spans of one service, each in its own trace.
fn request(spans: &[Value]) -> Value {
    let spans: Vec<Value> = (1..)
        .zip(spans)
        .map(|(number, given)| {
            let mut span = given.clone();
            span["traceId"] = json!(format!("{number:032x}"));
            span["spanId"] = json!(format!("{number:016x}"));
            span["name"] = json!("GET");
            span["kind"] = json!(3);
            span["startTimeUnixNano"] = json!(START.to_string());
            let took_ms = given["took_ms"].as_u64().unwrap_or(5);
            span["endTimeUnixNano"] = json!((START + took_ms * 1_000_000).to_string());
            span.as_object_mut().expect("an object").remove("took_ms");
            span
        })
        .collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "web")]},
        "scopeSpans": [{"spans": spans}]}]})
}

fn text(key: &str, text: &str) -> Value {
    json!({"key": key, "value": {"stringValue": text}})
}

fn get(url: &str, more: &Value) -> Value {
    let mut attributes = vec![text("url.full", url), text("http.request.method", "GET")];
    attributes.extend(more.as_array().cloned().unwrap_or_default());
    json!({ "attributes": attributes })
}

/// A long call, a captured header in a list, an exception event, a stream of messages, and a plain call.
fn exposed() -> Value {
    let mut long = get("http://api.shop/x", &json!([]));
    long["took_ms"] = json!(14_000);
    let list = json!({"arrayValue": {"values": [{"stringValue": "100-continue"}]}});
    let header = json!([{"key": "http.request.header.Expect", "value": list}]);
    let mut dead = get("http://api.shop/x", &json!([]));
    dead["status"] = json!({"code": 2});
    let kind = text("exception.type", "ConnectionRefusedError");
    dead["events"] = json!([{"name": "exception", "timeUnixNano": "1", "attributes": [kind]}]);
    let messages = json!({"name": "message", "timeUnixNano": "1", "attributes": []});
    let rpc = ["grpc", "shop.Feed", "GetAll"];
    let keys = ["rpc.system", "rpc.service", "rpc.method"];
    let mut attributes: Vec<Value> = keys.into_iter().zip(rpc).map(|(k, v)| text(k, v)).collect();
    attributes.push(text("server.address", "feed.shop"));
    let stream = json!({"attributes": attributes, "events": [messages, messages, messages]});
    let with_header = get("http://api.shop/x", &header);
    request(&[
        long,
        with_header,
        dead,
        stream,
        get("http://api.shop/x", &json!([])),
    ])
}

/// Runs in `place`, on traces in a file of this name.
fn report(place: &Path, name: &str, bytes: &[u8], format: &str) -> String {
    let traces = place.join(name);
    fs::write(&traces, bytes).expect("a writable file");
    let out = place.join(format!("{name}-{format}"));
    let paths = [&traces, &out].map(|path| path.to_str().expect("a UTF-8 path"));
    let arguments = [
        "egress", "--traces", paths[0], "--out", paths[1], "--format", format,
    ];
    tracemesh(&arguments).expect_code(0).stdout
}

#[test]
fn egress_tells_the_hazards_of_spans() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let text = exposed().to_string();
    let told = report(place.path(), "traces.json", text.as_bytes(), "json");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let hazards = told["services"][0]["hazards"].as_array().expect("a list");
    let seen: Vec<(u64, u64, &str)> = hazards
        .iter()
        .map(|hazard| {
            let number = |name: &str| hazard[name].as_u64().expect("a number");
            let handling = hazard["handling"].as_str().expect("a word");
            (number("number"), number("spans"), handling)
        })
        .collect();
    let expected = [
        (1, 2, "handled"),
        (9, 1, "handled"),
        (14, 1, "handled"),
        (16, 1, "decision"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(hazards[0]["signs"], json!({"long": 1, "stream": 1}));
    assert_eq!(hazards[3]["exemplars"], json!([format!("{:032x}", 3)]));
    let table = report(place.path(), "traces.json", text.as_bytes(), "table");
    assert!(table.contains("1 decision to take"), "{table}");
    assert!(
        table.lines().skip(1).all(|line| line.chars().count() <= 80),
        "{table}"
    );
}

#[test]
fn onboarding_weighs_decisions_more_than_what_is_handled() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let traces = place.path().join("traces.json");
    fs::write(&traces, exposed().to_string()).expect("a writable file");
    let traces = traces.to_str().expect("a UTF-8 path");
    let plan = tracemesh(&["onboard", "--traces", traces, "--format", "json"]).expect_code(0);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let service = &plan["waves"][0]["services"][0];
    let expected = json!([
        {"code": "long-calls", "severity": "low"}, {"code": "header-case", "severity": "low"},
        {"code": "expect-continue", "severity": "low"}, {"code": "refused-connects", "severity": "medium"}]);
    assert_eq!(service["hazards"], expected);
    let risk = service["risk"]["parts"].as_array().expect("a list");
    let part = risk
        .iter()
        .find(|part| part["factor"] == "hazards")
        .expect("the part");
    assert!(
        part["points"].as_f64().is_some_and(|points| points > 0.1),
        "{part}"
    );
}

/// Ten per cent more traffic changes the numbers, which are in a file of their own.
#[test]
fn more_of_the_same_spans_changes_no_file_that_is_rolled_out() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let egress = |count: usize| {
        let calls = vec![get("http://10.1.2.3:8080/x", &json!([])); count];
        let name = format!("{count}.json");
        report(
            place.path(),
            &name,
            request(&calls).to_string().as_bytes(),
            "json",
        );
        let read = |file: &str| {
            let path = place.path().join(format!("{name}-json")).join(file);
            fs::read_to_string(path).expect("a written file")
        };
        (read("egress.json"), read("evidence.json"))
    };
    let (ten, eleven) = (egress(10), egress(11));
    assert!(ten.0.contains("pinned-members"), "{}", ten.0);
    assert_eq!(ten.0, eleven.0);
    assert_ne!(ten.1, eleven.1);
}

#[test]
fn the_page_about_hazards_has_every_hazard_and_every_sign() {
    let page = fs::read_to_string(root().join("docs/hazards.md")).expect("the page");
    for hazard in HazardKind::ALL {
        let row = format!("| {} | `{}` |", hazard.number(), hazard.as_str());
        let row = page.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("no row of {hazard:?}"));
        for sign in Sign::ALL.iter().filter(|sign| sign.hazard() == *hazard) {
            assert!(
                row.contains(&format!("`{}`", sign.as_str())),
                "{sign:?}: {row}"
            );
        }
    }
}

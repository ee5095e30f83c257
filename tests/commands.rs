//! The commands as people use them: formats, sources, exit codes, pipes, colours, reruns.

use std::fs;
use std::process::{Command, Stdio};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::process::Collector;
use crate::harness::{BINARY, call, files_under, request, tracemesh, tracemesh_in};

/// Traces in which `web` calls `cart` ten times, and the place they lie in.
fn place() -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let spans =
        (1..=10).flat_map(|trace| call(trace, "web", "cart", "cart.shop.svc.cluster.local"));
    fs::write(place.path().join("traces.pb"), request(spans.collect())).expect("a writable file");
    place
}

#[test]
fn analyze_writes_the_same_bytes_again_and_leaves_other_files_alone() {
    let place = place();
    let run = || {
        tracemesh_in(place.path(), &["analyze", "traces.pb", "--out", "out"], b"").expect_code(0)
    };
    let first = run();
    for told in [
        "services     2",
        "1 by best evidence: 1 paired",
        "out/graph.json",
    ] {
        assert!(
            first.stdout.contains(told),
            "{told} is not in\n{}",
            first.stdout
        );
    }
    assert_eq!(first.stderr, "");
    for line in first.stdout.lines() {
        assert!(
            line.chars().count() <= 80 || line.trim_start().starts_with("tracemesh "),
            "{line}"
        );
    }
    let contents = || -> Vec<_> {
        let out = place.path().join("out");
        let files = files_under(&out)
            .into_iter()
            .filter(|file| !out.join(file).is_symlink());
        files
            .map(|file| (fs::read(out.join(&file)).unwrap(), file))
            .collect()
    };
    let before = contents();
    fs::write(place.path().join("out/notes.txt"), "mine").unwrap();
    assert_eq!(run().stdout, first.stdout);
    assert_eq!(
        fs::read(place.path().join("out/notes.txt")).unwrap(),
        b"mine"
    );
    fs::remove_file(place.path().join("out/notes.txt")).unwrap();
    assert_eq!(contents(), before);
}

/// Everything that `analyze` writes is the same, byte by byte, however the spans arrive.
#[test]
fn shuffled_spans_give_the_same_files() {
    let place = place();
    let callees = ["cart", "search", "cart", "pay", "search", "cart"];
    let mut spans: Vec<_> = (1..)
        .zip(callees)
        .flat_map(|(trace, callee)| call(trace, "web", callee, &format!("{callee}.shop")))
        .collect();
    let mut written = Vec::new();
    for out in ["given", "reversed", "rotated"] {
        let requests = spans.iter().map(|span| ExportTraceServiceRequest {
            resource_spans: vec![span.clone()],
        });
        let bytes: Vec<u8> = requests
            .flat_map(|request| request.encode_length_delimited_to_vec())
            .collect();
        tracemesh_in(place.path(), &["analyze", "-", "--out", out], &bytes).expect_code(0);
        let directory = place.path().join(out);
        let files = files_under(&directory).into_iter().map(|file| {
            let path = directory.join(&file);
            let content = match fs::read_link(&path) {
                Ok(target) => target.into_os_string().into_encoded_bytes(),
                Err(_) => fs::read(&path).unwrap(),
            };
            (file, content)
        });
        written.push(files.collect::<Vec<_>>());
        if out == "given" {
            spans.reverse();
        } else {
            spans.rotate_left(5);
        }
    }
    assert!(written[0].len() > 10, "{} files", written[0].len());
    assert!(written[0] == written[1] && written[0] == written[2]);
}

#[test]
fn a_snapshot_file_and_the_traces_give_the_same_answers() {
    let place = place();
    let run = |arguments: &[&str]| {
        tracemesh_in(place.path(), arguments, b"")
            .expect_code(0)
            .stdout
    };
    let from_traces = run(&["graph", "--traces", "traces.pb", "--format", "json"]);
    fs::write(place.path().join("graph.json"), &from_traces).unwrap();
    for format in ["json", "dot", "table"] {
        assert_eq!(
            run(&["graph", "--traces", "traces.pb", "--format", format]),
            run(&["graph", "--graph", "graph.json", "--format", format]),
        );
    }
    for format in ["table", "markdown", "json"] {
        assert_eq!(
            run(&["onboard", "--traces", "traces.pb", "--format", format]),
            run(&["onboard", "--graph", "graph.json", "--format", format]),
        );
    }
    let parsed: Value = serde_json::from_str(&from_traces).unwrap();
    assert_eq!(parsed["schema"], "tracemesh.graph/v1");
    assert_eq!(parsed["edges"][0]["calls"], 10);
    assert_eq!(parsed["edges"][0]["evidence"]["paired"], 10);
}

#[test]
fn standard_input_is_a_trace_file() {
    let place = place();
    let bytes = fs::read(place.path().join("traces.pb")).unwrap();
    let table = tracemesh_in(place.path(), &["graph", "--traces", "-"], &bytes).expect_code(0);
    assert!(table.stdout.contains("-> service/cart"), "{}", table.stdout);
    assert_eq!(table.stderr, "");
}

#[test]
fn egress_is_written_for_the_services_that_are_named() {
    let place = place();
    let run = |arguments: &[&str]| tracemesh_in(place.path(), arguments, b"");
    run(&["egress", "web", "--traces", "traces.pb", "--out", "one"]).expect_code(0);
    run(&["egress", "--traces", "traces.pb", "--out", "all"]).expect_code(0);
    let count = |directory: &str| files_under(&place.path().join(directory)).len();
    assert!(0 < count("one") && count("one") < count("all"));
    run(&["egress", "wbe", "--traces", "traces.pb", "--out", "none"])
        .expect_refusal("no node is called `wbe`\nhint: there is `service/web`\n");
    assert!(!place.path().join("none").exists());
}

#[test]
fn usage_errors_are_two_and_help_is_zero() {
    for arguments in [
        &["frobnicate"][..],
        &["analyze"],
        &["graph", "--format", "pdf"],
        &["graph", "--graph", "a", "--traces", "b"],
        &["collect", "--flush-interval", "soon"],
        &["collect", "--grpc", ":4318"],
    ] {
        let run = tracemesh(arguments).expect_code(2);
        assert!(
            run.stderr.starts_with("error: ") && run.stdout.is_empty(),
            "{run:?}"
        );
    }
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help", "analyze"],
        &["collect", "--help"],
    ] {
        assert_eq!(tracemesh(arguments).expect_code(0).stderr, "");
    }
}

#[test]
fn a_store_that_is_not_there_is_refused_with_a_way_out() {
    let told = tracemesh(&["graph"]).expect_refusal("tracemesh-data");
    assert!(told.contains("tracemesh collect"), "{told}");
}

#[test]
fn a_snapshot_that_is_none_is_refused() {
    let place = place();
    let run = |path: &str| tracemesh_in(place.path(), &["graph", "--graph", path], b"");
    run("traces.pb").expect_refusal("is no JSON");
    run("missing.json").expect_refusal("cannot read `missing.json`");
}

/// Callers and callees outside of a part would be missing from what is made of it.
#[test]
fn a_part_of_a_graph_is_shown_and_not_planned_with() {
    let place = place();
    let run = |arguments: &[&str]| tracemesh_in(place.path(), arguments, b"");
    let whole = ["graph", "--traces", "traces.pb", "--format", "json"];
    let part = [&whole[..], &["--service", "cart"]].concat();
    let part = run(&part).expect_code(0).stdout;
    let parsed: Value = serde_json::from_str(&part).unwrap();
    assert_eq!(
        parsed["selection"],
        serde_json::json!({"service": "service/cart", "depth": 1})
    );
    fs::write(place.path().join("part.json"), &part).unwrap();
    let again = ["graph", "--graph", "part.json", "--format", "json"];
    assert_eq!(run(&again).expect_code(0).stdout, part);
    for arguments in [
        &["egress", "--graph", "part.json", "--out", "out"][..],
        &["onboard", "--graph", "part.json"],
        &["graph", "--graph", "part.json", "--service", "web"],
    ] {
        let told = run(arguments).expect_refusal("a part of a graph is not enough");
        assert!(told.contains("`service/cart`") && told.contains("without `--service`"));
    }
    assert!(!place.path().join("out").exists());
}

/// A graph with missing edges must not look like a good one, whichever command reads it.
#[test]
fn every_reading_command_warns_of_bounds_that_were_reached() {
    let place = place();
    let run = |arguments: &[&str]| tracemesh_in(place.path(), arguments, b"").expect_code(0);
    let cut = [
        "graph",
        "--traces",
        "traces.pb",
        "--max-open-spans",
        "1",
        "--format",
        "json",
    ];
    let cut = run(&cut);
    assert!(cut.stderr.starts_with("warning: "), "{}", cut.stderr);
    assert!(cut.stderr.contains("cut short"), "{}", cut.stderr);
    assert!(
        cut.stderr.contains("\nhint: raise `--max-open-spans`"),
        "{}",
        cut.stderr
    );
    let mut graph: Value = serde_json::from_str(&cut.stdout).unwrap();
    graph["diagnostics"]["counters"]["names_folded"] = 7.into();
    fs::write(place.path().join("graph.json"), graph.to_string()).unwrap();
    for arguments in [
        &["graph", "--graph", "graph.json"][..],
        &["egress", "--graph", "graph.json", "--out", "egress"],
        &["onboard", "--graph", "graph.json"],
    ] {
        let told = run(arguments).stderr;
        assert_eq!(told.matches("warning: ").count(), 2, "{told}");
        assert!(
            told.contains("cut short") && told.contains("7 of 30 spans"),
            "{told}"
        );
    }
}

/// `tracemesh graph | head -1` must not complain.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = place();
    let mut child = Command::new(BINARY)
        .args(["graph", "--traces", "traces.pb", "--format", "json"])
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_insist() {
    let place = place();
    let analyze = |color: &str| {
        let arguments = ["analyze", "traces.pb", "--out", "out", "--color", color];
        tracemesh_in(place.path(), &arguments, b"")
            .expect_code(0)
            .stdout
    };
    assert!(!analyze("auto").contains('\u{1b}'));
    assert!(analyze("always").contains("\u{1b}[1m"));
}

/// From a socket to the graph: what is acknowledged is in the store after a polite stop, and a second run adds to it.
#[test]
fn what_is_sent_to_the_receiver_comes_out_of_the_store() {
    let place = place();
    let store = place.path().join("store");
    let bytes = fs::read(place.path().join("traces.pb")).unwrap();
    let receiver = Collector::start(&store, &[]);
    assert_eq!(receiver.post(&bytes), "HTTP/1.1 200 OK");
    let told = receiver.terminate();
    assert!(told.contains("received 30 spans in 1 request"), "{told}");
    let graph = |arguments: &[&str]| {
        tracemesh_in(place.path(), arguments, b"")
            .expect_code(0)
            .stdout
    };
    let stored = graph(&["graph", "--store", "store", "--format", "json"]);
    assert_eq!(
        stored,
        graph(&["graph", "--traces", "traces.pb", "--format", "json"])
    );

    let other = request(call(77, "web", "search", "search.shop"));
    let receiver = Collector::start(&store, &[]);
    assert_eq!(receiver.post(&other), "HTTP/1.1 200 OK");
    receiver.terminate();
    let both = graph(&["graph", "--store", "store"]);
    assert!(
        both.contains("-> service/cart") && both.contains("-> service/search"),
        "{both}"
    );
    // Nothing about a half-empty store is an error, and onboarding reads it as well.
    assert!(graph(&["onboard", "--store", "store"]).contains("cart"));
}

/// One line each at the start and at the end, and a message that says what to pass instead.
#[test]
fn collect_says_once_where_it_listens_and_what_is_wrong_with_a_store() {
    let place = tempfile::tempdir().unwrap();
    let receiver = Collector::start(&place.path().join("store"), &[]);
    let said = &receiver.said_at_start;
    let options = said.lines().filter(|line| line.contains("  # "));
    assert_eq!(options.count() + 1, said.lines().count(), "{said}");
    assert_eq!(receiver.terminate().lines().count(), 1);
    fs::write(place.path().join("file"), "").unwrap();
    for store in ["file", "file/below", "/proc/tracemesh"] {
        let collect = [
            "collect",
            "--grpc",
            "localhost:0",
            "--http",
            "localhost:0",
            "--admin",
            "none",
        ];
        let arguments = [&collect[..], &["--store", store]].concat();
        let told = tracemesh_in(place.path(), &arguments, b"").expect_refusal(store);
        assert!(told.contains("hint: `--store` takes a directory"), "{told}");
        assert_eq!(told.lines().count(), 2, "{told}");
    }
}

#[test]
fn two_receivers_cannot_share_a_name_in_a_store() {
    let place = tempfile::tempdir().unwrap();
    let first = Collector::start(&place.path().join("store"), &[]);
    let second = [
        "collect",
        "--grpc",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--admin",
        "none",
        "--store",
        "store",
    ];
    tracemesh_in(place.path(), &second, b"").expect_refusal("another process writes to this store");
    first.terminate();
}

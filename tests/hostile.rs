//! Input from people who mean harm, through the whole of `analyze`: clear refusals, bounded work, nothing outside `--out`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{
    Kind, Run, attribute, call, draw, files_under, request, service, span, tracemesh_in,
};

/// A place of work with bytes in `in/traces`; whatever else appears in it was written by the program.
fn place(bytes: &[u8]) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(place.path().join("in")).expect("a writable directory");
    fs::write(place.path().join("in/traces"), bytes).expect("a writable file");
    place
}

fn analyze(place: &TempDir) -> Run {
    tracemesh_in(place.path(), &["analyze", "in/traces", "--out", "out"], b"")
}

/// Asserts that everything written lies under `out/`, in files with plain names.
#[track_caller]
fn expect_nothing_outside(place: &TempDir) -> Vec<PathBuf> {
    let files = files_under(place.path());
    for file in &files {
        let is_ours = file.starts_with("out");
        assert!(
            is_ours || file == Path::new("in/traces"),
            "{} was written",
            file.display()
        );
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/%=+@~".contains(c);
        let name = file.to_str().expect("names of files are UTF-8");
        assert!(name.chars().all(is_plain), "{name:?} is no plain name");
    }
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

#[test]
fn content_that_is_no_trace_is_refused_with_what_was_found() {
    let cases: [&[u8]; 6] = [
        b"<?xml version=\"1.0\"?><traces/>",
        b"{\"data\":[{\"traceID\":\"1\"}]}",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0",
        b"hello\x1b[2J world, this is a letter",
        b"[1, 2, 3]",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for bytes in cases {
        let place = place(bytes);
        let told = analyze(&place).expect_refusal("in/traces");
        assert!(!told.contains('\u{1b}'), "{told:?}");
        assert_eq!(
            files_under(place.path()).len(),
            1,
            "nothing is written for {bytes:?}"
        );
    }
}

#[test]
fn cut_off_compressed_files_are_refused() {
    let bytes = request(
        (1..200)
            .flat_map(|trace| call(trace, "a", "b", "b"))
            .collect(),
    );
    for whole in [gzip(&bytes), zstd::encode_all(bytes.as_slice(), 0).unwrap()] {
        let place = place(&whole[..whole.len() / 2]);
        analyze(&place).expect_refusal("in/traces");
        assert_eq!(files_under(place.path()).len(), 1);
    }
}

#[test]
fn empty_missing_and_useless_paths_are_refused() {
    analyze(&place(b"")).expect_refusal("in/traces");
    let nothing = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| tracemesh_in(nothing.path(), arguments, b"");
    run(&["analyze", "no\nsuch", "--out", "out"]).expect_refusal("no\\nsuch");
    fs::create_dir(nothing.path().join("letters")).unwrap();
    fs::write(nothing.path().join("letters/a.txt"), "dear reader").unwrap();
    run(&["analyze", "letters", "--out", "out"]).expect_refusal("letters");
    fs::write(nothing.path().join("file"), "").unwrap();
    let bytes = request(call(1, "a", "b", "b"));
    for (out, message) in [
        ("file", "`--out` is a file, not a directory: `file`"),
        (
            "file/below/it",
            "`file/below/it` cannot be a directory: `file` is a file",
        ),
    ] {
        for arguments in [
            &["analyze", "-", "--out", out][..],
            &["egress", "--traces", "-", "--out", out],
        ] {
            let told = tracemesh_in(nothing.path(), arguments, &bytes).expect_refusal(message);
            assert!(!told.contains("generation"), "{told}");
        }
    }
}

/// What is printed to be pasted must name the file that was written, or not be printed.
#[test]
fn a_path_that_is_no_text_is_in_no_command() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut dead = span(1, 1, 0, Kind::Client);
    dead.attributes = vec![attribute("server.address", "gone.example")];
    dead.status = Some(opentelemetry_proto::tonic::trace::v1::Status {
        code: 2,
        ..Default::default()
    });
    let place = place(&request(vec![service("a", vec![dead])]));
    for (out, commands) in [(&b"o\xff"[..], 0), (b"out", 1)] {
        let output = std::process::Command::new(crate::harness::BINARY)
            .args(["analyze", "in/traces", "--out"])
            .arg(std::ffi::OsStr::from_bytes(out))
            .current_dir(place.path())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            told.matches("tracemesh graph --graph").count(),
            commands,
            "{told}"
        );
    }
}

/// Names that mean something to a shell, YAML, DOT, HTML, a path or a terminal.
const NAMES: [&str; 16] = [
    "\"quoted\"",
    "back\\slash\\",
    "two\nlines\r\n",
    "a\"]; evil -> x [label=\"",
    "{{template}} ${HOME} $(id) `id`",
    "</script><b>html</b>&amp;",
    "nul\0esc\u{1b}[2J\u{7}\u{9b}",
    "\u{202e}exe.gnp",
    "../../../etc/cron.d/x",
    "/etc/passwd",
    "..",
    "no",
    "on",
    "1e3",
    "null",
    "- item: [x, &anchor *alias !tag #comment",
];

#[test]
fn hostile_names_come_through_every_file_as_data() {
    let mut spans = Vec::new();
    let pairs = NAMES.iter().zip(NAMES.iter().rev()).enumerate();
    for (index, (caller, callee)) in pairs {
        let trace = u128::try_from(index).unwrap() + 1;
        spans.extend(call(trace, caller, callee, &format!("{callee}.example")));
    }
    // A database whose every attribute is a name from the list.
    let mut client = span(1000, 1, 0, Kind::Client);
    client.attributes = [
        "db.system.name",
        "db.namespace",
        "server.address",
        "peer.service",
    ]
    .iter()
    .zip(NAMES)
    .map(|(key, name)| attribute(key, name))
    .collect();
    spans.push(service("\0", vec![client]));
    let place = place(&request(spans));
    let run = analyze(&place).expect_code(0);
    let visible = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
    assert!(visible(&run.stdout) && visible(&run.stderr), "{run:?}");
    assert!(!run.stdout.contains('\u{202e}'));
    let files = expect_nothing_outside(&place);
    for file in files.iter().filter(|file| file.starts_with("out")) {
        let path = place.path().join(file);
        if let Ok(target) = fs::read_link(&path) {
            assert_eq!(
                target.components().count(),
                1,
                "{} leads to {target:?}",
                file.display()
            );
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("json") => drop(serde_json::from_str::<Value>(&text).unwrap()),
            Some("dot") if file.ends_with("graph.dot") => expect_drawing(&text),
            // Its legend is drawn as well.
            Some("dot") => drop(draw(&text)),
            Some("csv") => assert!(visible(&text.replace("\r\n", "\n")), "{text}"),
            Some("yaml") => expect_yaml(&text, file),
            _ => assert!(visible(&text), "{}: {text}", file.display()),
        }
    }
    let graph = fs::read_to_string(place.path().join("out/graph.json")).unwrap();
    let graph: Value = serde_json::from_str(&graph).unwrap();
    let names: Vec<&str> = graph["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|node| node["name"].as_str())
        .collect();
    for name in ["no", "on", "1e3", "null", "..", "\"quoted\""] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}

/// Graphviz draws every edge of the text and nothing else.
fn expect_drawing(dot: &str) {
    let Some(svg) = draw(dot) else { return };
    let drawn = |class: &str| svg.matches(&format!("class=\"{class}\"")).count();
    let statements = dot.matches(", penwidth=").count();
    assert_eq!(drawn("edge") + drawn("node"), statements, "{dot}");
}

/// The text is YAML, and every key in it is one that the renderer wrote: names are values.
fn expect_yaml(text: &str, file: &Path) {
    let documents = Yaml::load_from_str(text).expect("generated YAML parses");
    assert_eq!(documents.len(), 1, "{}", file.display());
    expect_own_keys(&documents[0], file);
}

fn expect_own_keys(node: &Yaml<'_>, file: &Path) {
    match node {
        Yaml::Mapping(entries) => {
            for (key, value) in entries {
                let key = key.as_str().expect("keys are strings");
                let is_own = !key.contains("evil") && key.chars().all(|c| !c.is_control());
                assert!(is_own, "{}: key {key:?}", file.display());
                expect_own_keys(value, file);
            }
        }
        Yaml::Sequence(elements) => elements
            .iter()
            .for_each(|element| expect_own_keys(element, file)),
        _ => {}
    }
}

/// Somebody who can write into `--out` must not make the program write elsewhere.
#[test]
fn links_in_the_output_directory_are_not_followed() {
    for trap in ["egress", "graph.json", "onboarding.md"] {
        let place = place(&request(call(1, "a", "b", "b.example")));
        let out = place.path().join("out");
        fs::create_dir(&out).unwrap();
        let victim = place.path().join("victim");
        fs::create_dir(&victim).unwrap();
        let target = if trap == "egress" {
            victim.clone()
        } else {
            victim.join(trap)
        };
        std::os::unix::fs::symlink(&target, out.join(trap)).unwrap();
        let told = analyze(&place).expect_refusal(trap);
        assert!(told.contains("cannot write to `out`"), "{told}");
        assert!(files_under(&victim).is_empty(), "{trap}");
    }
}

/// A hundred thousand services that exist only in their names. Memory is bounded by the harness.
#[test]
fn a_flood_of_names_is_bounded_and_accounted_for() {
    const SERVICES: u64 = 100_000;
    let spans = (1..=SERVICES).map(|number| {
        let mut client = span(u128::from(number), number, 0, Kind::Client);
        client.attributes = vec![attribute(
            "server.address",
            &format!("host-{number}.example"),
        )];
        service(&format!("service-{number}"), vec![client])
    });
    let place = place(&request(spans.collect()));
    analyze(&place).expect_code(0);
    let graph = fs::read_to_string(place.path().join("out/graph.json")).unwrap();
    let graph: Value = serde_json::from_str(&graph).unwrap();
    let diagnostics = &graph["diagnostics"];
    assert_eq!(diagnostics["spans"], SERVICES);
    let calls: u64 = graph["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge["calls"].as_u64().unwrap())
        .sum();
    let sum = |reasons: &Value| -> u64 {
        let reasons = reasons.as_object().unwrap().values();
        reasons.map(|count| count.as_u64().unwrap()).sum()
    };
    let unresolved: u64 = diagnostics["per_service"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| service["unresolved"].as_u64().unwrap())
        .sum();
    let lost = sum(&diagnostics["rejected"]) + sum(&diagnostics["dropped"]);
    assert!(
        calls + unresolved + lost >= SERVICES,
        "{calls} calls, {unresolved} unresolved, {lost} lost"
    );
    assert!(graph["nodes"].as_array().unwrap().len() <= 120_000);
}

//! The README as a test: what it tells people to type works, and its numbers are the program's.

use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use tracemesh::args::{Cli, Command as Subcommand};

use crate::harness::{BINARY, graphviz_is_here, root};

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("the README is readable")
}

/// Bodies of the fenced blocks with this info string, in order.
fn blocks(markdown: &str, info: &str) -> Vec<String> {
    let opening = format!("```{info}");
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in markdown.lines() {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some(body) => body.extend([line, "\n"]),
            None if line == opening => open = Some(String::new()),
            None => {}
        }
    }
    found
}

/// Blocks marked `sh run`, in order and in one directory, as a reader would type them in a clone.
#[test]
fn every_runnable_command_of_the_readme_works() {
    let clone = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("fixtures"), clone.path().join("fixtures")).unwrap();
    let bin = Path::new(BINARY).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories = vec![bin.to_owned()];
    directories.extend(std::env::split_paths(&path));
    let path = std::env::join_paths(directories).unwrap();
    let scripts = blocks(&readme(), "sh run");
    assert!(scripts.len() >= 3, "the README has runnable commands");
    for script in scripts {
        for command in script.lines() {
            if command.contains("| dot ") && !graphviz_is_here() {
                continue;
            }
            let typed = command.replace("cargo run --release --", "tracemesh");
            let output = Command::new("sh")
                .args(["-euc", &typed])
                .current_dir(clone.path())
                .env("PATH", &path)
                .output()
                .unwrap();
            let (stdout, stderr) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            assert!(output.status.success(), "$ {typed}\n{stdout}\n{stderr}");
        }
    }
    for promised in [
        "graph.json",
        "graph.dot",
        "findings.txt",
        "findings.json",
        "egress",
        "onboarding.md",
        "onboarding.json",
        "graph.svg",
    ] {
        let path = clone.path().join("out").join(promised);
        assert!(
            path.exists() || promised == "graph.svg" && !graphviz_is_here(),
            "no {promised}"
        );
    }
    let read = |name: &str| std::fs::read(clone.path().join("out").join(name)).unwrap();
    assert_eq!(
        read("graph.json"),
        read("again.json"),
        "same spans, same bytes"
    );
}

/// Commands that wait for traffic are not run, but they are understood.
#[test]
fn every_other_command_of_the_readme_parses() {
    let mut parsed = 0;
    for block in blocks(&readme(), "sh") {
        for line in block.lines().filter(|line| line.starts_with("tracemesh ")) {
            let typed = line.split('>').next().unwrap_or(line);
            if let Err(error) = Cli::try_parse_from(typed.split_whitespace()) {
                panic!("{line}\n{error}");
            }
            parsed += 1;
        }
    }
    assert!(parsed >= 4, "only {parsed} commands were found");
}

#[test]
fn the_snippets_send_to_where_collect_listens() {
    let cli = Cli::try_parse_from(["tracemesh", "collect"]).unwrap();
    let Subcommand::Collect(collect) = cli.command else {
        panic!("`collect` parses as another command");
    };
    let yaml = blocks(&readme(), "yaml").concat();
    assert!(
        yaml.contains(&format!("\n    endpoint: {}\n", collect.grpc)),
        "{yaml}"
    );
    for line in yaml.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        assert!(indent % 2 == 0 && !line.contains('\t'), "{line}");
    }
    // The exporter that the pipeline names is the one that is defined.
    assert!(yaml.contains("\n  otlp/tracemesh:\n"), "{yaml}");
    assert!(yaml.contains("exporters: [otlp/tracemesh]"), "{yaml}");
    let environment = blocks(&readme(), "sh").concat();
    let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{}\n", collect.http);
    assert!(environment.contains(&endpoint), "{environment}");
    for attribute in ["service.namespace", "deployment.environment.name"] {
        assert!(environment.contains(attribute));
        let known = std::fs::read_to_string(root().join("graph/src/attribute.rs")).unwrap();
        assert!(
            known.contains(&format!("\"{attribute}\"")),
            "{attribute} is not read"
        );
    }
}

/// The README and CI run the same tests.
#[test]
fn ci_runs_the_test_command_of_the_readme() {
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(blocks(&readme(), "sh").contains(&"cargo test --workspace\n".to_owned()));
    assert!(ci.lines().any(|line| line == "cargo test --workspace"));
}

/// A reader who follows a link in a document finds something.
#[test]
fn links_between_documents_lead_somewhere() {
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or(link);
            if !target.starts_with("http") && !target.starts_with('#') {
                assert!(root().join(target).exists(), "{document}: {target}");
            }
        }
    }
}

//! `tracemesh analyze`: from trace files to everything, in one go.
//!
//! All files are made in memory before the first is written, so a failure leaves an earlier result whole.

use std::path::Path;

use tracemesh_graph::egress::Phase;
use tracemesh_graph::findings::{Report, report};
use tracemesh_graph::onboarding::{Plan, Wave};
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::AnalyzeArgs;
use crate::commands::{egress, files, graph, onboard, source};
use crate::error::{CliError, Outcome};
use crate::findings::told;
use crate::output::Output;
use crate::output_dir::FileSet;
use crate::render::envoy::EnvoyOptions;
use crate::render::summary::{Summary, render};
use crate::render::{dot, findings, onboarding};

/// Files written, and what they are; the directory of the egress files is one of them.
const WRITTEN: [(&str, &str); 7] = [
    ("graph.json", "the service graph, for programs"),
    ("graph.dot", "the same for Graphviz: dot -Tsvg -O FILE"),
    (
        "findings.txt",
        "what deserves a look, case by case, to read",
    ),
    ("findings.json", "the same, for programs"),
    ("egress/", "Envoy files, one directory per service"),
    ("onboarding.md", "order, waves and risks, to read"),
    ("onboarding.json", "the same, for programs"),
];

/// Reads, infers, derives, writes and tells.
pub(super) fn run(arguments: &AnalyzeArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    files::check_out(&arguments.out)?;
    files::check_out(&arguments.out.join("egress"))?;
    let traces = source::read_traces(&arguments.traces, &arguments.reading, output)?;
    let snapshot = &traces.snapshot;
    output.progress("deriving egress and the onboarding plan");
    let egress = egress::egress_of(
        snapshot,
        &arguments.names,
        Phase::Transparent,
        egress::Past {
            root: &arguments.out.join("egress"),
            accept_removals: false,
        },
        output,
    )?;
    let plan = onboard::plan_of(snapshot)?;
    let envoy = egress::files_of(
        &arguments.out.join("egress"),
        &egress,
        None,
        &EnvoyOptions::default(),
    )?;
    let found = report(snapshot);
    let set = file_set(snapshot, envoy.files, &plan, &found)?;
    files::write(&arguments.out, &set)?;
    egress::note(&egress, &envoy.proposed_removals, output);
    let written = WRITTEN.map(|(name, what)| (shown(&arguments.out, name), what.to_owned()));
    let graph_path = arguments.out.join("graph.json");
    let summary = Summary {
        files: traces.files,
        skipped: traces.skipped_note(),
        snapshot,
        egress: egress.model.conservation,
        findings: &told(&found),
        waves: &waves(&plan),
        // Shown with replacement characters, another path would be a wrong command.
        graph_path: graph_path.to_str(),
        written: &written,
    };
    output.data(&render(&summary, output.capabilities().stdout))?;
    Ok(Outcome::Done)
}

fn file_set(
    snapshot: &GraphSnapshot,
    envoy: FileSet,
    plan: &Plan,
    found: &Report,
) -> Result<FileSet, CliError> {
    let mut set = FileSet::new();
    files::add(&mut set, "graph.json", graph::json(snapshot)?)?;
    files::add(&mut set, "graph.dot", dot::render(snapshot))?;
    files::add(&mut set, "findings.txt", findings::text(found))?;
    let json = findings::json(found)
        .map_err(|error| CliError::new("cannot write the findings as JSON").because(error))?;
    files::add(&mut set, "findings.json", json)?;
    files::add_below(&mut set, "egress", envoy)?;
    files::add(&mut set, "onboarding.md", onboarding::markdown(plan))?;
    files::add(&mut set, "onboarding.json", onboarding::json(plan))?;
    Ok(set)
}

fn waves(plan: &Plan) -> Vec<Vec<String>> {
    let services = |wave: &Wave| {
        let services = wave.services.iter();
        services.map(|service| service.service.clone()).collect()
    };
    plan.waves.iter().map(services).collect()
}

fn shown(out: &Path, name: &str) -> String {
    out.join(name).display().to_string()
}

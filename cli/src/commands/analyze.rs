//! `tracemesh analyze`: from trace files to everything, in one go.
//!
//! All files are made in memory before the first is written, so a failure leaves an earlier result whole.

use std::path::Path;

use tracemesh_graph::egress::Phase;
use tracemesh_graph::findings::{Report, report};
use tracemesh_graph::onboarding::{Plan, Wave};
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::{AnalyzeArgs, WishArgs};
use crate::commands::{egress, files, graph, onboard, source};
use crate::error::{CliError, Outcome};
use crate::findings::told;
use crate::output::Output;
use crate::output_dir::FileSet;
use crate::render::envoy::EnvoyOptions;
use crate::render::summary::{Summary, render};
use crate::render::{dot, findings};
use crate::text::clip;

/// Files written, and what they are; directories of files end in a slash.
const WRITTEN: [(&str, &str); 6] = [
    ("graph.json", "the service graph, for programs"),
    ("graph.dot", "the same for Graphviz: dot -Tsvg -O FILE"),
    (
        "findings.txt",
        "what deserves a look, case by case, to read",
    ),
    ("findings.json", "the same, for programs"),
    ("egress/", "Envoy files, one directory per service"),
    (
        "onboarding/",
        "pictures, tables and kustomizations of the plan",
    ),
];

/// Likewise, for a plan of the whole graph; of several meshes, each has its own in its directory below `onboarding/`.
const WRITTEN_ONCE: [(&str, &str); 2] = [
    ("onboarding.md", "order, waves and risks, to read"),
    ("onboarding.json", "the same, for programs"),
];

/// Reads, infers, derives, writes and tells.
pub(super) fn run(arguments: &AnalyzeArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    files::check_out(&arguments.out)?;
    for directory in ["egress", "onboarding"] {
        files::check_out(&arguments.out.join(directory))?;
    }
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
    let gathered = gathered(arguments, snapshot, output)?;
    let plans = onboard::plans(&gathered, None, output)?;
    let envoy = egress::files_of(
        &arguments.out.join("egress"),
        &egress,
        None,
        &EnvoyOptions::default(),
    )?;
    let found = report(snapshot);
    let root = arguments.out.join("egress");
    let packs = onboard::Packs::of_files(&root, &egress.directories(), &envoy.files)?;
    let below = arguments.out.join("onboarding");
    let planned = onboard::plan_files(&below, &plans, Some(&packs))?;
    let stale = planned.stale.clone();
    let set = file_set(snapshot, envoy.files, planned, &found)?;
    files::write(&arguments.out, &set)?;
    egress::note(&egress, &envoy.proposed_removals, output);
    for note in &stale {
        output.note(note);
    }
    let written = WRITTEN.iter().chain(
        WRITTEN_ONCE
            .iter()
            .filter(|(name, _)| set.contains_key(*name)),
    );
    let written = written.map(|(name, what)| (shown(&arguments.out, name), (*what).to_owned()));
    let written: Vec<(String, String)> = written.collect();
    let graph_path = arguments.out.join("graph.json");
    let summary = Summary {
        files: traces.files,
        skipped: traces.skipped_note(),
        snapshot,
        egress: egress.model.conservation,
        findings: &told(&found),
        waves: &waves(&plans),
        // Shown with replacement characters, another path would be a wrong command.
        graph_path: graph_path.to_str(),
        written: &written,
    };
    output.data(&render(&summary, output.capabilities().stdout))?;
    Ok(Outcome::Done)
}

/// Everything that is said about the services of the graph.
fn gathered(
    arguments: &AnalyzeArgs,
    snapshot: &GraphSnapshot,
    output: &mut Output<'_>,
) -> Result<onboard::Gathered, CliError> {
    let told = onboard::Told {
        policy: arguments.names.policy.as_deref(),
        status: None,
        inventory: arguments.names.inventory.as_deref(),
        today: arguments.names.today,
    };
    onboard::gather(snapshot, told, &WishArgs::default(), output)
}

fn file_set(
    snapshot: &GraphSnapshot,
    envoy: FileSet,
    planned: onboard::PlanFiles,
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
    // The two that people ask for first stand beside the graph.
    for (path, entry) in planned.files {
        let place = match path.as_str() {
            "plan.json" => "onboarding.json".to_owned(),
            "runbook.md" => "onboarding.md".to_owned(),
            other => format!("onboarding/{other}"),
        };
        files::insert(&mut set, &place, entry)?;
    }
    Ok(set)
}

/// Waves by what to call them, mesh after mesh.
fn waves(plans: &[onboard::Made<'_>]) -> Vec<(String, Vec<String>)> {
    let named = |plan: &Plan, wave: &Wave| {
        let services = wave.services.iter();
        let services = services.map(|service| service.service.clone()).collect();
        let title = match &plan.mesh {
            Some(mesh) => format!("{} {}", clip(mesh, 8), wave.wave),
            None => format!("wave {}", wave.wave),
        };
        (title, services)
    };
    let all = plans
        .iter()
        .map(|made| &made.plan)
        .flat_map(|plan| plan.waves.iter().map(move |wave| named(plan, wave)));
    all.collect()
}

fn shown(out: &Path, name: &str) -> String {
    out.join(name).display().to_string()
}

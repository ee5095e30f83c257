//! Everything about plans as a set of files, one directory per mesh.

use std::collections::BTreeSet;
use std::path::Path;

use tracemesh_graph::onboarding::Plan;

use super::Made;
use super::packs::Packs;
use crate::commands::files;
use crate::error::CliError;
use crate::output_dir::FileSet;
use crate::render::pack::waves;
use crate::render::{onboarding, path_component};

/// Name of the file that holds the plan.
pub(super) const PLAN: &str = "plan.json";

/// Files, what to tell about each, and what is left.
#[derive(Debug, Default)]
pub(in crate::commands) struct PlanFiles {
    /// The files.
    pub(in crate::commands) files: FileSet,
    /// Path below the directory, and what it is.
    pub(super) told: Vec<(String, &'static str)>,
    /// Files of an earlier plan that this one does not have.
    pub(in crate::commands) stale: Vec<String>,
    /// Services that stand in no kustomization, because they have no pack with a workload.
    pub(super) without_pack: usize,
}

/// Directory of a mesh: its name, made safe.
pub(super) fn mesh_directory(mesh: &str) -> String {
    path_component(mesh)
}

/// The files of some plans, to be written below `out`.
pub(in crate::commands) fn plan_files(
    out: &Path,
    plans: &[Made<'_>],
    packs: Option<&Packs>,
) -> Result<PlanFiles, CliError> {
    let mut set = PlanFiles::default();
    for made in plans {
        let plan = &made.plan;
        let prefix = match &plan.mesh {
            Some(mesh) => format!("{}/", mesh_directory(mesh)),
            None => String::new(),
        };
        add_plan(&mut set, &prefix, made)?;
        if let Some(packs) = packs {
            add_waves(&mut set, (out, &prefix), plan, packs)?;
        }
        note_stale(&mut set, out, &prefix);
    }
    Ok(set)
}

fn add_plan(set: &mut PlanFiles, prefix: &str, made: &Made<'_>) -> Result<(), CliError> {
    let plan = &made.plan;
    let mut add = |name: &str, what: &'static str, text: Option<String>| {
        let Some(text) = text else {
            return Ok(());
        };
        let path = format!("{prefix}{name}");
        files::add(&mut set.files, &path, text)?;
        set.told.push((path, what));
        Ok::<(), CliError>(())
    };
    add(PLAN, "the plan, for programs", Some(onboarding::json(plan)))?;
    let runbook = onboarding::markdown(plan);
    add(
        "runbook.md",
        "check boxes per wave and service",
        Some(runbook),
    )?;
    let csv = onboarding::csv(plan);
    add("plan.csv", "one line per service, for a tracker", Some(csv))?;
    let curves = onboarding::protection_svg(plan);
    add(
        "protection.svg",
        "what is protected after each wave",
        Some(curves),
    )?;
    let dot = onboarding::dot(plan, made.input);
    add(
        "waves.dot",
        "the graph coloured by wave: dot -Tsvg -O FILE",
        Some(dot),
    )?;
    add(
        "calendar.ics",
        "the dates, for a calendar",
        onboarding::ics(plan),
    )?;
    add("gantt.svg", "teams and dates", onboarding::gantt_svg(plan))
}

/// One kustomization per wave that names the packs of its services.
fn add_waves(
    set: &mut PlanFiles,
    (out, prefix): (&Path, &str),
    plan: &Plan,
    packs: &Packs,
) -> Result<(), CliError> {
    let (mut written, mut without) = (0, 0);
    for wave in &plan.waves {
        let directory = format!("{prefix}kustomize/{}", waves::directory(wave.wave));
        let place = out.join(&directory);
        let mut components = Vec::new();
        let mut missing = Vec::new();
        for service in &wave.services {
            match packs.from(&place, &service.service)? {
                Some(pack) => components.push(pack),
                None => missing.push(service.service.as_str()),
            }
        }
        without += missing.len();
        if let Some(text) = waves::kustomization(wave.wave, &components, &missing) {
            files::add(
                &mut set.files,
                &format!("{directory}/kustomization.yaml"),
                text,
            )?;
            written += 1;
        }
    }
    if written > 0 {
        set.told.push((
            format!("{prefix}kustomize/"),
            "the onboarding packs of each wave",
        ));
    }
    set.without_pack += without;
    Ok(())
}

/// What an earlier plan left and this one does not have would be carried out by mistake.
fn note_stale(set: &mut PlanFiles, out: &Path, prefix: &str) {
    let mut names = vec!["calendar.ics".to_owned(), "gantt.svg".to_owned()];
    let kustomize = out.join(format!("{prefix}kustomize"));
    let waves = std::fs::read_dir(kustomize).into_iter().flatten().flatten();
    let waves = waves.filter_map(|entry| entry.file_name().into_string().ok());
    let waves: BTreeSet<String> = waves.filter(|name| name.starts_with("wave-")).collect();
    names.extend(
        waves
            .into_iter()
            .map(|name| format!("kustomize/{name}/kustomization.yaml")),
    );
    for name in names {
        let path = format!("{prefix}{name}");
        if !set.files.contains_key(path.as_str()) && out.join(&path).exists() {
            set.stale.push(format!(
                "`{}` is of an earlier plan: remove it",
                out.join(&path).display()
            ));
        }
    }
}

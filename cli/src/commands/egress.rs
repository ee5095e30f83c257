//! `tracemesh egress`: egress definitions of all or of the named services.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;
use tracemesh_graph::egress::{EgressModel, EgressOptions, Phase, derive};
use tracemesh_graph::policy::{Labels, Policy, Thresholds as Evidence};
use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind};

use crate::args::{self, EgressArgs, EgressTarget, NameArgs, ReportFormat};
use crate::commands::{files, source};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::output_dir::envoy::{EnvoyFiles, envoy_files, previous_model, stage_envoy};
use crate::render::egress_report;
use crate::render::envoy::{EnvoyOptions, directories};
use crate::render::observability::{self, Thresholds};
use crate::render::pack;
use crate::render::removals;
use crate::selection::resolve;
use crate::text::{count_of, counted};
use crate::{inventory, policy};

/// Loads the graph, derives, renders and writes.
pub(super) fn run(arguments: &EgressArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    files::check_out(&arguments.out)?;
    let snapshot = source::load_whole(&arguments.source, "to derive egress", output)?;
    let wanted = wanted(&snapshot, &arguments.services)?;
    let phase = match arguments.phase {
        args::Phase::Transparent => Phase::Transparent,
        args::Phase::Tuned => Phase::Tuned,
    };
    let past = Past {
        root: &arguments.out,
        accept_removals: arguments.accept_removals,
    };
    let egress = egress_of(&snapshot, &arguments.names, phase, past, output)?;
    // Large, and told by the model from here on.
    drop(snapshot);
    // One target so far: a further one does not compile until it is handled here.
    let EgressTarget::Envoy = arguments.target;
    let options = EnvoyOptions {
        endpoint_files: arguments.endpoint_files,
        ..EnvoyOptions::default()
    };
    let found = stage(&arguments.out, &egress, wanted.as_ref(), &options)?;
    if let (Some(seconds), Some(first)) = (arguments.hand_over, found.first_step()) {
        files::write(&arguments.out, &first)?;
        let count = counted(count_of(found.steps.len()), "service has", "services have");
        output.note(&format!(
            "{count} new clusters: routes follow in {seconds} s, when they are looked up"
        ));
        std::thread::sleep(Duration::from_secs(seconds));
    }
    files::write(&arguments.out, &found.files)?;
    note(&egress, &found.proposed_removals, output);
    let text = report(arguments, &egress, wanted.as_ref(), output)?;
    output.data(&text)?;
    Ok(Outcome::Done)
}

/// What was written, and what a sidecar changes for the services.
fn report(
    arguments: &EgressArgs,
    egress: &Egress,
    wanted: Option<&BTreeSet<String>>,
    output: &Output<'_>,
) -> Result<String, CliError> {
    let model = &egress.model;
    if arguments.format == ReportFormat::Json {
        return egress_report::json(model, wanted)
            .map_err(|error| CliError::new("cannot write the report as JSON").because(error));
    }
    let written = wanted.map_or(model.services.len(), BTreeSet::len);
    let first = format!(
        "egress of {} in {}\n\n",
        counted(count_of(written), "service", "services"),
        crate::text::printable(&arguments.out.display().to_string()),
    );
    let palette = output.capabilities().stdout;
    let mut text = first + &egress_report::table(model, wanted, palette);
    if arguments.phase == args::Phase::Tuned {
        let thresholds = &egress.thresholds;
        text.push_str(&egress_report::settings(model, wanted, thresholds, palette));
    }
    Ok(text)
}

/// Tells what was read of an inventory, and names the services whose files are there although the graph has not had them for
/// long.
pub(super) fn note(egress: &Egress, proposed: &[String], output: &mut Output<'_>) {
    if let Some(counts) = &egress.model.evidence.inventory {
        for told in inventory::told(counts) {
            output.note(&told);
        }
    }
    if let Some(told) = removals::told(&egress.model) {
        output.note(&told);
    }
    for id in proposed {
        output.note(&format!(
            "{} is not in this graph; its files are left alone, `index.json` proposes their removal",
            crate::text::printable(id)
        ));
    }
}

/// What an earlier run left, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    /// Where it left it.
    pub(super) root: &'a Path,
    /// Whether what it proposed for removal is let go.
    pub(super) accept_removals: bool,
}

/// The egress of a graph, and what else the policy says about its files.
pub(super) struct Egress {
    pub(super) model: EgressModel,
    labels: Labels,
    /// Node id -> who answers for the service.
    owners: BTreeMap<String, String>,
    thresholds: Evidence,
}

impl Egress {
    /// Directory of each service below the root.
    pub(super) fn directories(&self) -> BTreeMap<String, String> {
        directories(&self.model)
    }
}

/// The egress of every service of a graph.
pub(super) fn egress_of(
    snapshot: &GraphSnapshot,
    names: &NameArgs,
    phase: Phase,
    past: Past<'_>,
    output: &mut Output<'_>,
) -> Result<Egress, CliError> {
    let today = names.today.unwrap_or_else(policy::today);
    let policy = names.policy.as_deref();
    let policy = policy.map(|path| policy::load(path, today)).transpose()?;
    let policy = policy.unwrap_or_default();
    note_expired(&policy, today, output);
    let (labels, thresholds) = (policy.labels.clone(), policy.thresholds);
    let owners = owners(&policy, snapshot);
    let inventory = names
        .inventory
        .as_deref()
        .map(inventory::load)
        .transpose()?;
    let options = EgressOptions {
        cluster_domain: names.cluster_domain.clone(),
        phase,
        policy,
        inventory,
        previous: previous(past.root)?.map(Box::new),
        accept_removals: past.accept_removals,
        today: Some(today),
        ..EgressOptions::default()
    };
    let model = derive(snapshot, &options);
    Ok(Egress {
        model,
        labels,
        owners,
        thresholds,
    })
}

/// Owners that the policy names, by node id.
fn owners(policy: &Policy, snapshot: &GraphSnapshot) -> BTreeMap<String, String> {
    let rules = policy.services.iter();
    let named: Vec<_> = rules
        .filter_map(|rule| Some((&rule.service, rule.owner.as_ref()?)))
        .collect();
    let services = snapshot.nodes.iter();
    services
        .filter(|node| node.kind == NodeKind::Service)
        .filter_map(|node| {
            let mut fits = named
                .iter()
                .filter(|(service, _)| service.matches(&node.id, &node.namespace, &node.name));
            let (_, owner) = fits.next()?;
            Some((node.id.clone(), (*owner).clone()))
        })
        .collect()
}

/// Names the pins that have no effect any more: what they were for is as it would be without them.
fn note_expired(policy: &Policy, today: Date, output: &mut Output<'_>) {
    for pin in policy.expired(today) {
        output.warning(
            &format!(
                "the pin in line {} expired after {}, so it has no effect",
                pin.line, pin.expires
            ),
            &format!(
                "ask its owner, {}; `tracemesh policy check` lists all",
                pin.owner
            ),
        );
    }
}

/// The model that an earlier run left below `root`.
fn previous(root: &Path) -> Result<Option<EgressModel>, CliError> {
    previous_model(root).map_err(|error| unreadable(root, error))
}

/// The Envoy files of a model, to be written below `root`: a service whose egress changed since the last run gets its
/// next generation, because a running Envoy does not notice files that change in place.
pub(super) fn files_of(
    root: &Path,
    egress: &Egress,
    wanted: Option<&BTreeSet<String>>,
    options: &EnvoyOptions,
) -> Result<EnvoyFiles, CliError> {
    let found = envoy_files(root, &egress.model, wanted, options)
        .map_err(|error| unreadable(root, error))?;
    Ok(with_packs(found, egress, wanted))
}

/// As [`files_of`], with the files of the services already written: what is left puts them in force.
fn stage(
    root: &Path,
    egress: &Egress,
    wanted: Option<&BTreeSet<String>>,
    options: &EnvoyOptions,
) -> Result<EnvoyFiles, CliError> {
    let staged = stage_envoy(root, &egress.model, wanted, options);
    let (found, _) = staged.map_err(|error| {
        let causes: Box<dyn std::error::Error + Send + Sync> = error.into();
        CliError::new(format!("cannot write egress to `{}`", root.display()))
            .because(causes)
            .hint("write to another directory, or repair or move away what is named above")
    })?;
    Ok(with_packs(found, egress, wanted))
}

fn with_packs(
    mut found: EnvoyFiles,
    egress: &Egress,
    wanted: Option<&BTreeSet<String>>,
) -> EnvoyFiles {
    let model = &egress.model;
    let mut directories = directories(model);
    if let Some(wanted) = wanted {
        directories.retain(|id, _| wanted.contains(id));
    }
    found.files.extend(pack::render(
        model,
        &directories,
        &egress.labels,
        &egress.owners,
    ));
    found
        .files
        .extend(observability::render(&Thresholds::default()));
    found
}

fn unreadable(root: &Path, error: anyhow::Error) -> CliError {
    let causes: Box<dyn std::error::Error + Send + Sync> = error.into();
    CliError::new(format!(
        "cannot read what an earlier run left in `{}`",
        root.display()
    ))
    .because(causes)
    .hint("write to another directory, or repair or move away what is named above")
}

/// Node ids of the named services; `None` when none was named.
fn wanted(
    snapshot: &GraphSnapshot,
    names: &[String],
) -> Result<Option<BTreeSet<String>>, CliError> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut wanted = BTreeSet::new();
    for name in names {
        let node = resolve(snapshot, name)?;
        if node.kind != NodeKind::Service {
            let kind = node.kind.as_str().replace('_', " ");
            return Err(
                CliError::new(format!("`{}` is a {kind}, not a service", node.id))
                    .hint("only services have a sidecar, and so an egress"),
            );
        }
        wanted.insert(node.id.clone());
    }
    Ok(Some(wanted))
}

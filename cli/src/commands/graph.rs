//! `tracemesh graph`: the service graph on standard output, or as tables in a directory.

use std::collections::BTreeMap;
use std::path::Path;

use tracemesh_collector::store::to_parquet;
use tracemesh_graph::policy::Policy;
use tracemesh_graph::segment::tables::Detail;
use tracemesh_graph::snapshot::GraphSnapshot;

use super::files;
use crate::args::{GraphArgs, GraphFormat};
use crate::commands::source;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::output_dir::{Entry, FileSet};
use crate::policy;
use crate::render::{csv, dot, graphml, mermaid, table};
use crate::selection::{Filters, Narrowed, narrow};
use crate::text::{count_of, counted};

/// Loads, narrows and writes the graph.
pub(super) fn run(arguments: &GraphArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let out = out(arguments)?;
    let policy = arguments.policy.as_deref();
    let policy = policy.map(|path| policy::load(path, policy::today()));
    let policy: Policy = policy.transpose()?.unwrap_or_default();
    let detail = match arguments.format {
        GraphFormat::Json | GraphFormat::Parquet | GraphFormat::Csv => Detail::Everything,
        GraphFormat::Dot | GraphFormat::Table | GraphFormat::Mermaid | GraphFormat::Graphml => {
            Detail::Topology
        }
    };
    let snapshot = source::load_detail(&arguments.source, detail, output)?;
    let Narrowed { snapshot, notes } = narrow(snapshot, &filters(arguments), &policy)?;
    for note in notes {
        output.note(&note);
    }
    let text = match arguments.format {
        GraphFormat::Json => json(&snapshot)?,
        GraphFormat::Dot => dot::render(&snapshot),
        GraphFormat::Table => table::render(&snapshot),
        GraphFormat::Graphml => graphml::render(&snapshot),
        GraphFormat::Mermaid => {
            let text = mermaid::render(&snapshot);
            if let Some(note) = mermaid::too_large(&snapshot, &text) {
                output.warning(&note, "narrow it: `--service`, `--collapse`, `--min-calls`");
            }
            text
        }
        GraphFormat::Parquet | GraphFormat::Csv => {
            export(&snapshot, arguments.format, out, output)?;
            return Ok(Outcome::Done);
        }
    };
    output.data(&text)?;
    Ok(Outcome::Done)
}

/// Tables are several files, text is one.
fn out(arguments: &GraphArgs) -> Result<&Path, CliError> {
    let is_tables = matches!(arguments.format, GraphFormat::Parquet | GraphFormat::Csv);
    match (&arguments.out, is_tables) {
        (Some(out), true) => {
            files::check_out(out)?;
            Ok(out)
        }
        (None, false) => Ok(Path::new("")),
        (None, true) => Err(CliError::new("tables need a directory to be written to")
            .hint("name one with `--out DIR`; it is made when it is missing")),
        (Some(_), false) => Err(
            CliError::new("`--out` is for the formats `parquet` and `csv`").hint(
                "other formats go to standard output: `tracemesh graph --format dot > graph.dot`",
            ),
        ),
    }
}

fn filters(arguments: &GraphArgs) -> Filters {
    let service = arguments.service.clone();
    Filters {
        scope: arguments.filter.scope(),
        relations: arguments.relation.iter().map(|one| (*one).into()).collect(),
        service: service.map(|service| (service, arguments.depth)),
        collapse: arguments.collapse.map(Into::into),
        min_calls: arguments.min_calls,
    }
}

/// One file per table.
fn export(
    snapshot: &GraphSnapshot,
    format: GraphFormat,
    out: &Path,
    output: &mut Output<'_>,
) -> Result<(), CliError> {
    let (mut files, mut rows) = (FileSet::new(), BTreeMap::new());
    for table in snapshot.tables() {
        let name = table.spec.name;
        rows.insert(name, table.rows());
        if format == GraphFormat::Csv {
            files::add(&mut files, &format!("{name}.csv"), csv::table(&table))?;
            continue;
        }
        let bytes = to_parquet(table).map_err(CliError::from_cause)?;
        files::insert(&mut files, &format!("{name}.parquet"), Entry::Bytes(bytes))?;
    }
    files::write(out, &files)?;
    let count = |name| count_of(rows.get(name).copied().unwrap_or_default());
    output.note(&format!(
        "wrote {} with {} and {} to `{}`",
        counted(count_of(files.len()), "table", "tables"),
        counted(count("nodes"), "node", "nodes"),
        counted(count("edges"), "edge", "edges"),
        out.display(),
    ));
    Ok(())
}

/// A snapshot as JSON of the schema `tracemesh.graph/v1`.
pub(super) fn json(snapshot: &GraphSnapshot) -> Result<String, CliError> {
    let mut text = serde_json::to_string_pretty(snapshot)
        .map_err(|error| CliError::new("cannot write the graph as JSON").because(error))?;
    text.push('\n');
    Ok(text)
}

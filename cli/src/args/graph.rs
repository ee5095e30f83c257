//! Arguments of `tracemesh graph`, and the filters that reading commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tracemesh_graph::select::Scope;
use tracemesh_graph::snapshot::{GroupBy, Relation};

use super::SourceArgs;

/// Arguments of `tracemesh graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Where the graph comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How the graph is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: GraphFormat,
    /// Directory for the tables of `parquet` and `csv`; made when it is missing
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The part of the company.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Only edges of this relation; may be given again
    #[arg(long, value_name = "RELATION", help_heading = "Filters")]
    pub relation: Vec<GraphRelation>,
    /// Only this service and its neighbours: a node id, `namespace/name`, or a unique name
    #[arg(long, value_name = "SERVICE", help_heading = "Filters")]
    pub service: Option<String>,
    /// How many calls away from `--service` a neighbour may be, in both directions
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "service",
        help_heading = "Filters"
    )]
    pub depth: usize,
    /// One node for each of these; edges are summed, without latency
    #[arg(long, value_name = "BY", help_heading = "Filters")]
    pub collapse: Option<CollapseBy>,
    /// Only edges of at least so many calls, collapsed ones included
    #[arg(long, value_name = "N", help_heading = "Filters")]
    pub min_calls: Option<u64>,
    /// What the company decided: names teams for `--collapse team`
    #[arg(
        long,
        value_name = "FILE",
        requires = "collapse",
        help_heading = "Filters"
    )]
    pub policy: Option<PathBuf>,
}

/// Which part of the company is read. An edge counts when one of its ends fits.
#[derive(Debug, Clone, Args)]
pub struct FilterArgs {
    /// Only nodes of this environment (`deployment.environment.name`), and their neighbours; may be given again
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    pub environment: Vec<String>,
    /// Only nodes of this namespace (`service.namespace`, else that of Kubernetes), likewise
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    pub namespace: Vec<String>,
    /// Only nodes of this Kubernetes cluster (`k8s.cluster.name`), likewise
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    pub cluster: Vec<String>,
}

impl FilterArgs {
    /// The same as values.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope {
            environments: self.environment.iter().cloned().collect(),
            namespaces: self.namespace.iter().cloned().collect(),
            clusters: self.cluster.iter().cloned().collect(),
        }
    }
}

/// Formats of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Nodes and edges for a terminal of 80 columns
    Table,
    /// Schema tracemesh.graph/v1, for programs
    Json,
    /// For Graphviz
    Dot,
    /// For Markdown pages that draw Mermaid flowcharts
    Mermaid,
    /// For yEd, Gephi and networkx
    Graphml,
    /// Tables as Parquet files in `--out`
    Parquet,
    /// The same tables as CSV files in `--out`
    Csv,
}

/// Relations of edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphRelation {
    /// The caller waits for the callee, or dials it
    Sync,
    /// Messages
    Async,
    /// Through a gateway, beside the calls to and from it
    Proxied,
}

impl From<GraphRelation> for Relation {
    fn from(relation: GraphRelation) -> Self {
        match relation {
            GraphRelation::Sync => Self::Sync,
            GraphRelation::Async => Self::Async,
            GraphRelation::Proxied => Self::Proxied,
        }
    }
}

/// What nodes can be put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CollapseBy {
    /// `service.namespace`, else the Kubernetes namespace
    Namespace,
    /// Kubernetes cluster
    Cluster,
    /// Team, as `--policy` tells
    Team,
}

impl From<CollapseBy> for GroupBy {
    fn from(by: CollapseBy) -> Self {
        match by {
            CollapseBy::Namespace => Self::Namespace,
            CollapseBy::Cluster => Self::Cluster,
            CollapseBy::Team => Self::Team,
        }
    }
}

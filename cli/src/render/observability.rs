//! One Grafana dashboard and one set of Prometheus rules for the whole mesh.
//!
//! ```text
//! metrics (what the sidecars keep) -> rules (sums, alerts) -> dashboard (reads the sums)
//! ```
//! Both are over exactly the statistics that the generated bootstrap keeps ([`metrics`]); a test holds the three against a real
//! Envoy. They are for the whole mesh and name no service, so that a thousand services still are one page: what
//! a service owner sees is that page with their service chosen. Thresholds are in one place, [`Thresholds`].
//!
//! It refuses to alert on what nobody would act on: every alert says what to do, and waits until the trouble lasts.

mod dashboard;
pub mod metrics;
mod rules;

use crate::output_dir::{Entry, FileSet, RelativePath};

/// Label that every metric of a sidecar carries, set in its bootstrap: the service, as its node id without the kind.
pub const SERVICE_LABEL: &str = "mesh_service";

/// When an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Share of calls or connections that no egress defines, in percent.
    pub undefined_percent: u32,
    /// Share of calls that fail, in percent.
    pub errors_percent: u32,
    /// Share of attempts that are retries, in percent: the budget of the tuned phase.
    pub retries_percent: u32,
    /// Share of hosts that are ejected, in percent; half of them is where Envoy gives up and uses all.
    pub ejected_percent: u32,
    /// Share of incoming calls that are shed, in percent.
    pub shed_percent: u32,
    /// Calls per second below which a share says nothing.
    pub least_rate: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            undefined_percent: 1,
            errors_percent: 5,
            retries_percent: 20,
            ejected_percent: 30,
            shed_percent: 5,
            least_rate: 1,
        }
    }
}

/// The files, below `observability/`.
#[must_use]
pub fn render(thresholds: &Thresholds) -> FileSet {
    let file = |name: &str, text: String| {
        let path = RelativePath::new(&format!("observability/{name}"));
        (path.expect("the names are constants"), Entry::File(text))
    };
    FileSet::from([
        file("dashboard.json", dashboard::render(thresholds)),
        file("rules.yaml", rules::render(thresholds)),
    ])
}

#[cfg(test)]
mod tests;

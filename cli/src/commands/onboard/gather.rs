//! Everything that a plan is made from, put together: graph, policy, statuses, flags; one part per mesh.
//!
//! What means nothing in this graph (a pattern without a service, an unknown name in the status file) is told and counted, never
//! dropped silently. It decides nothing: flags win over the policy, and statuses over what the policy takes for pending.

use std::path::Path;

use jiff::civil::Date;
use tracemesh_graph::onboarding::{
    Contradiction, Goal, InFlight, MeshMode, Order, Plan, PlanInput, PlanOptions, StatusFile,
    StatusSources, Statuses, plan, statuses,
};
use tracemesh_graph::policy::Policy;
use tracemesh_graph::snapshot::GraphSnapshot;

use super::pins::{self, ServiceName};
use super::{hash, previous};
use crate::args::{PlanGoal, PlanMeshMode, PlanOrder, WishArgs};
use crate::error::CliError;
use crate::output::Output;
use crate::text::{count_of, counted};
use crate::{inventory, onboarding_status, policy};

/// Faults of one kind that are told; the rest is counted.
const TOLD: usize = 5;

/// Files that say something about services.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::commands) struct Told<'a> {
    /// The policy.
    pub(in crate::commands) policy: Option<&'a Path>,
    /// The status file.
    pub(in crate::commands) status: Option<&'a Path>,
    /// The inventory.
    pub(in crate::commands) inventory: Option<&'a Path>,
    /// Day on which pins of the policy are judged.
    pub(in crate::commands) today: Option<Date>,
}

/// What to plan.
#[derive(Debug)]
pub(in crate::commands) struct Gathered {
    /// One part per mesh, or the whole graph.
    pub(in crate::commands) parts: Vec<Part>,
    /// Where every service stands.
    pub(super) statuses: Statuses,
    /// Waves that somebody said are over, by flag or in the status file.
    pub(super) waves_said: Option<u32>,
    /// First day that was asked for by a flag.
    pub(super) start_said: Option<Date>,
    /// Whether a policy was given.
    pub(super) has_policy: bool,
    policy: Policy,
    wishes: WishArgs,
    /// Services of the graph, for messages about the policy.
    names: Vec<ServiceName>,
}

/// One thing to plan.
#[derive(Debug)]
pub(in crate::commands) struct Part {
    /// Name of the mesh, where there are several.
    pub(super) mesh: Option<String>,
    /// Its graph.
    pub(super) input: PlanInput,
    /// The parameters.
    pub(super) options: PlanOptions,
}

impl Part {
    /// How messages name it.
    pub(super) fn title(&self) -> String {
        match &self.mesh {
            Some(name) => format!("mesh `{name}`"),
            None => "the graph".to_owned(),
        }
    }
}

/// Puts together what is said about the services of a graph.
pub(in crate::commands) fn gather(
    snapshot: &GraphSnapshot,
    told: Told<'_>,
    wishes: &WishArgs,
    output: &mut Output<'_>,
) -> Result<Gathered, CliError> {
    let today = told.today.unwrap_or_else(policy::today);
    let policy = told.policy.map(|path| policy::load(path, today));
    let policy = policy.transpose()?.unwrap_or_default();
    let file = told.status.map(onboarding_status::load).transpose()?;
    let inventory = told.inventory.map(inventory::load).transpose()?;
    let (mut options, unmatched) = policy.onboarding.plan_options(snapshot);
    tell(
        unmatched
            .iter()
            .map(|rule| format!("line {} of the policy: {rule}", rule.line)),
        "tracemesh policy check FILE --graph SNAPSHOT.json lists all",
        output,
    );
    let statuses = statuses(&StatusSources {
        snapshot,
        policy: &policy,
        file: file.as_ref(),
        inventory: inventory.as_ref(),
    });
    tell(
        statuses
            .unmatched
            .iter()
            .map(|(line, fault)| format!("line {line} of the status file: {fault}")),
        "names are node ids, `namespace/name`, or unique names; `tracemesh graph` lists them",
        output,
    );
    statuses.apply(&mut options);
    wish(&mut options, wishes);
    let input = PlanInput::from_snapshot(snapshot, &options);
    let parts = split(&policy, snapshot, input, options, wishes, output)?;
    Ok(Gathered {
        parts,
        statuses,
        waves_said: wishes.waves_done.or_else(|| waves_in(file.as_ref())),
        start_said: wishes.start,
        has_policy: told.policy.is_some(),
        policy,
        wishes: wishes.clone(),
        names: pins::names(snapshot),
    })
}

fn waves_in(file: Option<&StatusFile>) -> Option<u32> {
    file.and_then(|file| file.waves_done)
}

fn tell(faults: impl Iterator<Item = String>, hint: &str, output: &mut Output<'_>) {
    let faults: Vec<String> = faults.collect();
    for fault in faults.iter().take(TOLD) {
        output.warning(fault, hint);
    }
    if let Some(more @ 1..) = faults.len().checked_sub(TOLD) {
        let more = counted(count_of(more), "line", "lines");
        output.warning(&format!("and {more} more of this kind"), hint);
    }
}

/// Lays the flags over the options.
fn wish(options: &mut PlanOptions, wishes: &WishArgs) {
    if let Some(goal) = wishes.goal {
        options.goal = match goal {
            PlanGoal::Balanced => Goal::Balanced,
            PlanGoal::StrictMtls => Goal::StrictMtls,
            PlanGoal::RiskAverse => Goal::RiskAverse,
        };
    }
    if let Some(order) = wishes.order {
        options.order = match order {
            PlanOrder::Soft => Order::Soft,
            PlanOrder::CalleeFirst => Order::CalleeFirst,
            PlanOrder::CallerFirst => Order::CallerFirst,
        };
    }
    if let Some(mode) = wishes.mesh_mode {
        options.mesh_mode = match mode {
            PlanMeshMode::Permissive => MeshMode::Permissive,
            PlanMeshMode::StrictOnly => MeshMode::StrictOnly,
        };
    }
    if let Some(wish) = wishes.in_flight {
        options.in_flight = InFlight {
            ramp: wish.ramp,
            after: wish.after,
        };
    }
    if let Some(start) = wishes.start {
        options.calendar.start = Some(start);
    }
    if let Some(waves) = wishes.waves_done {
        options.waves_done = waves;
    }
}

/// One part per mesh of the policy, or the whole graph.
fn split(
    policy: &Policy,
    snapshot: &GraphSnapshot,
    input: PlanInput,
    options: PlanOptions,
    wishes: &WishArgs,
    output: &mut Output<'_>,
) -> Result<Vec<Part>, CliError> {
    let Some(meshes) = policy.onboarding.meshes(snapshot) else {
        if let Some(name) = &wishes.mesh {
            return Err(CliError::new(format!("there is no mesh `{name}`")).hint(
                "name meshes under `onboarding.meshes` in the policy, and give it with `--policy`",
            ));
        }
        return Ok(vec![Part {
            mesh: None,
            input,
            options,
        }]);
    };
    let claimed = meshes.claimed.iter().map(|(id, names)| {
        format!(
            "`{id}` belongs to {} meshes: {}",
            names.len(),
            names.join(", ")
        )
    });
    tell(claimed, "it is planned in the first of them", output);
    let empty = meshes.empty.iter();
    let empty = empty.map(|name| format!("mesh `{name}` has no service in this graph"));
    tell(empty, "check its patterns in the policy", output);
    if !meshes.nowhere.is_empty() {
        let count = counted(count_of(meshes.nowhere.len()), "service is", "services are");
        let names = meshes.nowhere.iter().take(TOLD).cloned();
        let names: Vec<String> = names.collect();
        output.warning(
            &format!(
                "{count} in no mesh, so no plan moves them: {}",
                names.join(", ")
            ),
            "add them to a mesh under `onboarding.meshes` in the policy",
        );
    }
    let parts = meshes.split(&input, &options).into_iter();
    let parts = parts.map(|part| Part {
        mesh: Some(part.name),
        input: part.input,
        options: part.options,
    });
    let mut parts: Vec<Part> = parts.collect();
    if let Some(name) = &wishes.mesh {
        let names: Vec<String> = parts.iter().filter_map(|part| part.mesh.clone()).collect();
        parts.retain(|part| part.mesh.as_ref() == Some(name));
        if parts.is_empty() {
            return Err(
                CliError::new(format!("there is no mesh `{name}` with services"))
                    .hint(format!("there is {}", names.join(", "))),
            );
        }
    }
    Ok(parts)
}

impl Gathered {
    /// The plan of a part, with the hash of what it was made from.
    pub(in crate::commands) fn plan(
        &self,
        part: &Part,
        earlier: Option<&Plan>,
    ) -> Result<Plan, CliError> {
        let mut options = part.options.clone();
        if let Some(earlier) = earlier {
            previous::go_on(
                &mut options,
                earlier,
                part,
                self.waves_said,
                self.start_said,
            );
        }
        let made = plan(&part.input, &options, earlier);
        let mut made = made
            .map_err(|error| pins::contradiction(&error, &self.policy.onboarding, &self.names))?;
        made.mesh.clone_from(&part.mesh);
        made.contradictions = self.contradictions(part);
        self.statuses.explain_exclusions(&mut made);
        made.input = hash::of(&part.input, &made.options);
        Ok(made)
    }

    /// Lays the flags over options that come from elsewhere than the policy.
    pub(super) fn lay_wishes_over(&self, options: &mut PlanOptions) {
        wish(options, &self.wishes);
    }

    /// Contradictions about services of a part, and about what is in no part.
    pub(super) fn contradictions(&self, part: &Part) -> Vec<Contradiction> {
        let all = self.statuses.contradictions.iter();
        let is_elsewhere = |service: &str| {
            let mut others = self.parts.iter().filter(|other| other.mesh != part.mesh);
            others.any(|other| other.input.services.contains_key(service))
        };
        all.filter(|found| !is_elsewhere(&found.service))
            .cloned()
            .collect()
    }

    /// The part that a plan is about.
    pub(super) fn part_of(&self, plan: &Plan) -> Result<&Part, CliError> {
        let mut parts = self.parts.iter();
        parts.find(|part| part.mesh == plan.mesh).ok_or_else(|| {
            let message = match &plan.mesh {
                Some(mesh) => {
                    format!("the plan is of mesh `{mesh}`, which the policy does not have")
                }
                None => "the plan is of the whole graph, and the policy splits it into meshes"
                    .to_owned(),
            };
            CliError::new(message).hint("give the policy that the plan was made with")
        })
    }
}

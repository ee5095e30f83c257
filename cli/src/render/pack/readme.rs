//! The page for the owner of a service: what changes, what was seen, what is in doubt, how to go back.

use std::collections::BTreeMap;
use std::fmt::Write;

use tracemesh_graph::egress::{
    Destination, EgressKnowledge, Feature, Phase, ServiceEgress, SettingName, SettingSource,
    SettingValue, Tuning,
};
use tracemesh_graph::hazards::Handling;

use super::patches::{Patched, Patches, Unpatched};
use super::words;
use crate::render::onboarding::text::{markdown as escaped, visible};
use crate::text::{bracketed, count_of, counted};

/// The page, in CommonMark with tables.
pub(super) fn render(service: &ServiceEgress, patches: &Patches, owner: Option<&str>) -> String {
    let mut page = Page::default();
    page.head(service, owner);
    page.changes(service);
    page.seen(service);
    page.unsure(service);
    page.waits(service);
    page.decided(service);
    page.decisions(service);
    page.join(patches);
    page.roll_back(patches);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("writing to a string does not fail");
    }

    /// A heading, or the lines below it.
    fn section(&mut self, title: &str) {
        self.line(&format!("\n## {title}\n"));
    }

    fn list(&mut self, lines: &[String]) {
        for line in lines {
            self.line(&format!("- {line}"));
        }
    }

    fn head(&mut self, service: &ServiceEgress, owner: Option<&str>) {
        self.line(&format!("# {} joins the mesh\n", escaped(&service.name)));
        self.line(
            "An Envoy sidecar will take the calls that your pods make and the calls that they get. This page says what \
             that changes for you. It is made from your traces; its numbers are in `evidence.json`.",
        );
        if let Some(owner) = owner {
            self.line(&format!("\nOwner: {}.", escaped(owner)));
        }
    }

    fn changes(&mut self, service: &ServiceEgress) {
        self.section("What will change for you");
        let destinations = &service.destinations;
        let tuned = destinations
            .iter()
            .filter(|destination| destination.tuning.phase == Phase::Tuned);
        let tuned: Vec<&Destination> = tuned.collect();
        if tuned.is_empty() && service.inbound_tuning.phase == Phase::Transparent {
            self.line(
                "Nothing that your code can see: calls keep their addresses, get no timeout, no retry and no limit that \
                 they did not have. What is new are metrics per destination.",
            );
        } else {
            self.line(&format!(
                "{} of your {} get settings; the rest is defined and nothing else.",
                count_of(tuned.len()),
                counted(count_of(destinations.len()), "destination", "destinations"),
            ));
        }
        for destination in tuned {
            self.settings(&escaped(&destination.name), &destination.tuning);
        }
        if service.inbound_tuning.phase == Phase::Tuned {
            self.settings("calls that you get", &service.inbound_tuning);
        }
        let handled: Vec<String> = service
            .hazards
            .iter()
            .filter(|note| note.handling == Handling::Handled)
            .map(|note| escaped(&note.how))
            .collect();
        if !handled.is_empty() {
            self.line("\nProxies are known to trip over the following; it is taken care of:\n");
            self.list(&handled);
        }
    }

    fn settings(&mut self, whose: &str, tuning: &Tuning) {
        let shown = tuning.settings.iter().filter_map(|(name, setting)| {
            let SettingValue::Number(value) = setting.value else {
                return None;
            };
            // What holds without any fact holds without a mesh, too.
            let told = words::setting(*name, value).filter(|_| {
                setting.source != SettingSource::Constant || *name != SettingName::MaxRequests
            })?;
            let formula = match setting.formula.contains('`') {
                true => escaped(&setting.formula),
                false => format!("`{}`", visible(&setting.formula)),
            };
            Some(format!("{told}: {formula}"))
        });
        let shown: Vec<String> = shown.collect();
        if !shown.is_empty() {
            self.line(&format!("\n**{whose}**\n"));
            self.list(&shown);
        }
    }

    fn seen(&mut self, service: &ServiceEgress) {
        self.section("What we saw");
        if service.knowledge == EgressKnowledge::Unknown {
            self.line(
                "No call of yours: your spans show none. That does not mean that you make none. Instrument the clients \
                 of your service; until then everything takes the passthrough, which works and has no feature of the mesh.",
            );
            return;
        }
        if service.destinations.is_empty() {
            self.line("No destination with a usable address; see below.");
            return;
        }
        self.line("| you call | at | as | known by |");
        self.line("|---|---|---|---|");
        for destination in &service.destinations {
            for (index, target) in destination.targets.iter().enumerate() {
                let (name, known) = if index == 0 {
                    let kind = words::kind(destination.kind);
                    let name = format!("{} ({kind})", escaped(&destination.name));
                    (name, words::known_by(destination))
                } else {
                    (String::new(), "")
                };
                let address = format!("{}:{}", bracketed(&target.host), target.port);
                self.line(&format!(
                    "| {name} | {} | {} | {known} |",
                    escaped(&address),
                    words::protocol(target.protocol)
                ));
            }
        }
        if service.inbound.is_empty() {
            self.line(
                "\nYour own spans name no port that you answer on: calls that you get pass unseen.",
            );
            return;
        }
        let ports = service
            .inbound
            .iter()
            .map(|inbound| format!("{} ({})", inbound.port, words::protocol(inbound.protocol)));
        let ports: Vec<String> = ports.collect();
        self.line(&format!("\nYou answer on port {}.", ports.join(", ")));
    }

    fn unsure(&mut self, service: &ServiceEgress) {
        self.section("What we are unsure of");
        let mut doubts = destination_doubts(service);
        doubts.extend(service.unresolved.iter().map(|unresolved| {
            let node = escaped(&unresolved.node);
            format!(
                "{node} stays on the passthrough: {}.",
                words::unresolved(unresolved.reason)
            )
        }));
        doubts.extend(service.conflicts.iter().map(|conflict| {
            format!(
                "{} and {} both claim {} on port {} ({}); the first keeps it.",
                escaped(&conflict.kept),
                escaped(&conflict.lost),
                escaped(&conflict.value),
                conflict.port,
                words::conflict(conflict.reason),
            )
        }));
        doubts.extend(service.inventory_notes.iter().map(|note| {
            let detail = note.detail.iter().map(|part| escaped(part));
            let detail: Vec<String> = detail.collect();
            format!("{}: {}.", words::inventory(note.note), detail.join(", "))
        }));
        if doubts.is_empty() {
            self.line("Nothing that was seen is in doubt. What was not seen is: rare calls may come after the traces.");
        } else {
            self.list(&doubts);
            self.line(
                "\nWhat is not defined takes the passthrough: it works as today, and each such call is logged.",
            );
        }
    }

    fn waits(&mut self, service: &ServiceEgress) {
        let lines = waiting(service);
        if !lines.is_empty() {
            self.section("What has to wait");
            self.list(&lines);
        }
    }

    /// What people decided, and for how long it holds.
    fn decided(&mut self, service: &ServiceEgress) {
        let pins = service.destinations.iter().filter_map(|destination| {
            let pin = destination.pinned.as_ref()?;
            Some((
                &destination.node,
                "is defined whether it is seen or not",
                pin,
            ))
        });
        let out = service
            .pinned_out
            .iter()
            .map(|out| (&out.node, "stays on the passthrough", &out.pin));
        let lines: Vec<String> = pins
            .chain(out)
            .map(|(node, what, pin)| {
                format!(
                    "{} {what}, until {}: {} ({}).",
                    escaped(node),
                    escaped(&pin.expires),
                    escaped(&pin.reason),
                    escaped(&pin.owner)
                )
            })
            .collect();
        if !lines.is_empty() {
            self.section("What was decided");
            self.list(&lines);
        }
    }

    fn decisions(&mut self, service: &ServiceEgress) {
        let open: Vec<String> = service
            .hazards
            .iter()
            .filter(|note| note.handling == Handling::Decision)
            .map(|note| format!("[ ] {}", escaped(&note.how)))
            .collect();
        if !open.is_empty() {
            self.section("What you have to decide");
            self.list(&open);
        }
    }

    fn join(&mut self, patches: &Patches) {
        self.section("How to join");
        let workload = match &patches.workload {
            Ok(workload) => workload,
            Err(why) => {
                self.line(&format!(
                    "There is no patch: {}. Then run `tracemesh egress` again.",
                    missing(*why)
                ));
                return;
            }
        };
        let Patched {
            resource,
            name,
            namespace,
            label,
            confirmed,
            selector,
        } = workload;
        if !confirmed {
            self.line(&format!(
                "Your spans say that {resource} `{name}` in namespace `{namespace}` runs this service; no inventory was \
                 given to confirm it.\n"
            ));
        }
        self.line("With kustomize, add this directory to `components:` of the kustomization that has the workload. Or apply it by hand:\n");
        self.line("```sh");
        if let Some(namespace) = &patches.namespace {
            self.line(&format!(
                "kubectl patch namespace {namespace} --patch-file namespace-patch.yaml"
            ));
        }
        self.line(&format!(
            "kubectl patch {resource} {name} -n {namespace} --patch-file workload-patch.yaml"
        ));
        self.line("```\n");
        self.line(&format!(
            "It sets the label {} on the pods, which restarts them one after another. Watch them:\n",
            escaped(&format!("{}={}", label.key, label.value))
        ));
        self.line(&format!(
            "```sh\nkubectl get pods -n {namespace} -l {selector}\n```"
        ));
    }

    fn roll_back(&mut self, patches: &Patches) {
        self.section("How to roll back");
        if let Ok(Patched {
            resource,
            name,
            namespace,
            ..
        }) = &patches.workload
        {
            self.line("Leave the mesh; pods restart without a sidecar:\n");
            self.line("```sh");
            self.line(&format!(
                "kubectl patch {resource} {name} -n {namespace} --type json --patch-file workload-rollback.json"
            ));
            self.line("```\n");
        }
        self.line(
            "Or stay and go back to the settings before: every change is a directory `../xds/gen-NNNN`, and \
             `../xds/current` points to the one in force. Nothing restarts:\n",
        );
        self.line("```sh");
        self.line("ln -s gen-NNNN ../xds/next && mv -T ../xds/next ../xds/current");
        self.line("```");
    }
}

fn destination_doubts(service: &ServiceEgress) -> Vec<String> {
    let of = |destination: &Destination| {
        let name = escaped(&destination.name);
        let doubts = words::doubts(destination).into_iter();
        doubts
            .map(|doubt| format!("{name}: {doubt}."))
            .collect::<Vec<_>>()
    };
    service.destinations.iter().flat_map(of).collect()
}

/// Features that wait for evidence: one line for all destinations that lack the same for the same reason.
fn waiting(service: &ServiceEgress) -> Vec<String> {
    let mut by_reason: BTreeMap<(Vec<Feature>, &str), Vec<String>> = BTreeMap::new();
    let inbound = (
        "the calls that you get".to_owned(),
        &service.inbound_tuning.withheld,
    );
    let destinations = service.destinations.iter().map(|destination| {
        let name = escaped(&destination.name);
        (name, &destination.tuning.withheld)
    });
    for (whose, withheld) in destinations.chain([inbound]) {
        let mut reasons: BTreeMap<&str, Vec<Feature>> = BTreeMap::new();
        for absent in withheld {
            let features = reasons.entry(&absent.reason).or_default();
            features.push(absent.feature);
        }
        for (reason, features) in reasons {
            let all = by_reason.entry((features, reason)).or_default();
            all.push(whose.clone());
        }
    }
    let line = |((features, reason), whose): ((Vec<Feature>, &str), Vec<String>)| {
        let features: Vec<&str> = features.into_iter().map(words::feature).collect();
        format!(
            "{}, for {}: {}.",
            features.join(", "),
            whose.join(", "),
            escaped(reason)
        )
    };
    by_reason.into_iter().map(line).collect()
}

/// What has to be done for a patch.
const fn missing(why: Unpatched) -> &'static str {
    match why {
        Unpatched::Unknown => {
            "neither spans nor an inventory name the workload. Set the resource attributes `k8s.deployment.name` and \
             `k8s.namespace.name`, or give `--inventory`"
        }
        Unpatched::InvalidName => {
            "the workload that the spans name cannot be one of Kubernetes. Correct their resource attributes, or give \
             `--inventory`"
        }
        Unpatched::Kind => {
            "pods of its kind cannot be labelled with a patch. Set the label in the template that makes them"
        }
    }
}

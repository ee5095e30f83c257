//! Parts of a policy that cannot both hold: each is right alone, and no order in the file decides between them.

mod onboarding;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::Date;
use tracemesh_graph::policy::{
    InfraDestination, Overrides, Pin, PinAction, PinDestination, ServicePattern,
};

use super::faults::Faults;
use super::sections::{Located, Sections};
use super::settings::key;

/// Pairs of patterns that are compared; a hostile file could ask for millions.
const MAX_COMPARED: usize = 200_000;

/// The same for pairs of which most are told apart by their first letters.
const MAX_GLANCED: usize = 20_000_000;

/// Reports what contradicts each other; pins that have expired contradict nobody.
pub(super) fn contradictions(sections: &Sections, today: Date, faults: &mut Faults) {
    let mut compare = Compare {
        left: MAX_COMPARED,
        glances: MAX_GLANCED,
        faults,
    };
    let rules = sections.services.iter();
    let services: Vec<_> = rules
        .map(|rule| {
            let settings = said(&rule.item.overrides);
            let keepalive = rule.item.keepalive_ms.map(|_| Cow::from("`keepalive`"));
            let owner = rule.item.owner.as_ref().map(|_| Cow::from("`owner`"));
            Rule {
                line: rule.line,
                patterns: vec![&rule.item.service],
                said: settings.chain(keepalive).chain(owner).collect(),
            }
        })
        .collect();
    compare.rules(&services);
    let rules = sections.edges.iter();
    let edges: Vec<_> = rules
        .map(|rule| Rule {
            line: rule.line,
            patterns: vec![&rule.item.caller, &rule.item.callee],
            said: said(&rule.item.overrides).collect(),
        })
        .collect();
    compare.rules(&edges);
    let held = sections.pins.iter().filter(|pin| pin.holds_on(Some(today)));
    let held: Vec<&Pin> = held.collect();
    compare.pins(&held);
    compare.infra(&sections.infra, &held);
    onboarding::contradictions(&sections.onboarding, &mut compare);
    if compare.is_spent() {
        let last = sections.pins.last().map_or(1, |pin| pin.line);
        faults
            .add(last, "too many patterns to compare with each other")
            .hint("say it with fewer rules whose patterns contain `*`");
    }
}

/// What is decided in a block.
fn said(overrides: &Overrides) -> impl Iterator<Item = Cow<'static, str>> {
    let phase = overrides.phase.map(|_| Cow::from("`phase`"));
    let settings = overrides.settings.keys();
    phase
        .into_iter()
        .chain(settings.map(|name| Cow::from(format!("`{}`", key(*name)))))
}

struct Rule<'s> {
    line: usize,
    patterns: Vec<&'s ServicePattern>,
    /// What it decides, as messages say it.
    said: Vec<Cow<'s, str>>,
}

struct Compare<'f> {
    left: usize,
    glances: usize,
    faults: &'f mut Faults,
}

impl Compare<'_> {
    /// Two rules that decide the same for something that both mean.
    fn rules(&mut self, rules: &[Rule<'_>]) {
        for (index, later) in rules.iter().enumerate() {
            for earlier in &rules[..index] {
                let twice = later.said.iter().find(|word| earlier.said.contains(word));
                let Some(word) = twice else { continue };
                let mut pairs = later.patterns.iter().zip(&earlier.patterns);
                if pairs.all(|(one, two)| self.overlap(one, two)) {
                    let message = format!(
                        "{word} is also decided in line {} for what both rules mean",
                        earlier.line
                    );
                    self.faults.add(later.line, message).hint(
                        "make the patterns exclude each other, or say it once: no order decides",
                    );
                }
            }
        }
    }

    fn pins(&mut self, pins: &[&Pin]) {
        for (index, later) in pins.iter().enumerate() {
            for earlier in &pins[..index] {
                let same_action = later.action == earlier.action;
                let is_repeated = later.caller == earlier.caller
                    && place(&later.destination) == place(&earlier.destination);
                if same_action && is_repeated {
                    let message = format!("the same is pinned in line {}", earlier.line);
                    self.faults
                        .add(later.line, message)
                        .hint("keep one of the two, with one reason, owner and expiry");
                } else if !same_action
                    && self.destinations_overlap(&later.destination, &earlier.destination)
                    && self.overlap(&later.caller, &earlier.caller)
                {
                    let message = format!(
                        "this pin {} what the pin in line {} {}",
                        verb(later.action),
                        earlier.line,
                        verb(earlier.action)
                    );
                    self.faults
                        .add(later.line, message)
                        .hint("make their patterns exclude each other, or remove one");
                }
            }
        }
    }

    fn infra(&mut self, infra: &[Located<InfraDestination>], pins: &[&Pin]) {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut addresses: BTreeMap<(&str, u16), usize> = BTreeMap::new();
        for Located { line, item } in infra {
            let address = (item.address.host.as_str(), item.address.port);
            let first_name = *names.entry(&item.name).or_insert(*line);
            let first_address = *addresses.entry(address).or_insert(*line);
            if first_name != *line {
                let message = format!("`{}` is the name of line {first_name} too", item.name);
                self.faults
                    .add(*line, message)
                    .hint("give every entry a name of its own");
            }
            if first_address != *line {
                let message = format!("the address is that of line {first_address} too");
                self.faults
                    .add(*line, message)
                    .hint("say it once, with all its `callers`");
            }
            for pin in pins.iter().filter(|pin| pin.action == PinAction::Exclude) {
                let is_meant = match &pin.destination {
                    PinDestination::Address(pinned) => {
                        (pinned.host.as_str(), pinned.port) == address
                    }
                    PinDestination::Node(pattern) => {
                        let id = format!("infra/{}", item.name);
                        pattern.is_exact() && pattern.matches(&id, "", "")
                    }
                };
                let everyone = item.callers.is_empty();
                if is_meant
                    && (everyone
                        || item
                            .callers
                            .iter()
                            .any(|caller| self.overlap(caller, &pin.caller)))
                {
                    let message = format!("the pin in line {} excludes this", pin.line);
                    self.faults.add(*line, message).hint(
                        "list the `callers` that get it, without those of the pin, or remove one of the two",
                    );
                }
            }
        }
    }

    fn destinations_overlap(&mut self, one: &PinDestination, two: &PinDestination) -> bool {
        match (one, two) {
            (PinDestination::Node(one), PinDestination::Node(two)) => self.overlap(one, two),
            (PinDestination::Address(_), PinDestination::Address(_)) => place(one) == place(two),
            // Which node an address belongs to is known only where a graph is.
            _ => false,
        }
    }

    /// Whether the file has too many pairs to look at the rest of them.
    const fn is_spent(&self) -> bool {
        self.left == 0 || self.glances == 0
    }

    fn overlap(&mut self, one: &ServicePattern, two: &ServicePattern) -> bool {
        self.glances = self.glances.saturating_sub(1);
        if self.is_spent() {
            return false;
        }
        if one == two {
            return true;
        }
        if one.is_exact() && two.is_exact() {
            // Names decide before namespaces do; an id may go on behind its name.
            let (one, two) = (name(one), name(two));
            if !goes_on(one, two) && !goes_on(two, one) {
                return false;
            }
        }
        self.left = self.left.saturating_sub(1);
        self.left > 0 && one.overlaps(two)
    }
}

/// Whether a name is another one, or an id that goes on with an environment or a source.
fn goes_on(long: &str, short: &str) -> bool {
    let rest = long.strip_prefix(short);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '~']))
}

fn name(pattern: &ServicePattern) -> &str {
    pattern.0.rsplit('/').next().unwrap_or_default()
}

/// A destination without what is spoken there.
fn place(destination: &PinDestination) -> (&str, u16) {
    match destination {
        PinDestination::Node(pattern) => (&pattern.0, 0),
        PinDestination::Address(address) => (&address.host, address.port),
    }
}

const fn verb(action: PinAction) -> &'static str {
    match action {
        PinAction::Include => "includes",
        PinAction::Exclude => "excludes",
    }
}

//! The sections of a policy file, one function each: mappings in, parts of the policy out, with their lines.

mod labels;
pub(super) mod onboarding;
mod pins;

use jiff::civil::Date;
use tracemesh_graph::egress::{Host, Phase};
use tracemesh_graph::policy::onboarding::OnboardingPolicy;
use tracemesh_graph::policy::{
    EdgeRule, InfraDestination, Labels, NamingTemplate, Overrides, Pin, PinnedAddress, SCHEMA,
    ServicePattern, ServiceRule, Thresholds,
};

use super::faults::{Faults, did_you_mean, one_of, shown};
use super::fields::{Fields, list};
use super::settings::{Scope, Settings, check_pairs, check_phase, settings};
use super::tree::Node;
use super::values::At;
use crate::kube_name;

/// Items of one list.
pub(super) const MAX_ITEMS: usize = 2_000;

const SECTIONS: [&str; 10] = [
    "schema",
    "defaults",
    "services",
    "edges",
    "pins",
    "infra",
    "labels",
    "naming",
    "thresholds",
    "onboarding",
];

const PHASES: [(&str, Phase); 2] = [("transparent", Phase::Transparent), ("tuned", Phase::Tuned)];

/// Something of the file and its line.
#[derive(Debug)]
pub(super) struct Located<T> {
    pub line: usize,
    pub item: T,
}

/// The file, understood as far as it can be.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub defaults: Overrides,
    pub services: Vec<Located<ServiceRule>>,
    pub edges: Vec<Located<EdgeRule>>,
    pub pins: Vec<Pin>,
    pub infra: Vec<Located<InfraDestination>>,
    pub labels: Labels,
    pub naming: Option<NamingTemplate>,
    pub thresholds: Thresholds,
    pub onboarding: OnboardingPolicy,
}

/// Reads every section; `today` is the day on which pins are judged.
pub(super) fn sections(root: &Node, today: Date, faults: &mut Faults) -> Sections {
    let mut read = Sections::default();
    let Some(fields) = Fields::read(root, "the policy", &SECTIONS, faults) else {
        return read;
    };
    schema(&fields, SCHEMA, faults);
    let mut defaults = Settings::default();
    if let Some(node) = fields.get("defaults", faults)
        && let Some(block) = Fields::read(node, "`defaults`", &["phase", "settings"], faults)
    {
        (read.defaults, defaults) = overrides(&block, "`defaults`", Scope::Service, faults);
        check_pairs(&defaults, &Settings::default(), faults);
    }
    read.services = items(&fields, "services", faults, |node, faults| {
        service(node, &defaults, faults)
    });
    read.edges = items(&fields, "edges", faults, |node, faults| {
        edge(node, &defaults, faults)
    });
    let pins = items(&fields, "pins", faults, |node, faults| {
        pins::pin(node, today, faults)
    });
    read.pins = pins.into_iter().map(|pin| pin.item).collect();
    read.infra = items(&fields, "infra", faults, infra);
    if let Some(node) = fields.get("labels", faults) {
        read.labels = labels::labels(node, faults);
    }
    let naming_node = fields.get("naming", faults);
    read.naming = naming_node.and_then(|node| naming(node, faults));
    if let Some(node) = fields.get("thresholds", faults) {
        read.thresholds = thresholds(node, faults);
    }
    if let Some(node) = fields.get("onboarding", faults) {
        read.onboarding = onboarding::onboarding(node, faults);
    }
    read
}

/// Checks that the file is of a format.
pub(super) fn schema(fields: &Fields<'_>, wanted: &str, faults: &mut Faults) {
    let Some(node) = fields.require("schema", faults) else {
        if !fields.has("schema") {
            faults.hint(format!("begin with `schema: {wanted}`"));
        }
        return;
    };
    let place = "`schema`";
    if let Some(text) = (At { node, place }).text(faults)
        && text != wanted
    {
        faults
            .add(node.line, format!("the schema is {}", shown(text)))
            .hint(format!("this version reads `{wanted}`"));
    }
}

fn items<T>(
    fields: &Fields<'_>,
    key: &str,
    faults: &mut Faults,
    read: impl Fn(&Node, &mut Faults) -> Option<T>,
) -> Vec<Located<T>> {
    let Some(node) = fields.get(key, faults) else {
        return Vec::new();
    };
    let all = list(node, &format!("`{key}`"), faults);
    if let Some(first) = all.get(MAX_ITEMS) {
        let message = format!("`{key}` has {} items; {MAX_ITEMS} are allowed", all.len());
        faults
            .add(first.line, message)
            .hint("say it with patterns that contain `*`");
    }
    all.iter()
        .take(MAX_ITEMS)
        .filter_map(|node| {
            let item = read(node, faults)?;
            Some(Located {
                line: node.line,
                item,
            })
        })
        .collect()
}

fn overrides(
    fields: &Fields<'_>,
    place: &str,
    scope: Scope,
    faults: &mut Faults,
) -> (Overrides, Settings) {
    let phase = fields.get("phase", faults).and_then(|node| {
        let place = "`phase`";
        At { node, place }.word(&PHASES, faults)
    });
    let own = fields
        .get("settings", faults)
        .map(|node| settings(node, &format!("the settings of {place}"), scope, faults))
        .unwrap_or_default();
    check_phase(phase, &own, place, faults);
    let settings = own.values.clone();
    (Overrides { phase, settings }, own)
}

fn service(node: &Node, defaults: &Settings, faults: &mut Faults) -> Option<ServiceRule> {
    const KEYS: [&str; 5] = ["service", "phase", "settings", "keepalive", "owner"];
    let place = "a rule of `services`";
    let fields = Fields::read(node, place, &KEYS, faults)?;
    let service = pattern(&fields, "service", faults);
    let (overrides, own) = overrides(&fields, place, Scope::Service, faults);
    check_pairs(&own, defaults, faults);
    let keepalive_ms = fields.get("keepalive", faults).and_then(|node| {
        let place = "`keepalive`";
        At { node, place }.duration_ms((1, 86_400_000), faults)
    });
    let owner = text(&fields, "owner", faults);
    if !KEYS[1..].iter().any(|key| fields.has(key)) {
        says_nothing(&fields, place, &KEYS[1..], faults);
    }
    Some(ServiceRule {
        service: service?,
        overrides,
        keepalive_ms,
        owner,
    })
}

fn edge(node: &Node, defaults: &Settings, faults: &mut Faults) -> Option<EdgeRule> {
    const KEYS: [&str; 4] = ["caller", "callee", "phase", "settings"];
    let place = "a rule of `edges`";
    let fields = Fields::read(node, place, &KEYS, faults)?;
    let caller = pattern(&fields, "caller", faults);
    let callee = pattern(&fields, "callee", faults);
    let (overrides, own) = overrides(&fields, place, Scope::Edge, faults);
    check_pairs(&own, defaults, faults);
    if !KEYS[2..].iter().any(|key| fields.has(key)) {
        says_nothing(&fields, place, &KEYS[2..], faults);
    }
    Some(EdgeRule {
        caller: caller?,
        callee: callee?,
        overrides,
    })
}

fn says_nothing(fields: &Fields<'_>, place: &str, keys: &[&str], faults: &mut Faults) {
    faults
        .add(fields.line, format!("{place} says nothing"))
        .hint(format!("give {}, or remove the rule", one_of(keys)));
}

fn infra(node: &Node, faults: &mut Faults) -> Option<InfraDestination> {
    const KEYS: [&str; 4] = ["name", "address", "protocol", "callers"];
    let place = "an entry of `infra`";
    let fields = Fields::read(node, place, &KEYS, faults)?;
    let name = required(&fields, "name", faults).filter(|name| {
        let is_label = kube_name::is_label(name);
        if !is_label {
            let message = format!("`name` in {place} cannot be {}", shown(name));
            faults
                .add(fields.line_of("name"), message)
                .hint("give at most 63 of `a` to `z`, `0` to `9` and `-`, with no `-` at the ends");
        }
        is_label
    });
    let address = fields.require("address", faults).and_then(|node| {
        let place = "`address`";
        At { node, place }.address(faults)
    });
    let protocol = fields.require("protocol", faults).and_then(|node| {
        let place = "`protocol`";
        At { node, place }.protocol(faults)
    });
    let callers = fields.get("callers", faults).map(|node| {
        let callers = list(node, "`callers`", faults);
        if callers.is_empty() {
            faults
                .add(node.line, "`callers` is empty")
                .hint("leave it out for every service");
        }
        let place = "an item of `callers`";
        let read = callers
            .iter()
            .filter_map(|node| At { node, place }.pattern(faults));
        read.collect()
    });
    let (host, port) = address?;
    Some(InfraDestination {
        name: name?,
        address: PinnedAddress {
            host,
            port,
            protocol: Some(protocol?),
        },
        callers: callers.unwrap_or_default(),
    })
}

fn naming(node: &Node, faults: &mut Faults) -> Option<NamingTemplate> {
    let fields = Fields::read(node, "`naming`", &["host", "port", "protocol"], faults)?;
    let host = fields.require("host", faults).and_then(|node| {
        let place = "`host` of `naming`";
        let text = At { node, place }.text(faults)?;
        template(node.line, text, faults).then(|| text.to_owned())
    });
    let port = fields.require("port", faults).and_then(|node| {
        let place = "`port` of `naming`";
        At { node, place }.port(faults)
    });
    let protocol = fields.get("protocol", faults).and_then(|node| {
        let place = "`protocol` of `naming`";
        At { node, place }.protocol(faults)
    });
    Some(NamingTemplate {
        host: host?,
        port: port?,
        protocol,
    })
}

/// Whether a template gives a DNS name for every service: only known placeholders, the service among them.
fn template(line: usize, text: &str, faults: &mut Faults) -> bool {
    const KNOWN: [&str; 4] = ["service", "namespace", "environment", "cluster_domain"];
    let mut filled = String::new();
    let mut rest = text;
    let mut is_right = true;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        if !KNOWN.contains(&name) {
            let hint = did_you_mean(name, KNOWN)
                .unwrap_or_else(|| format!("known are {}", one_of(&KNOWN)));
            let message = format!("unknown placeholder {} in `naming`", shown(name));
            faults.add(line, message).hint(hint);
            is_right = false;
        }
        filled.push_str(before);
        filled.push('a');
        rest = after;
    }
    filled.push_str(rest);
    if !text.contains("{service}") {
        faults
            .add(line, "`host` of `naming` is the same for every service")
            .hint("say where its name belongs: `{service}.{namespace}.svc.{cluster_domain}`");
        return false;
    }
    if is_right && !matches!(Host::parse(&filled, false), Ok(Host::Name(_))) {
        faults
            .add(line, format!("{} gives no DNS name", shown(text)))
            .hint("write it like `{service}.{namespace}.svc.{cluster_domain}`");
        return false;
    }
    is_right
}

fn thresholds(node: &Node, faults: &mut Faults) -> Thresholds {
    const KEYS: [&str; 6] = [
        "low_evidence_calls",
        "tuned_calls",
        "tuned_days",
        "quiet_days",
        "removal_days",
        "hysteresis",
    ];
    let mut read = Thresholds::default();
    let Some(fields) = Fields::read(node, "`thresholds`", &KEYS, faults) else {
        return read;
    };
    let most_calls = u64::from(u32::MAX);
    for (key, range, value) in [
        (KEYS[0], (0, most_calls), &mut read.low_evidence_calls),
        (KEYS[1], (1, most_calls), &mut read.tuned_calls),
        (KEYS[2], (0, 3_650), &mut read.tuned_days),
        (KEYS[3], (1, 3_650), &mut read.quiet_days),
        (KEYS[4], (1, 3_650), &mut read.removal_days),
    ] {
        let place = format!("`{key}`");
        if let Some(node) = fields.get(key, faults)
            && let Some(number) = (At {
                node,
                place: &place,
            })
            .count(range, faults)
        {
            *value = number;
        }
    }
    if let Some(node) = fields.get("hysteresis", faults) {
        let place = "`hysteresis`";
        let percent = At { node, place }.percent((0, 100), faults);
        read.hysteresis_percent = percent.unwrap_or(read.hysteresis_percent);
    }
    if read.tuned_calls < read.low_evidence_calls {
        let message = format!(
            "`tuned_calls` ({}) is below `low_evidence_calls` ({})",
            read.tuned_calls, read.low_evidence_calls
        );
        let lines = [fields.line_of(KEYS[0]), fields.line_of(KEYS[1])];
        faults
            .add(lines.into_iter().max().unwrap_or(fields.line), message)
            .hint("an edge whose evidence is low would be tuned");
    }
    read
}

fn pattern(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<ServicePattern> {
    let node = fields.require(key, faults)?;
    let place = format!("`{key}`");
    At {
        node,
        place: &place,
    }
    .pattern(faults)
}

fn required(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<String> {
    let node = fields.require(key, faults)?;
    let place = format!("`{key}`");
    At {
        node,
        place: &place,
    }
    .text(faults)
    .map(str::to_owned)
}

/// Text of a key that may be missing.
fn text(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<String> {
    let node = fields.get(key, faults)?;
    let place = format!("`{key}`");
    At {
        node,
        place: &place,
    }
    .text(faults)
    .map(str::to_owned)
}

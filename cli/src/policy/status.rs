//! The status file of onboarding: what people say about where services stand.
//!
//! Here beside the policy because it is read by the same rules: a tree with lines, every fault at once, nothing guessed.

use tracemesh_graph::onboarding::{StatusFile, Told, ToldStatus};

use super::faults::{Fault, Faults, shown};
use super::fields::Fields;
use super::sections::schema;
use super::tree::{self, Entry, Node, Value};
use super::values::At;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.onboarding-status/v1";

const STATUSES: [(&str, Told); 4] = [
    ("done", Told::Done),
    ("pending", Told::Pending),
    ("excluded", Told::Excluded),
    ("rolled_back", Told::RolledBack),
];

/// Waves are numbered to here.
const MAX_WAVE: u64 = 1_000_000;

/// Characters of the name of a service.
const MAX_NAME: usize = 1_000;

/// Reads the text of a status file: what could be understood, and every fault by line.
pub(crate) fn read(text: &str) -> (StatusFile, Vec<Fault>) {
    let mut faults = Faults::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = tree::parse(text, SCHEMA, &mut faults);
    let file = root.map_or_else(StatusFile::default, |root| file(&root, &mut faults));
    (file, faults.into_sorted())
}

fn file(root: &Node, faults: &mut Faults) -> StatusFile {
    let mut read = StatusFile::default();
    let keys = ["schema", "waves_done", "services"];
    let Some(fields) = Fields::read(root, "the status file", &keys, faults) else {
        return read;
    };
    schema(&fields, SCHEMA, faults);
    read.waves_done = fields
        .get("waves_done", faults)
        .and_then(|node| wave(node, "`waves_done`", 0, faults));
    if let Some(node) = fields.require("services", faults) {
        read.services = services(node, faults);
    }
    read
}

fn services(node: &Node, faults: &mut Faults) -> Vec<ToldStatus> {
    let Value::Map(entries) = &node.value else {
        let message = format!("`services` is {}, not a mapping", node.described());
        faults
            .add(node.line, message)
            .hint("write `shop/cart: done`, one service a line");
        return Vec::new();
    };
    let mut lines = std::collections::BTreeMap::new();
    let mut read = Vec::new();
    for entry in entries {
        let first = *lines.entry(entry.key.as_str()).or_insert(entry.line);
        if first != entry.line {
            let message = format!("{} is there since line {first}", shown(&entry.key));
            faults.add(entry.line, message).hint("say it once");
            continue;
        }
        let is_name = is_name(entry, faults);
        let told = told(entry, faults).filter(|_| is_name);
        read.extend(told);
    }
    read
}

fn is_name(entry: &Entry, faults: &mut Faults) -> bool {
    let name = &entry.key;
    let (what, hint) = if name.trim().is_empty() {
        ("an entry has no name", "write `shop/cart: done`")
    } else if name.contains('*') {
        (
            "the status of a pattern is not known",
            "name every service; in a node id, `*` is `%2A`",
        )
    } else if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        (
            "the name of a service is too long or has control characters",
            "give its node id; `tracemesh graph --format table` lists them",
        )
    } else {
        return true;
    };
    faults.add(entry.line, what).hint(hint);
    false
}

/// `done`, or a mapping with a `status`.
fn told(entry: &Entry, faults: &mut Faults) -> Option<ToldStatus> {
    let mut told = ToldStatus {
        service: entry.key.clone(),
        status: Told::Pending,
        wave: None,
        since: None,
        reason: None,
        line: entry.line,
    };
    let place = format!("the status of {}", shown(&entry.key));
    let place = place.as_str();
    if !matches!(entry.node.value, Value::Map(_)) {
        let node = &entry.node;
        told.status = At { node, place }.word(&STATUSES, faults)?;
        return Some(told);
    }
    let keys = ["status", "wave", "since", "reason"];
    let fields = Fields::read(&entry.node, place, &keys, faults)?;
    let status = fields
        .require("status", faults)
        .and_then(|node| At { node, place }.word(&STATUSES, faults));
    told.wave = fields
        .get("wave", faults)
        .and_then(|node| wave(node, "`wave`", 1, faults));
    told.since = fields.get("since", faults).and_then(|node| {
        let place = "`since`";
        At { node, place }.date(faults)
    });
    told.reason = fields.get("reason", faults).and_then(|node| {
        let place = "`reason`";
        At { node, place }.text(faults).map(str::to_owned)
    });
    if let (Some(Told::Pending | Told::Excluded), Some(_)) = (status, told.wave) {
        faults
            .add(
                fields.line_of("wave"),
                "`wave` is the wave in which a service joined, and this one did not",
            )
            .hint("remove it; `rolled_back` is for one that did and is out again");
    }
    told.status = status?;
    Some(told)
}

fn wave(node: &Node, place: &str, least: u64, faults: &mut Faults) -> Option<u32> {
    let number = At { node, place }.count((least, MAX_WAVE), faults)?;
    u32::try_from(number).ok()
}

//! Kubernetes labels, by the rules that an API server applies to them.

use tracemesh_graph::policy::{Label, Labels};

use crate::kube_name;
use crate::policy::faults::{Faults, shown};
use crate::policy::fields::Fields;
use crate::policy::tree::Node;
use crate::policy::values::At;

/// Reads the section.
pub(super) fn labels(node: &Node, faults: &mut Faults) -> Labels {
    let mut read = Labels::default();
    let keys = ["workload", "namespace", "selector_key"];
    let Some(fields) = Fields::read(node, "`labels`", &keys, faults) else {
        return read;
    };
    if let Some(node) = fields.get("workload", faults)
        && let Some(label) = label(node, "the label of workloads", faults)
    {
        read.workload = label;
    }
    read.namespace = fields
        .get("namespace", faults)
        .and_then(|node| label(node, "the label of namespaces", faults));
    if let Some(node) = fields.get("selector_key", faults)
        && let Some(key) = label_key(node, "`selector_key`", faults)
    {
        read.selector_key = key;
    }
    read
}

pub(super) fn label(node: &Node, place: &str, faults: &mut Faults) -> Option<Label> {
    let fields = Fields::read(node, place, &["key", "value"], faults)?;
    let key = fields
        .require("key", faults)
        .and_then(|node| label_key(node, &format!("`key` of {place}"), faults));
    let value = fields.require("value", faults).and_then(|node| {
        let place = format!("`value` of {place}");
        let text = At {
            node,
            place: &place,
        }
        .text(faults)?;
        if !is_label_name(text) {
            faults
                .add(node.line, format!("{place} cannot be {}", shown(text)))
                .hint(NAME_HINT);
            return None;
        }
        Some(text.to_owned())
    });
    Some(Label {
        key: key?,
        value: value?,
    })
}

fn label_key(node: &Node, place: &str, faults: &mut Faults) -> Option<String> {
    let text = At { node, place }.text(faults)?;
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if !prefix.is_none_or(kube_name::is_subdomain) || !is_label_name(name) {
        faults
            .add(node.line, format!("{place} cannot be {}", shown(text)))
            .hint(format!(
                "a key is a name, or a DNS name in lower case, `/` and a name; {NAME_HINT}"
            ));
        return None;
    }
    Some(text.to_owned())
}

const NAME_HINT: &str =
    "a name has at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";

fn is_label_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [text.bytes().next(), text.bytes().last()];
    let ends_well = |end: &Option<u8>| end.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63 && text.bytes().all(is_inner) && ends.iter().all(ends_well)
}

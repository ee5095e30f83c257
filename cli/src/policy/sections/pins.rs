//! Pins: what is in or out by decision, by whom and for how long.

use jiff::civil::Date;
use tracemesh_graph::egress::TargetProtocol;
use tracemesh_graph::policy::{Pin, PinAction, PinDestination, PinnedAddress};

use super::{pattern, text};
use crate::policy::faults::Faults;
use crate::policy::fields::Fields;
use crate::policy::tree::Node;
use crate::policy::values::At;

const KEYS: [&str; 8] = [
    "caller", "callee", "address", "protocol", "action", "reason", "owner", "expires",
];

const ACTIONS: [(&str, PinAction); 2] = [
    ("include", PinAction::Include),
    ("exclude", PinAction::Exclude),
];

/// Reads one pin. Nothing of it may be missing but what its action does without.
pub(super) fn pin(node: &Node, today: Date, faults: &mut Faults) -> Option<Pin> {
    let fields = Fields::read(node, "a pin", &KEYS, faults)?;
    let caller = pattern(&fields, "caller", faults);
    let action = fields.require("action", faults).and_then(|node| {
        let place = "`action`";
        At { node, place }.word(&ACTIONS, faults)
    });
    let destination = destination(&fields, action, faults);
    let reason = required(&fields, "reason", faults);
    let owner = required(&fields, "owner", faults);
    let expires = fields.require("expires", faults).and_then(|node| {
        let place = "`expires`";
        At { node, place }.date(faults)
    });
    if let Some(expires) = expires.filter(|day| *day < today) {
        let line = fields.line_of("expires");
        faults
            .expired(line, format!("this pin expired after {expires}"))
            .hint("it has no effect: remove it, or decide again and set a later day");
    }
    Some(Pin {
        caller: caller?,
        destination: destination?,
        action: action?,
        reason: reason?,
        owner: owner?,
        expires: expires?,
        line: node.line,
    })
}

fn destination(
    fields: &Fields<'_>,
    action: Option<PinAction>,
    faults: &mut Faults,
) -> Option<PinDestination> {
    let protocol = fields.get("protocol", faults).and_then(|node| {
        let place = "`protocol`";
        At { node, place }.protocol(faults)
    });
    match (fields.has("callee"), fields.has("address")) {
        (true, false) => {
            if fields.has("protocol") {
                misplaced_protocol(fields, "a callee", faults);
            }
            pattern(fields, "callee", faults).map(PinDestination::Node)
        }
        (false, true) => {
            let node = fields.get("address", faults)?;
            let place = "`address`";
            let (host, port) = At { node, place }.address(faults)?;
            let protocol = needed_protocol(fields, action, protocol, faults);
            Some(PinDestination::Address(PinnedAddress {
                host,
                port,
                protocol,
            }))
        }
        (both, _) => {
            let message = if both {
                "a pin has both `callee` and `address`"
            } else {
                "a pin needs `callee` or `address`"
            };
            faults
                .add(fields.line, message)
                .hint("`callee` names a node of the graph, `address` is `host:port`");
            None
        }
    }
}

/// What is spoken at an address matters where the sidecar is to define it, and nowhere else.
fn needed_protocol(
    fields: &Fields<'_>,
    action: Option<PinAction>,
    protocol: Option<TargetProtocol>,
    faults: &mut Faults,
) -> Option<TargetProtocol> {
    match action {
        Some(PinAction::Include) if !fields.has("protocol") => {
            faults
                .add(
                    fields.line,
                    "a pin that includes an address needs `protocol`",
                )
                .hint("give `http1`, `http2`, `grpc`, `http`, `tls` or `tcp`");
        }
        Some(PinAction::Exclude) if fields.has("protocol") => {
            misplaced_protocol(fields, "what is excluded", faults);
            return None;
        }
        _ => {}
    }
    protocol
}

fn misplaced_protocol(fields: &Fields<'_>, what: &str, faults: &mut Faults) {
    faults
        .add(
            fields.line_of("protocol"),
            format!("`protocol` means nothing for {what}"),
        )
        .hint("remove it: it is for an address that is included");
}

fn required(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<String> {
    if !fields.has(key) {
        fields.require(key, faults);
        faults.hint(match key {
            "reason" => "say why, for whoever reads this in a year",
            _ => "say who answers for it",
        });
        return None;
    }
    text(fields, key, faults)
}

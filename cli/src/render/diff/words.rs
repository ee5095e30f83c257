//! The words of a difference, shared by table and Markdown; how names are shown is up to them.

use tracemesh_graph::diff::{
    Change, Detail, Difference, EdgeChange, EgressEffect, NodeChange, Presence, RatesPer,
    SideFacts, What,
};

use crate::render::seconds;
use crate::render::table::arrow;
use crate::text::{count_of, counted, thousands};

/// A difference in lines.
pub(super) struct Page {
    pub(super) head: Vec<String>,
    pub(super) sections: Vec<Section>,
    pub(super) foot: Vec<String>,
}

/// Things that changed in one way.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) items: Vec<Item>,
}

/// One of them.
pub(super) struct Item {
    pub(super) presence: Option<Presence>,
    pub(super) head: String,
    pub(super) notes: Vec<String>,
}

/// The whole page; `name` makes a hostile name fit to be shown.
pub(super) fn page(difference: &Difference, name: impl Fn(&str) -> String) -> Page {
    let words = Words {
        name,
        rates_per: difference.noise.rates_per,
    };
    let certain = |change: Change, presence: Option<Presence>| {
        let nodes = difference.nodes.iter();
        let nodes = nodes.filter(|node| node.certain && Some(node.presence) == presence);
        let edges = difference.edges.iter();
        let edges = edges.filter(|edge| edge.certain && edge.change == change);
        let items = nodes.map(|node| words.node(node));
        items.chain(edges.map(|edge| words.edge(edge))).collect()
    };
    let nodes = difference.nodes.iter().filter(|node| !node.certain);
    let edges = difference.edges.iter().filter(|edge| !edge.certain);
    let perhaps = nodes.map(|node| words.node(node));
    let perhaps: Vec<Item> = perhaps.chain(edges.map(|edge| words.edge(edge))).collect();
    let sections: [(&str, Vec<Item>); 4] = [
        ("Added", certain(Change::Added, Some(Presence::Added))),
        ("Gone", certain(Change::Gone, Some(Presence::Gone))),
        ("Changed", certain(Change::Changed, None)),
        ("Perhaps: too rare to be sure", perhaps),
    ];
    let sections = sections
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(title, items)| Section {
            title: title.to_owned(),
            items,
        });
    Page {
        head: head(difference),
        sections: sections.collect(),
        foot: foot(difference),
    }
}

fn head(difference: &Difference) -> Vec<String> {
    let mut head = Vec::new();
    if !difference.differ {
        head.push("no difference beyond noise".to_owned());
    }
    for (what, side) in [("before", &difference.before), ("after", &difference.after)] {
        head.push(format!("{what}: {}", numbers(side)));
        if let Some((start, end)) = side.window.start.zip(side.window.end) {
            head.push(format!("{what}: {} to {}", seconds(start), seconds(end)));
        }
    }
    let traffic = difference.traffic;
    if let Some(ratio) = traffic.ratio {
        head.push(format!("all calls per second: {}", times(ratio)));
    }
    if let Some(typical) = traffic.typical_ratio {
        let most = match traffic.changed {
            true => "; edges that did as most did are not listed",
            false => "",
        };
        head.push(format!("the typical edge: {}{most}", times(typical)));
    }
    head
}

fn numbers(side: &SideFacts) -> String {
    format!(
        "{}, {}, {}",
        counted(side.nodes, "node", "nodes"),
        counted(side.edges, "edge", "edges"),
        counted(side.calls, "call", "calls"),
    )
}

fn foot(difference: &Difference) -> Vec<String> {
    let (noise, options) = (difference.noise, difference.options);
    let mut foot = vec![format!(
        "{}; of what is told as certain, at most {} % may be noise",
        counted(noise.tests, "test", "tests"),
        fixed(options.fdr * 100.0),
    )];
    if noise.rates_per == RatesPer::Call {
        foot.push(
            "volumes are shares of all calls: it is not known how long a side was seen".to_owned(),
        );
    }
    if noise.few_calls > 0 {
        foot.push(format!(
            "{} with fewer than {} calls were not compared in numbers",
            counted(noise.few_calls, "edge", "edges"),
            thousands(options.min_calls),
        ));
    }
    if noise.small_changes > 0 {
        foot.push(format!(
            "{} beyond noise but below {} times, or too small to matter",
            counted(noise.small_changes, "number changed", "numbers changed"),
            fixed(options.min_change),
        ));
    }
    let maybe = difference.edges.iter().filter(|edge| !edge.certain).count();
    if maybe > 0 {
        foot.push(format!(
            "{} may have been missed on the other side; longer windows tell",
            counted(count_of(maybe), "edge", "edges"),
        ));
    }
    foot
}

struct Words<N> {
    name: N,
    rates_per: RatesPer,
}

impl<N: Fn(&str) -> String> Words<N> {
    fn node(&self, node: &NodeChange) -> Item {
        let calls = counted(node.calls, "request", "requests");
        Item {
            presence: Some(node.presence),
            head: format!("{}, {calls}", (self.name)(&node.id)),
            notes: Vec::new(),
        }
    }

    fn edge(&self, edge: &EdgeChange) -> Item {
        let (caller, callee) = ((self.name)(&edge.caller), (self.name)(&edge.callee));
        let calls = match edge.change {
            Change::Added => counted(edge.calls_after, "call", "calls"),
            Change::Gone => counted(edge.calls_before, "call", "calls"),
            Change::Changed => format!(
                "{} calls before, {} after",
                thousands(edge.calls_before),
                thousands(edge.calls_after)
            ),
        };
        let mut notes = vec![calls];
        notes.extend(edge.details.iter().map(|detail| self.detail(detail)));
        if let Some(other) = &edge.same_address_as {
            let side = match edge.change {
                Change::Added => "before",
                _ => "now",
            };
            notes.push(format!("the same address as {side} {}", (self.name)(other)));
        }
        notes.extend(edge.egress.iter().map(|one| effect(*one).to_owned()));
        Item {
            presence: match edge.change {
                Change::Added => Some(Presence::Added),
                Change::Gone => Some(Presence::Gone),
                Change::Changed => None,
            },
            head: format!("{caller} {} {callee}", arrow(edge.relation)),
            notes,
        }
    }

    fn detail(&self, detail: &Detail) -> String {
        let what = what(detail.what);
        if let Some(value) = &detail.value {
            let count = detail.before.max(detail.after);
            let (sign, unsure) = (
                sign(detail.presence),
                if detail.certain { "" } else { ", perhaps" },
            );
            let often = match crate::render::whole(count).as_str() {
                "1" => "once".to_owned(),
                count => format!("{count} times"),
            };
            return format!("{what} {sign} {} ({often}{unsure})", (self.name)(value));
        }
        let (before, after) = match detail.what {
            What::ErrorRate => (percent(detail.before), percent(detail.after)),
            What::Volume => self.volume(detail),
            _ => (milliseconds(detail.before), milliseconds(detail.after)),
        };
        let times = detail
            .ratio
            .map_or_else(String::new, |r| format!(", {}", times(r)));
        format!("{what} {before} before, {after} after{times}")
    }

    fn volume(&self, detail: &Detail) -> (String, String) {
        if self.rates_per == RatesPer::Call {
            return (percent(detail.before), percent(detail.after));
        }
        let (factor, unit) = match detail.before.max(detail.after) {
            rate if rate >= 1.0 => (1.0, "per second"),
            rate if rate >= 1.0 / 60.0 => (60.0, "per minute"),
            _ => (3600.0, "per hour"),
        };
        let told = |rate: f64| format!("{} {unit}", fixed(rate * factor));
        (told(detail.before), told(detail.after))
    }
}

/// How a line begins on a terminal.
pub(super) const fn sign(presence: Option<Presence>) -> char {
    match presence {
        Some(Presence::Added) => '+',
        Some(Presence::Gone) => '-',
        None => '*',
    }
}

/// The same in a sentence.
pub(super) const fn word(presence: Option<Presence>) -> &'static str {
    match presence {
        Some(Presence::Added) => "added",
        Some(Presence::Gone) => "gone",
        None => "changed",
    }
}

const fn what(what: What) -> &'static str {
    match what {
        What::Target => "address",
        What::Protocol => "protocol",
        What::Evidence => "evidence",
        What::Destination => "topic or database",
        What::ErrorRate => "errors",
        What::ClientP50 => "median at the caller",
        What::ClientP99 => "p99 at the caller",
        What::ServerP50 => "median at the callee",
        What::ServerP99 => "p99 at the callee",
        What::WaitP50 => "median wait of messages",
        What::WaitP99 => "p99 wait of messages",
        What::Volume => "calls",
    }
}

const fn effect(effect: EgressEffect) -> &'static str {
    match effect {
        EgressEffect::NewDestination => {
            "egress: no cluster for it until `tracemesh egress` runs again"
        }
        EgressEffect::RenamedDestination => "egress: the same address under another name",
        EgressEffect::UnusedDestination => "egress: its cluster is unused until it is removed",
        EgressEffect::UnaddressedDestination => "egress: unresolved, its address is not known",
        EgressEffect::NewAddress => "egress: calls to the new address miss the cluster until then",
        EgressEffect::UnusedAddress => "egress: an address of the cluster is unused",
        EgressEffect::OtherProtocol => "egress: the protocol of the cluster may change",
        EgressEffect::TunedSettings => "egress: tuned settings come from other numbers",
    }
}

fn times(ratio: f64) -> String {
    format!("{} times", fixed(ratio))
}

fn percent(share: f64) -> String {
    format!("{} %", fixed(share * 100.0))
}

fn milliseconds(ms: f64) -> String {
    format!("{} ms", fixed(ms))
}

/// Three digits or so; very small and very large numbers in powers of ten.
fn fixed(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if !(0.001..1e9).contains(&size) => format!("{number:.2e}"),
        size if size < 1.0 => trimmed(&format!("{number:.3}")),
        size if size < 100.0 => trimmed(&format!("{number:.2}")),
        _ => crate::render::whole(number),
    }
}

fn trimmed(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

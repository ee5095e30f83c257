//! A table of the worst cases of each rule.

use tracemesh_graph::egress::KnownName;
use tracemesh_graph::findings::{Cases, Counted, Dialled, Finding, Top};

use crate::findings::{address, list, times};
use crate::render::table::layout::{Align, Column, Grid};
use crate::text::{count_of, percent, printable, thousands};

/// Cases shown; the JSON has more.
const ROWS: usize = 10;

/// The table of a finding, and how many of its cases are not in it.
pub(super) fn of(finding: &Finding, width: usize) -> (String, u64) {
    let rows = rows(&finding.cases);
    let mut grid = Grid::new(columns(&finding.cases));
    for row in rows.iter().take(ROWS) {
        grid.row(row.clone());
    }
    let unlisted = count_of(rows.len().saturating_sub(ROWS)).saturating_add(finding.more);
    (grid.finish(width).0, unlisted)
}

fn columns(cases: &Cases) -> Vec<Column> {
    let name = |title| Column::new(title, Align::Left).shrinking();
    let number = |title| Column::new(title, Align::Right);
    let ends = [name("CALLER"), name("CALLEE")].into_iter();
    match cases {
        Cases::TracesCut(_) | Cases::SpansLost(_) | Cases::NamesFolded(_) => {
            vec![name("REASON"), number("COUNT")]
        }
        Cases::UnreachableHost(_) | Cases::FailingHost(_) => vec![
            name("DESTINATION"),
            number("ATTEMPTS"),
            name("CALLERS"),
            number("REACHED BY"),
            name("ERRORS"),
        ],
        Cases::FailingEdge(_) => ends
            .chain([number("FAILED"), number("CALLS"), name("ERRORS")])
            .collect(),
        Cases::RetryAmplification(_) => ends
            .chain([number("CALLS"), number("EACH"), number("WHILE FAILING")])
            .collect(),
        Cases::RetryPath(_) => vec![
            name("DESTINATION"),
            number("ATTEMPTS"),
            name("FROM"),
            number("STEPS"),
        ],
        Cases::SyncCycle(_) => vec![
            name("SERVICES"),
            number("CALLS"),
            name("BROKEN BY"),
            number("CALLS"),
        ],
        Cases::UnresolvedCalls(_) => vec![
            name("SERVICE"),
            number("UNRESOLVED"),
            number("OF"),
            number("%"),
        ],
        Cases::OrphanedSpans(_) => vec![
            name("SERVICE"),
            number("ORPHANS"),
            number("OF"),
            number("%"),
        ],
        Cases::NamelessSpans(_) => vec![name("NODE"), number("SPANS")],
        Cases::Hairpin(_) => ends
            .chain([number("CALLS"), name("PUBLIC"), name("INSTEAD")])
            .collect(),
        Cases::SharedHost(_) => vec![
            name("ADDRESS"),
            number("CALLS"),
            name("CALLERS"),
            name("BEHIND IT"),
            number("KNOWN CALLS"),
        ],
        Cases::CallsByIp(_) => ends
            .chain([number("CALLS"), name("DIALLED"), name("NAME")])
            .collect(),
        Cases::CrossCluster(_) => ends
            .chain([name("FROM"), name("TO"), number("CALLS")])
            .collect(),
        Cases::CrossZone(_) => ends
            .chain([number("CROSSING"), number("KNOWN"), number("ATTEMPTS")])
            .collect(),
        Cases::SelfCalls(_) => vec![name("SERVICE"), number("CALLS")],
    }
}

fn rows(cases: &Cases) -> Vec<Vec<String>> {
    let count = |one: &Counted| vec![node(&one.name), thousands(one.count)];
    match cases {
        Cases::TracesCut(all)
        | Cases::SpansLost(all)
        | Cases::NamesFolded(all)
        | Cases::NamelessSpans(all)
        | Cases::SelfCalls(all) => all.iter().map(count).collect(),
        Cases::UnreachableHost(hosts) | Cases::FailingHost(hosts) => each(hosts, |host| {
            vec![
                node(&host.callee),
                thousands(host.attempts),
                names(&host.callers),
                thousands(host.reached_by),
                names(&host.errors),
            ]
        }),
        Cases::FailingEdge(edges) => each(edges, |edge| {
            vec![
                node(&edge.caller),
                node(&edge.callee),
                thousands(edge.failed),
                thousands(edge.calls),
                names(&edge.errors),
            ]
        }),
        Cases::RetryAmplification(edges) => each(edges, |edge| {
            vec![
                node(&edge.caller),
                node(&edge.callee),
                thousands(edge.calls),
                times(edge.attempts_per_call),
                edge.attempts_while_failing.map_or("-".to_owned(), times),
            ]
        }),
        Cases::RetryPath(paths) => each(paths, |path| {
            let first = path.steps.listed.first();
            vec![
                node(&path.destination),
                times(path.attempts),
                first.map_or(String::new(), |step| node(&step.caller)),
                thousands(
                    path.steps
                        .more
                        .saturating_add(count_of(path.steps.listed.len())),
                ),
            ]
        }),
        Cases::UnresolvedCalls(gaps) | Cases::OrphanedSpans(gaps) => each(gaps, |gap| {
            vec![
                node(&gap.service),
                thousands(gap.count),
                thousands(gap.of),
                percent(gap.count, gap.of),
            ]
        }),
        _ => rows_of_routing(cases),
    }
}

fn rows_of_routing(cases: &Cases) -> Vec<Vec<String>> {
    match cases {
        Cases::SyncCycle(cycles) => each(cycles, |cycle| {
            let weakest = cycle.weakest.listed.first();
            vec![
                list(
                    cycle.services.listed.iter().map(String::as_str),
                    cycle.services.more,
                ),
                thousands(cycle.calls),
                weakest.map_or(String::new(), |edge| {
                    format!("{} -> {}", node(&edge.caller), node(&edge.callee))
                }),
                weakest.map_or(String::new(), |edge| thousands(edge.calls)),
            ]
        }),
        Cases::Hairpin(edges) => each(edges, |edge| {
            vec![
                node(&edge.caller),
                node(&edge.callee),
                thousands(edge.calls),
                dialled(&edge.public),
                known(&edge.inside),
            ]
        }),
        Cases::SharedHost(hosts) => each(hosts, |host| {
            vec![
                node(&host.host),
                thousands(host.calls),
                names(&host.callers),
                names(&host.behind),
                thousands(host.answered),
            ]
        }),
        Cases::CallsByIp(edges) => each(edges, |edge| {
            vec![
                node(&edge.caller),
                node(&edge.callee),
                thousands(edge.calls),
                dialled(&edge.addresses),
                known(&edge.names),
            ]
        }),
        Cases::CrossCluster(edges) => each(edges, |edge| {
            vec![
                node(&edge.caller),
                node(&edge.callee),
                printable(&edge.from).into_owned(),
                printable(&edge.to).into_owned(),
                thousands(edge.calls),
            ]
        }),
        Cases::CrossZone(edges) => each(edges, |edge| {
            vec![
                node(&edge.caller),
                node(&edge.callee),
                thousands(edge.crossing),
                thousands(edge.known),
                thousands(edge.attempts),
            ]
        }),
        _ => Vec::new(),
    }
}

fn each<T>(cases: &[T], row: impl Fn(&T) -> Vec<String>) -> Vec<Vec<String>> {
    cases.iter().map(row).collect()
}

/// A node id without the kind of services, which most nodes are: a table has little room.
fn bare(id: &str) -> &str {
    id.strip_prefix("service/").unwrap_or(id)
}

fn node(id: &str) -> String {
    printable(bare(id)).into_owned()
}

fn names(all: &Top<Counted>) -> String {
    list(all.listed.iter().map(|one| bare(&one.name)), all.more)
}

fn dialled(all: &Top<Dialled>) -> String {
    let addresses: Vec<String> = all
        .listed
        .iter()
        .map(|one| address(&one.host, one.port))
        .collect();
    list(addresses.iter().map(String::as_str), all.more)
}

fn known(all: &Top<KnownName>) -> String {
    let first = all.listed.first();
    first.map_or("none known".to_owned(), |name| {
        address(&name.host, name.port)
    })
}

//! What a row demands of the graph: edges, counts and counters, parsed from its `=` and `later:` lines.

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_graph::snapshot::{EvidenceCounts, Relation};

/// A count per service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Count {
    /// Calls from outside the traces.
    Entry,
    /// Outgoing calls with no destination known.
    Unresolved,
    /// Spans whose parent id is given but never seen.
    Orphan,
}

impl Count {
    /// All counts.
    pub(crate) const ALL: [Self; 3] = [Self::Entry, Self::Unresolved, Self::Orphan];

    /// The word of the notation.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Unresolved => "unres",
            Self::Orphan => "orphan",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|count| count.word() == word)
    }
}

/// Both ends of an edge in the notation, and its relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EdgeKey {
    /// Caller.
    pub(crate) caller: String,
    /// Relation.
    pub(crate) relation: Relation,
    /// Callee.
    pub(crate) callee: String,
}

impl std::fmt::Display for EdgeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arrow = match self.relation {
            Relation::Sync => "->",
            Relation::Async => "=>",
            Relation::Proxied => "~>",
        };
        write!(f, "{} {arrow} {}", self.caller, self.callee)
    }
}

/// Evidence that an edge must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Not compared.
    Any,
    /// These counts.
    Exactly(EvidenceCounts),
}

/// An edge that must be there.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedEdge {
    /// Which edge.
    pub(crate) key: EdgeKey,
    /// Calls and failed calls; `None` for at least one call.
    pub(crate) calls: Option<(u64, u64)>,
    /// Evidence.
    pub(crate) evidence: Evidence,
    /// Further numbers, by their name in the snapshot.
    pub(crate) numbers: BTreeMap<String, u64>,
    /// Flags that must be set.
    pub(crate) flags: Vec<String>,
    /// Topics or database namespaces that must be named.
    pub(crate) destinations: Vec<String>,
    /// `host:port` that must be among the dialled targets.
    pub(crate) targets: Vec<String>,
}

/// Everything that a row demands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// The lines as written, for failures.
    pub(crate) lines: Vec<String>,
    /// Edges.
    pub(crate) edges: Vec<ExpectedEdge>,
    /// Counts of the services that the row lists.
    pub(crate) counts: BTreeMap<(Count, String), u64>,
    /// Counts that are zero for every service that the row does not list.
    pub(crate) exact: BTreeSet<Count>,
    /// Edges to and from brokers are complete.
    pub(crate) is_exact_about_brokers: bool,
    /// `diagnostics.counters`.
    pub(crate) counters: BTreeMap<String, u64>,
    /// Edges that may be there, but are not demanded yet.
    pub(crate) later: Vec<ExpectedEdge>,
    says_no_edge: bool,
}

impl Expected {
    /// Reads what follows `= `.
    pub(crate) fn parse_line(&mut self, line: &str) -> Result<(), String> {
        self.lines.push(line.to_owned());
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["no", "edge"] => self.says_no_edge = true,
            ["exact-brokers"] => self.is_exact_about_brokers = true,
            ["exact"] => self.exact.extend(Count::ALL),
            ["exact", names @ ..] => {
                for name in names {
                    let count = Count::from_word(name);
                    self.exact
                        .insert(count.ok_or_else(|| format!("`{name}` is no count"))?);
                }
            }
            [what, number] => self.parse_count(what, number)?,
            _ => self.edges.push(parse_edge(&words)?),
        }
        Ok(())
    }

    /// Reads what follows `later: `.
    pub(crate) fn parse_later(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            // No place in the snapshot yet: kept in the file for the day when there is one.
            ["facet" | "hint" | "operations", _, ..] => {}
            _ => self.later.push(parse_edge(&words)?),
        }
        Ok(())
    }

    /// Contradictions inside a row.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.lines.is_empty() {
            return Err("it expects nothing".to_owned());
        }
        if self.says_no_edge != self.edges.is_empty() {
            return Err("`no edge` is for rows without edges, and they need it".to_owned());
        }
        let keys: BTreeSet<&EdgeKey> = self.edges.iter().map(|edge| &edge.key).collect();
        if keys.len() != self.edges.len() {
            return Err("it lists an edge twice".to_owned());
        }
        Ok(())
    }

    fn parse_count(&mut self, what: &str, number: &str) -> Result<(), String> {
        let number = parse_number(number)?;
        let (word, name) = what
            .strip_suffix(')')
            .and_then(|what| what.split_once('('))
            .ok_or_else(|| format!("`{what}` is no count"))?;
        if word == "counter" {
            self.counters.insert(name.to_owned(), number);
            return Ok(());
        }
        let count = Count::from_word(word).ok_or_else(|| format!("`{word}` is no count"))?;
        self.counts.insert((count, name.to_owned()), number);
        Ok(())
    }
}

/// Reads `caller -> callee 3/1e option...`.
fn parse_edge(words: &[&str]) -> Result<ExpectedEdge, String> {
    let [caller, arrow, callee, calls, options @ ..] = words else {
        return Err(format!("`{}` is no expectation", words.join(" ")));
    };
    let relation = match *arrow {
        "->" => Relation::Sync,
        "=>" => Relation::Async,
        "~>" => Relation::Proxied,
        _ => return Err(format!("`{arrow}` is none of `->`, `=>`, `~>`")),
    };
    let calls = parse_calls(calls)?;
    let mut evidence = None;
    let mut edge = ExpectedEdge {
        key: EdgeKey {
            caller: (*caller).to_owned(),
            relation,
            callee: (*callee).to_owned(),
        },
        calls,
        evidence: Evidence::Any,
        numbers: BTreeMap::new(),
        flags: Vec::new(),
        destinations: Vec::new(),
        targets: Vec::new(),
    };
    for option in options {
        if !parse_evidence(option, calls, &mut evidence)? {
            parse_option(option, &mut edge)?;
        }
    }
    edge.evidence = evidence.unwrap_or_else(|| {
        calls.map_or(Evidence::Any, |(calls, _)| {
            Evidence::Exactly(EvidenceCounts {
                paired: calls,
                ..EvidenceCounts::default()
            })
        })
    });
    Ok(edge)
}

fn parse_option(option: &str, edge: &mut ExpectedEdge) -> Result<(), String> {
    match option.split_once('=') {
        Some((name @ ("attempts" | "failed_attempts" | "retries" | "operations"), value)) => {
            let value = parse_number(value)?;
            edge.numbers.insert(name.to_owned(), value);
        }
        Some(("flag", value)) => edge.flags.push(value.to_owned()),
        Some(("destination", value)) => edge.destinations.push(value.to_owned()),
        Some(("target", value)) => edge.targets.push(value.to_owned()),
        // For the reader: the physical edges say the same.
        Some(("via", _)) => {}
        _ => return Err(format!("`{option}` is no option of an edge")),
    }
    Ok(())
}

/// True when the option is about evidence.
fn parse_evidence(
    option: &str,
    calls: Option<(u64, u64)>,
    evidence: &mut Option<Evidence>,
) -> Result<bool, String> {
    if option == "?any" {
        *evidence = Some(Evidence::Any);
        return Ok(true);
    }
    let (class, number) = match option.split_once('=') {
        Some((class, number)) => (class, Some(number)),
        None => (option, None),
    };
    let mut counts = match *evidence {
        Some(Evidence::Exactly(counts)) => counts,
        _ => EvidenceCounts::default(),
    };
    let place = match class {
        "paired" => &mut counts.paired,
        "?parent" => &mut counts.parent,
        "?addr" => &mut counts.address,
        "?alias" => &mut counts.alias,
        "?named" => &mut counts.named,
        "?link" => &mut counts.link,
        _ => return Ok(false),
    };
    *place = match (number, calls) {
        (Some(number), _) => parse_number(number)?,
        (None, Some((calls, _))) => calls,
        (None, None) => return Err(format!("`{option}` needs a number of calls")),
    };
    *evidence = Some(Evidence::Exactly(counts));
    Ok(true)
}

/// Reads `3`, `3/1e` or `*`.
fn parse_calls(text: &str) -> Result<Option<(u64, u64)>, String> {
    if text == "*" {
        return Ok(None);
    }
    let (calls, failed) = match text.split_once('/') {
        None => (text, "0"),
        Some((calls, failed)) => {
            let failed = failed.strip_suffix('e');
            (
                calls,
                failed.ok_or_else(|| format!("`{text}` is not like `3/1e`"))?,
            )
        }
    };
    Ok(Some((parse_number(calls)?, parse_number(failed)?)))
}

fn parse_number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|error| format!("`{text}` is no number: {error}"))
}
